//! What the pages of products, companies and segments have in common: one chart and one table per metric with every
//! source as its own line, then events.
//!
//! Three questions, asked at once: every claim with its vintages (`why`), the reconciled figures, and the events. Names come from memory.

use askama::Template;
use crowsnest_lake::questions::{self, EventsQuestion, WhyQuestion};
use crowsnest_lake::state::notes::Note;
use crowsnest_lake::{Answer, Lake};

use super::figures::{self, FigureRow};
use super::notes::NoteLine;
use super::{is_lower_better, metric_label};
use crate::ServeError;
use crate::chart::{BandPoint, ChartData, ChartLine, ChartPoint, ChartWords, LineChart, day_number, middle_day};
use crate::chart_file::{self, ChartFile, Drawing};
use crate::frame::Frame;
use crate::notes;
use crate::numbers;
use crate::request::PageRequest;
use crate::rows::{ClaimLine, ClaimRow, EntityLine, EntityRow, EventRow, Story, stories};
use crate::words;

/// Rows per table unless all are asked for.
const N_LINES: usize = 12;
const N_EVENTS_MAX: usize = 500;
/// Events shown of the company that a product belongs to.
const N_COMPANY_EVENTS: usize = 20;

/// Every claim on the entity that the address names.
pub(crate) async fn ask(request: &PageRequest, kind: Option<&str>) -> Result<Answer, ServeError> {
    request.ask(questions::why(&request.lake, &question(request, kind))).await
}

/// The same for the page, which asks for figures besides. Of one period its note says what the figure is.
async fn claims(request: &PageRequest, kind: Option<&str>) -> Result<Answer, ServeError> {
    let question = question(request, kind);
    let question = WhyQuestion { without_figures: question.metric.is_none() || question.period.is_none(), ..question };
    request.ask(questions::why(&request.lake, &question)).await
}

fn question(request: &PageRequest, kind: Option<&str>) -> WhyQuestion {
    WhyQuestion {
        name: request.parameter.clone(),
        kind: kind.map(str::to_owned),
        metric: request.text("metric"),
        period: request.text("period"),
        as_of: request.as_of,
        language: request.question_language(),
        without_figures: false,
    }
}

/// The page; `products` are those of a company.
pub(crate) async fn html(
    request: &PageRequest,
    kind: Option<&str>,
    products: Vec<EntityRow>,
) -> Result<String, ServeError> {
    let name = names(&request.lake, request, kind)?;
    let events_question = EventsQuestion {
        name: Some(name.entity.clone()),
        limit: Some(N_EVENTS_MAX),
        oldest_first: true,
        as_of: request.as_of,
        language: Some(request.language),
        ..EventsQuestion::default()
    };
    let events = request.ask(questions::events(&request.lake, &events_question));
    let (claims, events, company_events, reconciled) =
        futures::try_join!(claims(request, kind), events, company_events(request, &name), figures::ask(request, kind))?;
    let reconciled: Vec<FigureRow> = reconciled.rows_as()?;
    let rows: Vec<ClaimRow> = claims.rows_as()?;
    let event_rows: Vec<EventRow> = events.rows_as()?;
    let page = Frame::new(request, name.shown.clone()).with_notes(&claims.notes).with_chart();
    let mut sections = sections(request, &page, &rows, (&reconciled, &name.entity))?;
    let noted = notes::of(request, &name.entity)?;
    mark(request, &name, &noted, &mut sections).await?;
    let general = noted.iter().filter(|note| note.metric.is_empty());
    let view = EntityView {
        notes: general.map(|note| NoteLine::new(note, request)).collect(),
        stories: stories(event_rows, &page),
        company_stories: stories(company_events, &page),
        products: products.iter().map(|row| EntityLine::new(row, &page)).collect(),
        page: &page,
        name: &name,
        sections,
    };
    Ok(view.render()?)
}

