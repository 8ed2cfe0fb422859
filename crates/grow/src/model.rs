//! The model of how an outcome comes about: a background (level, trend, season, controls, events) and, for every channel,
//! its exposure carried over and saturated. What is unknown is a vector of numbers that all have the standard normal
//! distribution before anything is seen ([`Model::n_unknown`]); [`Model::log_posterior`] weighs them against the history.
//!
//! The background's coefficients, the noise about them and how freely trend and season may move are not walked over: given
//! the channels' part, the coefficients are normal and are integrated out exactly, which leaves some four numbers a channel.
//! Slopes are worked by hand and held to differences by a test.
//!
//! Source: Y. Jin, Y. Wang, Y. Sun, D. Chan, J. Koehler, *Bayesian methods for media mix modeling with carryover and shape
//! effects* (Google, 2017); return as the unknown instead of the coefficient: Y. Zhang, M. Wurm et al., *Media mix model
//! calibration with Bayesian priors* (Google, 2023); integrating the coefficients out: D. V. Lindley, A. F. M. Smith (1972).

pub(crate) mod background;
pub(crate) mod response;

use background::Background;
use crowsnest_learn::positive::{Cholesky, dot};
use response::{Curve, N_SHAPES, Response, Shape};

use crate::history::History;
use crate::settings::{CarryOver, LiftTest, ModelSettings, Saturation};

/// Numbers that are shared by all channels: noise, trend, season, mean return, spread of returns, spread between groups, and how
/// much less a unit of money brings where more is spent.
const N_SHARED: usize = 7;
/// Before anything is seen, how far each may lie from what is usual; all on a log scale.
mod before {
    /// Noise, as a share of the outcome's spread.
    pub(super) const NOISE: (f64, f64) = (-1.2, 1.0);
    pub(super) const TREND: (f64, f64) = (-3.0, 1.5);
    pub(super) const SEASON: (f64, f64) = (-2.5, 1.5);
    /// Share of the outcome that all channels bring together: 2 % to 250 %.
    pub(super) const RETURN: (f64, f64) = (-1.5, 1.2);
    pub(super) const SPREAD_OF_RETURNS: (f64, f64) = (-0.6, 0.45);
    pub(super) const SPREAD_OF_GROUPS: (f64, f64) = (-1.2, 0.5);
    /// Power of a channel's spend that its return falls by: 0 where each unit of money is expected to bring as much, 1 where each
    /// channel is.
    pub(super) const SIZE: (f64, f64) = (0.5, 0.4);
    /// Logit of the share that is carried over to the next period.
    pub(super) const CARRY: (f64, f64) = (-0.3, 1.2);
    /// Shape of Weibull carry-over: 1 is geometric.
    pub(super) const DELAY: (f64, f64) = (0.1, 0.4);
    /// Half saturation, in usual exposures.
    pub(super) const HALF: (f64, f64) = (0.25, 0.55);
    /// Steepness of saturation.
    pub(super) const STEEPNESS: (f64, f64) = (0.16, 0.28);

    /// A channel's place among the returns, and its slope: a channel that brings next to nothing is likelier than one that
    /// brings as many times more than usual.
    pub(super) fn leaning(own: f64) -> (f64, f64) {
        let below = own.min(0.0);
        (own - LEANING * below * below, 1.0 - 2.0 * LEANING * below)
    }

    const LEANING: f64 = 0.4;
}

/// A history made ready to weigh unknowns against.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) n_channels: usize,
    pub(crate) carry_over: CarryOver,
    pub(crate) saturation: Saturation,
    pub(crate) groups: Vec<GroupModel>,
    lift_tests: Vec<Lift>,
    n_shapes: usize,
}

/// One group, its outcome in its own spread.
#[derive(Debug, Clone)]
pub(crate) struct GroupModel {
    pub(crate) center: f64,
    pub(crate) spread: f64,
    /// Each period's outcome, less `center`, by `spread`; 0 where unknown.
    pub(crate) outcome: Vec<f64>,
    /// 1, or 0 for periods whose outcome is unknown.
    pub(crate) weights: Vec<f64>,
    pub(crate) background: Background,
    /// Exposure in usual exposures.
    pub(crate) exposure: Vec<Vec<f64>>,
    pub(crate) usual: Vec<f64>,
    /// Spend of each channel, all periods together.
    pub(crate) spend: Vec<f64>,
    /// ln of each channel's spend over the mean of those that are spent on.
    log_size: Vec<f64>,
    /// ln of the return that a channel would have if all brought a share of 1 together, in `spread`s.
    log_return_of_all: f64,
    /// Autocorrelation of the noise that is taken out.
    pub(crate) echo: f64,
}

