//! Ranks of a folder as volumes: where a chart ranks many and few volumes are known, the curve between them tells the rest.
//!
//! The chart `x_rank` ranks by the metric `x`; a chart `rank` by the only metric that is none. One curve for each source,
//! over all periods; see [`crate::rank_volume`].

use std::collections::HashMap;

use crowsnest_model::{MetricKind, MetricRegistry, Period};

use crate::fit::Fitted;
use crate::folder::Folder;
use crate::panel::Standing;
use crate::panels::MetricPanel;
use crate::rank_volume::{Curve, Known};

/// A volume that was told from a rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OfRank {
    pub(crate) subject: u32,
    pub(crate) metric: u32,
    pub(crate) period: Period,
    pub(crate) log: f64,
    pub(crate) sd: f64,
}

/// Whether a metric is a place in an order.
pub(crate) fn is_rank(name: &str, registry: &MetricRegistry) -> bool {
    let is_known = registry.get(name).is_some_and(|metric| metric.kind == MetricKind::Rank);
    is_known || name == "rank" || name.ends_with("_rank")
}

/// The metric that a chart ranks by.
fn ranked_by(chart: &str, folder: &Folder, registry: &MetricRegistry) -> Option<u32> {
    if let Some(number) = chart.strip_suffix("_rank").and_then(|name| folder.metrics.known(name)) {
        return Some(number);
    }
    let mut amounts = folder.metrics.texts.iter().filter(|name| !is_rank(name, registry));
    let only = amounts.next()?;
    if amounts.next().is_some() { None } else { folder.metrics.known(only) }
}

/// Volumes of everything that a chart ranks, where the chart tells more surely than what sources say.
pub(crate) fn volumes(
    folder: &Folder,
    charts: &[MetricPanel],
    panels: &[MetricPanel],
    fitted: &[Fitted],
) -> Vec<OfRank> {
    let registry = MetricRegistry::built_in();
    let mut found = Vec::new();
    for chart in charts {
        let name = &folder.metrics.texts[chart.metric as usize];
        let Some(metric) = ranked_by(name, folder, &registry) else { continue };
        let Some(place) = panels.iter().position(|own| (own.metric, own.grain) == (metric, chart.grain)) else {
            continue;
        };
        for source in 0..chart.panel.n_sources as u16 {
            of_source(chart, source, &panels[place], &fitted[place], &mut found);
        }
    }
    found
}

fn of_source(chart: &MetricPanel, source: u16, volumes: &MetricPanel, fitted: &Fitted, found: &mut Vec<OfRank>) {
    let mut told: HashMap<(u32, Period), (f64, f64, bool)> = HashMap::new();
    for own in &fitted.estimates {
        let key = (volumes.series[own.series as usize].0, volumes.period(own.series, own.time));
        told.insert(key, (own.log, own.variance.sqrt(), own.n_sources > 0));
    }
    // What is known is what is said, without bias: smoothed figures would blur the order that the chart shows.
    let mut said: HashMap<(u32, Period), Vec<f64>> = HashMap::new();
    for seen in volumes.panel.observations.iter().filter(|seen| seen.standing != Standing::Widens) {
        let bias = match seen.standing {
            Standing::Anchors => 0.0,
            _ => fitted.model.biases.logs[usize::from(seen.source)][seen.time as usize],
        };
        let key = (volumes.series[seen.series as usize].0, volumes.period(seen.series, seen.time));
        said.entry(key).or_default().push(seen.log - bias);
    }
    let ranked = chart.panel.observations.iter().filter(|seen| seen.source == source);
    let mut known = vec![Vec::new(); chart.periods.len()];
    for seen in ranked.clone() {
        let key = (chart.series[seen.series as usize].0, chart.period(seen.series, seen.time));
        if let Some(logs) = said.get(&key) {
            let log = logs.iter().sum::<f64>() / logs.len() as f64;
            known[seen.time as usize].push(Known { rank: seen.log, log });
        }
    }
    let Some(curve) = Curve::fit(known) else { return };
    for seen in ranked {
        let (subject, _) = chart.series[seen.series as usize];
        let period = chart.period(seen.series, seen.time);
        let Some((log, sd)) = curve.at(seen.time as usize, seen.log) else { continue };
        let is_said = told.get(&(subject, period)).is_some_and(|(_, other, is_said)| *is_said || *other <= sd);
        if !is_said {
            found.push(OfRank { subject, metric: volumes.metric, period, log, sd });
        }
    }
}