/// The chart of one metric as a file of its own.
pub(crate) async fn chart_file(request: &PageRequest, kind: Option<&str>) -> Result<Option<ChartFile>, ServeError> {
    let Some(metric) = request.text("metric") else {
        return Err(ServeError::bad_request("a picture is of one metric", "write ?metric= and its id"));
    };
    let name = names(&request.lake, request, kind)?;
    let (claims, reconciled) = futures::try_join!(claims(request, kind), figures::ask(request, kind))?;
    let (rows, reconciled): (Vec<ClaimRow>, Vec<FigureRow>) = (claims.rows_as()?, reconciled.rows_as()?);
    let page = Frame::new(request, name.shown.clone());
    let mut sections = sections(request, &page, &rows, (&reconciled, &name.entity))?;
    mark(request, &name, &notes::of(request, &name.entity)?, &mut sections).await?;
    let of_metric = sections.into_iter().find(|section| section.metric == metric);
    let mut sources: Vec<String> = rows.iter().map(|row| words::say_source(request.language, &row.source)).collect();
    sources.sort();
    sources.dedup();
    Ok(of_metric.and_then(|section| section.chart).map(|chart| {
        let title = format!("{} · {}", name.shown, chart.title);
        ChartFile { title, sources, drawing: Drawing::Lines(Box::new(chart)) }
    }))
}

/// Puts what detection said and what people noted onto the charts.
async fn mark(
    request: &PageRequest,
    name: &Names,
    noted: &[Note],
    sections: &mut [MetricSection],
) -> Result<(), ServeError> {
    let Some(id) = request.lake.identity().by_hex(&name.entity).map(|entity| entity.id) else { return Ok(()) };
    let mut marks = crate::signal_marks::of(request, id).await?;
    for section in sections.iter_mut() {
        let Some(chart) = &mut section.chart else { continue };
        let own = marks.remove(&section.metric).unwrap_or_default();
        own.into_iter().for_each(|(day, title)| chart.mark(day, title));
    }
    annotate(request, noted, sections);
    Ok(())
}

/// Puts what people noted onto the charts; notes of one metric also stand below its chart.
fn annotate(request: &PageRequest, noted: &[Note], sections: &mut [MetricSection]) {
    for note in noted {
        let Some(day) = day_number(&note.day) else { continue };
        for section in sections.iter_mut().filter(|own| note.metric.is_empty() || own.metric == note.metric) {
            let line = NoteLine::new(note, request);
            if let Some(chart) = &mut section.chart {
                chart.mark(f64::from(day), format!("{}: {} ({})", line.day, line.words, line.by));
            }
            if !note.metric.is_empty() {
                section.notes.push(line);
            }
        }
    }
}

/// The latest events of the company that a product belongs to: most of what happens to a product is told of its company.
async fn company_events(request: &PageRequest, name: &Names) -> Result<Vec<EventRow>, ServeError> {
    if name.owner_entity.is_empty() {
        return Ok(Vec::new());
    }
    let question = EventsQuestion {
        name: Some(name.owner_entity.clone()),
        limit: Some(N_COMPANY_EVENTS),
        as_of: request.as_of,
        language: Some(request.language),
        ..EventsQuestion::default()
    };
    request.ask(questions::events(&request.lake, &question)).await?.rows_as().map_err(ServeError::from)
}

/// The names of an entity and its owner's, ready to show.
struct Names {
    entity: String,
    identity_path: String,
    compare_path: String,
    shown: String,
    also: String,
    kind: String,
    owner: String,
    owner_entity: String,
    owner_link: String,
    relations: Vec<RelationLine>,
}

/// Whom it belongs or belonged to, and what it followed, with days and who says so.
struct RelationLine {
    words: String,
    other: String,
    link: String,
    days: String,
    by: String,
    address: String,
}

fn relation_lines(request: &PageRequest, identity: &crowsnest_lake::Identity, entity: i64) -> Vec<RelationLine> {
    let day = |key: &str, day: Option<i32>| {
        day.map_or_else(String::new, |day| {
            format!(" {} {}", words::say(request.language, key), crowsnest_model::day_to_string(day))
        })
    };
    let lines = identity.relations_of(entity).iter().map(|told| {
        let other = identity.entity(told.other_id);
        let folder = if told.relation == "owned_by" { "company" } else { "product" };
        RelationLine {
            words: words::say_word(request.language, "relation", &told.relation),
            other: other.map_or_else(String::new, |other| other.name(request.language).to_owned()),
            link: other.map_or_else(String::new, |other| request.link(&format!("/{folder}/{}", other.hex()))),
            days: day("relation.from", told.valid_from) + &day("relation.until", told.valid_until),
            by: told.by.clone(),
            address: crate::rows::web_address(Some(&told.why)),
        }
    });
    lines.collect()
}

