//! By which factor each source counts, how that drifts, and where it jumps.
//!
//! The logarithm of a source's bias is a level, a drift and jumps; the differences of sources that overlap are sums of
//! those, so that all of them follow from weighted least squares at once. Jumps are looked for one after the other: the
//! one that explains most, if it explains much more than chance would and is seen in the periods beside it too. What is
//! left of a source at one time is drawn towards nothing by how sure it is.
//!
//! How far a pair is apart in all, beside its moves, is only as sure as the products that both tell of are many: what a source
//! always adds to a product does not average out over one. So levels are settled last, given drifts and jumps, from one
//! difference a pair.
//!
//! Differences tell nothing of what all sources share. Claims that anchor have no bias and so fix the scale; without any,
//! the sources' biases are taken to be nothing on average, with the weight of those far out bounded and of those that are
//! seldom seen beside others small: whoever tells of three products does not set the scale of a market.

use serde::{Deserialize, Serialize};

use crate::growth::Step;
use crate::normal_equations::{NormalEquations, Solution};
use crate::overlaps::Difference;
use crate::robust::{median, spread};

/// A jump of one source at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// The source's number.
    pub source: usize,
    /// The first period that is counted in the new way.
    pub time: usize,
    /// Natural logarithm of the new way over the old.
    pub size: f64,
    /// Standard error of the size.
    pub error: f64,
}

/// What is known of the biases of all sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Biases {
    /// For each source and time: the natural logarithm of the bias.
    pub logs: Vec<Vec<f64>>,
    /// For each source: how the logarithm moves a period.
    pub drifts: Vec<f64>,
    /// The jumps, in the order of source and time.
    pub jumps: Vec<Jump>,
    /// Variance of what all sources share, which nothing tells but anchors.
    pub scale_variance: f64,
    /// Covariance of the sources' biases on average over time, row by row: of a source that nothing can be compared with, little is known.
    pub covariance: Vec<f64>,
    /// For each source whether it can be compared with others.
    pub is_compared: Vec<bool>,
}

impl Biases {
    /// Takes over what anchors tell of all sources together: by how much they are wrong, and how sure that is.
    pub(crate) fn anchor(&mut self, shift: f64, variance: f64) {
        self.logs.iter_mut().flatten().for_each(|log| *log -= shift);
        let n = self.logs.len();
        let n_compared = self.is_compared.iter().filter(|own| **own).count().max(1) as f64;
        let over = |of: &dyn Fn(usize) -> f64| -> f64 {
            (0..n).filter(|source| self.is_compared[*source]).map(of).sum::<f64>() / n_compared
        };
        // What compared sources share is known now; what each has beside it is as it was.
        let shared: Vec<f64> = (0..n).map(|row| over(&|column| self.covariance[row * n + column])).collect();
        let whole = over(&|row| shared[row]);
        for row in 0..n {
            for column in 0..n {
                let is_known = self.is_compared[row] && self.is_compared[column];
                let less = if is_known { whole - shared[row] - shared[column] } else { 0.0 };
                self.covariance[row * n + column] += less + variance;
            }
        }
        self.scale_variance = variance;
    }
}

/// What may be found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) n_sources: usize,
    pub(crate) n_times: usize,
    /// For each source how many voices it shares its errors with, itself included.
    pub(crate) group_sizes: &'a [usize],
    /// First and last time that each source tells of.
    pub(crate) told: &'a [(usize, usize)],
    /// In how many cells each source is seen beside another, or beside what anchors.
    pub(crate) n_beside: &'a [usize],
}

/// How much better a jump has to explain what is seen, in units of chi square.
const GAIN_MIN: f64 = 40.0;
/// The same where no other source can be compared with: steps say their own spread, and are few.
const GAIN_MIN_ALONE: f64 = 18.0;
/// The smallest jump that counts as a break: 4 %.
const JUMP_MIN: f64 = 0.04;
const JUMPS_MAX_EACH: usize = 6;
/// By how much a source may be wrong that nothing can be compared with, as a logarithm.
const ALONE_SD: f64 = 0.3;
/// How often it is asked anew who jumped.
const ROUNDS: usize = 4;
/// How many sources may jump in one period.
const TOGETHER_MAX: usize = 3;

