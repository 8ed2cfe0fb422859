//! Regions against a made-up twin: what treated regions would have had, from a mixture of others that went like them before.
//!
//! A. Abadie, A. Diamond, J. Hainmueller, *Synthetic control methods for comparative case studies*, JASA 105 (2010). Weights are not
//! negative and add up to one; levels may differ (the pre-period means are taken out: N. Doudchenko, G. W. Imbens, 2016). What
//! chance does is read from placebos: each other region taken for the treated one.

use std::collections::{BTreeMap, BTreeSet};

use crowsnest_learn::distributions::t_quantile;
use jiff::civil::Date;
use serde::Serialize;

use crate::error::GrowError;

/// What a geo experiment says.
#[derive(Debug, Clone, Serialize)]
pub struct GeoReading {
    /// Outcome a period that the treatment brought to all treated regions together.
    pub effect: f64,
    /// Its standard error, from placebos.
    pub standard_error: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// The effect as a share of what would have been.
    pub relative: f64,
    /// Share of placebos with an effect at least as large for how well they fit, the treated one counted in.
    pub p: f64,
    /// How far the twin was off before, as a share of the mean.
    pub error_before: f64,
    /// Weights of the other regions, those of at least 0.005.
    pub weights: Vec<(String, f64)>,
}

/// A region and its outcome by period.
pub type Region = (String, Vec<f64>);

/// A table of regions, read.
#[derive(Debug, Clone)]
pub struct RegionTable {
    /// Series of one length.
    pub regions: Vec<Region>,
    /// The place of the treatment's first date.
    pub start: usize,
    /// Days from one date to the next, on median; `None` where there are no two, or where they are no days such as `2024-06-03`.
    pub period_days: Option<f64>,
}

const N_STEPS: usize = 3000;

/// A table of region, date and outcome as series of one length, and when the treatment begins.
///
/// # Errors
/// A column is not there, a cell is no number, a region misses a date, or the first date of the treatment is not among them.
pub fn table(text: &str, outcome: &str, from: &str) -> Result<RegionTable, GrowError> {
    let fault = |words: String| GrowError::Experiment(words);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| fault(error.to_string()))?.clone();
    let place = |name: &str| {
        headers.iter().position(|header| header == name).ok_or_else(|| fault(format!("there is no column {name:?}")))
    };
    let (region, date, outcome) = (place("region")?, place("date")?, place(outcome)?);
    let mut cells: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let value = record[outcome].parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| fault(format!("line {}: {:?} is no number", at + 2, &record[outcome])))?;
        cells.entry(record[region].to_owned()).or_default().insert(record[date].to_owned(), value);
    }
    let dates: BTreeSet<&String> = cells.values().flat_map(BTreeMap::keys).collect();
    if let Some((name, _)) = cells.iter().find(|(_, own)| own.len() != dates.len()) {
        return Err(fault(format!("region {name:?} does not have every one of the {} dates", dates.len())));
    }
    let start = dates
        .iter()
        .position(|date| date.as_str() == from)
        .ok_or_else(|| fault(format!("{from:?} is none of the table's dates")))?;
    let period_days = days_between(dates.iter().map(|date| date.as_str()));
    let regions = cells.into_iter().map(|(name, own)| (name, own.into_values().collect())).collect();
    Ok(RegionTable { regions, start, period_days })
}

/// Days from one of some different dates to the next, on median.
fn days_between<'a>(dates: impl Iterator<Item = &'a str>) -> Option<f64> {
    let mut days = dates.map(str::parse::<Date>).collect::<Result<Vec<_>, _>>().ok()?;
    days.sort_unstable();
    let step = |two: &[Date]| two[0].until(two[1]).map_or(0, |span| span.get_days());
    let mut steps: Vec<i32> = days.windows(2).map(step).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).map(|days| f64::from(*days))
}

/// Reads an experiment: series of regions, all of one length, of which some were treated from period `start` on.
///
/// # Errors
/// Fewer than four other regions, fewer than six periods before, no period after, no treated region.
pub fn read(regions: &[Region], treated: &[String], start: usize) -> Result<GeoReading, GrowError> {
    let fault = |words: String| Err(GrowError::Experiment(words));
    let is_treated = |name: &String| treated.contains(name);
    if let Some(name) = treated.iter().find(|name| regions.iter().all(|(own, _)| own != *name)) {
        return fault(format!("there is no region {name:?}"));
    }
    let (own, others): (Vec<_>, Vec<_>) = regions.iter().partition(|(name, _)| is_treated(name));
    let n = regions.first().map_or(0, |(_, values)| values.len());
    if own.is_empty() || others.len() < 4 || start < 6 || start >= n {
        return fault(format!(
            "{} treated and {} other regions with {start} periods before and {} after: it takes 1 and 4, 6 and 1 at least",
            own.len(),
            others.len(),
            n.saturating_sub(start)
        ));
    }
    let n_treated = own.len() as f64;
    let target: Vec<f64> = (0..n).map(|at| own.iter().map(|(_, values)| values[at]).sum::<f64>() / n_treated).collect();
    let pool: Vec<&[f64]> = others.iter().map(|(_, values)| values.as_slice()).collect();
    let real = Twin::of(&target, &pool, start);
    let placebos: Vec<Twin> = (0..pool.len())
        .map(|at| {
            let rest: Vec<&[f64]> =
                pool.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, own)| *own).collect();
            Twin::of(pool[at], &rest, start)
        })
        .collect();
    let scored = |twin: &Twin| twin.effect.abs() / twin.error_before.max(1e-12);
    let n_as_large = placebos.iter().filter(|placebo| scored(placebo) >= scored(&real)).count();
    // A placebo is one region; its chance is scaled by how well each is matched.
    let spread =
        (placebos.iter().map(|placebo| (placebo.effect / placebo.error_before.max(1e-12)).powi(2)).sum::<f64>()
            / placebos.len() as f64)
            .sqrt()
            * real.error_before;
    let edge = -t_quantile(placebos.len() as f64, 0.05);
    let expected = target[start..].iter().sum::<f64>() / (n - start) as f64 - real.effect;
    Ok(GeoReading {
        effect: real.effect * n_treated,
        standard_error: spread * n_treated,
        low: (real.effect - edge * spread) * n_treated,
        high: (real.effect + edge * spread) * n_treated,
        relative: real.effect / expected,
        p: (n_as_large + 1) as f64 / (placebos.len() + 1) as f64,
        error_before: real.error_before / (target[..start].iter().sum::<f64>() / start as f64).abs(),
        weights: others
            .iter()
            .zip(&real.weights)
            .filter(|(_, weight)| **weight >= 0.005)
            .map(|((name, _), weight)| (name.clone(), *weight))
            .collect(),
    })
}