#[derive(Debug, Clone)]
struct Lift {
    group: usize,
    channel: usize,
    from: f64,
    to: f64,
    effect: f64,
    error: f64,
}

/// What the unknowns say of one channel in one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// ln of outcome, in `spread`s, for one unit of money, on average over the history.
    pub(crate) log_return: f64,
    pub(crate) shape: Shape,
}

impl Model {
    pub(crate) fn new(
        history: &History,
        settings: &ModelSettings,
        carry_over: CarryOver,
        lift_tests: &[LiftTest],
    ) -> Self {
        let groups: Vec<GroupModel> =
            (0..history.groups.len()).map(|at| GroupModel::new(history, at, settings)).collect();
        let lifts = lift_tests.iter().filter_map(|test| Lift::of(test, history, &groups)).collect();
        let n_shapes =
            2 + usize::from(carry_over == CarryOver::Weibull) + usize::from(settings.saturation == Saturation::Hill);
        Self {
            n_channels: history.channels.len(),
            carry_over,
            saturation: settings.saturation,
            groups,
            lift_tests: lifts,
            n_shapes,
        }
    }

    /// How many unknowns there are.
    pub(crate) fn n_unknown(&self) -> usize {
        let between = if self.groups.len() > 1 { self.groups.len() * self.n_channels } else { 0 };
        N_SHARED + self.n_channels * (1 + self.n_shapes) + between
    }

    fn place(&self, channel: usize) -> usize {
        N_SHARED + channel * (1 + self.n_shapes)
    }

    fn place_of_group(&self, group: usize, channel: usize) -> Option<usize> {
        (self.groups.len() > 1)
            .then(|| N_SHARED + self.n_channels * (1 + self.n_shapes) + group * self.n_channels + channel)
    }

    /// Where each of the shapes (carry, delay, half, steepness) is among a channel's unknowns.
    fn shape_places(&self) -> [Option<usize>; N_SHAPES] {
        let mut next = 0;
        let mut take = |is_there: bool| {
            next += usize::from(is_there);
            is_there.then_some(next)
        };
        [take(true), take(self.carry_over == CarryOver::Weibull), take(true), take(self.saturation == Saturation::Hill)]
    }

    /// Noise of the outcome, in its spreads.
    pub(crate) fn noise(&self, unknown: &[f64]) -> f64 {
        (before::NOISE.0 + before::NOISE.1 * unknown[0]).exp()
    }

    fn freedoms(&self, unknown: &[f64]) -> [f64; 2] {
        [
            (before::TREND.0 + before::TREND.1 * unknown[1]).exp(),
            (before::SEASON.0 + before::SEASON.1 * unknown[2]).exp(),
        ]
    }

    /// What the unknowns say of a channel in a group.
    pub(crate) fn cell(&self, unknown: &[f64], group: usize, channel: usize) -> Cell {
        let at = self.place(channel);
        let spread = (before::SPREAD_OF_RETURNS.0 + before::SPREAD_OF_RETURNS.1 * unknown[4]).exp();
        let mut log_return = self.groups[group].log_return_of_all
            + before::RETURN.0
            + before::RETURN.1 * unknown[3]
            + spread * before::leaning(unknown[at]).0
            - (before::SIZE.0 + before::SIZE.1 * unknown[6]) * self.groups[group].log_size[channel];
        if let Some(place) = self.place_of_group(group, channel) {
            log_return += (before::SPREAD_OF_GROUPS.0 + before::SPREAD_OF_GROUPS.1 * unknown[5]).exp() * unknown[place];
        }
        let of = |place: Option<usize>| place.map_or(0.0, |place| unknown[at + place]);
        let [carry, delay, half, steepness] = self.shape_places();
        let shape = Shape {
            carry: before::CARRY.0 + before::CARRY.1 * of(carry),
            log_delay: delay.map_or(0.0, |_| before::DELAY.0 + before::DELAY.1 * of(delay)),
            log_half: before::HALF.0 + before::HALF.1 * of(half),
            log_steepness: steepness.map_or(0.0, |_| before::STEEPNESS.0 + before::STEEPNESS.1 * of(steepness)),
        };
        Cell { log_return, shape }
    }

    pub(crate) fn response(&self) -> Response {
        Response { carry_over: self.carry_over, saturation: self.saturation }
    }

