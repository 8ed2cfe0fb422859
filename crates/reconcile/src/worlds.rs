//! Worlds that never were: products with a known truth, and sources that tell of it each in its own wrong way.
//!
//! What reconciling is measured by: nobody knows the truth of a real market. The same world and seed give the same claims.

use crowsnest_learn::random::Random;
use crowsnest_model::{Grain, Period, day_to_string};

/// 1 January 2020, in days since 1970-01-01.
const FIRST_DAY: i32 = 18262;

/// What a world is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct World {
    /// Another seed is another world.
    pub seed: u64,
    /// Number of products.
    pub n_products: usize,
    /// Number of periods.
    pub n_times: usize,
    /// Number of sources, those that copy included.
    pub n_sources: usize,
    /// How many of them repeat another.
    pub n_copying: usize,
    /// Whether each source changes how it counts, once.
    pub has_breaks: bool,
    /// Noise of the quietest and the loudest source, as the standard deviation of a logarithm.
    pub noise: (f64, f64),
    /// Share of cells that a source does not tell of, the more the smaller the product.
    pub missing_share: f64,
    /// Share of products of which an official figure is known now and then; 0 for a world without.
    pub official_share: f64,
    /// The spread of a product's growth from period to period.
    pub growth_noise: f64,
    /// Periods are weeks, not months.
    pub is_weekly: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seed: 1,
            n_products: 2000,
            n_times: 36,
            n_sources: 5,
            n_copying: 2,
            has_breaks: true,
            noise: (0.05, 0.4),
            missing_share: 0.3,
            official_share: 0.03,
            growth_noise: 0.03,
            is_weekly: false,
        }
    }
}

/// One source, as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueSource {
    /// Its name.
    pub name: String,
    /// The factor by which it counts at first.
    pub bias: f64,
    /// The standard deviation of its errors, as a logarithm.
    pub noise: f64,
    /// By how much its bias' logarithm moves a period.
    pub drift: f64,
    /// Periods that it is late by.
    pub lag: usize,
    /// When it changes how it counts, and by which factor.
    pub break_at: Option<(usize, f64)>,
    /// Whom it repeats.
    pub copies: Option<usize>,
}

/// One claim of a world.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueClaim {
    /// Number of the product.
    pub product: usize,
    /// Number of the period.
    pub time: usize,
    /// Number of the source; one more than the last for official figures.
    pub source: usize,
    /// What it says.
    pub value: f64,
    /// Day on which it says so, from the first day of the first period.
    pub said: usize,
}

/// A world that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// For each product and period its true value.
    pub truth: Vec<Vec<f64>>,
    /// The sources as they truly are.
    pub sources: Vec<TrueSource>,
    /// What they say.
    pub claims: Vec<TrueClaim>,
}

impl World {
    /// Makes the world.
    pub fn make(&self) -> Made {
        let mut random = Random::new(self.seed);
        let truth = self.truth(&mut random);
        let sources: Vec<TrueSource> = (0..self.n_sources).map(|number| self.source(number, &mut random)).collect();
        let mut claims = Vec::new();
        for (product, values) in truth.iter().enumerate() {
            self.tell(product, values, &sources, &mut random, &mut claims);
            if random.share() < self.official_share {
                for (time, value) in values.iter().enumerate().filter(|(time, _)| (product + time) % 3 == 0) {
                    let value = value * (0.01 * random.normal()).exp();
                    claims.push(TrueClaim { product, time, source: self.n_sources, value, said: self.day(time) + 20 });
                }
            }
        }
        Made { truth, sources, claims }
    }

    /// The period of a number, the first in January 2020.
    pub fn period(&self, time: usize) -> Period {
        let grain = if self.is_weekly { Grain::Week } else { Grain::Month };
        let mut period = Period::containing(FIRST_DAY, grain);
        for _ in 0..time {
            period = period.next().unwrap_or(period);
        }
        period
    }

