//! One metric: from observations to biases, breaks, copies, noise, and for each series and time a figure.
//!
//! First what sources that overlap tell of each other ([`crate::bias`], [`crate::copies`]); then, with biases taken out, how
//! truth moves and how loud each voice is ([`crate::learning`]); all that is a [`Model`], learnt on a sample of series. Then
//! every series by itself with what was learnt: any slice of a panel, in any order, gives the same figures.
//! Out: logarithms with variances. Invariants: the same panel gives the same figures; no order of sources or series matters
//! but for names.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bias::{self, Biases, Search};
use crate::copies::{self, Copying};
use crate::growth;
use crate::learning::{Learning, Own, ROUNDS};
use crate::noise::Noise;
use crate::overlaps;
use crate::panel::{Observation, Panel, Standing};
use crate::robust::median;
use crate::tails::{self, Tails};
use crate::voices::{Line, NO_PART, Speaking};

/// A figure: one series at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Number of the series.
    pub series: u32,
    /// Number of the period.
    pub time: u32,
    /// Natural logarithm of the value.
    pub log: f64,
    /// Variance of that.
    pub variance: f64,
    /// The part of it that comes from not knowing the sources' biases.
    pub bias_variance: f64,
    /// How many sources tell of it, of those that may move it.
    pub n_sources: u32,
    /// How many voices tell of the series: one, two, three or more, from 0.
    pub class: u8,
}

impl Estimate {
    /// Standard deviations that intervals of 50, 80 and 95 % go by: tails may be heavier than those of a normal distribution.
    pub fn sds(&self, tails: &Tails) -> [f64; 3] {
        tails.of_figures(self.class).map(|factor| factor * self.variance.sqrt())
    }
}

/// One source, as it was learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SourceNoise {
    /// Standard deviation of the logarithm of its errors, for a series of middling size.
    pub noise: f64,
    /// Standard deviation of what it always adds to a series.
    pub always: f64,
    /// What a size greater by a factor of e adds to the logarithm of the noise.
    pub by_size: f64,
    /// Share of its claims that are wild.
    pub wild_share: f64,
}

/// What is learnt of a metric: it tells figures from observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Biases and breaks.
    pub biases: Biases,
    /// Who repeats whom.
    pub copies: Vec<Copying>,
    /// Whether claims that anchor fix the scale.
    pub is_anchored: bool,
    /// How heavy tails are.
    pub tails: Tails,
    /// Last time that each source tells of.
    pub last_told: Vec<u32>,
    /// Whether figures that rest on one voice are left as counted on either side of its breaks, instead of spliced.
    pub are_breaks_apart: bool,
    groups: Vec<usize>,
    learning: Learning,
    middle_size: f64,
}

/// Figures of some series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figured {
    /// In the order of series and time, for each period from the first that a series is told of to its last.
    pub estimates: Vec<Estimate>,
    /// Weights of the observations in their figure, in their order; those of one figure sum to at most 1.
    pub weights: Vec<f64>,
    /// For each series its number and how much each source weighs in it, anchors left out.
    shares: Vec<(u32, Vec<(usize, f64)>)>,
}

/// What a panel led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What was learnt.
    pub model: Model,
    /// For each source.
    pub noises: Vec<SourceNoise>,
    /// See [`Figured`].
    pub estimates: Vec<Estimate>,
    /// See [`Figured`].
    pub weights: Vec<f64>,
    shares: Vec<(u32, Vec<(usize, f64)>)>,
}

impl Fitted {
    /// The variance of a source's bias less those of the figures of a series.
    pub(crate) fn bias_apart(&self, source: usize, series: u32) -> f64 {
        let mut weights = vec![0.0; self.model.biases.logs.len()];
        if let Ok(at) = self.shares.binary_search_by_key(&series, |own| own.0) {
            self.shares[at].1.iter().for_each(|(other, share)| weights[*other] -= share);
        }
        weights[source] += 1.0;
        quadratic(&self.model.biases.covariance, &weights)
    }

    /// The variance of what a source says of a series of that size at that time, beside its bias.
    pub(crate) fn error_variance(&self, source: u16, log: f64, time: u32) -> f64 {
        let voice = self.model.groups[usize::from(source)];
        self.model.learning.noises[voice].claim_variance(log - self.model.middle_size, time as usize)
    }
}

/// Reconciles a panel. `earlier` is for [`copies`]: the share of cells in which one source spoke before another.
pub fn fit(panel: &Panel, earlier: &(dyn Fn(usize, usize) -> f64 + Sync)) -> Fitted {
    let model = Model::learn(panel, &|series| u64::from(series), earlier);
    let figured = model.figures(&panel.observations);
    let noises = model.noises();
    Fitted { noises, estimates: figured.estimates, weights: figured.weights, shares: figured.shares, model }
}

/// How many observations biases and copies are learnt from; more tell little new.
const LEARNT_FROM_MAX: usize = 300_000;
/// What is learnt is taken as if it were known, which it nearly is.
const NEARLY_KNOWN: f64 = 1.03;