fn names(lake: &Lake, request: &PageRequest, kind: Option<&str>) -> Result<Names, ServeError> {
    let kind = kind.and_then(|kind| kind.parse().ok());
    let identity = lake.identity();
    let entity = identity.find(&request.parameter, kind)?;
    let shown = entity.name(request.language).to_owned();
    let owner = entity.owner.and_then(|owner| identity.entity(owner));
    let mut also: Vec<&str> = Vec::new();
    for name in [&entity.name_en, &entity.name_hans, &entity.name_hant] {
        if !name.is_empty() && *name != shown && !also.contains(&name.as_str()) {
            also.push(name);
        }
    }
    Ok(Names {
        entity: entity.hex(),
        identity_path: format!("/identity/{}", entity.hex()),
        compare_path: format!("/compare?name={}", entity.hex()),
        also: also.join(" · "),
        kind: words::say_word(request.language, "kind", entity.kind.as_str()),
        owner: owner.map_or_else(String::new, |owner| owner.name(request.language).to_owned()),
        owner_entity: owner.map_or_else(String::new, |owner| owner.hex()),
        owner_link: owner.map_or_else(String::new, |owner| request.link(&format!("/company/{}", owner.hex()))),
        // The owner of today stands above; what has days, or is no ownership, needs a line.
        relations: relation_lines(request, &identity, entity.id)
            .into_iter()
            .zip(identity.relations_of(entity.id))
            .filter(|(_, told)| told.relation != "owned_by" || told.valid_from.is_some() || told.valid_until.is_some())
            .map(|(line, _)| line)
            .collect(),
        shown,
    })
}

/// One metric of the entity.
struct MetricSection {
    metric: String,
    label: String,
    unit: String,
    latest: String,
    latest_period: String,
    latest_link: String,
    latest_source: String,
    n_sources: usize,
    chart: Option<LineChart>,
    lines: Vec<ClaimLine>,
    n_lines: usize,
    all_link: String,
    /// What people noted of this metric, and where to write more.
    notes: Vec<NoteLine>,
    notes_link: String,
    /// The latest reconciled figure with its interval and reason, and where all are.
    reconciled: String,
    reconciled_reason: String,
    reconciled_link: String,
}

/// The reconciled figures of an entity, and its id.
type Reconciled<'a> = (&'a [FigureRow], &'a str);

fn sections(
    request: &PageRequest,
    page: &Frame,
    rows: &[ClaimRow],
    reconciled: Reconciled<'_>,
) -> Result<Vec<MetricSection>, ServeError> {
    let mut sections = Vec::new();
    for claims in rows.chunk_by(|left, right| left.metric == right.metric) {
        sections.push(section(request, page, claims, reconciled)?);
    }
    sections.sort_by_key(|section| std::cmp::Reverse((section.n_sources, section.n_lines)));
    Ok(sections)
}

