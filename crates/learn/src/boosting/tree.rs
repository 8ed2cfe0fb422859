//! One tree: grown leaf by leaf, always where it helps most.

use std::sync::Arc;

use super::Settings;
use super::bins::{Binned, MISSING};

pub(super) const NONE: u32 = u32::MAX;

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

    /// The tree as numbers: how many nodes there are, then six of each.
    pub(super) fn write(&self, numbers: &mut Vec<f64>) {
        numbers.push(self.nodes.len() as f64);
        for node in &self.nodes {
            let sides = [f64::from(node.left), f64::from(node.right)];
            let missing = f64::from(u8::from(node.missing_goes_left));
            numbers.extend([f64::from(node.column), f64::from(node.bin), missing, sides[0], sides[1], node.value]);
        }
    }

    /// A tree of numbers as [`Tree::write`] gives them; `None` where they are none, or name a node or column that is not
    /// there.
    pub(super) fn read(numbers: &mut impl Iterator<Item = f64>, n_columns: usize) -> Option<Self> {
        let n_nodes = numbers.next().filter(|n| (1.0..=1e6).contains(n))? as usize;
        let mut nodes = Vec::with_capacity(n_nodes);
        for own in 0..n_nodes {
            let mut next = || numbers.next();
            let (column, bin, missing) = (next()? as u32, next()? as u8, next()? != 0.0);
            let (left, right, value) = (next()? as u32, next()? as u32, next()?);
            // Nodes come before those below them, so that no path can go round in a circle.
            let is_below = |side: u32| (own + 1..n_nodes).contains(&(side as usize));
            let is_sound = left == NONE || (is_below(left) && is_below(right) && (column as usize) < n_columns);
            if !is_sound {
                return None;
            }
            nodes.push(Node { column, bin, missing_goes_left: missing, left, right, value });
        }
        Some(Self { nodes })
    }

    /// Adds the tree's values to the scores of the first rows. Several rows go down side by side, without a branch that
    /// depends on them: what one waits for, the others use.
    pub(super) fn add_values(&self, columns: &[Arc<Binned>], scores: &mut [f64]) {
        const SIDE_BY_SIDE: usize = 16;
        let steps: Vec<Step<'_>> =
            self.nodes.iter().enumerate().map(|(own, node)| Step::of(node, own, columns)).collect();
        let mut first = 0;
        for lot in scores.chunks_mut(SIDE_BY_SIDE) {
            let mut places = [0_usize; SIDE_BY_SIDE];
            loop {
                let mut moved = 0;
                for (lane, place) in places.iter_mut().enumerate().take(lot.len()) {
                    let next = steps[*place].next(first + lane);
                    moved |= next ^ *place;
                    *place = next;
                }
                if moved == 0 {
                    break;
                }
            }
            for (score, place) in lot.iter_mut().zip(places) {
                *score += self.nodes[place].value;
            }
            first += lot.len();
        }
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

/// A node as it is walked through: where each answer leads; a leaf leads to itself.
struct Step<'a> {
    codes: &'a [u8],
    bin: u8,
    of_missing: bool,
    sides: [usize; 2],
}

impl<'a> Step<'a> {
    fn of(node: &Node, own: usize, columns: &'a [Arc<Binned>]) -> Self {
        let sides = if node.left == NONE { [own; 2] } else { [node.right as usize, node.left as usize] };
        let codes = columns.get(node.column as usize).map_or(&[][..], |column| column.codes.as_slice());
        Self { codes, bin: node.bin, of_missing: node.missing_goes_left, sides }
    }

    fn next(&self, row: usize) -> usize {
        let code = self.codes[row];
        let is_missing = code == MISSING;
        let goes_left = (!is_missing & (code <= self.bin)) | (is_missing & self.of_missing);
        self.sides[usize::from(goes_left)]
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