    /// Adds the slopes of one cell to those of the unknowns: by its return, and by its shapes.
    fn spread_slopes(&self, unknown: &[f64], cell: (usize, usize), by: &[f64; 1 + N_SHAPES], slopes: &mut [f64]) {
        let (group, channel) = cell;
        let at = self.place(channel);
        let spread = (before::SPREAD_OF_RETURNS.0 + before::SPREAD_OF_RETURNS.1 * unknown[4]).exp();
        slopes[3] += before::RETURN.1 * by[0];
        let (leaning, by_own) = before::leaning(unknown[at]);
        slopes[4] += before::SPREAD_OF_RETURNS.1 * spread * leaning * by[0];
        slopes[at] += spread * by_own * by[0];
        slopes[6] -= before::SIZE.1 * self.groups[group].log_size[channel] * by[0];
        if let Some(place) = self.place_of_group(group, channel) {
            let spread = (before::SPREAD_OF_GROUPS.0 + before::SPREAD_OF_GROUPS.1 * unknown[5]).exp();
            slopes[5] += before::SPREAD_OF_GROUPS.1 * spread * unknown[place] * by[0];
            slopes[place] += spread * by[0];
        }
        let scales = [before::CARRY.1, before::DELAY.1, before::HALF.1, before::STEEPNESS.1];
        for ((place, scale), by) in self.shape_places().into_iter().zip(scales).zip(&by[1..]) {
            if let Some(place) = place {
                slopes[at + place] += scale * by;
            }
        }
    }

    /// ln of the density of unknowns given the history, up to a constant, and its slopes.
    pub(crate) fn log_posterior(&self, unknown: &[f64], slopes: &mut [f64]) -> f64 {
        slopes.iter_mut().zip(unknown).for_each(|(slope, own)| *slope = -own);
        let mut value = -0.5 * dot(unknown, unknown);
        if unknown.iter().any(|own| own.abs() > 12.0) {
            return f64::NEG_INFINITY;
        }
        for group in 0..self.groups.len() {
            value += self.of_group(group, unknown, slopes);
        }
        value
    }

    fn of_group(&self, at: usize, unknown: &[f64], slopes: &mut [f64]) -> f64 {
        let group = &self.groups[at];
        let response = self.response();
        let curves: Vec<Curve> = (0..self.n_channels)
            .map(|channel| response.curve(&group.exposure[channel], &self.cell(unknown, at, channel).shape))
            .collect();
        let gains: Vec<f64> = (0..self.n_channels)
            .map(|channel| group.gain(channel, self.cell(unknown, at, channel).log_return, &curves[channel]))
            .collect();
        let mut rest = group.outcome.clone();
        for (curve, gain) in curves.iter().zip(&gains) {
            rest.iter_mut().zip(&curve.level).for_each(|(rest, level)| *rest -= gain * level);
        }
        let rest = group.without_echo(&rest);
        let noise = self.noise(unknown);
        let Some(solved) = Solved::of(&group.background, &rest, noise, self.freedoms(unknown)) else {
            return f64::NEG_INFINITY;
        };
        slopes[0] += before::NOISE.1 * solved.by_noise(&group.background, group.n_known());
        let by_freedom = solved.by_freedoms(&group.background);
        slopes[1] += before::TREND.1 * by_freedom[0];
        slopes[2] += before::SEASON.1 * by_freedom[1];
        let pull = group.pull(&solved.left, noise);
        let mut value = solved.log_density(group.n_known());
        for (channel, (curve, gain)) in curves.iter().zip(&gains).enumerate() {
            let mut by = group.slopes_of_curve(&pull, curve, *gain);
            value += self.of_lift_tests((at, channel), *gain, curve, &self.cell(unknown, at, channel).shape, &mut by);
            self.spread_slopes(unknown, (at, channel), &by, slopes);
        }
        value
    }

    /// What experiments say of a channel's curve: effect of one period's exposure `to` instead of `from`, kept up.
    fn of_lift_tests(
        &self,
        (group, channel): (usize, usize),
        gain: f64,
        curve: &Curve,
        shape: &Shape,
        by: &mut [f64; 1 + N_SHAPES],
    ) -> f64 {
        let mut value = 0.0;
        for test in self.lift_tests.iter().filter(|test| test.group == group && test.channel == channel) {
            let (low, low_by) = self.response().saturated(test.from, shape);
            let (high, high_by) = self.response().saturated(test.to, shape);
            let expected = gain * (high - low);
            let off = (test.effect - expected) / test.error;
            value -= 0.5 * off * off;
            let pull = off / test.error;
            by[0] += pull * expected;
            for shape_at in 0..N_SHAPES {
                let own = [0.0, 0.0, high_by[0] - low_by[0], high_by[1] - low_by[1]][shape_at];
                by[1 + shape_at] += pull * (gain * own - expected * curve.sum_slopes[shape_at] / curve.sum());
            }
        }
        value
    }

