//! `/tenders`: who wins how many tenders, and for how much, by vendor and month.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::questions::{self, ShareQuestion};
use crowsnest_lake::{Answer, Language};
use serde::{Deserialize, Serialize};

use super::league::ask_periods;
use super::{SCOPE_NOTE, metric_label};
use crate::ServeError;
use crate::chart::for_script;
use crate::chart_file::{self, Bar, BarPart, ChartFile, ChartLinks, Drawing, StackChart};
use crate::frame::{Choice, Frame};
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::say;

const COUNT: &str = "tender_wins";
const AMOUNT: &str = "tender_amount";
/// Vendors in the table, the largest of the year.
const N_VENDORS: usize = 16;
/// Vendors with a colour of their own in the chart.
const N_STACKED: usize = 7;

pub(crate) struct Tenders;

#[async_trait]
impl Page for Tenders {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let (_, year) = years(request).await?;
        let metric = if request.get("metric") == Some(COUNT) { COUNT } else { AMOUNT };
        match found(ask(request, metric, &year).await)? {
            Some(answer) => Ok(answer),
            None => Ok(own_rows::answer(FIELDS, &[] as &[ShareRow])?),
        }
    }

    async fn chart_file(&self, request: &PageRequest) -> Result<Option<ChartFile>, ServeError> {
        let (_, year) = years(request).await?;
        let (metric, key) =
            if request.get("metric") == Some(COUNT) { (COUNT, "tenders.count") } else { (AMOUNT, "tenders.amount") };
        let Some(answer) = found(ask(request, metric, &year).await)? else { return Ok(None) };
        let rows: Vec<ShareRow> = answer.rows_as()?;
        let unit = answer.facts.get("unit").and_then(serde_json::Value::as_str).unwrap_or_default();
        let page = Frame::new(request, "");
        let table = HeatTable::new(request, &page, Measure { metric, key, unit }, &rows)?;
        let title = format!("{} · {}", table.title, numbers::period(&year, request.language));
        Ok(Some(ChartFile { title, sources: Vec::new(), drawing: Drawing::Stack(table.chart) }))
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let (years, year) = years(request).await?;
        let (counts, amounts) = futures::join!(ask(request, COUNT, &year), ask(request, AMOUNT, &year));
        let mut page = Frame::new(request, say(request.language, "tenders.title")).with_chart();
        let mut tables = Vec::new();
        for (metric, key, answer) in [(AMOUNT, "tenders.amount", amounts), (COUNT, "tenders.count", counts)] {
            let Some(mut answer) = found(answer)? else { continue };
            let rows: Vec<ShareRow> = answer.rows_as()?;
            if !rows.is_empty() {
                let unit = answer.facts.get("unit").and_then(serde_json::Value::as_str).unwrap_or_default();
                tables.push(HeatTable::new(request, &page, Measure { metric, key, unit }, &rows)?);
                answer.notes.retain(|note| !note.starts_with(SCOPE_NOTE));
                page = page.with_notes(&answer.notes);
            }
        }
        let choice = |text: &String| Choice {
            label: numbers::period(text, request.language),
            value: text.clone(),
            address: request.same_page_with(&[("year", text)]),
            is_current: *text == year,
        };
        let view = TendersView { page: &page, years: years.iter().map(choice).collect(), tables };
        Ok(view.render()?)
    }
}

