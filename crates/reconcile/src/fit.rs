//! One metric: from observations to biases, breaks, copies, noise, and for each series and time a figure.
//!
//! First what sources that overlap tell of each other ([`crate::bias`], [`crate::copies`]); then, with biases taken out, how
//! truth moves and how loud each voice is, by expectation and maximisation around the smoother (R. H. Shumway,
//! D. S. Stoffer, 1982), learnt on a sample of series; then every series once more with what was learnt.
//! Out: logarithms with variances. Invariants: the same panel gives the same figures; no order of sources or series matters
//! but for names.

use rayon::prelude::*;

use crate::anchor::Anchor;
use crate::bias::{self, Biases, Search};
use crate::copies::{self, Copying};
use crate::growth;
use crate::noise::{ALWAYS_GRANTED, Noise, Squares};
use crate::overlaps;
use crate::panel::{Observation, Panel, Standing};
use crate::robust::{median, spread};
use crate::smoother::{Motion, Seen, Setting, Smoothed, smooth};

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

/// What a panel led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fitted {
    /// Biases and breaks.
    pub biases: Biases,
    /// Who repeats whom.
    pub copies: Vec<Copying>,
    /// For each source.
    pub noises: Vec<SourceNoise>,
    /// Figures, in the order of series and time, for each period from the first that a series is told of to its last.
    pub estimates: Vec<Estimate>,
    /// Weights of the observations in their figure, in the panel's order; those of one figure sum to at most 1.
    pub weights: Vec<f64>,
    /// Whether claims that anchor fix the scale.
    pub is_anchored: bool,
    /// For each source and after them what anchors: the noise model.
    pub(crate) models: Vec<Noise>,
    /// The logarithm that sizes are counted from.
    pub(crate) middle_size: f64,
    /// For each series how much each source weighs in it, anchors left out.
    shares: Vec<Vec<(usize, f64)>>,
}

impl Fitted {
    /// The variance of a source's bias less those of the figures of a series.
    pub(crate) fn bias_apart(&self, source: usize, series: u32) -> f64 {
        let n = self.biases.logs.len();
        let mut weights = vec![0.0; n];
        self.shares[series as usize].iter().for_each(|(other, share)| weights[*other] -= share);
        weights[source] += 1.0;
        quadratic(&self.biases.covariance, &weights)
    }

    /// The variance of what a source says of a series of that size at that time, beside its bias.
    pub(crate) fn error_variance(&self, source: u16, log: f64, time: u32) -> f64 {
        let Some(model) = self.models.get(usize::from(source)) else { return 0.0 };
        let wild = 1.0 + model.wild_share * (crate::noise::WILD - 1.0);
        model.variance(log - self.middle_size, time as usize) * wild.min(2.0) + model.always
    }
}

/// How many series it is learnt on; more tell little new.
const SAMPLE: usize = 800;
const ROUNDS: usize = 90;
/// What anchors always add to a series.
const ALMOST_NOTHING: f64 = 1e-9;
/// Steps that are taken for granted before any is seen, and their spread.
const STEPS_GRANTED: f64 = 30.0;
const STEP_SD: f64 = 0.15;
/// Series that are taken for granted before any is seen with two sources.
const LINES_GRANTED: f64 = 20.0;

