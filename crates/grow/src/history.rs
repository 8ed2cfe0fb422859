//! What a market's own figures say of its past: outcome, spend, controls and events, period by period, of each group
//! (a product, a region). Read from a file by `reading.rs` or from claims by `claims.rs`; both give the same here.
//!
//! Invariants: every series has one number for every period; an outcome that is not known is no number (NaN) and is left
//! out of the fit; spend is never negative.

/// The past of all groups.
#[derive(Debug, Clone)]
pub struct History {
    /// First days of the periods, in order, as text.
    pub periods: Vec<String>,
    /// Periods in a year: 52.18 for weeks.
    pub periods_per_year: f64,
    /// How far the first period is into its year, 0 to 1.
    pub start_of_year: f64,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// Products or regions, at least one.
    pub groups: Vec<Group>,
    /// What was found odd, in words.
    pub notes: Vec<String>,
    /// Where it was read: a file with the hash of its bytes, or claims.
    pub inputs: String,
}

/// The past of one product or region.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name; empty where there is only one.
    pub name: String,
    /// What is to grow, by period.
    pub outcome: Vec<f64>,
    /// Money spent, by channel and period.
    pub spend: Vec<Vec<f64>>,
    /// What people saw (impressions, clicks), by channel and period; the spend itself where nothing else is given.
    pub exposure: Vec<Vec<f64>>,
    /// What else moves the outcome, as it was measured.
    pub controls: Vec<Named>,
    /// What happened, as 0 and 1 (or how strongly).
    pub events: Vec<Named>,
}

/// A series with its name.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its numbers, by period.
    pub values: Vec<f64>,
}

impl Group {
    /// What a channel cost, all periods together.
    pub fn total_spend(&self, channel: usize) -> f64 {
        self.spend[channel].iter().sum()
    }

    /// Money for one unit of exposure of a channel; 1 where exposure is the spend.
    pub fn price(&self, channel: usize) -> f64 {
        let exposure: f64 = self.exposure[channel].iter().sum();
        let spend = self.total_spend(channel);
        if exposure > 0.0 && spend > 0.0 { spend / exposure } else { 1.0 }
    }

    /// Mean exposure of the periods in which the channel was on; 1 where it never was.
    pub fn usual_exposure(&self, channel: usize) -> f64 {
        let on: Vec<f64> = self.exposure[channel].iter().copied().filter(|value| *value > 0.0).collect();
        if on.is_empty() { 1.0 } else { on.iter().sum::<f64>() / on.len() as f64 }
    }
}

impl History {
    /// The first `n` periods alone.
    #[must_use]
    pub fn until(&self, n: usize) -> Self {
        let cut = |values: &Vec<f64>| values[..n].to_vec();
        let named = |all: &[Named]| {
            all.iter().map(|one| Named { name: one.name.clone(), values: cut(&one.values) }).collect::<Vec<_>>()
        };
        let groups = self
            .groups
            .iter()
            .map(|group| Group {
                name: group.name.clone(),
                outcome: cut(&group.outcome),
                spend: group.spend.iter().map(cut).collect(),
                exposure: group.exposure.iter().map(cut).collect(),
                controls: named(&group.controls),
                events: named(&group.events),
            })
            .collect();
        Self { periods: self.periods[..n].to_vec(), groups, notes: Vec::new(), ..self.clone() }
    }
}
