//! Breakouts: the probability that a product multiplies within a horizon.
//!
//! Boosted trees over a product's own numbers ([`crate::features`]) and its families' ([`crate::families`]), pooled over all
//! products and all settled origins, strongly regularised, several by different chance and averaged; beside them trees for
//! growth itself, and the prior that was learnt from open data ([`crate::prior`]), in fixed weights. A regression through what
//! they said of origins that have settled since calibrates (J. Platt, 1999). In: rows of a [`crate::walk::Walk`]. Out:
//! probabilities, and what they rest on.
//!
//! Invariant: what is fitted at an origin knows only outcomes that were settled by then, and calibration only what models
//! said before they knew.

use std::sync::Arc;

use crowsnest_learn::boosting::{Binned, Booster, Settings, probability};
use rayon::prelude::*;

use crate::logistic::Logistic;
use crate::prior;
use crate::walk::{Origin, n_numbers};

/// One setting for all markets: much is held back, because most of what moves is noise.
const SETTINGS: Settings = Settings {
    n_trees: 80,
    learning_rate: 0.08,
    n_leaves_max: 15,
    rows_of_leaf_min: 60,
    weight_of_leaf_min: 5.0,
    l2: 50.0,
    column_share: 0.4,
    row_share: 0.5,
};
/// The same for growth itself, whose slopes all weigh the same.
const GROWTH_SETTINGS: Settings = Settings { weight_of_leaf_min: 60.0, l2: 100.0, ..SETTINGS };
/// Models that are averaged: several quick ones tell more than two slow ones, of which the trees would be as many.
const N_MODELS: u64 = 6;
/// Misses that are learnt from at most; the others are thinned by chance, and the odds corrected.
pub(crate) const MISSES_MAX: usize = 70_000;
/// Hits without which nothing is learnt.
pub(crate) const HITS_MIN: usize = 30;
/// Hits with which the trees count as much as the prior.
const HITS_AS_PRIOR: f64 = 100.0;
/// Rows that are said of at a time.
const ROWS_AT_ONCE: usize = 1024;

/// Rows to learn from.
pub(crate) struct Examples<'a> {
    pub(crate) rows: Vec<&'a [f32]>,
    pub(crate) targets: Vec<bool>,
    /// How much each grew, as a logarithm.
    pub(crate) growths: Vec<f32>,
    /// Share of the misses that are among them.
    pub(crate) share: f64,
}

/// What was learnt from a market's own past.
#[derive(Debug)]
struct Learnt {
    boosters: Vec<Booster>,
    /// Trees fitted to growth itself.
    growth: Booster,
    bins: Vec<Arc<Binned>>,
    /// What thinning added to the log-odds.
    thinned_by: f64,
    /// How much the trees count beside the prior, 0 to 1.
    share: f64,
}

/// What the parts say of one row, as log-odds: the trees with the growth that is expected, and the prior.
pub(crate) type Said = [f32; 2];

/// A model, fitted or that of the prior alone.
#[derive(Debug)]
pub struct Model {
    learnt: Option<Learnt>,
    /// What is added to the prior's log-odds.
    prior_shift: f64,
    /// What calibrates what the parts say together; none where too little has settled.
    stack: Option<Logistic>,
    /// What earlier models said of origins that have settled, in rising order, with what came of it.
    settled: Vec<(f64, bool)>,
}

impl Model {
    /// The prior alone.
    pub(crate) fn of_prior(prior_shift: f64) -> Self {
        Self { learnt: None, prior_shift, stack: None, settled: Vec::new() }
    }

    pub(crate) fn fit(examples: &Examples<'_>, seed: u64, prior_shift: f64) -> Self {
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
        let growth = || Booster::fit_numbers(&bins, &rows, &examples.growths, &GROWTH_SETTINGS, seed);
        let (boosters, growth) = rayon::join(|| (0..N_MODELS).into_par_iter().map(fit).collect(), growth);
        let n_hits = examples.targets.iter().filter(|target| **target).count() as f64;
        let bins = bins.iter().map(|bins| Arc::new(Binned::of_bounds(bins.bounds().to_vec()))).collect();
        let share = n_hits / (n_hits + HITS_AS_PRIOR);
        let learnt = Learnt { boosters, growth, bins, thinned_by: -examples.share.ln(), share };
        Self { learnt: Some(learnt), ..Self::of_prior(prior_shift) }
    }