impl Model {
    /// Learns from a panel, or from a sample of a large one: `key` is a number of each series that stays the same.
    pub fn learn(panel: &Panel, key: &dyn Fn(u32) -> u64, earlier: &(dyn Fn(usize, usize) -> f64 + Sync)) -> Self {
        let last_told = last_told(panel);
        let panel = &panel.sample(LEARNT_FROM_MAX, key);
        let differences = overlaps::differences(panel);
        let steps = growth::steps(panel);
        let (told, n_beside) = (told(panel), overlaps::n_beside(panel));
        let alone = vec![1; panel.n_sources];
        let search = Search {
            n_sources: panel.n_sources,
            n_times: panel.n_times,
            group_sizes: &alone,
            told: &told,
            n_beside: &n_beside,
        };
        let first = bias::find(search, &differences, &steps);
        let copies = copies::find(panel, &unbiased(panel, &first), earlier);
        let groups = copies::groups(panel.n_sources, &copies);
        let sizes: Vec<usize> = groups.iter().map(|own| groups.iter().filter(|group| *group == own).count()).collect();
        let mut biases = bias::find(Search { group_sizes: &sizes, ..search }, &differences, &steps);
        let (mut lines, mut middle_size) = lines(panel, &biases, &groups);
        let mut learning = Learning::new(&lines, panel.n_sources, panel.n_times);
        learning.learn(&lines, ROUNDS);
        let is_anchored = panel.observations.iter().any(|seen| seen.standing == Standing::Anchors);
        if let Some(anchor) = learning.anchor(&lines, panel.n_sources) {
            biases.anchor(anchor.shift, anchor.variance);
            (lines, middle_size) = self::lines(panel, &biases, &groups);
            learning.learn(&lines, ROUNDS / 3);
        }
        let mut model = Self {
            biases,
            copies,
            is_anchored,
            tails: Tails::default(),
            last_told,
            are_breaks_apart: false,
            groups,
            learning,
            middle_size,
        };
        let apart = |line: &Line, place: usize| model.bias_apart_of_voice(line, place);
        model.tails = Tails::of(model.learning.scores(&lines, &apart));
        model
    }

    /// For each source what was learnt of its noise.
    pub fn noises(&self) -> Vec<SourceNoise> {
        self.groups.iter().map(|group| self.learning.noises[*group].told()).collect()
    }

    fn speaking(&self) -> Speaking<'_> {
        Speaking {
            biases: &self.biases,
            groups: &self.groups,
            n_sources: self.biases.logs.len(),
            middle_size: self.middle_size,
        }
    }

    /// Figures of whole series, in the order of series, time and source.
    pub fn figures(&self, observations: &[Observation]) -> Figured {
        let series: Vec<&[Observation]> = observations.chunk_by(|a, b| a.series == b.series).collect();
        let told: Vec<Figured> = series.par_iter().with_min_len(16).map(|series| self.figures_of(series)).collect();
        let mut all = Figured {
            estimates: Vec::with_capacity(told.iter().map(|own| own.estimates.len()).sum()),
            weights: Vec::with_capacity(observations.len()),
            shares: Vec::with_capacity(told.len()),
        };
        for own in told {
            all.estimates.extend(own.estimates);
            all.weights.extend(own.weights);
            all.shares.extend(own.shares);
        }
        all
    }

    /// The figures of one series.
    pub(crate) fn figures_of(&self, series: &[Observation]) -> Figured {
        let speaking = self.speaking();
        let Some(line) = speaking.line(series) else {
            return Figured { weights: vec![0.0; series.len()], ..Figured::default() };
        };
        let mut own = Own::at_first(&line);
        let (seen, smoothed) = self.learning.settled(&line, &mut own);
        let shares = self.shares_of_sources(&line, None);
        let bias_variance = self.bias_variance(&shares);
        let class = tails::class(line.voices.len());
        let mut estimates: Vec<Estimate> = smoothed
            .levels
            .iter()
            .enumerate()
            .map(|(time, (log, variance))| Estimate {
                series: line.series,
                time: (line.first + time) as u32,
                log: *log,
                variance: NEARLY_KNOWN * variance + bias_variance,
                bias_variance,
                n_sources: 0,
                class,
            })
            .collect();
        let mut of_said = Vec::with_capacity(seen.len());
        for (said, seen) in line.said.iter().zip(&seen) {
            estimates[seen.time].n_sources += 1;
            let always =
                if seen.voice < line.n_states { self.learning.noises[line.voices[seen.voice]].always } else { 0.0 };
            let share = smoothed.levels[seen.time].1 / (seen.variance + always);
            of_said.push(share.min(1.0) / f64::from(said.n));
        }
        self.widen(series, &line, &mut estimates);
        if self.are_breaks_apart {
            self.undo_splices(&line, &mut estimates);
        }
        Figured { weights: weights(series, &line, &of_said), estimates, shares: vec![(line.series, shares)] }
    }

    /// For a line how much each source weighs in it.
    fn shares_of_sources(&self, line: &Line, without: Option<usize>) -> Vec<(usize, f64)> {
        let mut shares = Vec::new();
        for (voice, share) in line.voices.iter().zip(self.learning.shares(line, without)) {
            let n = self.groups.iter().filter(|group| *group == voice).count();
            let members = (0..self.groups.len()).filter(|source| self.groups[*source] == *voice);
            shares.extend(members.map(|source| (source, share / n as f64)));
        }
        shares
    }

    fn bias_variance(&self, shares: &[(usize, f64)]) -> f64 {
        let mut sum = 0.0;
        let n = self.biases.logs.len();
        for (row, left) in shares {
            for (column, right) in shares {
                sum += left * right * self.biases.covariance[row * n + column];
            }
        }
        sum.max(0.0)
    }

    /// The variance of a voice's bias less those of a line's other voices.
    fn bias_apart_of_voice(&self, line: &Line, place: usize) -> f64 {
        let mut shares: Vec<(usize, f64)> =
            self.shares_of_sources(line, Some(place)).into_iter().map(|(source, share)| (source, -share)).collect();
        if let Some(source) = self.groups.iter().position(|group| *group == line.voices[place]) {
            shares.push((source, 1.0));
        }
        self.bias_variance(&shares)
    }

    /// Figures of one voice as it counts: with its jumps.
    fn undo_splices(&self, line: &Line, estimates: &mut [Estimate]) {
        let [voice] = line.voices.as_slice() else { return };
        for jump in self.biases.jumps.iter().filter(|jump| self.groups[jump.source] == *voice) {
            estimates.iter_mut().filter(|own| own.time as usize >= jump.time).for_each(|own| own.log += jump.size);
        }
    }

    /// Claims that may only widen: the square of how far they are apart, by a quarter.
    fn widen(&self, series: &[Observation], line: &Line, estimates: &mut [Estimate]) {
        const SHARE: f64 = 0.25;
        for seen in series.iter().filter(|seen| seen.standing == Standing::Widens) {
            let place = (seen.time as usize).checked_sub(line.first);
            if let Some(estimate) = place.and_then(|place| estimates.get_mut(place)) {
                estimate.variance += SHARE * (self.speaking().unbiased(seen) - estimate.log).powi(2);
            }
        }
    }
}

