//! What a panel counts by: its periods and sources, the same for any part of its claims, and kept with what was learnt.

use crowsnest_model::{Grain, Period};
use serde::{Deserialize, Serialize};

use crate::lags;
use crate::panel::Panel;
use crate::panels::times;

/// The grain and unit of a panel with the periods and sources that it counts by: the same for any part of its claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outline {
    pub(crate) grain: String,
    pub(crate) unit: String,
    /// First and last day of each, in order.
    pub(crate) periods: Vec<(i32, i32)>,
    /// By name.
    pub(crate) sources: Vec<String>,
    /// By how many periods the values of each source lag.
    #[serde(default)]
    lags: Vec<u8>,
}

impl Outline {
    /// The outlines of what is told: unit, period, source.
    pub(crate) fn of(mut told: Vec<(String, Period, String)>) -> Vec<Self> {
        let panel = |own: &(String, Period, String)| (own.0.clone(), own.1.grain());
        told.sort_unstable_by(|a, b| (&a.0, a.1.grain(), a.1, &a.2).cmp(&(&b.0, b.1.grain(), b.1, &b.2)));
        let mut outlines = Vec::new();
        for own in told.chunk_by(|a, b| panel(a) == panel(b)) {
            let (unit, grain) = panel(&own[0]);
            let mut sources: Vec<String> = own.iter().map(|(_, _, source)| source.clone()).collect();
            sources.sort_unstable();
            sources.dedup();
            let periods = own.iter().map(|(_, period, _)| *period);
            outlines.push(Self::new(grain, unit, periods, sources));
        }
        outlines
    }

    pub(crate) fn new(grain: Grain, unit: String, told: impl Iterator<Item = Period>, sources: Vec<String>) -> Self {
        let periods = if grain == Grain::Span { told.take(1).collect() } else { times(told) };
        let periods = periods.iter().map(|period| (period.start_day(), period.end_day())).collect();
        Self { grain: grain.as_str().to_owned(), unit, periods, sources, lags: Vec::new() }
    }

    /// Takes over by how many periods sources lag in a panel that counts by this.
    pub(crate) fn learn_lags(&mut self, panel: &Panel) {
        if self.grain != Grain::Span.as_str() {
            self.lags = lags::find(panel);
        }
    }

    /// By how many periods the values of a source lag.
    pub(crate) fn lag(&self, source: usize) -> u8 {
        self.lags.get(source).copied().unwrap_or(0)
    }

    pub(crate) fn has_lags(&self) -> bool {
        self.lags.iter().any(|lag| *lag > 0)
    }

    /// The names of its sources, by number.
    pub(crate) fn sources(&self) -> &[String] {
        &self.sources
    }

    /// A period as text, by its number.
    pub(crate) fn period(&self, time: usize) -> Option<String> {
        let (start, end) = self.periods.get(time)?;
        Some(Period::new(*start, *end, self.grain.parse().ok()?).ok()?.to_string())
    }
}
