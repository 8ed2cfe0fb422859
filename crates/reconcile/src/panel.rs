//! Claims of one metric as numbers: which series, when, by which source, the logarithm of the value.
//!
//! A series is one subject with its region, platform and segment; a time counts periods of one grain from 0. What is not
//! above zero has no logarithm and never gets here. Invariants: at most one observation for each series, time and source
//! (the source's last word); observations are in that order.

/// How firmly a claim stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// One word among others.
    #[default]
    Counts,
    /// Said by the subject itself: it fixes the scale.
    Anchors,
    /// It widens a figure and does not move it.
    Widens,
    /// The truth is not below it, by how its source counts: `over 230`.
    AtLeast,
    /// The truth is not above it.
    AtMost,
}

/// One source's last word on one series at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Number of the series.
    pub series: u32,
    /// Number of the period, from 0.
    pub time: u32,
    /// Number of the source.
    pub source: u16,
    /// Natural logarithm of the value.
    pub log: f64,
    /// How firmly it stands.
    pub standing: Standing,
}

/// All observations of one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    /// Number of series.
    pub n_series: usize,
    /// Number of periods.
    pub n_times: usize,
    /// Number of sources.
    pub n_sources: usize,
    /// In the order of series, time, source.
    pub observations: Vec<Observation>,
}

impl Panel {
    /// Sorts observations; of several for one series, time and source the last given stays.
    pub fn new(n_series: usize, n_times: usize, n_sources: usize, mut observations: Vec<Observation>) -> Self {
        let key = |o: &Observation| (o.series, o.time, o.source);
        observations.sort_by_key(key);
        observations.reverse();
        observations.dedup_by_key(|o| key(o));
        observations.reverse();
        Self { n_series, n_times, n_sources, observations }
    }

    /// The observations of each series, one slice each; series without any are left out.
    pub fn by_series(&self) -> impl Iterator<Item = &[Observation]> {
        self.observations.chunk_by(|a, b| a.series == b.series)
    }

    /// The series that it is learnt from: all where there are few observations, else about so many observations of series
    /// chosen by their keys, the same ones each time, and those that are anchored.
    pub fn sample(&self, n_max: usize, key: &dyn Fn(u32) -> u64) -> Self {
        let n = self.observations.len();
        if n <= n_max {
            return self.clone();
        }
        let apart = (n / n_max + 1) as u64;
        let mut n_anchored = 0;
        let mut observations = Vec::with_capacity(n_max + n_max / 4);
        for series in self.by_series() {
            let is_anchored = n_anchored < n_max / 4 && series.iter().any(|seen| seen.standing == Standing::Anchors);
            n_anchored += if is_anchored { series.len() } else { 0 };
            if is_anchored || mixed(key(series[0].series)).is_multiple_of(apart) {
                observations.extend_from_slice(series);
            }
        }
        Self { observations, ..*self }
    }

    /// The same panel without what a source says.
    pub fn without(&self, source: u16) -> Self {
        let observations = self.observations.iter().filter(|o| o.source != source).copied().collect();
        Self { observations, ..*self }
    }
}

/// A key whose last digits are as good as any (the finaliser of SplitMix64, G. L. Steele et al., 2014).
fn mixed(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_source_stays() {
        let said = |log: f64, time: u32| Observation { series: 0, time, source: 0, log, standing: Standing::Counts };
        let panel = Panel::new(1, 2, 1, vec![said(1.0, 1), said(2.0, 0), said(3.0, 1)]);
        let logs: Vec<f64> = panel.observations.iter().map(|o| o.log).collect();
        assert_eq!(logs, [2.0, 3.0]);
        assert!(panel.without(0).observations.is_empty());
    }
}
