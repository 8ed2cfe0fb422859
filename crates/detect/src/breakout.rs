//! Breakouts: the probability that a product multiplies within a horizon.
//!
//! Boosted trees over a product's own numbers ([`crate::features`]) and its families' ([`crate::families`]), pooled over all
//! products and all settled origins, strongly regularised, several by different chance and averaged; beside them the
//! logistic regression on the baselines. A second regression through what both said of origins that have settled since
//! weighs them and calibrates (D. H. Wolpert, *Stacked generalization*, 1992). In: a [`Panel`] that moves on origin by origin. Out:
//! probabilities, and what they rest on.
//!
//! Invariant: what is fitted at an origin knows only outcomes that were settled by then, and calibration only what models
//! said before they knew.

use std::sync::Arc;

use crowsnest_learn::boosting::{Binned, Booster, Settings, probability};
use crowsnest_learn::random::Random;
use rayon::prelude::*;

use crate::baselines;
use crate::families::{self, Families};
use crate::features;
use crate::history::History;
use crate::logistic::Logistic;
use crate::outcome::Task;
use crate::panel::Panel;

/// One setting for all markets: much is held back, because most of what moves is noise.
const SETTINGS: Settings = Settings {
    n_trees: 200,
    learning_rate: 0.03,
    n_leaves_max: 15,
    rows_of_leaf_min: 60,
    weight_of_leaf_min: 5.0,
    l2: 50.0,
    column_share: 0.4,
    row_share: 0.5,
};
/// Models that are averaged.
const N_MODELS: u64 = 2;
/// Misses that are learnt from at most; the others are thinned by chance, and the odds corrected.
const MISSES_MAX: usize = 70_000;
/// Hits without which nothing is learnt.
const HITS_MIN: usize = 30;
/// Rows that the regression is fitted to at most.
const REGRESSION_ROWS_MAX: usize = 60_000;
/// Settled origins that calibration looks back on, and how far they are apart.
const CALIBRATED_ON: usize = 6;
/// See [`CALIBRATED_ON`].
pub const CALIBRATED_EVERY: usize = 2;

/// The candidates of an origin with their numbers, row by row.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Place of the period.
    pub t: usize,
    /// The candidates.
    pub candidates: Vec<u32>,
    numbers: Vec<f32>,
}

impl Origin {
    /// The numbers of a candidate, by its place among the candidates.
    pub fn row(&self, place: usize) -> &[f32] {
        let n = n_numbers();
        &self.numbers[place * n..(place + 1) * n]
    }
}

/// The names of a candidate's numbers.
pub fn names() -> Vec<String> {
    features::OWN
        .iter()
        .map(|name| (*name).to_owned())
        .chain(families::names())
        .chain(["market_spread".to_owned()])
        .collect()
}

fn n_numbers() -> usize {
    static N: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| names().len());
    *N
}

