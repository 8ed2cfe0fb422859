//! What is asked and what came of it: candidates, hits, the stricter hit, and when the rise began.
//!
//! A **candidate** at an origin is a product on the list outside its top. A **hit** within `horizon` periods: the median
//! adjusted log level of the three periods around origin + horizon exceeds that of the origin and the period before by at
//! least ln(factor). A product that vanished is a miss. The **stricter** hit wants the factor in both of the periods
//! origin + horizon - 1 and origin + horizon. An outcome is settled once the last of the three periods is known.

use serde::Serialize;

use crate::panel::Panel;

/// What is asked of a market.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Task {
    /// Periods ahead, at least 1.
    pub horizon: usize,
    /// How many times the level, above 1.
    pub factor: f64,
    /// Products at the top of a list that are no candidates.
    pub n_top: usize,
}

impl Default for Task {
    fn default() -> Self {
        Self { horizon: 6, factor: 3.0, n_top: 300 }
    }
}

impl Task {
    /// Periods after which an outcome is settled.
    pub fn settles_after(&self) -> usize {
        self.horizon + 1
    }

    /// The places at the top that are no candidates: all of `n_top` where the list is at least twice as long, else a tenth
    /// of the list.
    pub fn top_of(&self, n_listed: usize) -> usize {
        if n_listed >= 2 * self.n_top { self.n_top } else { n_listed / 10 }
    }

    /// The products that are candidates at an origin.
    pub fn candidates(&self, panel: &Panel, origin: usize) -> Vec<u32> {
        let top = self.top_of(panel.n_listed(origin)) as u32;
        (0..panel.n_series() as u32).filter(|series| panel.rank(*series as usize, origin) > top).collect()
    }

    fn needed(&self) -> f32 {
        self.factor.ln() as f32
    }

    /// The level that growth is counted from: the median of the origin and the period before.
    fn base(&self, panel: &Panel, series: usize, origin: usize) -> Option<f32> {
        panel.median_of(series, origin.saturating_sub(1)..origin + 1)
    }

    /// How much a product's level grew by the horizon, as a logarithm; `None` where it vanished. The panel must know the
    /// outcome.
    pub fn growth(&self, panel: &Panel, series: usize, origin: usize) -> Option<f32> {
        let after = panel.median_of(series, origin + self.horizon - 1..origin + self.horizon + 2)?;
        Some(after - self.base(panel, series, origin)?)
    }

    /// Whether a product was a hit; the panel must know the outcome.
    pub fn is_hit(&self, panel: &Panel, series: usize, origin: usize) -> bool {
        self.growth(panel, series, origin).is_some_and(|growth| growth >= self.needed())
    }

    /// Whether it was one by the stricter rule.
    pub fn is_strict_hit(&self, panel: &Panel, series: usize, origin: usize) -> bool {
        let Some(base) = self.base(panel, series, origin) else { return false };
        let ends = [origin + self.horizon - 1, origin + self.horizon];
        ends.iter().all(|t| *t < panel.n_periods() && panel.at(series, *t) - base >= self.needed())
    }

    /// Periods from the origin to the first of two in a row that reach the factor; `None` where none do.
    pub fn lead_time(&self, panel: &Panel, series: usize, origin: usize) -> Option<usize> {
        let base = self.base(panel, series, origin)?;
        let reaches = |t: usize| t < panel.n_periods() && panel.at(series, t) - base >= self.needed();
        (1..=self.settles_after()).find(|ahead| reaches(origin + ahead) && reaches(origin + ahead + 1))
    }
}
