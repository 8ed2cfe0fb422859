//! Distributions that decisions are read from: normal, Student's t (also non-central), chi-squared, beta, gamma.
//!
//! Accurate to about 1e-12 relative unless said otherwise; tests hold them to SciPy's figures. Sources: W. H. Press et al.,
//! *Numerical recipes* (3rd ed., 2007), chapter 6, for the incomplete gamma and beta functions; W. J. Cody's error function is
//! had through the incomplete gamma function; the non-central t by numerical integration over the chi distribution.

use crate::random::Random;

/// ln Γ(x) for x > 0 (C. Lanczos, 1964; coefficients for g = 7, n = 9 by P. Godfrey).
pub fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let base = x + 7.5;
    let sum = TERMS[0] + TERMS[1..].iter().enumerate().map(|(at, term)| term / (x + at as f64 + 1.0)).sum::<f64>();
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

/// The share of a gamma distribution of shape `a` and scale 1 that lies above `x`.
pub fn gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let factor = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut sum, mut term, mut at) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            at += 1.0;
            term *= x / at;
            sum += term;
        }
        return 1.0 - sum * factor;
    }
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for round in 1..10_000 {
        let an = -f64::from(round) * (f64::from(round) - a);
        b += 2.0;
        d = 1.0 / nonzero(an * d + b);
        c = nonzero(b + an / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction * factor
}

fn nonzero(value: f64) -> f64 {
    if value.abs() < 1e-300 { 1e-300 } else { value }
}

/// The share of the standard normal distribution that lies below `x`.
pub fn normal_below(x: f64) -> f64 {
    let tail = 0.5 * gamma_above(0.5, 0.5 * x * x);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The share of the standard normal distribution that lies above `x`; exact in the far tail too.
pub fn normal_above(x: f64) -> f64 {
    normal_below(-x)
}

/// The density of the standard normal distribution.
pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// The value below which a share of the standard normal distribution lies (P. J. Acklam's start, two steps of Halley).
pub fn normal_quantile(share: f64) -> f64 {
    if share <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if share >= 1.0 {
        return f64::INFINITY;
    }
    if share > 0.5 {
        return -normal_quantile(1.0 - share);
    }
    // A start of three digits (M. Abramowitz, I. A. Stegun, 26.2.23).
    let t = (-2.0 * share.ln()).sqrt();
    let mut x = -(t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308))));
    for _ in 0..3 {
        let error = (normal_below(x) - share) / normal_density(x);
        x -= error / (1.0 + 0.5 * x * error);
    }
    x
}

/// The share of a beta distribution that lies below `x` (the regularised incomplete beta function).
pub fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, 1.0 - x);
    }
    let factor = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for round in 1..10_000 {
        let m = f64::from(round);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / nonzero(1.0 + even * d);
        c = nonzero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / nonzero(1.0 + odd * d);
        c = nonzero(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    factor * fraction / a
}

/// The share of Student's t distribution that lies below `x`.
pub fn t_below(freedom: f64, x: f64) -> f64 {
    let tail = 0.5 * beta_below(0.5 * freedom, 0.5, freedom / (freedom + x * x));
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The value below which a share of Student's t distribution lies.
pub fn t_quantile(freedom: f64, share: f64) -> f64 {
    if share > 0.5 {
        return -t_quantile(freedom, 1.0 - share);
    }
    let (mut low, mut high) = (-1.0, 0.0);
    while t_below(freedom, low) > share {
        low *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if t_below(freedom, middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The share of the non-central t distribution that lies below `x`: the normal's share, averaged over the chi distribution
/// by Simpson's rule. Accurate to about 1e-10.
pub fn noncentral_t_below(freedom: f64, center: f64, x: f64) -> f64 {
    let spread = (0.5 / freedom).sqrt();
    let (low, high) = ((1.0 - 14.0 * spread).max(1e-9), 1.0 + 14.0 * spread);
    let n_steps = 2000;
    let width = (high - low) / f64::from(n_steps);
    let log_factor = 0.5 * freedom * (0.5 * freedom).ln() - ln_gamma(0.5 * freedom) + std::f64::consts::LN_2;
    let mut sum = 0.0;
    for step in 0..=n_steps {
        let s = low + width * f64::from(step);
        let density = (log_factor + (freedom - 1.0) * s.ln() - 0.5 * freedom * s * s).exp();
        let weight = if step == 0 || step == n_steps {
            1.0
        } else if step % 2 == 1 {
            4.0
        } else {
            2.0
        };
        sum += weight * density * normal_below(x * s - center);
    }
    sum * width / 3.0
}

/// The share of a chi-squared distribution that lies above `x`.
pub fn chi_squared_above(freedom: f64, x: f64) -> f64 {
    gamma_above(0.5 * freedom, 0.5 * x)
}

/// A number of the gamma distribution of shape `a` and scale 1 (G. Marsaglia, W. W. Tsang, 2000).
pub fn draw_gamma(random: &mut Random, a: f64) -> f64 {
    if a < 1.0 {
        let share = 1.0 - random.share();
        return draw_gamma(random, a + 1.0) * share.powf(1.0 / a);
    }
    let d = a - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = random.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - random.share()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A number of the beta distribution.
pub fn draw_beta(random: &mut Random, a: f64, b: f64) -> f64 {
    let left = draw_gamma(random, a);
    let right = draw_gamma(random, b);
    if left + right > 0.0 { left / (left + right) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of SciPy 1.17.1.
    #[test]
    fn figures_are_those_of_scipy() {
        let near = |found: f64, wanted: f64, off: f64| assert!((found / wanted - 1.0).abs() < off, "{found} {wanted}");
        near(normal_below(-8.0), 6.220_960_574_271_786e-16, 1e-10);
        near(normal_below(1.96), 0.975_002_104_851_779_5, 1e-12);
        near(normal_quantile(0.975), 1.959_963_984_540_054, 1e-12);
        near(normal_quantile(1e-9), -5.997_807_015_007_686, 1e-10);
        near(t_below(7.0, 2.0), 0.957_190_335_718_512, 1e-10);
        near(t_quantile(10.0, 0.975), 2.228_138_851_986_273_5, 1e-10);
        near(chi_squared_above(3.0, 7.8), 0.050_331_097_859_853_326, 1e-9);
        near(beta_below(2.0, 3.0, 0.4), 0.5248, 1e-12);
        near(noncentral_t_below(12.0, 1.1, 1.5), 0.637_768_117_399_753_3, 1e-8);
        near(ln_gamma(0.25), 1.288_022_524_698_077_4, 1e-12);
    }

    #[test]
    fn without_a_shift_the_noncentral_t_is_students() {
        assert!((noncentral_t_below(9.0, 0.0, 1.3) - t_below(9.0, 1.3)).abs() < 1e-9);
        assert!((noncentral_t_below(1e6, 1.0, 1.96) - normal_below(0.96)).abs() < 1e-5);
    }

    #[test]
    fn draws_have_the_mean_of_their_distribution() {
        let mut random = Random::new(2);
        let mean = (0..20_000).map(|_| draw_beta(&mut random, 2.0, 6.0)).sum::<f64>() / 2e4;
        assert!((mean - 0.25).abs() < 0.005, "{mean}");
        let mean = (0..20_000).map(|_| draw_gamma(&mut random, 0.5)).sum::<f64>() / 2e4;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