    /// Learns from what earlier models said, and what came of it, which probabilities hold.
    pub(crate) fn calibrate(&mut self, said: &[Said], came: Vec<bool>) {
        let rows: Vec<Vec<f32>> = said.iter().map(|row| vec![self.together(*row)]).collect();
        let stack = Logistic::fit(&rows, &came);
        self.settled = rows.iter().map(|row| stack.log_odds(row)).zip(came).collect();
        self.settled.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.stack = Some(stack);
    }

    /// What the parts say together, as log-odds. The weights are fixed: parts say much the same, and what few settled origins
    /// tell of who was right is the luck of a few families. Fitted to them, the weight of the trees fell below 0 within a year
    /// of a public list, and what was said was worse than either part.
    fn together(&self, [own, prior]: Said) -> f32 {
        let share = self.learnt.as_ref().map_or(0.0, |learnt| learnt.share) as f32;
        share * own + (1.0 - share) * prior
    }

    /// Whether the market's own past was enough to learn from; else the prior speaks.
    pub fn is_learnt(&self) -> bool {
        self.learnt.is_some()
    }

    /// What the parts say of rows of numbers.
    pub(crate) fn said(&self, numbers: &[f32]) -> Vec<Said> {
        let n = n_numbers();
        let lots = numbers.par_chunks(n * ROWS_AT_ONCE);
        lots.flat_map_iter(|lot| self.said_of_lot(lot)).collect()
    }

    fn said_of_lot(&self, numbers: &[f32]) -> Vec<Said> {
        let n = n_numbers();
        let prior = |row: &[f32]| (prior::log_odds(row) + self.prior_shift) as f32;
        let Some(learnt) = &self.learnt else {
            return numbers.chunks(n).map(|row| [prior(row); 2]).collect();
        };
        let columns = learnt.binned(numbers);
        let mut trees = vec![0.0; numbers.len() / n];
        learnt.boosters.iter().for_each(|booster| booster.add_log_odds(&columns, &mut trees));
        let mut growths = vec![0.0; numbers.len() / n];
        learnt.growth.add_log_odds(&columns, &mut growths);
        let n_models = learnt.boosters.len() as f64;
        let of = |((row, trees), growth): ((&[f32], &f64), &f64)| {
            [(trees / n_models - learnt.thinned_by) as f32 + *growth as f32, prior(row)]
        };
        numbers.chunks(n).zip(&trees).zip(&growths).map(of).collect()
    }

    /// Log-odds of rows of numbers: calibrated where enough has settled.
    pub fn log_odds_of(&self, numbers: &[f32]) -> Vec<f64> {
        let of = |said: Said| {
            let together = self.together(said);
            self.stack.as_ref().map_or(f64::from(together), |stack| stack.log_odds(&[together]))
        };
        self.said(numbers).into_iter().map(of).collect()
    }

    /// Log-odds of an origin's candidates.
    pub fn log_odds(&self, origin: &Origin) -> Vec<f64> {
        self.log_odds_of(origin.numbers())
    }

    /// Probabilities of an origin's candidates, 0 to 1.
    pub fn probabilities(&self, origin: &Origin) -> Vec<f64> {
        self.log_odds(origin).into_iter().map(probability).collect()
    }