/// Reconciles a panel. `earlier` is for [`copies`]: the share of cells in which one source spoke before another.
pub fn fit(panel: &Panel, earlier: &(dyn Fn(usize, usize) -> f64 + Sync)) -> Fitted {
    if panel.observations.is_empty() {
        return Fitted::default();
    }
    let differences = overlaps::differences(panel);
    let steps = growth::steps(panel);
    let told = told(panel);
    let alone = vec![1; panel.n_sources];
    let search = Search { n_sources: panel.n_sources, n_times: panel.n_times, group_sizes: &alone, told: &told };
    let first = bias::find(search, &differences, &steps);
    let copies = copies::find(panel, &unbiased(panel, &first), earlier);
    let groups = copies::groups(panel.n_sources, &copies);
    let sizes: Vec<usize> = groups.iter().map(|own| groups.iter().filter(|group| *group == own).count()).collect();
    let mut biases = bias::find(Search { group_sizes: &sizes, ..search }, &differences, &steps);
    let mut voices = Voices::new(panel, &unbiased(panel, &biases), &groups);
    let mut learning = Learning::new(panel, &voices);
    learning.learn(&voices, ROUNDS);
    let is_anchored = panel.observations.iter().any(|seen| seen.standing == Standing::Anchors);
    if let Some(anchor) = learning.anchor(&voices, panel.n_sources) {
        biases.anchor(anchor.shift, anchor.variance);
        voices = Voices::new(panel, &unbiased(panel, &biases), &groups);
        learning.learn(&voices, ROUNDS / 3);
    }
    let logs = unbiased(panel, &biases);
    let shares = learning.shares(panel, &voices, &groups);
    let bias_variances: Vec<f64> = shares.iter().map(|own| bias_variance(&biases, own)).collect();
    let (estimates, weights) = learning.figures(panel, &voices, (&logs, &groups), &bias_variances);
    let models: Vec<Noise> = groups.iter().map(|group| learning.noises[*group].clone()).collect();
    let noises = models.iter().map(Noise::told).collect();
    Fitted { biases, copies, noises, estimates, weights, is_anchored, models, middle_size: voices.middle_size, shares }
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

fn unbiased(panel: &Panel, biases: &Biases) -> Vec<f64> {
    let of = |seen: &Observation| match seen.standing {
        Standing::Anchors => seen.log,
        _ => seen.log - biases.logs[usize::from(seen.source)][seen.time as usize],
    };
    panel.observations.iter().map(of).collect()
}

/// One series as its voices tell it.
struct Line {
    series: u32,
    first: usize,
    n_times: usize,
    size: f64,
    /// The voices that speak, by number.
    voices: Vec<usize>,
    /// Period from the first, place among the voices, unbiased logarithm.
    said: Vec<(usize, usize, f64)>,
}

struct Voices {
    n: usize,
    lines: Vec<Line>,
    /// Sizes of lines are counted from here.
    middle_size: f64,
}

impl Voices {
    /// Sources that repeat each other speak with one voice: the mean of what they say.
    fn new(panel: &Panel, logs: &[f64], groups: &[usize]) -> Self {
        let mut lines = Vec::new();
        let mut at = 0;
        for series in panel.by_series() {
            let own = &logs[at..at + series.len()];
            at += series.len();
            lines.extend(line(panel, series, own, groups));
        }
        let sizes: Vec<f64> = lines.iter().map(|line| line.size).collect();
        let middle = median(&mut sizes.clone()).unwrap_or(0.0);
        lines.iter_mut().for_each(|line: &mut Line| line.size -= middle);
        Self { n: panel.n_sources + 1, lines, middle_size: middle }
    }
}

fn line(panel: &Panel, series: &[Observation], logs: &[f64], groups: &[usize]) -> Option<Line> {
    let mut cells: Vec<(usize, usize, f64, f64)> = Vec::new();
    for (seen, log) in series.iter().zip(logs) {
        let Some(voice) = overlaps::voice(seen.standing, seen.source, panel) else { continue };
        let voice = groups.get(voice).copied().unwrap_or(voice);
        let time = seen.time as usize;
        match cells.iter_mut().rev().take_while(|cell| cell.0 == time).find(|cell| cell.1 == voice) {
            Some(cell) => (cell.2, cell.3) = (cell.2 + log, cell.3 + 1.0),
            None => cells.push((time, voice, *log, 1.0)),
        }
    }
    let (first, last) = (cells.first()?.0, cells.last()?.0);
    let mut voices: Vec<usize> = cells.iter().map(|cell| cell.1).collect();
    voices.sort_unstable();
    voices.dedup();
    let place = |voice: usize| voices.iter().position(|own| *own == voice).unwrap_or(0);
    let said: Vec<_> = cells.iter().map(|(time, voice, sum, n)| (time - first, place(*voice), sum / n)).collect();
    let mut sizes: Vec<f64> = said.iter().map(|said| said.2).collect();
    let size = median(&mut sizes)?;
    Some(Line { series: series[0].series, first, n_times: last - first + 1, size, voices, said })
}

/// What a series has of its own: how much its observations count, and how much chance its steps have.
#[derive(Clone)]
struct Own {
    weights: Vec<f64>,
    shock: Vec<f64>,
    liveliness: f64,
}

impl Own {
    fn at_first(line: &Line) -> Self {
        Self { weights: vec![1.0; line.said.len()], shock: vec![1.0; line.n_times], liveliness: 1.0 }
    }
}

struct Learning {
    noises: Vec<Noise>,
    motion: Motion,
    /// The motion before anything is learnt.
    granted: Motion,
    market: Vec<f64>,
}

impl Learning {
    fn new(panel: &Panel, voices: &Voices) -> Self {
        let moves: Vec<f64> = voices.lines.iter().flat_map(steps_of).collect();
        // Of few steps little is known: some are taken for granted, a sixth up or down.
        let seen = spread(&moves, median(&mut moves.clone()).unwrap_or(0.0)).min(1.0).powi(2);
        let n = moves.len() as f64;
        let wander = ((n * seen + STEPS_GRANTED * STEP_SD * STEP_SD) / (n + STEPS_GRANTED)).max(4e-4);
        let n_compared = voices.lines.iter().filter(|line| line.voices.len() > 1).count() as f64;
        let always = (0.12 * wander * n_compared + LINES_GRANTED * ALWAYS_GRANTED) / (n_compared + LINES_GRANTED);
        let at_first = |voice: usize| match voice == panel.n_sources {
            true => Noise::at_first(1e-3, ALMOST_NOTHING, panel.n_times),
            false => Noise::at_first(0.4 * wander, always, panel.n_times),
        };
        let noises = (0..voices.n).map(at_first).collect();
        let motion = Motion {
            level: 0.1 * wander,
            growth: 0.002 * wander,
            first_growth: 0.0,
            first_growth_variance: 0.1 * wander,
        };
        Self { noises, granted: motion, motion, market: vec![0.0; panel.n_times] }
    }

    fn learn(&mut self, voices: &Voices, n_rounds: usize) {
        let apart = voices.lines.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&Line> = voices.lines.iter().step_by(apart).collect();
        let mut own: Vec<Own> = sample.iter().map(|line| Own::at_first(line)).collect();
        for _ in 0..n_rounds {
            let smoothed: Vec<Smoothed> =
                sample.par_iter().zip(&mut own).map(|(line, own)| self.expect(line, own)).collect();
            self.maximise(&sample, &own, &smoothed, voices.n);
        }
    }

    fn smoothed(&self, line: &Line, own: &Own) -> (Vec<Seen>, Smoothed) {
        let seen: Vec<Seen> = line
            .said
            .iter()
            .zip(&own.weights)
            .map(|((time, place, log), weight)| {
                let variance = self.noises[line.voices[*place]].variance(line.size, line.first + time) / weight;
                Seen { time: *time, voice: *place, log: *log, variance }
            })
            .collect();
        let always: Vec<f64> = line.voices.iter().map(|voice| self.noises[*voice].always).collect();
        let shock: Vec<f64> = own.shock.iter().map(|shock| shock * own.liveliness).collect();
        let market = &self.market[line.first..line.first + line.n_times];
        let setting = Setting { motion: self.motion, market, shock: &shock, voices: &always };
        let smoothed = smooth(line.n_times, &seen, &setting);
        (seen, smoothed)
    }

    /// One series with what is known so far; what it has of its own is learnt on the way.
    fn expect(&self, line: &Line, own: &mut Own) -> Smoothed {
        const LIKE_OTHERS: f64 = 12.0;
        const WILD_STEP: f64 = 3.3;
        let (seen, smoothed) = self.smoothed(line, own);
        for (place, (seen, error)) in seen.iter().zip(&smoothed.errors).enumerate() {
            let own_variance = seen.variance * own.weights[place];
            let total = (error.variance - seen.variance + own_variance).max(own_variance);
            own.weights[place] = self.noises[line.voices[seen.voice]].weight(error.apart, own_variance, total);
        }
        let mut liveliness = LIKE_OTHERS;
        for (time, step) in smoothed.steps.iter().enumerate().skip(1) {
            let variance = self.motion.level * own.shock[time];
            liveliness += step.level_square / variance;
            if step.score.abs() > WILD_STEP {
                own.shock[time] = (own.shock[time] * step.score * step.score / 2.0).clamp(1.0, 1e4);
            }
        }
        let n_steps = line.n_times.saturating_sub(1) as f64;
        own.liveliness = (liveliness / (LIKE_OTHERS + n_steps)).clamp(0.02, 50.0);
        smoothed
    }

    /// How far claims that anchor are from what all others lead to expect. A series is one piece of evidence, however often
    /// it is anchored: what a source always adds to it does not average out.
    fn anchor(&self, voices: &Voices, anchor: usize) -> Option<Anchor> {
        let mut found: Vec<(f64, f64)> = Vec::new();
        for line in &voices.lines {
            let Some(place) = line.voices.iter().position(|voice| *voice == anchor) else { continue };
            if line.voices.len() < 2 {
                continue;
            }
            let mut own = Own::at_first(line);
            (0..3).for_each(|_| drop(self.expect(line, &mut own)));
            let is_anchor = |said: &(usize, usize, f64)| said.1 == place;
            own.weights.iter_mut().zip(&line.said).filter(|(_, said)| is_anchor(said)).for_each(|(own, _)| *own = 1e-9);
            let (_, smoothed) = self.smoothed(line, &own);
            let apart: Vec<(f64, f64)> = line
                .said
                .iter()
                .filter(|said| is_anchor(said))
                .map(|said| (said.2 - smoothed.levels[said.0].0, smoothed.levels[said.0].1))
                .collect();
            let n = apart.len() as f64;
            let own_variance = self.noises[anchor].variance(line.size, line.first) / n;
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| apart.iter().map(of).sum::<f64>() / n;
            found.push((mean(&|own| own.0), mean(&|own| own.1) + own_variance));
        }
        Anchor::of(&found)
    }

    fn maximise(&mut self, sample: &[&Line], own: &[Own], smoothed: &[Smoothed], n_voices: usize) {
        let mut squares = vec![Squares::default(); n_voices];
        let mut motion = MotionSums::default();
        let mut market = vec![(0.0, 0.0); self.market.len()];
        for ((line, own), smoothed) in sample.iter().zip(own).zip(smoothed) {
            for ((said, error), weight) in line.said.iter().zip(&smoothed.errors).zip(&own.weights) {
                let voice = line.voices[said.1];
                let variance = self.noises[voice].variance(line.size, line.first + said.0);
                let row = (line.size, line.first + said.0, weight * error.square / variance, 1.0);
                squares[voice].rows.push(row);
                squares[voice].n_wild += (1.0 - weight) / (1.0 - 1.0 / crate::noise::WILD);
            }
            for (voice, (mean, variance)) in line.voices.iter().zip(&smoothed.added) {
                squares[*voice].always += mean * mean + variance;
                squares[*voice].n_series += 1.0;
            }
            motion.add(own, smoothed);
            for (time, step) in smoothed.steps.iter().enumerate().skip(1) {
                let sum = &mut market[line.first + time];
                let weight = 1.0 / (own.shock[time] * own.liveliness);
                *sum = (sum.0 + weight * step.level, sum.1 + weight);
            }
        }
        self.noises.iter_mut().zip(&squares).for_each(|(noise, squares)| noise.learn(squares));
        if let Some(anchor) = self.noises.last_mut() {
            anchor.always = ALMOST_NOTHING;
        }
        self.motion = motion.learnt(self.granted);
        for (own, (sum, n)) in self.market.iter_mut().zip(market) {
            *own += sum / (n + 5.0);
        }
    }

    /// For each series how much each source weighs in it: by the precision of what it says.
    fn shares(&self, panel: &Panel, voices: &Voices, groups: &[usize]) -> Vec<Vec<(usize, f64)>> {
        let mut shares = vec![Vec::new(); panel.n_series];
        for line in &voices.lines {
            let mut precisions = vec![0.0; line.voices.len()];
            for (time, place, _) in &line.said {
                let noise = &self.noises[line.voices[*place]];
                precisions[*place] += 1.0 / noise.variance(line.size, line.first + time);
            }
            // What a voice always adds does not average out.
            for (precision, voice) in precisions.iter_mut().zip(&line.voices) {
                *precision = 1.0 / (1.0 / *precision + self.noises[*voice].always);
            }
            let whole: f64 = precisions.iter().sum();
            let own = &mut shares[line.series as usize];
            for (voice, precision) in line.voices.iter().zip(&precisions) {
                let members: Vec<usize> = (0..groups.len()).filter(|source| groups[*source] == *voice).collect();
                own.extend(members.iter().map(|source| (*source, precision / whole / members.len() as f64)));
            }
        }
        shares
    }

    fn figures(
        &self,
        panel: &Panel,
        voices: &Voices,
        (logs, groups): (&[f64], &[usize]),
        bias_variances: &[f64],
    ) -> (Vec<Estimate>, Vec<f64>) {
        const ROUNDS_OF_ITS_OWN: usize = 6;
        let lines: Vec<(Vec<Estimate>, Vec<Share>)> = voices
            .lines
            .par_iter()
            .map(|line| {
                let mut own = Own::at_first(line);
                (0..ROUNDS_OF_ITS_OWN).for_each(|_| drop(self.expect(line, &mut own)));
                let (seen, smoothed) = self.smoothed(line, &own);
                self.tell(line, &seen, &smoothed, bias_variances[line.series as usize])
            })
            .collect();
        let mut estimates = Vec::new();
        let mut precisions = std::collections::HashMap::new();
        for (own, told) in &lines {
            estimates.extend(own);
            for (time, voice, precision) in told {
                precisions.insert((own[0].series, *time as u32, *voice), *precision);
            }
        }
        let weights = weights(panel, groups, &precisions);
        widen(panel, logs, &mut estimates);
        (estimates, weights)
    }

    fn tell(&self, line: &Line, seen: &[Seen], smoothed: &Smoothed, bias_variance: f64) -> (Vec<Estimate>, Vec<Share>) {
        let mut estimates: Vec<Estimate> = smoothed
            .levels
            .iter()
            .enumerate()
            .map(|(time, (log, variance))| Estimate {
                series: line.series,
                time: (line.first + time) as u32,
                log: *log,
                variance: variance + bias_variance,
                bias_variance,
                n_sources: 0,
            })
            .collect();
        let mut told = Vec::with_capacity(seen.len());
        for seen in seen {
            estimates[seen.time].n_sources += 1;
            let voice = line.voices[seen.voice];
            let share = smoothed.levels[seen.time].1 / (seen.variance + self.noises[voice].always);
            told.push((line.first + seen.time, voice, share.min(1.0)));
        }
        (estimates, told)
    }
}

fn bias_variance(biases: &Biases, shares: &[(usize, f64)]) -> f64 {
    let mut weights = vec![0.0; biases.logs.len()];
    shares.iter().for_each(|(source, share)| weights[*source] += share);
    quadratic(&biases.covariance, &weights)
}

fn quadratic(matrix: &[f64], weights: &[f64]) -> f64 {
    let n = weights.len();
    let mut sum = 0.0;
    for (row, left) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        sum += left * matrix[row * n..(row + 1) * n].iter().zip(weights).map(|(own, right)| own * right).sum::<f64>();
    }
    sum.max(0.0)
}