struct Row {
    left: Option<usize>,
    right: Option<usize>,
    time: usize,
    value: f64,
    weight: f64,
}

/// Finds biases and jumps from differences and steps.
pub(crate) fn find(search: Search<'_>, differences: &[Difference], steps: &[Step]) -> Biases {
    // No pair is trusted much more than most: two that repeat each other agree to the digit, and are no better for it.
    let mut sampled: Vec<f64> = differences.iter().map(|seen| seen.variance).collect();
    let least = median(&mut sampled).unwrap_or(0.0);
    let extra = extra_variance(differences);
    let rows: Vec<Row> = differences
        .iter()
        .map(|seen| Row {
            left: Some(seen.left),
            right: Some(seen.right).filter(|right| *right < search.n_sources),
            time: seen.time,
            value: seen.apart,
            weight: 1.0 / (seen.variance.max(least) + extra),
        })
        .collect();
    let mut fit = Fit { search, rows, steps, jumps: Vec::new(), precisions: vec![4.0; search.n_sources] };
    let mut refused = Vec::new();
    for _ in 0..ROUNDS {
        fit.add_jumps(&mut refused);
        if !fit.settle_who_jumped() {
            break;
        }
    }
    let levels = PairLevel::of(differences, search.n_sources);
    fit.finish(extra, &levels)
}

/// How far a pair of sources is apart beside its moves, once: which differences of theirs tell, and how unsure that is.
struct PairLevel {
    /// Places among the rows.
    rows: std::ops::Range<usize>,
    /// Variance of the whole difference by which products both tell of.
    variance: f64,
}

/// What a pair tells of levels: which, with their signs, the difference less drifts and jumps, and its variance.
struct LevelTold {
    unknowns: Vec<(usize, f64)>,
    value: f64,
    variance: f64,
}

impl PairLevel {
    fn of(differences: &[Difference], n_sources: usize) -> Vec<Self> {
        let mut from = 0;
        let mut levels = Vec::new();
        for pair in differences.chunk_by(|a, b| (a.left, a.right) == (b.left, b.right)) {
            let rows = from..from + pair.len();
            from = rows.end;
            if pair[0].left < n_sources {
                levels.push(Self { rows, variance: pair[0].of_series });
            }
        }
        levels
    }
}

/// How much differences wander from time to time beyond sampling; jumps hardly move it.
fn extra_variance(differences: &[Difference]) -> f64 {
    let (mut moves, mut expected, mut n) = (Vec::new(), 0.0, 0.0);
    for pair in differences.chunk_by(|a, b| (a.left, a.right) == (b.left, b.right)) {
        for two in pair.windows(2).filter(|two| two[1].time == two[0].time + 1) {
            moves.push(two[1].apart - two[0].apart);
            expected += two[0].variance + two[1].variance;
            n += 1.0;
        }
    }
    if moves.len() < 5 {
        return 0.01_f64.powi(2);
    }
    let wander = spread(&moves, median(&mut moves.clone()).unwrap_or(0.0));
    ((wander * wander - expected / n) / 2.0).max(0.001_f64.powi(2))
}

/// All sets of at most so many of these.
fn subsets(of: &[usize], n_max: usize) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new()];
    for element in of {
        let with: Vec<Vec<usize>> = found
            .iter()
            .filter(|set: &&Vec<usize>| set.len() < n_max)
            .map(|set| set.iter().copied().chain([*element]).collect())
            .collect();
        found.extend(with);
    }
    found
}

/// A jump's factor at a time. Levels are those before the first jump: what is spliced goes on as it was counted first.
fn jump_at(jump: (usize, usize), time: usize) -> f64 {
    f64::from(u8::from(time >= jump.1))
}

struct Fit<'a> {
    search: Search<'a>,
    rows: Vec<Row>,
    steps: &'a [Step],
    jumps: Vec<(usize, usize)>,
    /// Of the sources' levels, a priori.
    precisions: Vec<f64>,
}

