//! From exposure to effect: carried over to later periods, then saturated; with the slopes by every number of the shape.
//!
//! Carry-over weights add up to one. Geometric: each period keeps a share of the one before. Weibull: the density of the
//! Weibull distribution at the middles of the periods, which is geometric for shape 1, has its peak later for more and a long
//! tail for less. Saturation is 0 without exposure and goes to 1: Hill, aˢ / (aˢ + hˢ), or logistic, tanh(a / 2h · ln 3),
//! both one half at *h*.

use crate::settings::{CarryOver, Saturation};

/// Numbers of a shape: carry, delay, half, steepness.
pub(crate) const N_SHAPES: usize = 4;
/// Periods after which Weibull carry-over is cut.
pub(crate) const N_LAGS: usize = 26;

/// How a channel works, as numbers without bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Logit of the share carried over to the next period.
    pub(crate) carry: f64,
    /// ln of the Weibull shape; 0 is geometric.
    pub(crate) log_delay: f64,
    /// ln of the exposure, in usual ones, that brings half of what can be had.
    pub(crate) log_half: f64,
    /// ln of the Hill exponent.
    pub(crate) log_steepness: f64,
}

impl Shape {
    /// Share carried over to the next period, between 0 and 1.
    pub(crate) fn kept(&self) -> f64 {
        (1.0 / (1.0 + (-self.carry).exp())).clamp(1e-6, 1.0 - 1e-6)
    }
}

/// Which kinds of curve are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Response {
    pub(crate) carry_over: CarryOver,
    pub(crate) saturation: Saturation,
}

/// The saturated level of every period, and its slopes by the shape's numbers (empty where one is not in use).
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) level: Vec<f64>,
    pub(crate) slopes: [Vec<f64>; N_SHAPES],
    sum: f64,
    pub(crate) sum_slopes: [f64; N_SHAPES],
}

impl Curve {
    /// All levels together; never zero.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}

impl Response {
    /// The curve of one channel over its history.
    pub(crate) fn curve(&self, exposure: &[f64], shape: &Shape) -> Curve {
        let n = exposure.len();
        let (carried, by_carry, by_delay) = self.carried(exposure, shape);
        let is_weibull = self.carry_over == CarryOver::Weibull;
        let is_hill = self.saturation == Saturation::Hill;
        let mut level = Vec::with_capacity(n);
        let mut slopes = [
            Vec::with_capacity(n),
            if is_weibull { Vec::with_capacity(n) } else { Vec::new() },
            Vec::with_capacity(n),
            if is_hill { Vec::with_capacity(n) } else { Vec::new() },
        ];
        for at in 0..n {
            let point = self.point(carried[at], shape);
            level.push(point.level);
            slopes[0].push(point.by_exposure * by_carry[at]);
            if is_weibull {
                slopes[1].push(point.by_exposure * by_delay[at]);
            }
            slopes[2].push(point.by_half);
            if is_hill {
                slopes[3].push(point.by_steepness);
            }
        }
        let sum = level.iter().sum::<f64>().max(1e-280);
        let sum_slopes = [0, 1, 2, 3].map(|shape| slopes[shape].iter().sum());
        Curve { level, slopes, sum, sum_slopes }
    }

    /// Saturation of a constant exposure, and its slopes by half and steepness.
    pub(crate) fn saturated(&self, exposure: f64, shape: &Shape) -> (f64, [f64; 2]) {
        let point = self.point(exposure, shape);
        (point.level, [point.by_half, point.by_steepness])
    }

    /// Weights of an exposure in its own and later periods.
    pub(crate) fn weights(&self, shape: &Shape, n_lags: usize) -> Vec<f64> {
        match self.carry_over {
            CarryOver::Geometric | CarryOver::Auto => {
                let kept = shape.kept();
                (0..n_lags).map(|lag| (1.0 - kept) * kept.powi(lag as i32)).collect()
            }
            CarryOver::Weibull => {
                let mut weights = weibull(shape).0;
                weights.resize(n_lags, 0.0);
                weights
            }
        }
    }

    /// Exposure of each period with what was carried over.
    pub(crate) fn carried_over(&self, exposure: &[f64], shape: &Shape) -> Vec<f64> {
        self.carried(exposure, shape).0
    }

