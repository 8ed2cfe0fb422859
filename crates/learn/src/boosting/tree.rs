//! One tree: grown leaf by leaf, always where it helps most.

use std::sync::Arc;

use super::Settings;
use super::bins::{Binned, MISSING};

const NONE: u32 = u32::MAX;

/// A question, or a leaf where `left` is none.
#[derive(Debug, Clone, Copy)]
struct Node {
    column: u32,
    /// Bins up to this go left.
    bin: u8,
    missing_goes_left: bool,
    left: u32,
    right: u32,
    /// What a leaf here would say.
    value: f64,
}

/// A grown tree.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Node {
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        match parts.as_slice() {
            [value] => Some(Self {
                column: 0,
                bin: 0,
                missing_goes_left: false,
                left: NONE,
                right: NONE,
                value: value.parse().ok()?,
            }),
            [column, bin, missing, left, right, value] => Some(Self {
                column: column.parse().ok()?,
                bin: bin.parse().ok()?,
                missing_goes_left: *missing == "1",
                left: left.parse().ok()?,
                right: right.parse().ok()?,
                value: value.parse().ok()?,
            }),
            _ => None,
        }
    }

    fn next(&self, columns: &[Arc<Binned>], row: usize) -> u32 {
        let code = columns[self.column as usize].codes[row];
        let goes_left = if code == MISSING { self.missing_goes_left } else { code <= self.bin };
        if goes_left { self.left } else { self.right }
    }
}

impl Tree {
    pub(super) fn value(&self, columns: &[Arc<Binned>], row: usize) -> f64 {
        let mut node = &self.nodes[0];
        while node.left != NONE {
            node = &self.nodes[node.next(columns, row) as usize];
        }
        node.value
    }

    pub(super) fn write(&self, text: &mut String) {
        use std::fmt::Write as _;
        for (place, node) in self.nodes.iter().enumerate() {
            let separator = if place == 0 { "" } else { ";" };
            let Node { column, bin, left, right, value, .. } = node;
            // Writing to a text cannot fail.
            let _ = if node.left == NONE {
                write!(text, "{separator}{value:.6}")
            } else {
                let missing = u8::from(node.missing_goes_left);
                write!(text, "{separator}{column} {bin} {missing} {left} {right} {value:.6}")
            };
        }
    }

    /// Reads a tree; the nodes below a node come after it, so that every path ends.
    pub(super) fn parse(line: &str, n_columns: usize) -> Option<Self> {
        let nodes: Option<Vec<Node>> = line.split(';').map(Node::parse).collect();
        let nodes = nodes?;
        let is_sound = |(place, node): (usize, &Node)| {
            let below = [node.left, node.right].map(|below| below as usize);
            let is_leaf = node.left == NONE;
            is_leaf || ((node.column as usize) < n_columns && below.iter().all(|at| *at > place && *at < nodes.len()))
        };
        nodes.iter().enumerate().all(is_sound).then_some(Self { nodes })
    }

    pub(super) fn add_parts(&self, columns: &[Arc<Binned>], row: usize, parts: &mut [f64]) {
        let mut node = &self.nodes[0];
        while node.left != NONE {
            let next = &self.nodes[node.next(columns, row) as usize];
            parts[node.column as usize] += next.value - node.value;
            node = next;
        }
    }

    /// What the tree says before it asks anything.
    #[cfg(test)]
    pub(super) fn beginning(&self) -> f64 {
        self.nodes[0].value
    }
}

/// Sums of slopes, of their slopes, and of rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    first: f64,
    second: f64,
    n: u32,
}

impl Sums {
    fn and(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second, n: self.n + other.n }
    }

    fn without(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second, n: self.n - other.n }
    }

    fn gain(self, l2: f64) -> f64 {
        self.first * self.first / (self.second + l2)
    }
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    column: u32,
    bin: u8,
    missing_goes_left: bool,
    left: Sums,
}

struct Leaf {
    node: u32,
    start: usize,
    end: usize,
    sums: Sums,
    bins: Vec<Sums>,
    best: Option<Cut>,
}

/// Grows one tree.
pub(super) struct Grower<'a> {
    columns: &'a [Arc<Binned>],
    used: &'a [u32],
    /// Where the bins of each used column begin.
    starts: Vec<usize>,
    rows: &'a [u32],
    slopes: &'a [(f64, f64)],
    settings: &'a Settings,
}

impl<'a> Grower<'a> {
    pub(super) fn new(
        columns: &'a [Arc<Binned>],
        used: &'a [u32],
        rows: &'a [u32],
        slopes: &'a [(f64, f64)],
        settings: &'a Settings,
    ) -> Self {
        let mut starts = vec![0];
        for column in used {
            starts.push(starts[starts.len() - 1] + columns[*column as usize].n_bins());
        }
        Self { columns, used, starts, rows, slopes, settings }
    }