/// What a voice's word weighs in a figure: time, voice, share.
type Share = (usize, usize, f64);

/// Claims that may only widen: the square of how far they are apart, by a quarter.
fn widen(panel: &Panel, logs: &[f64], estimates: &mut [Estimate]) {
    const SHARE: f64 = 0.25;
    for (seen, log) in panel.observations.iter().zip(logs).filter(|(seen, _)| seen.standing == Standing::Widens) {
        if let Ok(at) = estimates.binary_search_by_key(&(seen.series, seen.time), |own| (own.series, own.time)) {
            estimates[at].variance += SHARE * (log - estimates[at].log).powi(2);
        }
    }
}

fn weights(
    panel: &Panel,
    groups: &[usize],
    precisions: &std::collections::HashMap<(u32, u32, usize), f64>,
) -> Vec<f64> {
    let mut weights = Vec::with_capacity(panel.observations.len());
    for cell in panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        let group = |seen: &Observation| {
            overlaps::voice(seen.standing, seen.source, panel).map(|own| groups.get(own).copied().unwrap_or(own))
        };
        let own: Vec<f64> = cell
            .iter()
            .map(|seen| {
                let Some(voice) = group(seen) else { return 0.0 };
                let n = cell.iter().filter(|other| group(other) == Some(voice)).count() as f64;
                precisions.get(&(seen.series, seen.time, voice)).map_or(0.0, |share| share / n)
            })
            .collect();
        let total: f64 = own.iter().sum::<f64>().max(1.0);
        weights.extend(own.iter().map(|weight| weight / total));
    }
    weights
}