/// A list on its way through time: the panel, what was seen at each origin, and what came of it.
#[derive(Debug)]
pub struct Walk<'a> {
    history: &'a History,
    task: Task,
    families: Families,
    /// The list as known now.
    pub panel: Panel,
    /// Every origin so far.
    pub origins: Vec<Origin>,
    /// For each settled origin whether each product was a hit, as known when it settled.
    pub hits: Vec<Vec<bool>>,
    /// Log-odds of trees and regression for an origin's candidates, said before its outcome was known.
    said: Vec<(usize, Vec<Vec<f32>>)>,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub fn new(history: &'a History, task: Task) -> Self {
        let families = Families::new(&history.names);
        let panel = Panel::new(history.n_series());
        Self { history, task, families, panel, origins: Vec::new(), hits: Vec::new(), said: Vec::new() }
    }

    /// Goes on by one period: what became known, what settled, and what candidates look like.
    pub fn advance(&mut self) {
        self.panel.advance(self.history);
        let t = self.panel.n_periods() - 1;
        if let Some(settled) = t.checked_sub(self.task.settles_after()) {
            let task = self.task;
            let panel = &self.panel;
            let is_hit = |series: usize| panel.has(series, settled) && task.is_hit(panel, series, settled);
            self.hits.push((0..panel.n_series()).into_par_iter().map(is_hit).collect());
        }
        let candidates = self.task.candidates(&self.panel, t);
        let of_families = self.families.numbers(&self.panel, t, &candidates, &self.hits);
        let panel = &self.panel;
        let own: Vec<Vec<f32>> =
            candidates.par_iter().map(|series| features::own(panel, *series as usize, t)).collect();
        let spread = own.iter().filter(|numbers| numbers[3] > 0.5).count() as f32 / own.len().max(1) as f32;
        let mut numbers = Vec::with_capacity(candidates.len() * n_numbers());
        for (own, family) in own.iter().zip(&of_families) {
            numbers.extend(own);
            numbers.extend(family);
            numbers.push(spread);
        }
        self.origins.push(Origin { t, candidates, numbers });
    }

    /// The model that can be had at the last origin; `None` where too little has settled. What it says of the origin is
    /// kept, and calibrates later ones.
    pub fn model(&mut self) -> Option<Model> {
        let examples = self.examples(self.hits.len());
        if examples.targets.iter().filter(|target| **target).count() < HITS_MIN {
            return None;
        }
        let mut model = Model::fit(&examples, self.origins.len() as u64, self.regression());
        if let Some(origin) = self.origins.last() {
            self.said.push((origin.t, model.both(origin)));
        }
        let (said, came) = self.settled();
        if came.iter().filter(|is_hit| **is_hit).count() >= HITS_MIN {
            let stack = Logistic::fit(&said, &came);
            let both = said.iter().map(|row| stack.log_odds(row)).zip(came);
            model.settled = both.collect();
            model.settled.sort_by(|a, b| a.0.total_cmp(&b.0));
            model.stack = Some(stack);
        }
        Some(model)
    }

    /// What earlier models said of origins that have settled, and what came of it.
    fn settled(&self) -> (Vec<Vec<f32>>, Vec<bool>) {
        let settled = self.said.iter().filter(|(t, _)| *t < self.hits.len());
        let (mut said, mut came) = (Vec::new(), Vec::new());
        for (t, rows) in settled.rev().take(CALIBRATED_ON) {
            said.extend(rows.iter().cloned());
            came.extend(self.origins[*t].candidates.iter().map(|series| self.hits[*t][*series as usize]));
        }
        (said, came)
    }

    /// The regression on the baselines, fitted to settled origins, evenly thinned.
    pub fn regression(&self) -> Logistic {
        let settled = || self.origins.iter().zip(&self.hits);
        let n_all: usize = settled().map(|(origin, _)| origin.candidates.len()).sum();
        let every = n_all.div_ceil(REGRESSION_ROWS_MAX).max(1);
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        let mut n = 0;
        for (origin, hits) in settled() {
            for (place, series) in origin.candidates.iter().enumerate() {
                n += 1;
                if n % every == 0 {
                    rows.push(baselines::numbers(origin.row(place)));
                    targets.push(hits[*series as usize]);
                }
            }
        }
        Logistic::fit(&rows, &targets)
    }

    /// The rows to learn from: candidates of the first `n_settled` origins, misses thinned.
    fn examples(&self, n_settled: usize) -> Examples<'_> {
        let n_hits_of =
            |t: &usize| self.origins[*t].candidates.iter().filter(|series| self.hits[*t][**series as usize]).count();
        let n_all: usize = (0..n_settled).map(|t| self.origins[t].candidates.len()).sum();
        let n_misses = n_all - (0..n_settled).map(|t| n_hits_of(&t)).sum::<usize>();
        let share = (MISSES_MAX as f64 / n_misses.max(1) as f64).min(1.0);
        let mut random = Random::new(5);
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for origin in &self.origins[..n_settled] {
            for (place, series) in origin.candidates.iter().enumerate() {
                let is_hit = self.hits[origin.t][*series as usize];
                if random.share() < share || is_hit {
                    rows.push(origin.row(place));
                    targets.push(is_hit);
                }
            }
        }
        Examples { rows, targets, share }
    }
}

/// Rows to learn from.
struct Examples<'a> {
    rows: Vec<&'a [f32]>,
    targets: Vec<bool>,
    /// Share of the misses that are among them.
    share: f64,
}

/// A fitted model.
#[derive(Debug)]
pub struct Model {
    boosters: Vec<Booster>,
    bins: Vec<Arc<Binned>>,
    /// What thinning added to the log-odds.
    thinned_by: f64,
    /// The regression on the baselines.
    regression: Logistic,
    /// What weighs the two and calibrates; none where too little has settled.
    stack: Option<Logistic>,
    /// What earlier models said of origins that have settled, in rising order, with what came of it.
    settled: Vec<(f64, bool)>,
}