    /// Grows it on the rows at some places of the list of rows.
    pub(super) fn grow(&self, mut places: Vec<u32>) -> Tree {
        let mut nodes = Vec::with_capacity(self.settings.n_leaves_max * 2);
        let bins = self.bins(&places);
        let sums = places.iter().fold(Sums::default(), |sums, place| sums.and(self.of(*place)));
        let mut leaves = vec![self.leaf(&mut nodes, (0, places.len()), sums, bins)];
        while leaves.len() < self.settings.n_leaves_max {
            let gains = leaves.iter().enumerate().filter_map(|(place, leaf)| Some((place, leaf.best?.gain)));
            let Some((best, _)) = gains.reduce(|best, next| if next.1 > best.1 { next } else { best }) else { break };
            let leaf = leaves.swap_remove(best);
            let Some(cut) = leaf.best else { break };
            let (left, right) = self.split(&leaf, cut, &mut places, &mut nodes);
            leaves.extend([left, right]);
        }
        Tree { nodes }
    }

    fn of(&self, place: u32) -> Sums {
        let (first, second) = self.slopes[place as usize];
        Sums { first, second, n: 1 }
    }

    fn bins(&self, places: &[u32]) -> Vec<Sums> {
        let mut bins = vec![Sums::default(); self.starts[self.starts.len() - 1]];
        for (column, start) in self.used.iter().zip(&self.starts) {
            let codes = &self.columns[*column as usize].codes;
            for place in places {
                let bin = &mut bins[start + codes[self.rows[*place as usize] as usize] as usize];
                let (first, second) = self.slopes[*place as usize];
                bin.first += first;
                bin.second += second;
                bin.n += 1;
            }
        }
        bins
    }

    fn leaf(&self, nodes: &mut Vec<Node>, (start, end): (usize, usize), sums: Sums, bins: Vec<Sums>) -> Leaf {
        let value = -sums.first / (sums.second + self.settings.l2) * self.settings.learning_rate;
        let node = nodes.len() as u32;
        nodes.push(Node { column: 0, bin: 0, missing_goes_left: false, left: NONE, right: NONE, value });
        let best = self.best_cut(sums, &bins);
        Leaf { node, start, end, sums, bins, best }
    }

    fn best_cut(&self, sums: Sums, bins: &[Sums]) -> Option<Cut> {
        let mut best: Option<Cut> = None;
        if sums.n < 2 * self.settings.rows_of_leaf_min {
            return None;
        }
        for (place, column) in self.used.iter().enumerate() {
            let own = &bins[self.starts[place]..self.starts[place + 1]];
            let missing = own[usize::from(MISSING)];
            let ways: &[bool] = if missing.n > 0 { &[false, true] } else { &[false] };
            for missing_goes_left in ways.iter().copied() {
                let mut left = if missing_goes_left { missing } else { Sums::default() };
                for (bin, of_bin) in own.iter().enumerate().skip(1) {
                    left = left.and(*of_bin);
                    let right = sums.without(left);
                    if right.n < self.settings.rows_of_leaf_min {
                        break;
                    }
                    let Some(gain) = self.gain(sums, left, right) else { continue };
                    if gain > best.map_or(1e-12, |best| best.gain) {
                        best = Some(Cut { gain, column: *column, bin: bin as u8, missing_goes_left, left });
                    }
                }
            }
        }
        best
    }

    /// What a cut gains; `None` where a side is too small.
    fn gain(&self, all: Sums, left: Sums, right: Sums) -> Option<f64> {
        let settings = self.settings;
        let is_enough = |side: Sums| side.n >= settings.rows_of_leaf_min && side.second >= settings.weight_of_leaf_min;
        let gain = left.gain(settings.l2) + right.gain(settings.l2) - all.gain(settings.l2);
        (is_enough(left) && is_enough(right)).then_some(gain)
    }

    fn split(&self, leaf: &Leaf, cut: Cut, places: &mut [u32], nodes: &mut Vec<Node>) -> (Leaf, Leaf) {
        let question = Node {
            column: cut.column,
            bin: cut.bin,
            missing_goes_left: cut.missing_goes_left,
            left: nodes.len() as u32,
            right: nodes.len() as u32 + 1,
            value: nodes[leaf.node as usize].value,
        };
        let own = &mut places[leaf.start..leaf.end];
        let goes_left = |place: &u32| question.next(self.columns, self.rows[*place as usize] as usize) == question.left;
        let (lefts, rights): (Vec<u32>, Vec<u32>) = own.iter().copied().partition(goes_left);
        own[..lefts.len()].copy_from_slice(&lefts);
        own[lefts.len()..].copy_from_slice(&rights);
        nodes[leaf.node as usize] = question;
        let middle = leaf.start + lefts.len();
        // The smaller side is counted, the larger is what is left of both.
        let of_smaller = self.bins(if lefts.len() < rights.len() { &lefts } else { &rights });
        let of_larger = leaf.bins.iter().zip(&of_smaller).map(|(all, smaller)| all.without(*smaller)).collect();
        let (of_left, of_right) =
            if lefts.len() < rights.len() { (of_smaller, of_larger) } else { (of_larger, of_smaller) };
        let left = self.leaf(nodes, (leaf.start, middle), cut.left, of_left);
        let right = self.leaf(nodes, (middle, leaf.end), leaf.sums.without(cut.left), of_right);
        (left, right)
    }
}
