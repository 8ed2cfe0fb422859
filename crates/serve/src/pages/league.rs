//! `/league`: who leads in a metric for one period and scope, against the period before, with the market's total as
//! claimed and as summed.
//!
//! Where the address names no metric or period, the metric with the most sources and its latest well-covered period
//! are taken, so that `/league` alone shows something worth reading.

use std::collections::HashMap;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, LeagueQuestion, MetricsQuestion, PeriodsQuestion, ShareQuestion};
use crowsnest_model::Period;
use futures::FutureExt as _;
use serde::Deserialize;

use super::{SCOPE_NOTE, figures, is_lower_better, metric_label};
use crate::ServeError;
use crate::chart::sparkline;
use crate::frame::{Choice, Frame};
use crate::numbers;
use crate::page::Page;
use crate::redistribution;
use crate::request::PageRequest;
use crate::rows::{entity_link, scope};
use crate::words::{self, say, say_source};

/// Rows on the page; the data formats have all.
const N_ROWS: usize = 100;
/// Periods before this one that a sparkline goes back.
const N_TREND_PERIODS: usize = 18;

pub(crate) struct League;

#[async_trait]
impl Page for League {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let metric = match request.text("metric") {
            Some(metric) => metric,
            None => choose_metric(request).await?.1,
        };
        let period = match request.text("period") {
            Some(period) => period,
            None => choose_period(request, &metric).await?.1,
        };
        ask(request, &metric, &period, None).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let (metrics, metric) = choose_metric(request).await?;
        let (periods, period) = choose_period(request, &metric).await?;
        let limit = request.number("limit", N_ROWS, 5_000)?;
        let answer = ask(request, &metric, &period, Some(limit)).await;
        let label = metric_label(request, &metric);
        let title = format!("{label} · {}", numbers::period(&period, request.language));
        let (facts, rows, mut notes) = match answer {
            Ok(answer) => {
                let facts: Facts = serde_json::from_value(serde_json::Value::Object(answer.facts.clone()))?;
                (facts, answer.rows_as::<LeagueRow>()?, answer.notes)
            }
            // A period that has no figures still gets its page, with the others to choose from.
            Err(error) if error.is_bad_question() && Period::parse(&period).is_ok() => {
                let hint = error.hint().unwrap_or_default();
                (Facts::default(), Vec::new(), vec![error.to_string(), hint])
            }
            Err(error) => return Err(error),
        };
        // The page shows the other scopes as choices.
        notes.retain(|note| !note.starts_with(SCOPE_NOTE));
        let page = Frame::new(request, title).with_notes(&notes);
        let trends = trends(request, (&metric, &period), &facts, &periods).await.unwrap_or_default();
        let lines = lines(&rows, &facts, &page, &trends, is_lower_better(request, &metric));
        let view = LeagueView {
            metrics: metric_choices(request, &metrics, &metric),
            periods: period_choices(request, &periods, &period),
            scopes: scope_choices(request, &facts),
            bys: by_choices(request),
            unit: rows.first().map(|row| numbers::unit_label(&row.unit, request.language)).unwrap_or_default(),
            has_shares: rows.iter().any(|row| row.share.is_some()) && facts.totals.summed.is_some(),
            has_changes: rows.iter().any(|row| row.previous_value.is_some()),
            has_trends: lines.iter().any(|line| !line.trend.is_empty()),
            has_figures: lines.iter().any(|line| !line.reconciled.is_empty()),
            summary: summary(&facts, &rows, &page),
            previous: facts
                .previous_period
                .as_deref()
                .map_or_else(String::new, |text| numbers::period(text, request.language)),
            n_rows: facts.n_rows,
            label,
            metric,
            lines,
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// The league table, asked once for all languages; but for what products come to, whose rows name the products in words.
async fn ask(request: &PageRequest, metric: &str, period: &str, limit: Option<usize>) -> Result<Answer, ServeError> {
    let roll_up = match request.get("by") {
        Some("company") => Some(questions::RollUp::Company),
        Some("group") => Some(questions::RollUp::Group),
        _ => None,
    };
    let question = LeagueQuestion {
        metric: metric.to_owned(),
        period: period.to_owned(),
        region: request.text("region"),
        platform: request.text("platform"),
        segment: request.text("segment"),
        source: request.text("source"),
        by_source: request.get("by") == Some("source"),
        roll_up,
        limit,
        as_of: request.as_of,
        language: roll_up.and(request.question_language()),
    };
    redistribution::check_sums(roll_up.is_some(), &request.kept_back())?;
    let asked = request.ask_once(question, |lake, question| questions::league(lake, question).boxed()).await?;
    if roll_up.is_some() { Ok(asked) } else { Ok(request.in_own_language(asked)?) }
}

#[derive(Debug, Deserialize)]
pub(crate) struct MetricRow {
    pub(crate) metric: String,
    pub(crate) label: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PeriodRow {
    pub(crate) period: String,
    pub(crate) period_start: String,
    pub(crate) grain: String,
    pub(crate) n: i64,
}

/// The market's metrics, and the one asked for or else the first.
async fn choose_metric(request: &PageRequest) -> Result<(Vec<MetricRow>, String), ServeError> {
    let metrics = ask_metrics(request).await?;
    let first = metrics.first().map(|row| row.metric.clone());
    let metric = request.text("metric").or(first).unwrap_or_else(|| "mau".to_owned());
    Ok((metrics, metric))
}

/// The market's metrics, those with the most sources first.
pub(crate) async fn ask_metrics(request: &PageRequest) -> Result<Vec<MetricRow>, ServeError> {
    let question = MetricsQuestion { as_of: request.as_of, language: Some(request.language) };
    let asked = request.ask_once(question, |lake, question| questions::metrics(lake, question).boxed());
    Ok(asked.await?.rows_as()?)
}

async fn choose_period(request: &PageRequest, metric: &str) -> Result<(Vec<PeriodRow>, String), ServeError> {
    let periods = ask_periods(request, metric).await?;
    let period = request.text("period").or_else(|| best_period(&periods)).unwrap_or_else(|| "2024-12".to_owned());
    Ok((periods, period))
}

/// The periods of a metric that have anything to rank, newest first.
pub(crate) async fn ask_periods(request: &PageRequest, metric: &str) -> Result<Vec<PeriodRow>, ServeError> {
    let question = PeriodsQuestion { metric: metric.to_owned(), as_of: request.as_of };
    let asked = request.ask_once(question, |lake, question| questions::periods(lake, question).boxed());
    let mut periods: Vec<PeriodRow> = asked.await?.rows_as()?;
    periods.retain(|row| row.n > 0);
    Ok(periods)
}

/// The newest period with at least half as many names as the best covered one.
pub(crate) fn best_period(periods: &[PeriodRow]) -> Option<String> {
    let most = periods.iter().map(|row| row.n).max()?;
    periods.iter().find(|row| row.n * 2 >= most).map(|row| row.period.clone())
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LeagueRow {
    pub(crate) rank: Option<i64>,
    pub(crate) name: String,
    pub(crate) entity: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) unit: String,
    pub(crate) bound: Option<String>,
    pub(crate) share: Option<f64>,
    pub(crate) change_percent: Option<f64>,
    pub(crate) previous_value: Option<f64>,
    pub(crate) rank_change: Option<i64>,
    pub(crate) source: Option<String>,
    pub(crate) n_sources: Option<i64>,
    pub(crate) lowest: Option<f64>,
    pub(crate) highest: Option<f64>,
    pub(crate) status: Option<String>,
    pub(crate) as_written: Option<String>,
    pub(crate) claim: Option<String>,
    pub(crate) figure: Option<f64>,
    pub(crate) figure_low: Option<f64>,
    pub(crate) figure_high: Option<f64>,
    pub(crate) figure_reason: Option<String>,
    /// Whose figures a company's or group's is the sum of; empty where it has one of its own.
    pub(crate) parts: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    metric: String,
    period: String,
    previous_period: Option<String>,
    region: String,
    platform: String,
    segment: String,
    n_rows: i64,
    totals: Totals,
    concentration: Option<Concentration>,
    entries: Option<Vec<String>>,
    exits: Option<Vec<String>>,
    available: Vec<Scope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Totals {
    /// Rows may have others, where they are in several currencies.
    unit: Option<String>,
    claimed: Option<f64>,
    claimed_name: Option<String>,
    claimed_by: Option<String>,
    claim: Option<String>,
    summed: Option<f64>,
    gap: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Concentration {
    hhi: Option<f64>,
    top4: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Scope {
    region: String,
    platform: String,
    segment: String,
    n: i64,
}

/// A row of the table.
struct LeagueLine {
    rank: String,
    entity: String,
    name: String,
    name_link: String,
    figure: String,
    exact: String,
    claim_link: String,
    written: String,
    status: String,
    share: String,
    /// Width of the share bar, 0 to 100, against the largest share.
    bar: String,
    change: String,
    rank_change: String,
    direction: &'static str,
    trend: String,
    source: String,
    more_sources: String,
    /// The reconciled value, its 80 % interval, why it is so, and where that is shown.
    reconciled: String,
    interval: String,
    reason: String,
    reconciled_link: String,
}

fn lines(
    rows: &[LeagueRow],
    facts: &Facts,
    page: &Frame,
    trends: &HashMap<String, Vec<f64>>,
    is_lower_better: bool,
) -> Vec<LeagueLine> {
    let language = page.language();
    let largest = rows.iter().filter_map(|row| row.share).fold(0.0, f64::max);
    let has_before = rows.iter().any(|row| row.previous_value.is_some());
    let line = |row: &LeagueRow| {
        let trend = row.entity.as_ref().and_then(|entity| trends.get(entity));
        let bound = row.bound.as_deref().unwrap_or("exact");
        LeagueLine {
            rank: row.rank.map(numbers::count).unwrap_or_default(),
            entity: row.entity.clone().unwrap_or_default(),
            name: row.name.clone(),
            name_link: entity_link(page, row.entity.as_deref(), row.kind.as_deref() == Some("company")),
            figure: numbers::bounded(row.value, row.low, row.high, bound, &row.unit, language),
            exact: format!("{} {}", numbers::exact(row.value), numbers::unit_label(&row.unit, language)),
            claim_link: row.claim.as_ref().map_or_else(String::new, |claim| page.link(&format!("/claim/{claim}"))),
            written: row.as_written.clone().or_else(|| row.parts.clone()).unwrap_or_default(),
            status: row.status.clone().unwrap_or_default(),
            share: row.share.map(numbers::percent).unwrap_or_default(),
            bar: format!("{:.1}", 100.0 * row.share.unwrap_or(0.0) / largest.max(f64::MIN_POSITIVE)),
            change: match row.change_percent {
                Some(change) => numbers::change(change),
                None if has_before => say(language, "league.new").to_owned(),
                None => String::new(),
            },
            rank_change: rank_change(row.rank_change),
            direction: direction(row, is_lower_better),
            trend: trend.map(|values| sparkline(values, is_lower_better)).unwrap_or_default(),
            source: say_source(language, row.source.as_deref().unwrap_or_default()),
            more_sources: more_sources(row, facts, page),
            reconciled: row.figure.map(|value| numbers::with_unit(value, &row.unit, language)).unwrap_or_default(),
            interval: figures::interval(row.figure_low, row.figure_high, &row.unit, language),
            reason: figures::reason(row.figure_reason.as_deref().unwrap_or_default(), language),
            reconciled_link: figures::link(page, row.entity.as_deref(), &facts.metric, &facts.period),
        }
    };
    rows.iter().map(line).collect()
}

fn rank_change(change: Option<i64>) -> String {
    match change {
        Some(up @ 1..) => format!("▲{up}"),
        Some(0) | None => String::new(),
        Some(down) => format!("▼{}", -down),
    }
}

fn direction(row: &LeagueRow, is_lower_better: bool) -> &'static str {
    match row.change_percent {
        Some(change) if (change > 0.0) != is_lower_better && change != 0.0 => "up",
        Some(change) if change != 0.0 => "down",
        _ => "",
    }
}

/// The span of what further sources say, where there are some: `+1: 71.2M–75M`.
fn more_sources(row: &LeagueRow, facts: &Facts, page: &Frame) -> String {
    let (Some(n @ 2..), Some(lowest), Some(highest)) = (row.n_sources, row.lowest, row.highest) else {
        return String::new();
    };
    let plain = |value| numbers::with_unit(value, &row.unit, page.language());
    let is_shown = !facts.period.is_empty() && lowest < highest;
    if is_shown { format!("+{}: {}–{}", n - 1, plain(lowest), plain(highest)) } else { format!("+{}", n - 1) }
}

/// What stands above the table.
#[derive(Default)]
struct Summary {
    claimed: String,
    claimed_by: String,
    claimed_link: String,
    summed: String,
    gap: String,
    hhi: String,
    top4: String,
    entries: String,
    exits: String,
    scope: String,
}

fn summary(facts: &Facts, rows: &[LeagueRow], page: &Frame) -> Summary {
    let language = page.language();
    let Some(first) = rows.first() else { return Summary::default() };
    let unit = facts.totals.unit.as_ref().unwrap_or(&first.unit);
    let money = |value: Option<f64>| value.map(|value| numbers::with_unit(value, unit, language)).unwrap_or_default();
    let totals = &facts.totals;
    let claimed_by = totals.claimed_by.as_ref().map(|source| say_source(language, source));
    let by: Vec<String> = totals.claimed_name.iter().cloned().chain(claimed_by).collect();
    let gap_share = totals.gap.zip(totals.claimed).filter(|(_, claimed)| *claimed != 0.0);
    let join = |names: &Option<Vec<String>>| names.as_ref().map(|names| names.join(words::between(language)));
    let concentration = facts.concentration.as_ref();
    let parts = [("region", &facts.region), ("platform", &facts.platform), ("segment", &facts.segment)];
    Summary {
        claimed: money(totals.claimed),
        claimed_by: by.join(" · "),
        claimed_link: totals.claim.as_ref().map_or_else(String::new, |claim| page.link(&format!("/claim/{claim}"))),
        summed: money(totals.summed),
        gap: match gap_share {
            Some((gap, claimed)) => format!("{} ({})", money(Some(gap)), numbers::percent(gap / claimed)),
            None => String::new(),
        },
        hhi: concentration.and_then(|found| found.hhi).map(|hhi| format!("{hhi:.3}")).unwrap_or_default(),
        top4: concentration.and_then(|found| found.top4).map(numbers::percent).unwrap_or_default(),
        entries: join(&facts.entries).unwrap_or_default(),
        exits: join(&facts.exits).unwrap_or_default(),
        scope: scope(language, parts.map(|(group, value)| (group, Some(value.as_str())))),
    }
}

fn metric_choices(request: &PageRequest, metrics: &[MetricRow], current: &str) -> Vec<Choice> {
    let choice = |row: &MetricRow| Choice {
        label: row.label.clone().unwrap_or_else(|| row.metric.clone()),
        value: row.metric.clone(),
        address: String::new(),
        is_current: row.metric == current,
    };
    let mut choices: Vec<Choice> = metrics.iter().map(choice).collect();
    if !choices.iter().any(|choice| choice.is_current) {
        let label = metric_label(request, current);
        choices.push(Choice { label, value: current.to_owned(), address: String::new(), is_current: true });
    }
    choices
}

/// What a row is: a product or company, each source's word on it, or what a company or group comes to.
fn by_choices(request: &PageRequest) -> Vec<Choice> {
    let asked = request.get("by").unwrap_or_default();
    let choice = |(value, label): (&str, &'static str)| Choice {
        label: say(request.language, label).to_owned(),
        value: value.to_owned(),
        address: String::new(),
        is_current: value == asked,
    };
    let all = [
        ("", "league.by_name"),
        ("source", "league.by_source"),
        ("company", "league.by_company"),
        ("group", "league.by_group"),
    ];
    all.into_iter().map(choice).collect()
}

fn period_choices(request: &PageRequest, periods: &[PeriodRow], current: &str) -> Vec<Choice> {
    let language = request.language;
    let choice = |row: &PeriodRow| Choice {
        label: format!("{} ({})", numbers::period(&row.period, language), row.n),
        value: row.period.clone(),
        address: String::new(),
        is_current: row.period == current,
    };
    let mut choices: Vec<Choice> = periods.iter().map(choice).collect();
    if !choices.iter().any(|choice| choice.is_current) {
        let label = format!("{} (0)", numbers::period(current, language));
        choices.insert(0, Choice { label, value: current.to_owned(), address: String::new(), is_current: true });
    }
    choices
}

fn scope_choices(request: &PageRequest, facts: &Facts) -> Vec<Choice> {
    let language = request.language;
    let choice = |found: &Scope| {
        let parts = [("region", &found.region), ("platform", &found.platform), ("segment", &found.segment)];
        let label = scope(language, parts.map(|(group, value)| (group, Some(value.as_str()))));
        let label = if label.is_empty() { say(language, "scope.all").to_owned() } else { label };
        Choice {
            label: format!("{label} ({})", found.n),
            value: String::new(),
            address: request.same_page_with(&parts.map(|(name, value)| (name, value.as_str()))),
            is_current: (&found.region, &found.platform, &found.segment)
                == (&facts.region, &facts.platform, &facts.segment),
        }
    };
    facts.available.iter().map(choice).collect()
}

/// The values of each entity over the periods up to this one, for the sparklines.
///
/// Periods are asked for in blocks that always begin at the same ones, so that the tables of neighbouring periods share them.
async fn trends(
    request: &PageRequest,
    (metric, period): (&str, &str),
    shown: &Facts,
    periods: &[PeriodRow],
) -> Result<HashMap<String, Vec<f64>>, ServeError> {
    let mut trends: HashMap<String, Vec<f64>> = HashMap::new();
    let Some(current) = periods.iter().find(|row| row.period == period) else { return Ok(trends) };
    let mut starts: Vec<&str> =
        periods.iter().filter(|row| row.grain == current.grain).map(|row| row.period_start.as_str()).collect();
    starts.sort_unstable();
    starts.dedup();
    let last = starts.partition_point(|start| *start < current.period_start.as_str());
    let first = (last + 1).saturating_sub(N_TREND_PERIODS);
    if first == last || shown.region.is_empty() {
        return Ok(trends);
    }
    for block in first / N_TREND_PERIODS..=last / N_TREND_PERIODS {
        let question = ShareQuestion {
            metric: metric.to_owned(),
            grain: Some(current.grain.clone()),
            from: Some(starts[block * N_TREND_PERIODS].to_owned()),
            to: starts.get((block + 1) * N_TREND_PERIODS).map(|start| (*start).to_owned()),
            region: Some(shown.region.clone()),
            platform: Some(shown.platform.clone()),
            segment: Some(shown.segment.clone()),
            without: request.kept_back(),
            limit: Some(2 * N_ROWS),
            as_of: request.as_of,
            language: None,
        };
        let asked = request.ask_once(question, |lake, question| questions::share(lake, question).boxed());
        add_values(&asked.await?, (starts[first], starts[last]), &mut trends)?;
    }
    Ok(trends)
}

/// Adds each entity's values of the periods from one day to another, in their order.
fn add_values(
    shares: &Answer,
    (from, to): (&str, &str),
    trends: &mut HashMap<String, Vec<f64>>,
) -> Result<(), ServeError> {
    let column = |name: &str| shares.rows.column_by_name(name);
    let (Some(days), Some(entities), Some(values)) = (column("period_start"), column("entity"), column("value")) else {
        return Ok(());
    };
    let (days, entities) = (cast(days, &DataType::Utf8)?, cast(entities, &DataType::Utf8)?);
    let rows =
        days.as_string::<i32>().iter().zip(entities.as_string::<i32>()).zip(values.as_primitive::<Float64Type>());
    for ((day, entity), value) in rows {
        let (Some(day), Some(entity), Some(value)) = (day, entity, value) else { continue };
        if (from..=to).contains(&day) {
            trends.entry(entity.to_owned()).or_default().push(value);
        }
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "league.html")]
struct LeagueView<'a> {
    page: &'a Frame,
    label: String,
    metric: String,
    unit: String,
    metrics: Vec<Choice>,
    periods: Vec<Choice>,
    scopes: Vec<Choice>,
    bys: Vec<Choice>,
    has_shares: bool,
    has_changes: bool,
    has_trends: bool,
    has_figures: bool,
    summary: Summary,
    previous: String,
    n_rows: i64,
    lines: Vec<LeagueLine>,
}