impl Fit<'_> {
    fn add_jumps(&mut self, refused: &mut Vec<(usize, usize)>) {
        while self.jumps.len() + refused.len() <= JUMPS_MAX_EACH * self.search.n_sources {
            let solution = self.solve();
            let Some(candidate) = self.best_candidate(&solution, refused) else { break };
            if self.is_seen_beside(&solution, candidate) {
                self.jumps.push(candidate);
            } else {
                refused.push(candidate);
            }
        }
    }

    /// Of all sets of sources that may have jumped in a period, the one that explains most with the fewest; whether that is
    /// another than before. One jump after the other goes wrong where several sources jump at once.
    fn settle_who_jumped(&mut self) -> bool {
        let before = self.jumps.clone();
        let mut times: Vec<usize> = before.iter().map(|jump| jump.1).collect();
        times.sort_unstable();
        times.dedup();
        for time in times {
            let others: Vec<(usize, usize)> = self.jumps.iter().filter(|jump| jump.1 != time).copied().collect();
            let own: Vec<usize> = self.jumps.iter().filter(|jump| jump.1 == time).map(|jump| jump.0).collect();
            let may = self.who_may_have_jumped(time, &others);
            let mut best = (f64::INFINITY, Vec::new());
            for set in subsets(&may, TOGETHER_MAX.max(own.len())).into_iter().chain([own]) {
                self.jumps = others.iter().copied().chain(set.iter().map(|source| (*source, time))).collect();
                let cost = self.misfit() + self.gain_min() * set.len() as f64;
                if cost < best.0 - 1e-9 {
                    best = (cost, self.jumps.clone());
                }
            }
            self.jumps = best.1;
        }
        let mut after = self.jumps.clone();
        after.sort_unstable();
        let mut sorted = before;
        sorted.sort_unstable();
        after != sorted
    }

    fn gain_min(&self) -> f64 {
        if self.rows.is_empty() { GAIN_MIN_ALONE } else { GAIN_MIN }
    }

    /// The sources that a jump at a time would explain most for, given the jumps at other times: a handful at most.
    fn who_may_have_jumped(&mut self, time: usize, others: &[(usize, usize)]) -> Vec<usize> {
        const HANDFUL: usize = 8;
        let before = std::mem::replace(&mut self.jumps, others.to_vec());
        let solution = self.solve();
        let left_over = self.left_over(&solution);
        let mut gains: Vec<(f64, usize)> = (0..self.search.n_sources)
            .filter(|source| (self.search.told[*source].0 + 1..=self.search.told[*source].1).contains(&time))
            .filter(|source| !others.iter().any(|(other, at)| other == source && at.abs_diff(time) <= 1))
            .map(|source| {
                let (score, information) = self.score((source, time), &solution, &left_over);
                (score * score / information, source)
            })
            .collect();
        self.jumps = before;
        gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        gains.truncate(HANDFUL);
        gains.into_iter().map(|(_, source)| source).collect()
    }

    /// What differences and steps leave unexplained.
    fn misfit(&self) -> f64 {
        let unexplained = self.steps.iter().filter(|step| !self.jumps.contains(&(step.source, step.time)));
        self.solve().misfit + unexplained.map(|step| step.beyond * step.beyond / step.variance).sum::<f64>()
    }

    fn n_unknowns(&self) -> usize {
        2 * self.search.n_sources + self.jumps.len()
    }

    /// The drift's factor at a time: from -0.5 to 0.5 over all times.
    fn drift_at(&self, time: usize) -> f64 {
        (time as f64 + 0.5) / self.search.n_times as f64 - 0.5
    }

    fn unknowns_of(&self, source: usize, time: usize, sign: f64, row: &mut Vec<(usize, f64)>) {
        row.push((2 * source, sign));
        row.push((2 * source + 1, sign * self.drift_at(time)));
        for (place, jump) in self.jumps.iter().enumerate().filter(|(_, jump)| jump.0 == source) {
            row.push((2 * self.search.n_sources + place, sign * jump_at(*jump, time)));
        }
    }

    fn row(&self, row: &Row) -> Vec<(usize, f64)> {
        let mut unknowns = Vec::with_capacity(8);
        row.left.inspect(|source| self.unknowns_of(*source, row.time, 1.0, &mut unknowns));
        row.right.inspect(|source| self.unknowns_of(*source, row.time, -1.0, &mut unknowns));
        unknowns
    }

    fn solve(&self) -> Solution {
        const DRIFT_SD: f64 = 0.25;
        let mut precisions = vec![1.0; self.n_unknowns()];
        for source in 0..self.search.n_sources {
            precisions[2 * source] = self.precisions[source];
            precisions[2 * source + 1] = 1.0 / (DRIFT_SD * DRIFT_SD);
        }
        let mut equations = NormalEquations::new(&precisions);
        for row in &self.rows {
            equations.add(&self.row(row), row.value, row.weight);
        }
        for step in self.steps {
            if let Some(place) = self.jumps.iter().position(|jump| *jump == (step.source, step.time)) {
                let place = 2 * self.search.n_sources + place;
                equations.add(&[(place, 1.0)], step.beyond, 1.0 / step.variance);
            }
        }
        equations.solve()
    }

    fn left_over(&self, solution: &Solution) -> Vec<f64> {
        let explained = |row: &Row| -> f64 { self.row(row).iter().map(|(at, by)| solution.values[*at] * by).sum() };
        self.rows.iter().map(|row| row.value - explained(row)).collect()
    }

    /// The jump that explains most, by the score of its column given all others.
    fn best_candidate(&self, solution: &Solution, refused: &[(usize, usize)]) -> Option<(usize, usize)> {
        let left_over = self.left_over(solution);
        let mut best = (self.gain_min(), None);
        for source in 0..self.search.n_sources {
            let (first, last) = self.search.told[source];
            for time in first + 1..=last {
                let near = |jump: &(usize, usize)| jump.0 == source && jump.1.abs_diff(time) <= 1;
                if self.jumps.iter().chain(refused).any(near) {
                    continue;
                }
                let (score, information) = self.score((source, time), solution, &left_over);
                let (size, gain) = (score / information, score * score / information);
                if gain > best.0 && size.abs() >= JUMP_MIN {
                    best = (gain, Some((source, time)));
                }
            }
        }
        best.1
    }

    fn score(&self, jump: (usize, usize), solution: &Solution, left_over: &[f64]) -> (f64, f64) {
        let n = self.n_unknowns();
        let (mut score, mut information, mut shared) = (0.0, 1.0, vec![0.0; n]);
        for (row, left) in self.rows.iter().zip(left_over) {
            let sign = if row.left == Some(jump.0) {
                1.0
            } else if row.right == Some(jump.0) {
                -1.0
            } else {
                continue;
            };
            let by = sign * jump_at(jump, row.time);
            score += row.weight * by * left;
            information += row.weight * by * by;
            self.row(row).iter().for_each(|(at, own)| shared[*at] += row.weight * by * own);
        }
        for a in 0..n {
            let row: f64 = (0..n).map(|b| solution.covariance[a * n + b] * shared[b]).sum();
            information -= shared[a] * row;
        }
        if let Some(step) = self.steps.iter().find(|step| (step.source, step.time) == jump) {
            score += step.beyond / step.variance;
            information += 1.0 / step.variance;
        }
        (score, information.max(1e-9))
    }

    /// Whether the two periods before and after are as far apart as the jump says, at least by half: a slow change is not.
    fn is_seen_beside(&self, solution: &Solution, jump: (usize, usize)) -> bool {
        const NEAR: usize = 2;
        let left_over = self.left_over(solution);
        let (score, information) = self.score(jump, solution, &left_over);
        let size = score / information;
        let mut sides = [(0.0, 0.0); 2];
        for (row, left) in self.rows.iter().zip(&left_over) {
            let sign = if row.left == Some(jump.0) {
                1.0
            } else if row.right == Some(jump.0) {
                -1.0
            } else {
                continue;
            };
            if row.time + NEAR >= jump.1 && row.time < jump.1 + NEAR {
                let side = &mut sides[usize::from(row.time >= jump.1)];
                *side = (side.0 + row.weight * sign * left, side.1 + row.weight);
            }
        }
        if sides[0].1 == 0.0 || sides[1].1 == 0.0 {
            let own = self.steps.iter().find(|step| (step.source, step.time) == jump);
            return own.is_some_and(|step| step.beyond / size > 0.5);
        }
        (sides[1].0 / sides[1].1 - sides[0].0 / sides[0].1) / size > 0.5
    }

    /// The levels given drifts and jumps, from one difference a pair. Their spread is learnt, and those far out and those
    /// that only repeat others weigh less. Puts them into the solution in place of its own.
    fn settle_levels(&mut self, solution: &mut Solution, pairs: &[PairLevel]) {
        const ROUNDS: usize = 8;
        const GRANTED: f64 = 2.0;
        let n_sources = self.search.n_sources;
        let told: Vec<LevelTold> = pairs.iter().map(|pair| self.level_of(solution, pair)).collect();
        let mut levels = self.solve_levels(&told);
        let mut sd = ALONE_SD;
        for _ in 0..ROUNDS {
            let middle_half = spread(&levels.values, median(&mut levels.values.clone()).unwrap_or(0.0)).min(0.7);
            // Of few sources the spread says little: some are taken for granted.
            let n = n_sources as f64;
            sd = ((n * middle_half * middle_half + GRANTED * ALONE_SD * ALONE_SD) / (n + GRANTED)).sqrt();
            for (source, level) in levels.values.iter().enumerate() {
                let far = level / (3.0 * sd);
                self.precisions[source] = 1.0 / (sd * sd * (1.0 + far * far) * self.search.group_sizes[source] as f64);
            }
            levels = self.solve_levels(&told);
        }
        let shift = if self.has_anchor() { 0.0 } else { self.shift(&levels.values, sd) };
        let n = self.n_unknowns();
        for row in 0..n_sources {
            solution.values[2 * row] = levels.values[row] - if self.is_seen_beside_others(row) { shift } else { 0.0 };
            for column in 0..n_sources {
                solution.covariance[2 * row * n + 2 * column] = levels.covariance[row * n_sources + column];
            }
        }
    }

    fn has_anchor(&self) -> bool {
        self.rows.iter().any(|row| row.right.is_none())
    }

    fn is_seen_beside_others(&self, source: usize) -> bool {
        self.search.n_beside[source] > 0
    }

    /// By how much the levels are off nothing in the middle: those seldom seen beside others weigh little, and so do those far
    /// from the middle, wherever it is: papers that tell of a product each do not outvote two lists that tell of all.
    fn shift(&self, levels: &[f64], sd: f64) -> f64 {
        const CELLS_GRANTED: f64 = 100.0;
        const ROUNDS: usize = 20;
        /// How many standard deviations from the middle a source has half of its weight.
        const FAR: f64 = 2.0;
        let (mut middle, mut bound) = (0.0, f64::INFINITY);
        for _ in 0..ROUNDS {
            let (mut sum, mut weights) = (0.0, 0.0);
            for (source, level) in levels.iter().enumerate() {
                let n = self.search.n_beside[source] as f64;
                let seen = n / (n + CELLS_GRANTED) / self.search.group_sizes[source] as f64;
                let far = (level - middle) / bound;
                let weight = seen / (1.0 + far * far);
                sum += weight * level;
                weights += weight;
            }
            if weights == 0.0 {
                return 0.0;
            }
            (middle, bound) = (sum / weights, FAR * sd);
        }
        middle
    }

    /// What a pair tells of levels.
    fn level_of(&self, solution: &Solution, pair: &PairLevel) -> LevelTold {
        let (mut sum, mut weights) = (0.0, 0.0);
        let rows = &self.rows[pair.rows.clone()];
        for row in rows {
            let moves: f64 = self
                .row(row)
                .iter()
                .filter(|(at, _)| *at >= 2 * self.search.n_sources || at % 2 == 1)
                .map(|(at, by)| solution.values[*at] * by)
                .sum();
            sum += row.weight * (row.value - moves);
            weights += row.weight;
        }
        let of = |source: Option<usize>, sign: f64| source.map(|source| (source, sign));
        let unknowns = of(rows[0].left, 1.0).into_iter().chain(of(rows[0].right, -1.0)).collect();
        LevelTold { unknowns, value: sum / weights, variance: 1.0 / weights + pair.variance }
    }

    fn solve_levels(&self, told: &[LevelTold]) -> Solution {
        let mut equations = NormalEquations::new(&self.precisions);
        for one in told {
            equations.add(&one.unknowns, one.value, 1.0 / one.variance);
        }
        equations.solve()
    }

    fn finish(mut self, extra: f64, pairs: &[PairLevel]) -> Biases {
        self.jumps.sort_unstable();
        let mut solution = self.solve();
        let wobble = self.wobble(&solution, extra);
        self.settle_levels(&mut solution, pairs);
        let n = self.n_unknowns();
        let first = 2 * self.search.n_sources;
        let jumps: Vec<Jump> = self
            .jumps
            .iter()
            .enumerate()
            .map(|(place, (source, time))| Jump {
                source: *source,
                time: *time,
                size: solution.values[first + place],
                error: solution.covariance[(first + place) * (n + 1)].sqrt(),
            })
            .collect();
        let at = |source: usize, time: usize| -> f64 {
            let mut unknowns = Vec::new();
            self.unknowns_of(source, time, 1.0, &mut unknowns);
            let line: f64 = unknowns.iter().map(|(place, by)| solution.values[*place] * by).sum();
            line + wobble[source][time]
        };
        let logs = (0..self.search.n_sources).map(|s| (0..self.search.n_times).map(|t| at(s, t)).collect()).collect();
        let compared: Vec<usize> =
            (0..self.search.n_sources).filter(|source| self.is_seen_beside_others(*source)).collect();
        let n_sources = self.search.n_sources;
        let pairs = compared.iter().flat_map(|a| compared.iter().map(move |b| 2 * a * n + 2 * b));
        let shared: f64 = pairs.map(|at| solution.covariance[at]).sum();
        Biases {
            logs,
            drifts: (0..self.search.n_sources)
                .map(|s| solution.values[2 * s + 1] / self.search.n_times as f64)
                .collect(),
            jumps,
            is_compared: (0..n_sources).map(|source| compared.contains(&source)).collect(),
            covariance: self.covariance(&solution),
            scale_variance: if compared.is_empty() {
                ALONE_SD * ALONE_SD
            } else {
                shared / compared.len().pow(2) as f64
            },
        }
    }

    /// The covariance of the sources' biases, on average over the times that each tells of.
    fn covariance(&self, solution: &Solution) -> Vec<f64> {
        let (n, n_sources) = (self.n_unknowns(), self.search.n_sources);
        let mean = |source: usize| -> Vec<f64> {
            let (first, last) = self.search.told[source];
            let mut mean = vec![0.0; n];
            for time in first..=last {
                let mut unknowns = Vec::new();
                self.unknowns_of(source, time, 1.0, &mut unknowns);
                unknowns.iter().for_each(|(place, by)| mean[*place] += by / (last + 1 - first) as f64);
            }
            mean
        };
        let means: Vec<Vec<f64>> = (0..n_sources).map(mean).collect();
        let between = |left: &[f64], right: &[f64]| -> f64 {
            let row = |place: usize| -> f64 { (0..n).map(|k| solution.covariance[place * n + k] * right[k]).sum() };
            (0..n).filter(|place| left[*place] != 0.0).map(|place| left[place] * row(place)).sum()
        };
        (0..n_sources * n_sources).map(|at| between(&means[at / n_sources], &means[at % n_sources])).collect()
    }

    /// What is left of each source at each time, drawn towards nothing.
    fn wobble(&self, solution: &Solution, extra: f64) -> Vec<Vec<f64>> {
        let mut sums = vec![vec![(0.0, 0.0, 0.0); self.search.n_times]; self.search.n_sources];
        for (row, left) in self.rows.iter().zip(self.left_over(solution)) {
            for (source, sign) in [(row.left, 1.0), (row.right, -1.0)] {
                if let Some(source) = source {
                    let sum = &mut sums[source][row.time];
                    *sum = (sum.0 + sign * left, sum.1 + 1.0, sum.2 + 1.0 / row.weight);
                }
            }
        }
        let drawn = |(sum, n, variances): &(f64, f64, f64)| {
            if *n == 0.0 { 0.0 } else { sum / (n + 1.0) * extra / (variances / n) }
        };
        sums.iter().map(|of_times| of_times.iter().map(drawn).collect()).collect()
    }
}