/// The years with monthly tenders, newest first, and the one asked for or else the best covered.
async fn years(request: &PageRequest) -> Result<(Vec<String>, String), ServeError> {
    let (counts, amounts) = futures::try_join!(ask_periods(request, COUNT), ask_periods(request, AMOUNT))?;
    let mut years: Vec<(String, i64)> = Vec::new();
    for row in counts.iter().chain(&amounts).filter(|row| row.grain == "month") {
        let year = row.period.get(..4).unwrap_or_default();
        match years.iter_mut().find(|(known, _)| known == year) {
            Some((_, n)) => *n += row.n,
            None => years.push((year.to_owned(), row.n)),
        }
    }
    years.sort();
    let best = years.iter().max_by_key(|(_, n)| *n).map(|(year, _)| year.clone());
    let year = match request.text("year") {
        Some(year) if !is_year(&year) => {
            return Err(ServeError::bad_request(format!("{year:?} is not a year"), "write four digits, such as 2024"));
        }
        asked => asked.or(best).unwrap_or_default(),
    };
    Ok((years.into_iter().rev().map(|(year, _)| year).collect(), year))
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

async fn ask(request: &PageRequest, metric: &str, year: &str) -> Result<Answer, ServeError> {
    let next = year.parse::<i16>().ok().and_then(|year| year.checked_add(1));
    let question = ShareQuestion {
        metric: metric.to_owned(),
        grain: Some("month".to_owned()),
        from: next.map(|_| format!("{year}-01-01")),
        to: next.map(|next| format!("{next:04}-01-01")),
        region: request.text("region"),
        platform: request.text("platform"),
        segment: request.text("segment"),
        without: request.kept_back(),
        limit: Some(200),
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::share(&request.lake, &question)).await
}

/// An answer; `None` where there are no tenders to tell of.
fn found(answer: Result<Answer, ServeError>) -> Result<Option<Answer>, ServeError> {
    match answer {
        Err(error) if error.is_bad_question() => Ok(None),
        answer => answer.map(Some),
    }
}

/// What the data formats have where there are no tenders.
const FIELDS: &[(&str, Holds)] = &[
    ("period", Holds::Text),
    ("period_start", Holds::Text),
    ("rank", Holds::Count),
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("value", Holds::Number),
    ("share", Holds::Number),
    ("total", Holds::Number),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ShareRow {
    period: String,
    name: String,
    entity: String,
    value: f64,
}

/// What a table shows.
struct Measure<'a> {
    metric: &'static str,
    /// Key of its title.
    key: &'a str,
    unit: &'a str,
}

struct HeatCell {
    figure: String,
    exact: String,
    link: String,
    /// 0 (nothing) to 6 (most).
    level: usize,
}

struct HeatLine {
    name: String,
    name_link: String,
    cells: Vec<HeatCell>,
    total: String,
}

struct HeatTable {
    metric: &'static str,
    title: String,
    label: String,
    months: Vec<String>,
    lines: Vec<HeatLine>,
    totals: Vec<String>,
    total: String,
    chart: StackChart,
    files: ChartLinks,
    json: String,
}

/// What the script draws its stacked bars from.
#[derive(Serialize)]
struct StackData<'a> {
    metric: &'a str,
    title: &'a str,
    language: &'a str,
    unit: &'a str,
    months: &'a [String],
    series: Vec<StackSeries>,
}

#[derive(Serialize)]
struct StackSeries {
    name: String,
    values: Vec<Option<f64>>,
    figures: Vec<String>,
}

/// A vendor's values by month.
struct Vendor {
    name: String,
    entity: String,
    values: Vec<Option<f64>>,
    total: f64,
}

impl HeatTable {
    fn new(request: &PageRequest, page: &Frame, measure: Measure<'_>, rows: &[ShareRow]) -> Result<Self, ServeError> {
        let language = request.language;
        let Measure { metric, key, unit } = measure;
        let mut periods: Vec<&str> = rows.iter().map(|row| row.period.as_str()).collect();
        periods.sort_unstable();
        periods.dedup();
        let vendors = vendors(rows, &periods);
        let most = vendors.iter().flat_map(|vendor| &vendor.values).flatten().fold(0.0, |a: f64, b| a.max(*b));
        let figure = |value: f64| numbers::with_unit(value, unit, language);
        let line = |vendor: &Vendor| HeatLine {
            name: vendor.name.clone(),
            name_link: entity_link(page, Some(&vendor.entity), true),
            cells: periods
                .iter()
                .zip(&vendor.values)
                .map(|(period, value)| HeatCell {
                    figure: value.map(figure).unwrap_or_default(),
                    exact: value.map(numbers::exact).unwrap_or_default(),
                    link: page.link(&format!("/league?metric={metric}&period={period}")),
                    level: value.map_or(0, |value| level(value, most)),
                })
                .collect(),
            total: figure(vendor.total),
        };
        let totals: Vec<f64> =
            (0..periods.len()).map(|month| vendors.iter().filter_map(|vendor| vendor.values[month]).sum()).collect();
        let months: Vec<String> = periods.iter().map(|period| numbers::period(period, language)).collect();
        let stacks = stacks(&vendors, &totals, language);
        let title = say(language, key).to_owned();
        let data = StackData {
            metric,
            title: &title,
            language: language.tag(),
            unit,
            months: &months,
            series: stacks.iter().map(|stack| stack.for_script(unit, language)).collect(),
        };
        Ok(Self {
            metric,
            label: metric_label(request, metric),
            lines: vendors.iter().take(N_VENDORS).map(line).collect(),
            totals: totals.iter().map(|total| figure(*total)).collect(),
            total: figure(totals.iter().sum()),
            chart: StackChart {
                bars: bars(&stacks, &months, &totals, unit, language),
                legend: stacks.iter().map(|stack| stack.name.clone()).collect(),
                bar_width: format!("{:.1}", 752.0 / months.len().max(1) as f64 * 0.7),
            },
            files: chart_file::links(request, &[("metric", metric)]),
            json: for_script(&serde_json::to_string(&data)?),
            title,
            months,
        })
    }
}

