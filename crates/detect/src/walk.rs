//! A list on its way through time: at each origin the candidates with their numbers, and later what came of them.
//!
//! In: a [`History`] and a [`Task`]. Out: the rows that models learn from ([`Walk::model`]), and all candidates of the last
//! origin, to be scored. Where a list is so long that not everything can be kept, origins and candidates are thinned by
//! chance, hits and misses alike, so that probabilities need no correction.

use std::borrow::Cow;

use crowsnest_learn::random::Random;
use rayon::prelude::*;

use crate::baselines;
use crate::breakout::{Examples, HITS_MIN, MISSES_MAX, Model, Said};
use crate::families::{self, Families, Look};
use crate::features;
use crate::history::History;
use crate::logistic::Logistic;
use crate::outcome::Task;
use crate::panel::Panel;
use crate::prior;

/// Rows that the regression is fitted to at most.
const REGRESSION_ROWS_MAX: usize = 60_000;
/// Settled origins that calibration looks back on, and how far they are apart.
const CALIBRATED_ON: usize = 6;
/// See [`CALIBRATED_ON`].
const CALIBRATED_EVERY: usize = 2;
/// Rows that are scored at a time: what is needed of them stays near the processor.
const ROWS_AT_ONCE: usize = 1024;
/// What the growth of a product that vanished counts as, and the ends between which growth is learnt: one that grew tenfold
/// must not outweigh all others.
const VANISHED: f32 = -1.0;
const GROWTH_LEAST: f32 = -1.5;
const GROWTH_MOST: f32 = 2.5;
/// Settled candidates that the market's own share of hits weighs as much as the prior's with.
const PRIOR_WEIGHT: f64 = 2000.0;

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
    /// An origin with its candidates' numbers, row by row.
    pub fn of(t: usize, candidates: Vec<u32>, numbers: Vec<f32>) -> Self {
        Self { t, candidates, numbers }
    }

    /// The numbers of all candidates, row by row.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

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

/// How many numbers a candidate has.
pub fn n_numbers() -> usize {
    static N: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| names().len());
    *N
}

/// Values of a list beyond which not every origin is learnt from.
const VALUES_MAX: usize = 16_000_000;
/// Candidates that are kept of all origins to learn from; beyond, they are thinned by chance, hits and misses alike.
const KEPT_MAX: usize = 1_200_000;
/// A list on its way through time: the panel, what was seen at each origin, and what came of it.
#[derive(Debug)]
pub struct Walk<'a> {
    history: &'a History,
    task: Task,
    families: Families,
    /// The list as known now.
    pub panel: Panel,
    /// Every origin so far, with the candidates that are kept to learn from; of one that is not learnt from, none.
    pub origins: Vec<Origin>,
    /// For each settled origin whether each product was a hit, as known when it settled.
    pub hits: Vec<Vec<bool>>,
    /// Origins from one that is learnt from to the next.
    every: usize,
    /// Share of candidates that are kept.
    share: f64,
    /// What a model's parts said of an origin's candidates before its outcome was known.
    said: Vec<(usize, Vec<Said>)>,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub fn new(history: &'a History, task: Task) -> Self {
        let families = Families::new(&history.names);
        let panel = Panel::new(history.n_series());
        let n_values: usize = history.said.iter().map(Vec::len).sum();
        let every = n_values.div_ceil(VALUES_MAX).max(1);
        let share = ((KEPT_MAX * every) as f64 / n_values.max(1) as f64).min(1.0);
        Self { history, task, families, panel, origins: Vec::new(), hits: Vec::new(), every, share, said: Vec::new() }
    }

    /// Periods before `to` in which models are asked to calibrate the one at `to`.
    pub fn calibrated_within(&self) -> usize {
        self.task.settles_after() + 5 * CALIBRATED_EVERY.max(self.every)
    }

    /// Whether a model is asked at an origin to calibrate that at `to`.
    pub fn calibrates(&self, t: usize, to: usize) -> bool {
        let is_turn = self.every > 1 || to.abs_diff(t).is_multiple_of(CALIBRATED_EVERY);
        t < to && t + self.calibrated_within() >= to && is_turn && self.looks_at(t)
    }

    /// Whether an origin is learnt from: the last one always would be.
    pub fn looks_at(&self, t: usize) -> bool {
        (self.history.periods.len() - 1).abs_diff(t).is_multiple_of(self.every)
    }

    /// Goes on by one period: what became known, what settled, and what candidates look like.
    pub fn advance(&mut self) {
        self.panel.advance(self.history);
        let t = self.panel.n_periods() - 1;
        if let Some(settled) = t.checked_sub(self.task.settles_after()) {
            self.hits.push(hits(&self.panel, self.task, settled));
        }
        let mut candidates = if self.looks_at(t) { self.task.candidates(&self.panel, t) } else { Vec::new() };
        candidates.retain(|series| is_kept(*series, t, self.share));
        let origin = if candidates.is_empty() {
            Origin { t, candidates, numbers: Vec::new() }
        } else {
            self.look(t).origin(candidates)
        };
        self.origins.push(origin);
    }

    /// All that is to be seen at an origin, of any candidate.
    pub fn look(&self, t: usize) -> Seen<'_> {
        Seen::new(&self.panel, &self.families, &self.hits, self.task, t)
    }

    /// What is left at the end: the panel, who belongs together, what came of each origin, and the origins.
    pub fn end(self) -> (Panel, Families, Vec<Vec<bool>>, Vec<Origin>) {
        (self.panel, self.families, self.hits, self.origins)
    }

    /// The last origin with all of its candidates.
    pub fn last(&self) -> Option<Cow<'_, Origin>> {
        let origin = self.origins.last()?;
        if self.share >= 1.0 && self.looks_at(origin.t) {
            return Some(Cow::Borrowed(origin));
        }
        let mut seen = self.look(origin.t);
        let candidates = std::mem::take(&mut seen.candidates);
        Some(Cow::Owned(seen.origin(candidates)))
    }

    /// The model that can be had at the last origin: learnt from the market's own past, and from the prior where there is
    /// little of it. What it says of the origin is kept, and calibrates later ones.
    pub fn model(&mut self) -> Model {
        let examples = self.examples(self.hits.len());
        let n_hits = examples.targets.iter().filter(|target| **target).count();
        let shift = self.prior_shift(&examples, n_hits);
        let mut model = if n_hits < HITS_MIN {
            Model::of_prior(shift)
        } else {
            Model::fit(&examples, self.origins.len() as u64, shift)
        };
        if let Some(origin) = self.origins.last() {
            self.said.push((origin.t, model.said(origin.numbers())));
        }
        let (said, came) = self.settled();
        if came.iter().filter(|is_hit| **is_hit).count() >= HITS_MIN {
            model.calibrate(&said, came);
        }
        model
    }

    /// What is added to the prior's log-odds, so that its mean is the market's own share of hits, as far as that is known.
    fn prior_shift(&self, examples: &Examples<'_>, n_hits: usize) -> f64 {
        const ROWS_MAX: usize = 5000;
        let every = examples.rows.len().div_ceil(ROWS_MAX).max(1);
        let sample = || examples.rows.iter().step_by(every);
        let n = sample().count();
        if n == 0 {
            return 0.0;
        }
        let mean =
            sample().map(|row| crowsnest_learn::boosting::probability(prior::log_odds(row))).sum::<f64>() / n as f64;
        // Misses were thinned: of the rows there are that many more.
        let n_all = n_hits as f64 + (examples.rows.len() - n_hits) as f64 / examples.share;
        let own = (n_hits as f64 + mean * PRIOR_WEIGHT) / (n_all + PRIOR_WEIGHT);
        let log_odds = |share: f64| (share / (1.0 - share)).ln();
        log_odds(own.clamp(1e-6, 0.999)) - log_odds(mean.clamp(1e-6, 0.999))
    }

    /// What earlier models said of origins that have settled, and what came of it.
    fn settled(&self) -> (Vec<Said>, Vec<bool>) {
        let settled = self.said.iter().filter(|(t, _)| *t < self.hits.len());
        let (mut said, mut came) = (Vec::new(), Vec::new());
        for (t, rows) in settled.rev().take(CALIBRATED_ON) {
            said.extend(rows);
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
        let (mut rows, mut targets, mut growths) = (Vec::new(), Vec::new(), Vec::new());
        for origin in &self.origins[..n_settled] {
            for (place, series) in origin.candidates.iter().enumerate() {
                let is_hit = self.hits[origin.t][*series as usize];
                if random.share() < share || is_hit {
                    rows.push(origin.row(place));
                    targets.push(is_hit);
                    let growth = self.task.growth(&self.panel, *series as usize, origin.t);
                    growths.push(growth.unwrap_or(VANISHED).clamp(GROWTH_LEAST, GROWTH_MOST));
                }
            }
        }
        Examples { rows, targets, growths, share }
    }
}