fn steps_of(line: &Line) -> Vec<f64> {
    let mut last: Vec<Option<(usize, f64)>> = vec![None; line.voices.len()];
    let mut steps = Vec::new();
    for (time, place, log) in &line.said {
        if let Some((before, from)) = last[*place]
            && before + 1 == *time
        {
            steps.push(log - from);
        }
        last[*place] = Some((*time, *log));
    }
    steps
}

/// Sums that the motion is learnt from.
#[derive(Default)]
struct MotionSums {
    level: f64,
    growth: f64,
    n_steps: f64,
    first_growth: f64,
    first_growth_square: f64,
    n_series: f64,
}

impl MotionSums {
    fn add(&mut self, own: &Own, smoothed: &Smoothed) {
        for (time, step) in smoothed.steps.iter().enumerate().skip(1) {
            self.level += step.level_square / (own.shock[time] * own.liveliness);
            self.growth += step.growth_square;
            self.n_steps += 1.0;
        }
        if smoothed.levels.len() >= 3 {
            let (mean, variance) = smoothed.first_growth;
            self.first_growth += mean;
            self.first_growth_square += mean * mean + variance;
            self.n_series += 1.0;
        }
    }

    fn learnt(&self, before: Motion) -> Motion {
        const ENOUGH: f64 = 20.0;
        let n = self.n_steps + ENOUGH;
        let n_series = self.n_series + 5.0;
        let first_growth = self.first_growth / n_series;
        let spread = (self.first_growth_square + 5.0 * before.first_growth_variance) / n_series - first_growth.powi(2);
        Motion {
            level: ((self.level + ENOUGH * before.level) / n).clamp(1e-6, 1.0),
            growth: ((self.growth + ENOUGH * before.growth) / n).clamp(1e-8, 0.1),
            first_growth,
            first_growth_variance: spread.max(1e-6),
        }
    }
}
