//! Ranks of a market's charts as figures: what a chart ranks and nobody counts gets the volume of its rank.
//!
//! In: the claims of a metric with their model, and the claims of the chart that ranks by it (`downloads_rank` by
//! `downloads`). A chart is one source's ranks of one grain in one slice of the market; a curve is fitted to each
//! ([`crate::rank_volume`]) where volumes are known. Out: volumes of what no source counts in that period.

use std::collections::HashMap;

use crowsnest_model::{Grain, Period};

use crate::fit::Model;
use crate::loading::Loaded;
use crate::panel::Standing;
use crate::panels::MetricPanel;
use crate::rank_volume::{Curve, Known};

/// A volume that was told from a rank.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankFigure {
    pub(crate) entity: i64,
    pub(crate) dimensions: [String; 3],
    pub(crate) period: Period,
    pub(crate) log: f64,
    pub(crate) sd: f64,
    /// Mention and claim of the rank.
    pub(crate) ids: (i64, i64),
    pub(crate) reason: String,
}

/// One chart: ranks by period.
#[derive(Debug, Default)]
struct Chart {
    /// Entity, row, logarithm of the rank.
    times: HashMap<Period, Vec<(i64, usize, f64)>>,
}

/// Who is counted: entity, slice and period, with the sum of logarithms of volumes and how many those are.
type Counted<'a> = HashMap<(i64, &'a [String; 3], Period), (f64, f64)>;

/// The periods that figures of an entity in a slice reach from and to: those between have figures already.
type Reach<'a> = HashMap<(i64, &'a [String; 3]), (Period, Period)>;

/// Volumes of what `ranks` has and no source counts.
pub(crate) fn of_charts(loaded: &Loaded, panel: &MetricPanel, model: &Model, ranks: &Loaded) -> Vec<RankFigure> {
    let counted = counted(loaded, panel, model);
    let mut reach = Reach::new();
    for (entity, dimensions, period) in counted.keys() {
        let own = reach.entry((*entity, *dimensions)).or_insert((*period, *period));
        *own = (own.0.min(*period), own.1.max(*period));
    }
    let mut figures = Vec::new();
    for ((source, dimensions), chart) in charts(ranks, panel.grain) {
        let dimensions = &ranks.dimensions.all[dimensions as usize];
        let source = &ranks.sources[source as usize];
        of_chart(&chart, (source, dimensions), (&counted, &reach), ranks, &mut figures);
    }
    figures.sort_by_key(|own| (own.entity, own.dimensions.clone(), own.period, own.ids));
    // Of several charts that rank one thing, the surest tells.
    figures.sort_by(|a, b| {
        let key = |own: &RankFigure| (own.entity, own.dimensions.clone(), own.period);
        key(a).cmp(&key(b)).then(a.sd.total_cmp(&b.sd))
    });
    figures.dedup_by(|b, a| (a.entity, &a.dimensions, a.period) == (b.entity, &b.dimensions, b.period));
    figures
}

/// What is counted is the mean of what is said, without bias: smoothed figures would blur the order that a chart shows.
fn counted<'a>(loaded: &'a Loaded, panel: &MetricPanel, model: &Model) -> Counted<'a> {
    let mut counted = Counted::new();
    for seen in panel.panel.observations.iter().filter(|seen| seen.standing != Standing::Widens) {
        let bias = match seen.standing {
            Standing::Anchors => 0.0,
            _ => model.biases.logs[usize::from(seen.source)][seen.time as usize],
        };
        let (entity, dimensions) = loaded.subject(panel, seen.series);
        let key = (entity, &loaded.dimensions.all[dimensions as usize], panel.period(seen.series, seen.time));
        let own = counted.entry(key).or_insert((0.0, 0.0));
        *own = (own.0 + seen.log - bias, own.1 + 1.0);
    }
    counted
}

fn charts(ranks: &Loaded, grain: Grain) -> std::collections::BTreeMap<(u32, u32), Chart> {
    let mut charts: std::collections::BTreeMap<(u32, u32), Chart> = std::collections::BTreeMap::new();
    for row in 0..ranks.n_rows() {
        let cell = ranks.cell(row);
        let period = ranks.periods[cell.period as usize];
        if period.grain() == grain {
            let chart = charts.entry((cell.source, cell.dimensions)).or_default();
            let entity = ranks.entities[cell.entity as usize];
            chart.times.entry(period).or_default().push((entity, row, ranks.value(row).ln()));
        }
    }
    charts
}

fn of_chart(
    chart: &Chart,
    (source, dimensions): (&str, &[String; 3]),
    (counted, reach): (&Counted<'_>, &Reach<'_>),
    ranks: &Loaded,
    figures: &mut Vec<RankFigure>,
) {
    let mut periods: Vec<Period> = chart.times.keys().copied().collect();
    periods.sort_unstable();
    let volume = |entity: i64, period: Period| counted.get(&(entity, dimensions, period)).map(|(sum, n)| sum / n);
    let known: Vec<Vec<Known>> = periods
        .iter()
        .map(|period| {
            let ranked = chart.times[period].iter();
            ranked.filter_map(|(entity, _, rank)| Some(Known { rank: *rank, log: volume(*entity, *period)? })).collect()
        })
        .collect();
    let n_known: Vec<usize> = known.iter().map(Vec::len).collect();
    let Some(curve) = Curve::fit(known) else { return };
    for (time, period) in periods.iter().enumerate() {
        for (entity, row, rank) in &chart.times[period] {
            let has_figure = reach.get(&(*entity, dimensions)).is_some_and(|(from, to)| (from..=to).contains(&period));
            if has_figure {
                continue;
            }
            let Some((log, sd)) = curve.at(time, *rank) else { continue };
            figures.push(RankFigure {
                entity: *entity,
                dimensions: dimensions.clone(),
                period: *period,
                log,
                sd,
                ids: ranks.ids(*row),
                reason: format!(
                    "nobody counts it: from rank {:.0} on the chart of {source}, between {} known volumes",
                    rank.exp(),
                    n_known[time]
                ),
            });
        }
    }
}
