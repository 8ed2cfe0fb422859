//! Reports of plans as the table `plans` keeps them, read again for pages.
//!
//! In: JSON that some version of `grow` wrote. Out: what pages show of it. Invariant: a field that an older or newer version does not
//! have is empty, never an error.

use serde::Deserialize;
use serde_json::Value;

/// A number with its interval.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Interval {
    pub(crate) mean: Option<f64>,
    pub(crate) q05: Option<f64>,
    pub(crate) q50: Option<f64>,
    pub(crate) q95: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CurvePoint {
    pub(crate) spend: f64,
    pub(crate) mean: f64,
    pub(crate) q05: f64,
    pub(crate) q95: f64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DataPoint {
    pub(crate) spend: f64,
    pub(crate) outcome: f64,
}

/// A channel of a plan.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Planned {
    pub(crate) channel: String,
    pub(crate) group: String,
    pub(crate) present: f64,
    pub(crate) planned: f64,
    pub(crate) outcome: Interval,
    pub(crate) marginal: Interval,
    pub(crate) at_bound: String,
    pub(crate) curve: Vec<CurvePoint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spend {
    pub(crate) channel: String,
    pub(crate) group: String,
    pub(crate) period: usize,
    pub(crate) spend: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) budget: f64,
    pub(crate) outcome: Interval,
    pub(crate) shadow_price: f64,
    pub(crate) spend: Vec<Spend>,
    pub(crate) reason: Option<String>,
}

/// A channel of a fit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fitted {
    pub(crate) channel: String,
    pub(crate) group: String,
    pub(crate) spend: f64,
    pub(crate) present_spend: f64,
    pub(crate) roi: Option<Interval>,
    pub(crate) marginal_roi: Option<Interval>,
    pub(crate) curve: Vec<CurvePoint>,
    pub(crate) points: Vec<DataPoint>,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    pub(crate) experiment: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    pub(crate) group: String,
    pub(crate) part: String,
    pub(crate) total: Interval,
    pub(crate) share: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HeldOut {
    pub(crate) n_periods: usize,
    pub(crate) error_share: f64,
    pub(crate) naive_error_share: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fit {
    pub(crate) n_periods: usize,
    pub(crate) first_period: String,
    pub(crate) last_period: String,
    pub(crate) channels: Vec<Fitted>,
    pub(crate) decomposition: Vec<Part>,
    pub(crate) held_out: Vec<HeldOut>,
    pub(crate) next_experiment: Option<String>,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Case {
    pub(crate) segment: String,
    pub(crate) company: String,
    pub(crate) product: String,
    pub(crate) period: String,
    pub(crate) n_incumbents: i64,
    pub(crate) effect: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ThreatFound {
    pub(crate) change: Interval,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Threat {
    pub(crate) probability: f64,
    pub(crate) factor: Interval,
    pub(crate) outcome: Interval,
    pub(crate) report: ThreatFound,
}

/// A plan.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) budget: f64,
    pub(crate) spent: f64,
    pub(crate) n_periods: usize,
    pub(crate) periods: Vec<String>,
    pub(crate) outcome: Interval,
    pub(crate) gap: f64,
    pub(crate) gain_over_present_mix: Interval,
    pub(crate) probability_of_gain: f64,
    pub(crate) channels: Vec<Planned>,
    pub(crate) spend: Vec<Spend>,
    pub(crate) shadow_price: f64,
    pub(crate) in_words: Vec<String>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) threat: Option<Threat>,
    pub(crate) fit: Fit,
}

/// One metric of one variant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Finding {
    pub(crate) metric: String,
    pub(crate) variant: String,
    pub(crate) first: f64,
    pub(crate) second: f64,
    pub(crate) relative: Option<f64>,
    pub(crate) relative_low: Option<f64>,
    pub(crate) relative_high: Option<f64>,
    pub(crate) adjusted_p: Option<f64>,
    pub(crate) is_found: bool,
}

/// An experiment: of units, or of regions, which have `effect`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Experiment {
    /// Variants with their units.
    pub(crate) variants: Vec<(String, u64)>,
    /// Probability of these counts by chance.
    pub(crate) ratio_p: Option<f64>,
    /// Whether the units are as they were drawn; nothing is said of regions.
    pub(crate) is_as_drawn: Option<bool>,
    pub(crate) notes: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) effect: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) relative: Option<f64>,
    pub(crate) p: Option<f64>,
}

/// All that is kept of one name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reports {
    pub(crate) plan: Option<Plan>,
    pub(crate) fit: Option<Fit>,
    pub(crate) experiment: Option<Experiment>,
}

impl Reports {
    /// Reads the fact `reports` of an answer.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        fn read<T: serde::de::DeserializeOwned>(value: Option<&Value>, kind: &str) -> Option<T> {
            let report = value?.get(kind).filter(|report| !report.is_null())?;
            match serde_json::from_value(report.clone()) {
                Ok(report) => Some(report),
                Err(error) => {
                    tracing::warn!(%error, kind, "a report that is kept cannot be read");
                    None
                }
            }
        }
        Self { plan: read(value, "plan"), fit: read(value, "fit"), experiment: read(value, "experiment") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_no_number_is_empty() {
        let kept = serde_json::json!({
            "plan": { "spent": 10.0, "outcome": { "mean": null, "q05": 1.0 }, "later_field": [1] }, "fit": null });
        let read = Reports::of(Some(&kept));
        let plan = read.plan.unwrap();
        assert_eq!((plan.spent, plan.outcome.mean, plan.outcome.q05), (10.0, None, Some(1.0)));
        assert!(read.fit.is_none() && read.experiment.is_none() && Reports::of(None).plan.is_none());
    }
}