fn section(
    request: &PageRequest,
    page: &Frame,
    claims: &[ClaimRow],
    (figures, entity): Reconciled<'_>,
) -> Result<MetricSection, ServeError> {
    let metric = claims[0].metric.as_str();
    let label = metric_label(request, metric);
    let language = request.language;
    let in_force: Vec<&ClaimRow> = claims.iter().filter(|row| row.in_force == Some(true)).collect();
    let shown = if in_force.is_empty() { claims.iter().collect() } else { in_force };
    let is_all = request.get("all") == Some(metric);
    let n_shown = if is_all { shown.len() } else { shown.len().min(N_LINES) };
    let mut sources: Vec<&str> = claims.iter().map(|row| row.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let latest = shown[0];
    let band = figures::band(figures, metric, language, page, entity);
    let told = band.last().map(|point| (format!("{} · {}", point.period, point.figure), point.reason.clone()));
    let (reconciled, reconciled_reason) = told.unwrap_or_default();
    Ok(MetricSection {
        unit: numbers::unit_label(&latest.unit, language),
        latest: latest.figure(language),
        latest_period: numbers::period(&latest.period, language),
        latest_link: page.link(&format!("/claim/{}", latest.claim)),
        latest_source: words::say_source(language, &latest.source),
        n_sources: sources.len(),
        chart: chart(request, page, claims, &label, band)?,
        reconciled,
        reconciled_reason,
        reconciled_link: page.link(&format!("/figures/{entity}?metric={metric}")),
        lines: shown[..n_shown].iter().map(|row| ClaimLine::new(row, page, &label)).collect(),
        n_lines: shown.len(),
        notes: Vec::new(),
        notes_link: if page.is_shared() {
            String::new()
        } else {
            page.link(&format!("/notes/{entity}?metric={metric}"))
        },
        all_link: if n_shown < shown.len() {
            format!("{}#{metric}", request.same_page_with(&[("all", metric)]))
        } else {
            String::new()
        },
        metric: metric.to_owned(),
        label,
    })
}

/// The chart of a metric; `None` where there is nothing to compare.
fn chart(
    request: &PageRequest,
    page: &Frame,
    claims: &[ClaimRow],
    label: &str,
    band: Vec<BandPoint>,
) -> Result<Option<LineChart>, ServeError> {
    if claims.len() + band.len() < 3 && claims.len() < 2 {
        return Ok(None);
    }
    let data = ChartData {
        metric: claims[0].metric.clone(),
        title: label.to_owned(),
        unit: claims[0].unit.clone(),
        language: request.language.tag(),
        lower_is_better: is_lower_better(request, &claims[0].metric),
        is_log: false,
        lines: chart_lines(request, page, claims),
        band,
        words: ChartWords::new(page),
    };
    let mut chart = LineChart::new(&data, request.language)?;
    chart.files = chart_file::links(request, &[("metric", &data.metric)]);
    Ok(Some(chart))
}

/// One line per source, scope and length of period: a month is never joined to a quarter.
fn chart_lines(request: &PageRequest, page: &Frame, claims: &[ClaimRow]) -> Vec<ChartLine> {
    let language = request.language;
    let key = |row: &ClaimRow| (row.source.clone(), row.scope(language), grain_order(row));
    let mut sorted: Vec<(_, &ClaimRow)> = claims.iter().map(|row| (key(row), row)).collect();
    sorted.sort_by(|(left_key, left), (right_key, right)| {
        left_key.cmp(right_key).then_with(|| left.period_start.cmp(&right.period_start))
    });
    let mut scopes: Vec<&str> = sorted.iter().map(|((_, scope, _), _)| scope.as_str()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let has_scopes = scopes.len() > 1;
    let mut lines: Vec<ChartLine> = Vec::new();
    for group in sorted.chunk_by(|(left, _), (right, _)| left == right) {
        let (source, scope, grain) = &group[0].0;
        let mut label = words::say_source(language, source);
        if has_scopes && !scope.is_empty() {
            label.push_str(&format!(" · {scope}"));
        }
        let shares_label = lines.iter().any(|line| line.label == label);
        if shares_label {
            label.push_str(&format!(" · {}", grain_word(*grain)));
        }
        let points = group.iter().filter_map(|(_, row)| chart_point(row, page)).collect();
        lines.push(ChartLine { label, points });
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.points.len()));
    lines
}

fn chart_point(row: &ClaimRow, page: &Frame) -> Option<ChartPoint> {
    let language = page.language();
    let day = middle_day(row.period_start.as_deref()?, row.period_end.as_deref().unwrap_or_default())?;
    let is_range = matches!(row.bound.as_deref(), Some("range"));
    Some(ChartPoint {
        day,
        value: row.value,
        low: row.low.filter(|_| is_range),
        high: row.high.filter(|_| is_range),
        figure: row.figure(language),
        period: numbers::period(&row.period, language),
        status: words::say_word(language, "status", &row.status),
        known: row.known_at.as_deref().map(numbers::day).unwrap_or_default().to_owned(),
        written: row.as_written.clone().unwrap_or_default(),
        claim: row.claim.clone(),
        link: page.link(&format!("/claim/{}", row.claim)),
        in_force: row.in_force.unwrap_or(true),
    })
}

/// The length of a row's period, in the lengths that have a name.
fn grain_order(row: &ClaimRow) -> u8 {
    let days = || {
        let start = day_number(row.period_start.as_deref()?)?;
        Some(day_number(row.period_end.as_deref()?)? - start)
    };
    match days().unwrap_or(1) {
        ..=1 => 0,
        2..=7 => 1,
        8..=31 => 2,
        32..=92 => 3,
        93..=184 => 4,
        _ => 5,
    }
}

fn grain_word(grain: u8) -> &'static str {
    ["1d", "1w", "1m", "3m", "6m", "12m"][usize::from(grain.min(5))]
}

#[derive(Template)]
#[template(path = "entity.html")]
struct EntityView<'a> {
    page: &'a Frame,
    name: &'a Names,
    sections: Vec<MetricSection>,
    notes: Vec<NoteLine>,
    stories: Vec<Story>,
    company_stories: Vec<Story>,
    products: Vec<EntityLine>,
}
