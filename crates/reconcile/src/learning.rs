//! How truth moves and how loud each voice is, learnt by expectation and maximisation around the smoother (R. H. Shumway,
//! D. S. Stoffer, *An approach to time series smoothing and forecasting using the EM algorithm*, 1982).
//!
//! In: lines (see [`crate::voices`]), of which a sample is looked at. Out: noises of voices, the motion of truth, what the
//! whole market does in each period. What a series has of its own is learnt for each anew.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::anchor::Anchor;
use crate::noise::{ALWAYS_GRANTED, Noise, Squares};
use crate::robust::{median, spread};
use crate::smoother::{Motion, Seen, Setting, Smoothed, smooth};
use crate::tails::{CLASSES, class};
use crate::voices::Line;

/// How many series it is learnt on, and how many observations at most; more tell little new.
const SAMPLE: usize = 800;
const SAMPLE_OBSERVATIONS: usize = 60_000;
pub(crate) const ROUNDS: usize = 90;
/// What anchors always add to a series.
const ALMOST_NOTHING: f64 = 1e-9;
/// The weight of what is left out.
const LEFT_OUT: f64 = 1e-9;
/// Steps that are taken for granted before any is seen, and their spread.
const STEPS_GRANTED: f64 = 30.0;
const STEP_SD: f64 = 0.15;
/// Series that are taken for granted before any is seen with two sources.
const LINES_GRANTED: f64 = 20.0;

/// What a series has of its own: how much its observations count, and how much chance its steps have.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) weights: Vec<f64>,
    shock: Vec<f64>,
    liveliness: f64,
}

impl Own {
    pub(crate) fn at_first(line: &Line) -> Self {
        Self { weights: vec![1.0; line.said.len()], shock: vec![1.0; line.n_times], liveliness: 1.0 }
    }
}

/// What is learnt of all series of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learning {
    /// For each voice; the last is what anchors.
    pub(crate) noises: Vec<Noise>,
    motion: Motion,
    /// The motion before anything is learnt.
    granted: Motion,
    market: Vec<f64>,
}

impl Learning {
    pub(crate) fn new(lines: &[Line], n_sources: usize, n_times: usize) -> Self {
        let moves: Vec<f64> = lines.iter().flat_map(steps_of).collect();
        // Of few steps little is known: some are taken for granted, a sixth up or down.
        let seen = spread(&moves, median(&mut moves.clone()).unwrap_or(0.0)).min(1.0).powi(2);
        let n = moves.len() as f64;
        let wander = ((n * seen + STEPS_GRANTED * STEP_SD * STEP_SD) / (n + STEPS_GRANTED)).max(4e-4);
        let n_compared = lines.iter().filter(|line| line.voices.len() > 1).count() as f64;
        let always = (0.12 * wander * n_compared + LINES_GRANTED * ALWAYS_GRANTED) / (n_compared + LINES_GRANTED);
        let at_first = |voice: usize| match voice == n_sources {
            true => Noise::at_first(1e-3, ALMOST_NOTHING, n_times),
            false => Noise::at_first(0.4 * wander, always, n_times),
        };
        let noises = (0..=n_sources).map(at_first).collect();
        let motion = Motion {
            level: 0.1 * wander,
            growth: 0.002 * wander,
            first_growth: 0.0,
            first_growth_variance: 0.1 * wander,
        };
        Self { noises, granted: motion, motion, market: vec![0.0; n_times] }
    }

    pub(crate) fn learn(&mut self, lines: &[Line], n_rounds: usize) {
        let sample = sample(lines);
        let mut own: Vec<Own> = sample.iter().map(|line| Own::at_first(line)).collect();
        for _ in 0..n_rounds {
            let smoothed: Vec<Smoothed> =
                sample.par_iter().zip(&mut own).map(|(line, own)| self.expect(line, own)).collect();
            let before = self.in_numbers();
            self.maximise(&sample, &own, &smoothed);
            if is_settled(&before, &self.in_numbers()) {
                break;
            }
        }
    }

    /// Variances, as logarithms.
    fn in_numbers(&self) -> Vec<f64> {
        let of_voices = self.noises.iter().flat_map(|noise| [noise.log_variance, noise.always.ln(), noise.by_size]);
        of_voices.chain([self.motion.level.ln(), self.motion.growth.ln()]).collect()
    }

    fn smoothed(&self, line: &Line, own: &Own) -> (Vec<Seen>, Smoothed) {
        let seen: Vec<Seen> = line
            .said
            .iter()
            .zip(&own.weights)
            .map(|(said, weight)| {
                let (time, voice) = (said.time as usize, usize::from(said.place));
                let noise = &self.noises[line.voices[voice]];
                let own = noise.variance(line.size, line.first + time) / weight;
                let variance = if voice < line.n_states { own } else { own + noise.always };
                Seen { time, voice, log: said.log, variance }
            })
            .collect();
        let always: Vec<f64> = line.voices[..line.n_states].iter().map(|voice| self.noises[*voice].always).collect();
        let shock: Vec<f64> = own.shock.iter().map(|shock| shock * own.liveliness).collect();
        let market = &self.market[line.first..line.first + line.n_times];
        let setting = Setting { motion: self.motion, market, shock: &shock, voices: &always };
        let smoothed = smooth(line.n_times, &seen, &setting);
        (seen, smoothed)
    }