/// The vendors, the largest of the year first.
fn vendors(rows: &[ShareRow], periods: &[&str]) -> Vec<Vendor> {
    let mut vendors: Vec<Vendor> = Vec::new();
    for row in rows {
        let Some(month) = periods.iter().position(|period| *period == row.period) else { continue };
        let known = vendors.iter().position(|vendor| vendor.entity == row.entity);
        let index = known.unwrap_or_else(|| {
            vendors.push(Vendor {
                name: row.name.clone(),
                entity: row.entity.clone(),
                values: vec![None; periods.len()],
                total: 0.0,
            });
            vendors.len() - 1
        });
        vendors[index].values[month] = Some(row.value);
        vendors[index].total += row.value;
    }
    vendors.sort_by(|left, right| right.total.total_cmp(&left.total));
    vendors
}

/// Six steps on a square-root scale, so that small winners are not all the same.
fn level(value: f64, most: f64) -> usize {
    if value <= 0.0 || most <= 0.0 {
        return 0;
    }
    1 + ((value / most).sqrt() * 5.99) as usize
}

/// One colour of the stacked bars.
struct Stack {
    name: String,
    values: Vec<Option<f64>>,
}

impl Stack {
    fn for_script(&self, unit: &str, language: Language) -> StackSeries {
        let figure =
            |value: &Option<f64>| value.map(|value| numbers::with_unit(value, unit, language)).unwrap_or_default();
        StackSeries {
            name: self.name.clone(),
            figures: self.values.iter().map(figure).collect(),
            values: self.values.clone(),
        }
    }
}

/// The largest vendors by themselves, all others together.
fn stacks(vendors: &[Vendor], totals: &[f64], language: Language) -> Vec<Stack> {
    let mut stacks: Vec<Stack> = vendors
        .iter()
        .take(N_STACKED)
        .map(|vendor| Stack { name: vendor.name.clone(), values: vendor.values.clone() })
        .collect();
    if vendors.len() > N_STACKED {
        let shown = |month: usize| -> f64 { stacks.iter().filter_map(|stack| stack.values[month]).sum() };
        let rest: Vec<Option<f64>> =
            totals.iter().enumerate().map(|(month, total)| Some((total - shown(month)).max(0.0))).collect();
        stacks.push(Stack { name: say(language, "tenders.others").to_owned(), values: rest });
    }
    stacks
}

/// Bars in a drawing of 760 by 220.
fn bars(stacks: &[Stack], months: &[String], totals: &[f64], unit: &str, language: Language) -> Vec<Bar> {
    let most = totals.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let step = 752.0 / months.len().max(1) as f64;
    let bar = |(month, label): (usize, &String)| {
        let mut top = 190.0;
        let parts = stacks.iter().enumerate().filter_map(|(style, stack)| {
            let value = stack.values[month].filter(|value| *value > 0.0)?;
            let height = value / most * 180.0;
            top -= height;
            Some(BarPart {
                style,
                y: format!("{top:.1}"),
                height: format!("{height:.1}"),
                title: format!("{label}: {} · {}", stack.name, numbers::with_unit(value, unit, language)),
            })
        });
        Bar {
            parts: parts.collect(),
            x: format!("{:.1}", 4.0 + step * (month as f64 + 0.15)),
            label_x: format!("{:.1}", 4.0 + step * (month as f64 + 0.5)),
            label: label.clone(),
        }
    };
    months.iter().enumerate().map(bar).collect()
}

#[derive(Template)]
#[template(path = "tenders.html")]
struct TendersView<'a> {
    page: &'a Frame,
    years: Vec<Choice>,
    tables: Vec<HeatTable>,
}