    fn carried(&self, exposure: &[f64], shape: &Shape) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let n = exposure.len();
        let (mut carried, mut by_carry) = (vec![0.0; n], vec![0.0; n]);
        if self.carry_over == CarryOver::Weibull {
            let (weights, weights_by_carry, weights_by_delay) = weibull(shape);
            let mut by_delay = vec![0.0; n];
            for (at, value) in exposure.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                for lag in 0..N_LAGS.min(n - at) {
                    carried[at + lag] += weights[lag] * value;
                    by_carry[at + lag] += weights_by_carry[lag] * value;
                    by_delay[at + lag] += weights_by_delay[lag] * value;
                }
            }
            return (carried, by_carry, by_delay);
        }
        let kept = shape.kept();
        let by_logit = kept * (1.0 - kept);
        let (mut level, mut by_kept) = (0.0, 0.0);
        for at in 0..n {
            by_kept = level + kept * by_kept - exposure[at];
            level = kept * level + (1.0 - kept) * exposure[at];
            carried[at] = level;
            by_carry[at] = by_kept * by_logit;
        }
        (carried, by_carry, Vec::new())
    }

    /// Saturation at one carried-over exposure.
    pub(crate) fn point(&self, carried: f64, shape: &Shape) -> Point {
        if carried <= 0.0 {
            return Point::default();
        }
        match self.saturation {
            Saturation::Hill => {
                let steepness = shape.log_steepness.exp();
                let over = carried.ln() - shape.log_half;
                let level = 1.0 / (1.0 + (-steepness * over).exp());
                let bend = level * (1.0 - level);
                Point {
                    level,
                    by_exposure: steepness * bend / carried,
                    by_half: -steepness * bend,
                    by_steepness: steepness * over * bend,
                }
            }
            Saturation::Logistic => {
                let scaled = 0.5 * 3.0_f64.ln() * carried * (-shape.log_half).exp();
                let level = scaled.tanh();
                let bend = scaled * (1.0 - level * level);
                Point { level, by_exposure: bend / carried, by_half: -bend, by_steepness: 0.0 }
            }
        }
    }
}

/// A place on a saturation curve.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Point {
    pub(crate) level: f64,
    pub(crate) by_exposure: f64,
    by_half: f64,
    by_steepness: f64,
}

/// Weights of Weibull carry-over, and their slopes by carry and delay.
fn weibull(shape: &Shape) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let kept = shape.kept();
    let delay = shape.log_delay.exp();
    let log_scale = -(-kept.ln()).ln();
    // d ln(-1 / ln kept) by the logit of kept.
    let scale_by_carry = -(1.0 - kept) / kept.ln();
    let (mut weights, mut by_carry, mut by_delay) = (vec![0.0; N_LAGS], vec![0.0; N_LAGS], vec![0.0; N_LAGS]);
    let most = (0..N_LAGS).map(|lag| log_weight(lag, delay, log_scale).0).fold(f64::NEG_INFINITY, f64::max);
    for lag in 0..N_LAGS {
        let (log, by_scale, by_log_delay) = log_weight(lag, delay, log_scale);
        weights[lag] = (log - most).exp();
        by_carry[lag] = by_scale * scale_by_carry;
        by_delay[lag] = by_log_delay;
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    for by in [&mut by_carry, &mut by_delay] {
        let mean: f64 = weights.iter().zip(by.iter()).map(|(weight, by)| weight * by).sum();
        by.iter_mut().zip(&weights).for_each(|(by, weight)| *by = weight * (*by - mean));
    }
    (weights, by_carry, by_delay)
}

/// ln of a weight before they are made to add up, and its slopes by ln scale and ln delay.
fn log_weight(lag: usize, delay: f64, log_scale: f64) -> (f64, f64, f64) {
    let log_over = (lag as f64 + 0.5).ln() - log_scale;
    let power = (delay * log_over).exp();
    let log = (delay - 1.0) * log_over - power;
    (log, -(delay - 1.0) + delay * power, delay * log_over - delay * log_over * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { carry: 0.0, log_delay: 0.0, log_half: 0.0, log_steepness: 0.0 };

    /// Half is kept: 1 becomes 0.5, 0.25, …; saturated by a / (a + 1): 1/3, 1/5, 1/9.
    #[test]
    fn one_exposure_worked_by_hand() {
        let response = Response { carry_over: CarryOver::Geometric, saturation: Saturation::Hill };
        let curve = response.curve(&[1.0, 0.0, 0.0], &SHAPE);
        for (level, wanted) in curve.level.iter().zip([1.0 / 3.0, 0.2, 1.0 / 9.0]) {
            assert!((level - wanted).abs() < 1e-12, "{level} {wanted}");
        }
    }

    #[test]
    fn weibull_of_shape_one_is_geometric_and_more_peaks_later() {
        let geometric = Response { carry_over: CarryOver::Geometric, saturation: Saturation::Hill };
        let weibull = Response { carry_over: CarryOver::Weibull, saturation: Saturation::Hill };
        for (left, right) in geometric.weights(&SHAPE, 10).iter().zip(weibull.weights(&SHAPE, 10)) {
            assert!((left - right).abs() < 1e-7, "{left} {right}");
        }
        let late = weibull.weights(&Shape { log_delay: 1.0, carry: 1.5, ..SHAPE }, N_LAGS);
        assert!(late[2] > late[0] && (late.iter().sum::<f64>() - 1.0).abs() < 1e-3, "{late:?}");
    }

    #[test]
    fn logistic_saturation_is_half_at_half() {
        let response = Response { carry_over: CarryOver::Geometric, saturation: Saturation::Logistic };
        let shape = Shape { log_half: 2.0_f64.ln(), ..SHAPE };
        assert!((response.saturated(2.0, &shape).0 - 0.5).abs() < 1e-12);
    }
}