    /// One series with what is known so far; what it has of its own is learnt on the way.
    fn expect(&self, line: &Line, own: &mut Own) -> Smoothed {
        let (seen, smoothed) = self.smoothed(line, own);
        self.judge(line, &seen, &smoothed, own);
        smoothed
    }

    /// What a series has of its own, by what was expected. Returns by how much that moved, as a share.
    fn judge(&self, line: &Line, seen: &[Seen], smoothed: &Smoothed, own: &mut Own) -> f64 {
        const LIKE_OTHERS: f64 = 12.0;
        const WILD_STEP: f64 = 3.3;
        let mut moved: f64 = 0.0;
        for (place, ((said, seen), error)) in line.said.iter().zip(seen).zip(&smoothed.errors).enumerate() {
            let before = own.weights[place];
            if before <= LEFT_OUT {
                continue;
            }
            let noise = &self.noises[line.voices[seen.voice]];
            let variance = noise.variance(line.size, line.first + seen.time);
            let total = (error.variance - variance / before + variance).max(variance);
            own.weights[place] = match said.side {
                side if side != 0 && is_beyond(side, error.apart, total - variance) => 1e-6,
                _ => noise.weight(error.apart, variance, total),
            };
            moved = moved.max((own.weights[place] - before).abs() / before.max(0.1));
        }
        let mut liveliness = LIKE_OTHERS;
        for (time, step) in smoothed.steps.iter().enumerate().skip(1) {
            let variance = self.motion.level * own.shock[time];
            liveliness += step.level_square / variance;
            if step.score.abs() > WILD_STEP {
                own.shock[time] = (own.shock[time] * step.score * step.score / 2.0).clamp(1.0, 1e4);
                moved = 1.0;
            }
        }
        let n_steps = line.n_times.saturating_sub(1) as f64;
        let before = own.liveliness;
        own.liveliness = (liveliness / (LIKE_OTHERS + n_steps)).clamp(0.02, 50.0);
        moved.max((own.liveliness / before - 1.0).abs())
    }

    /// One series with what was learnt, until what it has of its own settles.
    pub(crate) fn settled(&self, line: &Line, own: &mut Own) -> (Vec<Seen>, Smoothed) {
        const ROUNDS_OF_ITS_OWN: usize = 7;
        const SETTLED: f64 = 0.04;
        let mut round = 1;
        loop {
            let (seen, smoothed) = self.smoothed(line, own);
            if round == ROUNDS_OF_ITS_OWN || self.judge(line, &seen, &smoothed, own) < SETTLED {
                return (seen, smoothed);
            }
            round += 1;
        }
    }

    /// A series without what one of its voices says: what is likely of each time.
    fn without(&self, line: &Line, place: usize) -> Smoothed {
        let mut own = Own::at_first(line);
        let is_hidden = |said: &crate::voices::Said| usize::from(said.place) == place;
        own.weights.iter_mut().zip(&line.said).filter(|(_, said)| is_hidden(said)).for_each(|(own, _)| *own = LEFT_OUT);
        self.settled(line, &mut own).1
    }

    /// How far claims that anchor are from what all others lead to expect. A series is one piece of evidence, however often
    /// it is anchored: what a source always adds to it does not average out.
    pub(crate) fn anchor(&self, lines: &[Line], anchor: usize) -> Option<Anchor> {
        let of_line = |line: &Line| {
            let place = line.voices.iter().position(|voice| *voice == anchor)?;
            if line.voices.len() < 2 {
                return None;
            }
            let smoothed = self.without(line, place);
            let apart: Vec<(f64, f64)> = line
                .said
                .iter()
                .filter(|said| usize::from(said.place) == place)
                .map(|said| (said.log - smoothed.levels[said.time as usize].0, smoothed.levels[said.time as usize].1))
                .collect();
            let n = apart.len() as f64;
            let own_variance = self.noises[anchor].variance(line.size, line.first) / n;
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| apart.iter().map(of).sum::<f64>() / n;
            Some((mean(&|own| own.0), mean(&|own| own.1) + own_variance))
        };
        let found: Vec<(f64, f64)> = lines.par_iter().filter_map(of_line).collect();
        Anchor::of(&found)
    }