impl Model {
    fn fit(examples: &Examples<'_>, seed: u64, regression: Logistic) -> Self {
        let columns: Vec<usize> = (0..n_numbers()).collect();
        let bins: Vec<Arc<Binned>> = columns
            .par_iter()
            .map(|column| {
                let values: Vec<f32> = examples.rows.iter().map(|row| row[*column]).collect();
                Arc::new(Binned::new(&values))
            })
            .collect();
        let rows: Vec<u32> = (0..examples.rows.len() as u32).collect();
        let fit = |n: u64| Booster::fit(&bins, &rows, &examples.targets, &SETTINGS, seed * N_MODELS + n);
        let boosters = (0..N_MODELS).into_par_iter().map(fit).collect();
        Self { boosters, bins, thinned_by: -examples.share.ln(), regression, stack: None, settled: Vec::new() }
    }

    fn binned(&self, origin: &Origin) -> Vec<Arc<Binned>> {
        let n = n_numbers();
        let columns = self.bins.par_iter().enumerate();
        columns
            .map(|(column, bins)| {
                let values: Vec<f32> = origin.numbers.iter().skip(column).step_by(n).copied().collect();
                Arc::new(bins.with(&values))
            })
            .collect()
    }

    /// The log-odds of trees and regression for an origin's candidates.
    fn both(&self, origin: &Origin) -> Vec<Vec<f32>> {
        let columns = self.binned(origin);
        let n = self.boosters.len() as f64;
        let of = |row: usize| {
            let trees = self.boosters.iter().map(|booster| booster.log_odds(&columns, row)).sum::<f64>() / n;
            let plain = self.regression.log_odds(&baselines::numbers(origin.row(row)));
            vec![(trees - self.thinned_by) as f32, plain as f32]
        };
        (0..origin.candidates.len()).into_par_iter().map(of).collect()
    }

    /// Log-odds of an origin's candidates: calibrated where enough has settled, else those of the trees.
    pub fn log_odds(&self, origin: &Origin) -> Vec<f64> {
        let of = |row: &Vec<f32>| self.stack.as_ref().map_or(f64::from(row[0]), |stack| stack.log_odds(row));
        self.both(origin).iter().map(of).collect()
    }

    /// Probabilities of an origin's candidates, 0 to 1.
    pub fn probabilities(&self, origin: &Origin) -> Vec<f64> {
        self.log_odds(origin).into_iter().map(probability).collect()
    }

    /// What each number moved the log-odds of a candidate by, the largest first.
    pub fn reasons(&self, origin: &Origin, place: usize) -> Vec<(usize, f64)> {
        let row = origin.row(place);
        let columns: Vec<Arc<Binned>> =
            self.bins.iter().zip(row).map(|(bins, value)| Arc::new(bins.with(&[*value]))).collect();
        let mut parts = vec![0.0; columns.len()];
        self.boosters.iter().for_each(|booster| booster.add_parts(&columns, 0, &mut parts));
        let mut ordered: Vec<(usize, f64)> =
            parts.into_iter().map(|part| part / self.boosters.len() as f64).enumerate().collect();
        ordered.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        ordered
    }

    /// The middle 80 % of the share of hits that log-odds like these came to: of the settled calls nearest to it (E. B.
    /// Wilson, 1927); `None` where too few have settled.
    pub fn interval(&self, log_odds: f64) -> Option<(f64, f64)> {
        const NEAREST: usize = 200;
        const NORMAL: f64 = 1.2816;
        if self.settled.len() < NEAREST {
            return None;
        }
        let place = self.settled.partition_point(|(score, _)| *score < log_odds);
        let from = place.saturating_sub(NEAREST / 2).min(self.settled.len() - NEAREST);
        let near = &self.settled[from..from + NEAREST];
        let n = NEAREST as f64;
        let share = near.iter().filter(|(_, is_hit)| *is_hit).count() as f64 / n;
        let squared = NORMAL * NORMAL / n;
        let middle = (share + squared / 2.0) / (1.0 + squared);
        let wide = NORMAL / (1.0 + squared) * (share * (1.0 - share) / n + squared / (4.0 * n)).sqrt();
        let said = probability(log_odds);
        Some(((middle - wide).max(0.0).min(said), (middle + wide).min(1.0).max(said)))
    }
}

/// The probability of log-odds that nothing is known of but the share of hits.
pub fn base_probability(n_hits: usize, n: usize) -> f64 {
    let share = (n_hits as f64 + 0.5) / (n as f64 + 1.0);
    probability((share / (1.0 - share)).ln())
}
