//! What each channel of each group would bring at any level of spend, draw by draw: all that a plan has to know.
//!
//! A level is a target for spend a period, kept for all periods ahead, or reached as fast as the channel's ramp allows. What
//! past spend still brings is taken into account and not counted.

use crate::fit::Fitted;
use crate::history::History;
use crate::model::response::{N_LAGS, Response, Shape};
use crate::settings::Bounds;

/// One channel of one group, that money can go to.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) group: usize,
    pub(crate) channel: usize,
    pub(crate) present: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) step: Option<f64>,
    pub(crate) min_if_any: f64,
    pub(crate) ramp: Option<f64>,
    draws: Vec<Draw>,
    n_periods: usize,
    n_counted: usize,
}

/// One draw's curve.
#[derive(Debug, Clone)]
struct Draw {
    shape: Shape,
    /// Outcome at full saturation, a period.
    height: f64,
    /// Usual exposures for one unit of money.
    per_money: f64,
    weights: Vec<f64>,
    /// What is carried over from the past, by period ahead, and its level.
    past: Vec<f64>,
    past_level: f64,
    response: Response,
}

impl Cell {
    pub(crate) fn new(history: &History, fitted: &Fitted, at: (usize, usize), bounds: &Bounds, ahead: Ahead) -> Self {
        let (group, channel) = at;
        let Ahead { n_periods, counts_carry_over, n_draws } = ahead;
        let spend = &history.groups[group].spend[channel];
        let n_recent = n_periods.clamp(1, spend.len());
        let present = spend[spend.len() - n_recent..].iter().sum::<f64>() / n_recent as f64;
        let n_counted = if counts_carry_over { n_periods + N_LAGS } else { n_periods };
        let every = (fitted.draws.len() / n_draws).max(1);
        let draws = fitted
            .draws
            .iter()
            .step_by(every)
            .take(n_draws)
            .map(|unknown| Draw::new(history, fitted, at, unknown, n_counted))
            .collect();
        Self {
            group,
            channel,
            present,
            min: bounds.min.unwrap_or(0.0),
            max: bounds.max.unwrap_or(f64::INFINITY),
            step: bounds.step,
            min_if_any: bounds.min_if_any.unwrap_or(0.0),
            ramp: bounds.ramp,
            draws,
            n_periods,
            n_counted,
        }
    }

    pub(crate) fn n_draws(&self) -> usize {
        self.draws.len()
    }

    /// Spend of each period ahead on the way to a level.
    pub(crate) fn path(&self, level: f64) -> Vec<f64> {
        let Some(ramp) = self.ramp else { return vec![level; self.n_periods] };
        // A channel that is off may begin with a ramp's share of the level itself.
        let stride = ramp * if self.present > 0.0 { self.present } else { level };
        (1..=self.n_periods)
            .map(|period| self.present + (level - self.present).clamp(-stride * period as f64, stride * period as f64))
            .collect()
    }

    /// Money for all periods.
    pub(crate) fn cost(&self, level: f64) -> f64 {
        self.path(level).iter().sum()
    }

    /// Whether a level is allowed by itself.
    pub(crate) fn allows(&self, level: f64) -> bool {
        let is_between = level >= self.min - 1e-9 && level <= self.max * (1.0 + 1e-12) + 1e-9;
        let is_enough = level <= 1e-9 || level >= self.min_if_any - 1e-9;
        let is_multiple = self.step.is_none_or(|step| (level / step - (level / step).round()).abs() < 1e-6);
        is_between && is_enough && is_multiple
    }

    /// What a level brings over what the past brings anyway, in each draw.
    pub(crate) fn values(&self, level: f64) -> Vec<f64> {
        let path = self.path(level);
        self.draws.iter().map(|draw| draw.value(&path, self.ramp.is_none(), self.n_counted)).collect()
    }

    /// The same, on average over draws.
    pub(crate) fn mean(&self, level: f64) -> f64 {
        let values = self.values(level);
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Outcome of one period of a spend that is kept up for ever, in each draw.
    pub(crate) fn steady(&self, level: f64) -> Vec<f64> {
        self.draws
            .iter()
            .map(|draw| draw.height * draw.response.saturated(level * draw.per_money, &draw.shape).0)
            .collect()
    }
}

/// How far and how closely one looks ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ahead {
    pub(crate) n_periods: usize,
    pub(crate) counts_carry_over: bool,
    pub(crate) n_draws: usize,
}

/// Draws that a mean is taken over.
pub(crate) const N_DRAWS: usize = 480;
/// Draws that a quantile is read from: only few lie about it.
pub(crate) const N_DRAWS_OF_QUANTILE: usize = 1200;

impl Draw {
    fn new(history: &History, fitted: &Fitted, at: (usize, usize), unknown: &[f64], n_counted: usize) -> Self {
        let (group, channel) = at;
        let model = &fitted.model;
        let of = &model.groups[group];
        let response = model.response();
        let shape = model.cell(unknown, group, channel).shape;
        let n_lags = n_counted + N_LAGS;
        let weights = response.weights(&shape, n_lags);
        let exposure = &of.exposure[channel];
        let past: Vec<f64> = (0..n_counted)
            .map(|ahead| {
                (1..=exposure.len().min(n_lags - 1 - ahead))
                    .map(|back| weights[ahead + back] * exposure[exposure.len() - back])
                    .sum()
            })
            .collect();
        let past_level = past.iter().map(|past| response.saturated(*past, &shape).0).sum();
        Self {
            shape,
            height: model.gain(unknown, group, channel) * of.spread,
            per_money: 1.0 / (history.groups[group].price(channel) * of.usual[channel]),
            weights,
            past,
            past_level,
            response,
        }
    }

    fn value(&self, path: &[f64], is_even: bool, n_counted: usize) -> f64 {
        let mut level = 0.0;
        let mut reached = 0.0;
        for at in 0..n_counted {
            let carried = if is_even {
                reached += self.weights[at];
                if at >= path.len() {
                    reached -= self.weights[at - path.len()];
                }
                path[0] * reached.max(0.0)
            } else {
                (0..path.len().min(at + 1)).map(|period| self.weights[at - period] * path[period]).sum()
            };
            level += self.response.saturated(self.past[at] + carried * self.per_money, &self.shape).0;
        }
        self.height * (level - self.past_level)
    }
}