    /// Draws of the background's coefficients, or their mean without chance, and each channel's part by period, in spreads.
    pub(crate) fn parts(
        &self,
        unknown: &[f64],
        at: usize,
        normal: Option<&mut dyn FnMut() -> f64>,
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let group = &self.groups[at];
        let mut rest = group.outcome.clone();
        let mut parts = Vec::with_capacity(self.n_channels);
        for channel in 0..self.n_channels {
            let cell = self.cell(unknown, at, channel);
            let curve = self.response().curve(&group.exposure[channel], &cell.shape);
            let gain = group.gain(channel, cell.log_return, &curve);
            let part: Vec<f64> = curve.level.iter().map(|level| gain * level).collect();
            rest.iter_mut().zip(&part).for_each(|(rest, part)| *rest -= part);
            parts.push(part);
        }
        let rest = group.without_echo(&rest);
        let coefficients = Solved::of(&group.background, &rest, self.noise(unknown), self.freedoms(unknown))
            .map(|solved| solved.coefficients(normal))
            .unwrap_or_else(|| vec![0.0; group.background.n_columns]);
        (coefficients, parts)
    }

    /// The factor between a channel's saturated level and its part of the outcome, in spreads.
    pub(crate) fn gain(&self, unknown: &[f64], group: usize, channel: usize) -> f64 {
        let cell = self.cell(unknown, group, channel);
        let curve = self.response().curve(&self.groups[group].exposure[channel], &cell.shape);
        self.groups[group].gain(channel, cell.log_return, &curve)
    }
}

impl GroupModel {
    fn new(history: &History, at: usize, settings: &ModelSettings) -> Self {
        let group = &history.groups[at];
        let known: Vec<f64> = group.outcome.iter().copied().filter(|value| value.is_finite()).collect();
        let center = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let spread =
            (known.iter().map(|value| (value - center).powi(2)).sum::<f64>() / known.len().max(1) as f64).sqrt();
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let weights: Vec<f64> = group.outcome.iter().map(|value| f64::from(u8::from(value.is_finite()))).collect();
        let outcome =
            group.outcome.iter().map(|value| if value.is_finite() { (value - center) / spread } else { 0.0 }).collect();
        let n_channels = history.channels.len();
        let usual: Vec<f64> = (0..n_channels).map(|channel| group.usual_exposure(channel)).collect();
        let exposure = group
            .exposure
            .iter()
            .zip(&usual)
            .map(|(values, usual)| values.iter().map(|value| value / usual).collect())
            .collect();
        let spend: Vec<f64> = (0..n_channels).map(|channel| group.total_spend(channel)).collect();
        // Where the outcome is about zero or below, its spread tells what there is to explain.
        let whole = known.iter().sum::<f64>().max(2.0 * spread * known.len() as f64);
        let log_return_of_all = (whole / spread / spend.iter().sum::<f64>().max(f64::MIN_POSITIVE)).ln();
        let mut made = Self {
            center,
            spread,
            outcome,
            weights,
            background: Background::default(),
            exposure,
            usual,
            log_size: log_sizes(&spend),
            spend,
            log_return_of_all,
            echo: 0.0,
        };
        made.background = Background::of(history, at, settings, &made.weights);
        made
    }

