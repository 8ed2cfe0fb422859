//! What each period says of a channel: the points that lie about its curve.
//!
//! In: a fit. Out: for each channel of a group the money that works in each period, what was carried over included, and what the
//! outcome leaves when everything else is taken away (partial residuals; R. D. Cook, *Technometrics* 35, 1993). Means over draws.

use serde::Serialize;

use crate::fit::Fitted;
use crate::history::History;

/// One period's word on a channel.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DataPoint {
    /// Money that works in the period: its own and what was carried over.
    pub spend: f64,
    /// Outcome less background and other channels.
    pub outcome: f64,
}

const N_DRAWS: usize = 40;
/// The latest periods, where there are many.
const N_POINTS_MAX: usize = 200;

/// The points of all channels of a group.
pub(crate) fn points(history: &History, fitted: &Fitted, group: usize) -> Vec<Vec<DataPoint>> {
    let of = &fitted.model.groups[group];
    let (n, n_channels) = (history.periods.len(), history.channels.len());
    let mut sums = vec![vec![(0.0, 0.0); n]; n_channels];
    let every = (fitted.draws.len() / N_DRAWS).max(1);
    let mut n_draws = 0.0;
    for unknown in fitted.draws.iter().step_by(every).take(N_DRAWS) {
        n_draws += 1.0;
        let (coefficients, parts) = fitted.model.parts(unknown, group, None);
        let mut left = of.background.part(&coefficients, None);
        parts.iter().for_each(|part| left.iter_mut().zip(part).for_each(|(sum, part)| *sum += part));
        for channel in 0..n_channels {
            let shape = fitted.model.cell(unknown, group, channel).shape;
            let carried = fitted.model.response().carried_over(&of.exposure[channel], &shape);
            for (at, sum) in sums[channel].iter_mut().enumerate() {
                sum.0 += carried[at];
                sum.1 += of.outcome[at] - left[at] + parts[channel][at];
            }
        }
    }
    let first = n.saturating_sub(N_POINTS_MAX);
    sums.iter()
        .enumerate()
        .map(|(channel, sums)| {
            let to_money = history.groups[group].price(channel) * of.usual[channel];
            let is_known = |at: &usize| of.weights[*at] > 0.0;
            (first..n)
                .filter(is_known)
                .map(|at| DataPoint {
                    spend: sums[at].0 / n_draws * to_money,
                    outcome: sums[at].1 / n_draws * of.spread,
                })
                .collect()
        })
        .collect()
}