    /// How far hidden voices were off, over what was expected, by how many others there are. `bias_apart` is the variance of
    /// a voice's bias less those of the others of a line.
    pub(crate) fn scores(
        &self,
        lines: &[Line],
        bias_apart: &(dyn Fn(&Line, usize) -> f64 + Sync),
    ) -> [Vec<f64>; CLASSES] {
        const LINES_MAX: usize = 400;
        let with_others: Vec<&Line> = lines.iter().filter(|line| line.voices.len() > 1).collect();
        let apart = with_others.len().div_ceil(LINES_MAX).max(1);
        let of_line = |line: &&Line| -> Vec<f64> {
            let mut scores = Vec::new();
            for (place, voice) in line.voices.iter().enumerate().filter(|(_, voice)| **voice + 1 < self.noises.len()) {
                let smoothed = self.without(line, place);
                let of_bias = bias_apart(line, place);
                for said in line.said.iter().filter(|said| usize::from(said.place) == place && said.side == 0) {
                    let (level, variance) = smoothed.levels[said.time as usize];
                    let error = self.noises[*voice].claim_variance(line.size, line.first + said.time as usize);
                    scores.push((said.log - level).abs() / (variance + error + of_bias).sqrt());
                }
            }
            scores
        };
        let looked_at: Vec<&Line> = with_others.into_iter().step_by(apart).collect();
        let told: Vec<(u8, Vec<f64>)> =
            looked_at.par_iter().map(|line| (class(line.voices.len() - 1), of_line(line))).collect();
        let mut scores = [const { Vec::new() }; CLASSES];
        told.into_iter().for_each(|(class, own)| scores[usize::from(class)].extend(own));
        scores
    }

    fn maximise(&mut self, sample: &[&Line], own: &[Own], smoothed: &[Smoothed]) {
        let mut squares = vec![Squares::default(); self.noises.len()];
        let mut motion = MotionSums::default();
        let mut market = vec![(0.0, 0.0); self.market.len()];
        for ((line, own), smoothed) in sample.iter().zip(own).zip(smoothed) {
            self.add_errors(line, own, smoothed, &mut squares);
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

    /// Squares of errors of what was said. A voice without a state has one error with two parts, which share it by their
    /// variances.
    fn add_errors(&self, line: &Line, own: &Own, smoothed: &Smoothed, squares: &mut [Squares]) {
        for ((said, error), weight) in line.said.iter().zip(&smoothed.errors).zip(&own.weights) {
            if said.side != 0 {
                continue;
            }
            let (place, time) = (usize::from(said.place), line.first + said.time as usize);
            let noise = &self.noises[line.voices[place]];
            let variance = noise.variance(line.size, time);
            let mine = &mut squares[line.voices[place]];
            let mut square = error.square;
            if place >= line.n_states {
                let (own, always) = (variance / weight, noise.always);
                let both = own + always;
                mine.always += (always / both).powi(2) * square + own * always / both;
                mine.n_series += 1.0;
                square = (own / both).powi(2) * square + own * always / both;
            }
            mine.rows.push((line.size, time, weight * square / variance, 1.0));
            mine.n_wild += (1.0 - weight) / (1.0 - 1.0 / crate::noise::WILD);
        }
    }

    /// How much each voice weighs in a line, by the precision of what it says; one may be left out.
    pub(crate) fn shares(&self, line: &Line, without: Option<usize>) -> Vec<f64> {
        let mut precisions = vec![0.0; line.voices.len()];
        for said in line.said.iter().filter(|said| without != Some(usize::from(said.place))) {
            let place = usize::from(said.place);
            let noise = &self.noises[line.voices[place]];
            precisions[place] += 1.0 / noise.variance(line.size, line.first + said.time as usize);
        }
        // What a voice always adds does not average out.
        for (precision, voice) in precisions.iter_mut().zip(&line.voices).filter(|(own, _)| **own > 0.0) {
            *precision = 1.0 / (1.0 / *precision + self.noises[*voice].always);
        }
        let whole: f64 = precisions.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        precisions.iter_mut().for_each(|precision| *precision /= whole);
        precisions
    }
}

/// Whether a bound is kept by what the others lead to expect, which it is apart from by so much: then it tells nothing.
fn is_beyond(side: i8, apart: f64, variance_of_others: f64) -> bool {
    const SOMETHING_KNOWN: f64 = 4.0;
    apart * f64::from(side) <= 0.0 && variance_of_others < SOMETHING_KNOWN
}

fn sample(lines: &[Line]) -> Vec<&Line> {
    let n_observations: usize = lines.iter().map(|line| line.said.len()).sum();
    let apart = lines.len().div_ceil(SAMPLE).max(n_observations.div_ceil(SAMPLE_OBSERVATIONS)).max(1);
    lines.iter().step_by(apart).collect()
}

/// Whether another round would hardly move anything.
fn is_settled(before: &[f64], after: &[f64]) -> bool {
    const MOVED_MAX: f64 = 1e-3;
    before.iter().zip(after).all(|(before, after)| (before - after).abs() < MOVED_MAX)
}

fn steps_of(line: &Line) -> Vec<f64> {
    let mut last: Vec<Option<(u32, f64)>> = vec![None; line.voices.len()];
    let mut steps = Vec::new();
    for said in line.said.iter().filter(|said| said.side == 0) {
        let own = &mut last[usize::from(said.place)];
        if let Some((before, from)) = *own
            && before + 1 == said.time
        {
            steps.push(said.log - from);
        }
        *own = Some((said.time, said.log));
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