/// Whether a candidate of an origin is kept to learn from: by chance, the same on every machine.
fn is_kept(series: u32, t: usize, share: f64) -> bool {
    share >= 1.0 || Random::new(u64::from(series) << 16 | t as u64).share() < share
}

/// What is to be seen at an origin.
#[derive(Debug)]
pub struct Seen<'a> {
    panel: &'a Panel,
    t: usize,
    spread: f32,
    families: Look<'a>,
    /// All candidates of the origin.
    pub candidates: Vec<u32>,
}

/// Which products were hits at a settled origin.
pub fn hits(panel: &Panel, task: Task, settled: usize) -> Vec<bool> {
    let is_hit = |series: usize| panel.has(series, settled) && task.is_hit(panel, series, settled);
    (0..panel.n_series()).into_par_iter().map(is_hit).collect()
}

impl<'a> Seen<'a> {
    /// Looks at a panel; `hits` are the settled outcomes, of the last origins at least.
    pub fn new(panel: &'a Panel, families: &'a Families, hits: &[Vec<bool>], task: Task, t: usize) -> Self {
        let candidates = task.candidates(panel, t);
        let change = |series: &u32| {
            let before = t.checked_sub(1);
            before.map_or(f32::NAN, |before| panel.at(*series as usize, t) - panel.at(*series as usize, before))
        };
        let n_rising = candidates.iter().filter(|series| change(series) > 0.5).count();
        let spread = n_rising as f32 / candidates.len().max(1) as f32;
        Self { panel, t, spread, families: families.look(panel, t, hits), candidates }
    }

    /// The numbers of some candidates.
    pub fn origin(&self, candidates: Vec<u32>) -> Origin {
        let n = n_numbers();
        let mut numbers = vec![0.0; candidates.len() * n];
        numbers.par_chunks_mut(n).zip(&candidates).for_each(|(row, series)| {
            let mut own = features::own(self.panel, *series as usize, self.t);
            self.families.add(*series as usize, &mut own);
            own.push(self.spread);
            row.copy_from_slice(&own);
        });
        Origin { t: self.t, candidates, numbers }
    }

    /// The log-odds of all candidates by a model, in their order; a few rows at a time, so that a million need no more memory
    /// than a thousand.
    pub fn log_odds(&self, model: &Model) -> Vec<f64> {
        let lots = self.candidates.par_chunks(ROWS_AT_ONCE);
        lots.flat_map_iter(|lot| model.log_odds_of(self.origin(lot.to_vec()).numbers())).collect()
    }
}