    /// What each number moved the log-odds of a candidate by, the largest first.
    pub fn reasons(&self, origin: &Origin, place: usize) -> Vec<(usize, f64)> {
        let row = origin.row(place);
        let mut parts = match &self.learnt {
            Some(learnt) => learnt.parts(row),
            None => prior::parts(row),
        };
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        parts
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

    /// The model as plain numbers, to be kept.
    pub(crate) fn write(&self) -> Vec<f64> {
        let mut numbers = vec![n_numbers() as f64, self.prior_shift, f64::from(u8::from(self.learnt.is_some()))];
        if let Some(learnt) = &self.learnt {
            numbers.extend([learnt.thinned_by, learnt.share, learnt.boosters.len() as f64]);
            learnt.boosters.iter().chain([&learnt.growth]).for_each(|booster| booster.write(&mut numbers));
            for bins in &learnt.bins {
                numbers.push(bins.bounds().len() as f64);
                numbers.extend(bins.bounds().iter().map(|bound| f64::from(*bound)));
            }
        }
        numbers.push(f64::from(u8::from(self.stack.is_some())));
        if let Some(stack) = &self.stack {
            stack.write(&mut numbers);
        }
        numbers.push(self.settled.len() as f64);
        numbers.extend(self.settled.iter().flat_map(|(said, came)| [*said, f64::from(u8::from(*came))]));
        numbers
    }

    /// The same model, as it would be read again.
    pub fn again(&self) -> Option<Self> {
        Self::read(&self.write())
    }

    /// A model of numbers as [`Model::write`] gave them; `None` where they are none, or of other numbers than today's.
    pub(crate) fn read(numbers: &[f64]) -> Option<Self> {
        let mut numbers = numbers.iter().copied();
        numbers.next().filter(|n| *n == n_numbers() as f64)?;
        let mut model = Self::of_prior(numbers.next()?);
        if numbers.next()? != 0.0 {
            model.learnt = Some(Learnt::read(&mut numbers)?);
        }
        if numbers.next()? != 0.0 {
            model.stack = Some(Logistic::read(&mut numbers)?);
        }
        let n_settled = numbers.next().filter(|n| (0.0..=1e8).contains(n))? as usize;
        let settled: Option<Vec<(f64, bool)>> =
            (0..n_settled).map(|_| Some((numbers.next()?, numbers.next()? != 0.0))).collect();
        model.settled = settled?;
        Some(model)
    }
}

impl Learnt {
    fn read(numbers: &mut impl Iterator<Item = f64>) -> Option<Self> {
        let (thinned_by, share) = (numbers.next()?, numbers.next()?);
        let n_boosters = numbers.next().filter(|n| (1.0..=100.0).contains(n))? as usize;
        let boosters: Option<Vec<Booster>> = (0..n_boosters).map(|_| Booster::read(numbers, n_numbers())).collect();
        let growth = Booster::read(numbers, n_numbers())?;
        let mut bins = Vec::with_capacity(n_numbers());
        for _ in 0..n_numbers() {
            let n_bounds = numbers.next().filter(|n| (0.0..=255.0).contains(n))? as usize;
            let bounds: Option<Vec<f32>> = (0..n_bounds).map(|_| numbers.next().map(|bound| bound as f32)).collect();
            bins.push(Arc::new(Binned::of_bounds(bounds?)));
        }
        Some(Self { boosters: boosters?, growth, bins, thinned_by, share })
    }

    /// The columns of some rows of numbers, in the model's bins.
    fn binned(&self, numbers: &[f32]) -> Vec<Arc<Binned>> {
        let n = n_numbers();
        let mut values = Vec::with_capacity(numbers.len() / n);
        let of_column = |(column, bins): (usize, &Arc<Binned>)| {
            values.clear();
            values.extend(numbers.iter().skip(column).step_by(n));
            Arc::new(bins.with(&values))
        };
        self.bins.iter().enumerate().map(of_column).collect()
    }

    /// What each number moved the trees' log-odds of a row by.
    fn parts(&self, row: &[f32]) -> Vec<(usize, f64)> {
        let columns = self.binned(row);
        let mut parts = vec![0.0; columns.len()];
        self.boosters.iter().for_each(|booster| booster.add_parts(&columns, 0, &mut parts));
        parts.into_iter().map(|part| part / self.boosters.len() as f64).enumerate().collect()
    }
}