struct Twin {
    weights: Vec<f64>,
    effect: f64,
    error_before: f64,
}

impl Twin {
    fn of(target: &[f64], pool: &[&[f64]], start: usize) -> Self {
        let mean = |values: &[f64]| values[..start].iter().sum::<f64>() / start as f64;
        let centred = |values: &[f64]| {
            let mean = mean(values);
            values.iter().map(|value| value - mean).collect::<Vec<f64>>()
        };
        let target = centred(target);
        let pool: Vec<Vec<f64>> = pool.iter().map(|values| centred(values)).collect();
        let weights = weights(&target[..start], &pool);
        let left: Vec<f64> = (0..target.len())
            .map(|at| target[at] - pool.iter().zip(&weights).map(|(values, weight)| values[at] * weight).sum::<f64>())
            .collect();
        let error_before = (left[..start].iter().map(|left| left * left).sum::<f64>() / start as f64).sqrt();
        let effect = left[start..].iter().sum::<f64>() / (left.len() - start) as f64;
        Self { weights, effect, error_before }
    }
}

/// Least squares on the simplex, by exponentiated gradient steps with a backtracking length (J. Kivinen, M. K. Warmuth, 1997).
fn weights(target: &[f64], pool: &[Vec<f64>]) -> Vec<f64> {
    let mut weights = vec![1.0 / pool.len() as f64; pool.len()];
    let left_of = |weights: &[f64]| -> Vec<f64> {
        (0..target.len())
            .map(|at| target[at] - pool.iter().zip(weights).map(|(values, weight)| values[at] * weight).sum::<f64>())
            .collect()
    };
    let loss_of = |left: &[f64]| left.iter().map(|left| left * left).sum::<f64>();
    let mut left = left_of(&weights);
    let mut loss = loss_of(&left);
    let mut length = 1.0 / loss.max(1e-12);
    for _ in 0..N_STEPS {
        let slopes: Vec<f64> = pool
            .iter()
            .map(|values| -2.0 * left.iter().zip(values).map(|(left, value)| left * value).sum::<f64>())
            .collect();
        let least = slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let mut next: Vec<f64> = weights
            .iter()
            .zip(&slopes)
            .map(|(weight, slope)| weight * (-length * (slope - least)).max(-50.0).exp())
            .collect();
        let whole: f64 = next.iter().sum();
        next.iter_mut().for_each(|weight| *weight /= whole);
        let next_left = left_of(&next);
        let next_loss = loss_of(&next_left);
        if next_loss <= loss {
            let is_done = loss - next_loss < 1e-13 * loss;
            (weights, left, loss) = (next, next_left, next_loss);
            length *= 1.3;
            if is_done {
                break;
            }
        } else {
            length *= 0.5;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_period_is_that_between_dates() {
        let days = |dates: &[&str]| -> Option<f64> {
            let rows = |text: String, date: &&str| text + "a," + date + ",1\n";
            let text = dates.iter().fold("region,date,outcome\n".to_owned(), rows);
            table(&text, "outcome", dates[0]).unwrap().period_days
        };
        assert_eq!(days(&["2024-06-10", "2024-06-03", "2024-06-17", "2024-06-17"]), Some(7.0));
        assert_eq!(days(&["2024-06-03", "2024-06-04"]), Some(1.0));
        assert_eq!(days(&["week 1", "week 2"]), None);
        assert_eq!(days(&["2024-06-03"]), None);
    }

    /// One region is the mean of two others, and gets 5 more from period 30 on.
    #[test]
    fn a_known_effect_is_found() {
        let mut random = crowsnest_learn::random::Random::new(3);
        let n = 40;
        let mut regions: Vec<(String, Vec<f64>)> = (0..12)
            .map(|at| {
                let mut level = 100.0 + 10.0 * at as f64;
                let values = (0..n)
                    .map(|_| {
                        level += 2.0 * random.normal();
                        level
                    })
                    .collect();
                (format!("r{at}"), values)
            })
            .collect();
        let twin: Vec<f64> = (0..n)
            .map(|at| {
                0.5 * (regions[2].1[at] + regions[7].1[at]) + 0.3 * random.normal() + if at >= 30 { 5.0 } else { 0.0 }
            })
            .collect();
        regions.push(("own".into(), twin));
        let found = read(&regions, &["own".into()], 30).unwrap();
        assert!((found.effect - 5.0).abs() < 0.6 && found.p <= 2.0 / 13.0, "{found:?}");
        assert!(found.weights.iter().any(|(name, weight)| name == "r2" && (weight - 0.5).abs() < 0.1), "{found:?}");
        assert!(read(&regions, &["nowhere".into()], 30).is_err());
        assert!(read(&regions, &["own".into()], 3).is_err());
    }
}