    /// What is said and what is true as `claims.csv` and `truth.csv`.
    pub fn files(&self, made: &Made) -> (String, String) {
        let periods: Vec<Period> = (0..self.n_times).map(|time| self.period(time)).collect();
        let mut claims = "subject,metric,period,source,value,said_on,status\n".to_owned();
        for claim in &made.claims {
            let (source, status) = match made.sources.get(claim.source) {
                Some(source) => (source.name.as_str(), "estimated"),
                None => ("the product itself", "official"),
            };
            let said = day_to_string(FIRST_DAY + claim.said as i32);
            let (product, period, value) = (claim.product, periods[claim.time], claim.value);
            claims.push_str(&format!("product {product},mau,{period},{source},{value:.0},{said},{status}\n"));
        }
        let mut truth = "subject,metric,period,value\n".to_owned();
        for (product, values) in made.truth.iter().enumerate() {
            for (time, value) in values.iter().enumerate() {
                truth.push_str(&format!("product {product},mau,{},{value:.3}\n", periods[time]));
            }
        }
        (claims, truth)
    }

    /// The day after a period's last, from the first day of all.
    pub fn day(&self, time: usize) -> usize {
        (time + 1) * if self.is_weekly { 7 } else { 30 }
    }

    fn truth(&self, random: &mut Random) -> Vec<Vec<f64>> {
        let season: Vec<f64> = (0..self.n_times).map(|_| 0.03 * random.normal()).collect();
        let product = |random: &mut Random| -> Vec<f64> {
            let mut log = 12.0 + 1.8 * random.normal();
            let mut growth = 0.01 + self.growth_noise * random.normal();
            let own = self.growth_noise * (0.4 * random.normal()).exp();
            (0..self.n_times)
                .map(|time| {
                    growth = 0.9 * growth + 0.001 + 0.3 * own * random.normal();
                    let shock = if random.share() < 0.004 { 0.3 * random.normal() } else { 0.0 };
                    log += growth + season[time] + own * random.normal() + shock;
                    log.exp()
                })
                .collect()
        };
        (0..self.n_products).map(|_| product(random)).collect()
    }

    fn source(&self, number: usize, random: &mut Random) -> TrueSource {
        let (quiet, loud) = self.noise;
        let n_own = self.n_sources - self.n_copying;
        let along = (number as f64 + random.share()) / self.n_sources as f64;
        let size = (0.15 + 0.5 * random.share()) * if random.share() < 0.5 { -1.0 } else { 1.0 };
        let at = 4 + random.below(self.n_times.saturating_sub(8).max(1));
        TrueSource {
            name: format!("source-{}", (b'a' + number as u8) as char),
            bias: 0.6 * (1.6_f64 / 0.6).powf(random.share()),
            noise: quiet * (loud / quiet).powf(along),
            drift: 0.15 / self.n_times as f64 * random.normal(),
            lag: random.below(3),
            break_at: self.has_breaks.then_some((at, f64::exp(size))),
            copies: (number >= n_own && n_own > 0).then(|| random.below(n_own.max(1))),
        }
    }

    fn tell(
        &self,
        product: usize,
        values: &[f64],
        all: &[TrueSource],
        random: &mut Random,
        claims: &mut Vec<TrueClaim>,
    ) {
        let mut errors = vec![vec![0.0; values.len()]; all.len()];
        for (number, source) in all.iter().enumerate() {
            let always = 0.5 * source.noise * random.normal();
            for (time, value) in values.iter().enumerate() {
                // The smaller a product, the louder its panel.
                let louder = (-0.08 * (value.ln() - 12.0)).clamp(-0.5, 0.7).exp();
                let wild = if random.share() < 0.01 { 5.0 } else { 1.0 };
                errors[number][time] = match source.copies {
                    Some(of) => errors[of][time] + 0.02 * random.normal(),
                    None => always + source.noise * louder * wild * random.normal(),
                };
                let small = (-0.6 * (value.ln() - 12.0)).exp();
                let chance = self.missing_share * 2.0 * small / (1.0 + small);
                if random.share() < chance || time + source.lag >= values.len() {
                    continue;
                }
                let factor = source.break_at.filter(|(at, _)| time >= *at).map_or(1.0, |(_, factor)| factor);
                let bias = source.bias.ln() + source.drift * time as f64 + factor.ln();
                let value = value * (bias + errors[number][time]).exp();
                let said = self.day(time + source.lag) + number;
                let claim = TrueClaim { product, time, source: number, value, said };
                if random.share() < 0.15 {
                    // The first word, which the source restates a month later.
                    let first = TrueClaim { value: value * (0.15 * random.normal()).exp(), ..claim.clone() };
                    claims.push(first);
                    claims.push(TrueClaim { said: said + 30, ..claim });
                } else {
                    claims.push(claim);
                }
            }
        }
    }
}