impl Noise {
    fn told(&self) -> SourceNoise {
        SourceNoise {
            noise: (self.log_variance / 2.0).exp(),
            always: self.always.sqrt(),
            by_size: self.by_size / 2.0,
            wild_share: self.wild_share,
        }
    }
}

fn told(panel: &Panel) -> Vec<(usize, usize)> {
    let mut told = vec![None; panel.n_sources];
    for seen in panel.observations.iter().filter(|seen| seen.standing == Standing::Counts) {
        let time = seen.time as usize;
        let own: &mut Option<(usize, usize)> = &mut told[usize::from(seen.source)];
        *own = Some(own.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }
    told.into_iter().map(|told| told.unwrap_or((0, 0))).collect()
}

fn last_told(panel: &Panel) -> Vec<u32> {
    let mut last = vec![0; panel.n_sources];
    for seen in &panel.observations {
        let own: &mut u32 = &mut last[usize::from(seen.source)];
        *own = (*own).max(seen.time);
    }
    last
}

fn unbiased(panel: &Panel, biases: &Biases) -> Vec<f64> {
    let of = |seen: &Observation| match seen.standing {
        Standing::Anchors => seen.log,
        _ => seen.log - biases.logs[usize::from(seen.source)][seen.time as usize],
    };
    panel.observations.iter().map(of).collect()
}

/// All lines of a panel, and the size that theirs are counted from.
fn lines(panel: &Panel, biases: &Biases, groups: &[usize]) -> (Vec<Line>, f64) {
    let speaking = Speaking { biases, groups, n_sources: panel.n_sources, middle_size: 0.0 };
    let mut lines: Vec<Line> = panel.by_series().filter_map(|series| speaking.line(series)).collect();
    let mut sizes: Vec<f64> = lines.iter().map(|line| line.size).collect();
    let middle = median(&mut sizes).unwrap_or(0.0);
    lines.iter_mut().for_each(|line| line.size -= middle);
    (lines, middle)
}

fn quadratic(matrix: &[f64], weights: &[f64]) -> f64 {
    let n = weights.len();
    let mut sum = 0.0;
    for (row, left) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        sum += left * matrix[row * n..(row + 1) * n].iter().zip(weights).map(|(own, right)| own * right).sum::<f64>();
    }
    sum.max(0.0)
}

/// The weight of each observation of a series; of one time they sum to at most 1.
fn weights(series: &[Observation], line: &Line, of_said: &[f64]) -> Vec<f64> {
    let mut weights = Vec::with_capacity(series.len());
    let mut at = 0;
    for cell in series.chunk_by(|a, b| a.time == b.time) {
        let parts = &line.parts[at..at + cell.len()];
        at += cell.len();
        let own = |part: &u32| if *part == NO_PART { 0.0 } else { of_said[*part as usize] };
        let total = parts.iter().map(own).sum::<f64>().max(1.0);
        weights.extend(parts.iter().map(|part| own(part) / total));
    }
    weights
}