    fn n_known(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// Takes out what each period's noise repeats of the period before.
    pub(crate) fn set_echo(&mut self, echo: f64) {
        self.echo = echo;
        self.background.take_out_echo(echo, &self.weights);
    }

    fn without_echo(&self, rest: &[f64]) -> Vec<f64> {
        let mut without: Vec<f64> = rest.iter().zip(&self.weights).map(|(rest, weight)| rest * weight).collect();
        if self.echo != 0.0 {
            for at in (1..without.len()).rev() {
                if self.weights[at] > 0.0 && self.weights[at - 1] > 0.0 {
                    without[at] -= self.echo * rest[at - 1];
                }
            }
        }
        without
    }

    /// How much the density grows with each period's part of the channels.
    fn pull(&self, left: &[f64], noise: f64) -> Vec<f64> {
        let scale = 1.0 / (noise * noise);
        let mut pull: Vec<f64> = left.iter().zip(&self.weights).map(|(left, weight)| left * weight * scale).collect();
        if self.echo != 0.0 {
            for at in 1..left.len() {
                if self.weights[at] > 0.0 && self.weights[at - 1] > 0.0 {
                    pull[at - 1] -= self.echo * left[at] * scale;
                }
            }
        }
        pull
    }

    fn gain(&self, channel: usize, log_return: f64, curve: &Curve) -> f64 {
        if self.spend[channel] <= 0.0 { 0.0 } else { log_return.exp() * self.spend[channel] / curve.sum() }
    }

    fn slopes_of_curve(&self, pull: &[f64], curve: &Curve, gain: f64) -> [f64; 1 + N_SHAPES] {
        let whole = gain * dot(pull, &curve.level);
        let mut by = [whole, 0.0, 0.0, 0.0, 0.0];
        for (at, slopes) in curve.slopes.iter().enumerate().filter(|(_, slopes)| !slopes.is_empty()) {
            by[1 + at] = gain * dot(pull, slopes) - whole * curve.sum_slopes[at] / curve.sum();
        }
        by
    }
}

fn log_sizes(spend: &[f64]) -> Vec<f64> {
    let n_on = spend.iter().filter(|spend| **spend > 0.0).count().max(1);
    let mean = spend.iter().sum::<f64>() / n_on as f64;
    spend.iter().map(|spend| if *spend > 0.0 { (spend / mean).ln() } else { 0.0 }).collect()
}

impl Lift {
    fn of(test: &LiftTest, history: &History, groups: &[GroupModel]) -> Option<Self> {
        let channel = history.channels.iter().position(|name| *name == test.channel)?;
        let group = match &test.group {
            Some(name) => history.groups.iter().position(|group| group.name == *name)?,
            None => 0,
        };
        let of = &groups[group];
        let in_usual = |spend: f64| spend / history.groups[group].price(channel) / of.usual[channel];
        Some(Self {
            group,
            channel,
            from: in_usual(test.spend_from),
            to: in_usual(test.spend_to),
            effect: test.effect / of.spread,
            error: test.standard_error / of.spread,
        })
    }
}

/// The background's coefficients given what the channels leave.
struct Solved {
    factor: Cholesky,
    mean: Vec<f64>,
    variances: Vec<f64>,
    left: Vec<f64>,
    noise: f64,
    log_variances: f64,
    quadratic: f64,
    spread: Vec<f64>,
}

impl Solved {
    fn of(background: &Background, rest: &[f64], noise: f64, freedoms: [f64; 2]) -> Option<Self> {
        let n = background.n_columns;
        let precision = 1.0 / (noise * noise);
        let variances = background.variances(freedoms);
        let mut matrix: Vec<f64> = background.products.iter().map(|product| product * precision).collect();
        variances.iter().enumerate().for_each(|(at, variance)| matrix[at * n + at] += 1.0 / variance);
        let factor = Cholesky::of(&matrix, n)?;
        let mut mean = background.project(rest);
        mean.iter_mut().for_each(|own| *own *= precision);
        let against = mean.clone();
        factor.solve(&mut mean);
        let quadratic = precision * dot(rest, rest) - dot(&against, &mean);
        let left = background.residual(rest, &mean);
        let log_variances = variances.iter().map(|variance| variance.ln()).sum();
        let spread = factor.inverse_diagonal();
        Some(Self { factor, mean, variances, left, noise, log_variances, quadratic, spread })
    }

    fn log_density(&self, n_known: f64) -> f64 {
        -0.5 * (2.0 * n_known * self.noise.ln() + self.log_variances + self.factor.log_determinant() + self.quadratic)
    }

    /// By ln of the noise: the mean slope of the joint density (R. A. Fisher's identity).
    fn by_noise(&self, background: &Background, n_known: f64) -> f64 {
        let kept: f64 = self.spread.iter().zip(&self.variances).map(|(spread, variance)| spread / variance).sum();
        let explained = background.n_columns as f64 - kept;
        -n_known + dot(&self.left, &self.left) / (self.noise * self.noise) + explained
    }

    fn by_freedoms(&self, background: &Background) -> [f64; 2] {
        let mut by = [0.0; 2];
        for (at, freedom) in background.freedoms.iter().enumerate() {
            if let Some(freedom) = freedom {
                by[*freedom] += (self.spread[at] + self.mean[at] * self.mean[at]) / self.variances[at] - 1.0;
            }
        }
        by
    }

    fn coefficients(&self, normal: Option<&mut dyn FnMut() -> f64>) -> Vec<f64> {
        let Some(normal) = normal else { return self.mean.clone() };
        let mut moved: Vec<f64> = self.mean.iter().map(|_| normal()).collect();
        self.factor.solve_upper(&mut moved);
        moved.iter().zip(&self.mean).map(|(moved, mean)| moved + mean).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
