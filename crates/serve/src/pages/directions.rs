//! `/directions`: where to build: segments by demand, entrants, openness and money, with what each rests on.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, DirectionsQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::metric_label;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::say;

const N_ROWS: usize = 50;
const N_ROWS_MAX: usize = 10_000;
const LEAST: usize = 3;
const DAYS_MAX: usize = 36_500;
/// Products of a row that are named on the page; its data has more.
const N_NAMED: usize = 3;

pub(crate) struct Directions;

#[derive(Debug, Deserialize)]
struct Row {
    direction: String,
    score: f64,
    demand: f64,
    growth_over_market: Option<f64>,
    n_products: i64,
    n_entrants: i64,
    entrants_share: f64,
    concentration: f64,
    money: f64,
    n_rounds: i64,
    giants: String,
    leaders: String,
    leader_entities: String,
    entrants: String,
    entrant_entities: String,
}

/// A product that a row rests on.
struct Named {
    name: String,
    link: String,
}

struct Line {
    direction: String,
    score: String,
    demand: String,
    growth: String,
    n_products: String,
    entered: String,
    concentration: String,
    money: String,
    giants: String,
    leaders: Vec<Named>,
    entrants: Vec<Named>,
}

#[async_trait]
impl Page for Directions {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let page = Frame::new(request, say(request.language, "directions.title")).with_notes(&answer.notes);
        let rows: Vec<Row> = answer.rows_as()?;
        let fact = |name: &str| answer.facts.get(name).and_then(|fact| fact.as_str()).unwrap_or_default().to_owned();
        let view = DirectionsView {
            lines: rows.iter().map(|row| line(row, &fact("currency"), request, &page)).collect(),
            has_money: rows.iter().any(|row| row.n_rounds > 0),
            has_giants: rows.iter().any(|row| !row.giants.is_empty()),
            metric: metric_label(request, &fact("metric")),
            source: fact("source"),
            span: format!("{} – {}", fact("before"), fact("now")),
            page: &page,
        };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    let question = DirectionsQuestion {
        metric: request.text("metric"),
        region: request.text("region"),
        days: match request.number("days", 0, DAYS_MAX)? {
            0 => None,
            days => i32::try_from(days).ok(),
        },
        least: request.number("least", LEAST, N_ROWS_MAX)?,
        limit: request.number("limit", N_ROWS, N_ROWS_MAX)?,
        without: request.kept_back(),
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::directions(&request.lake, &question)).await
}

fn line(row: &Row, currency: &str, request: &PageRequest, page: &Frame) -> Line {
    let named = |names: &str, entities: &str| -> Vec<Named> {
        let pairs = names.split("; ").zip(entities.split("; ")).filter(|(name, _)| !name.is_empty());
        pairs.map(|(name, id)| Named { name: name.to_owned(), link: entity_link(page, Some(id), false) }).collect()
    };
    let mut leaders = named(&row.leaders, &row.leader_entities);
    leaders.truncate(N_NAMED);
    let leads = |one: &Named| leaders.iter().any(|leader| leader.link == one.link);
    let entrants = named(&row.entrants, &row.entrant_entities);
    let money = if row.n_rounds == 0 {
        String::new()
    } else {
        format!("{} ({})", numbers::with_unit(row.money, currency, request.language), row.n_rounds)
    };
    Line {
        direction: row.direction.clone(),
        score: numbers::percent(row.score),
        demand: numbers::compact(row.demand, request.language),
        growth: row.growth_over_market.map(numbers::change).unwrap_or_default(),
        n_products: numbers::count(row.n_products),
        entered: format!("{} ({})", numbers::count(row.n_entrants), numbers::percent(row.entrants_share)),
        concentration: format!("{:.2}", row.concentration),
        money,
        giants: row.giants.clone(),
        entrants: entrants.into_iter().filter(|one| !leads(one)).take(N_NAMED).collect(),
        leaders,
    }
}

#[derive(Template)]
#[template(path = "directions.html")]
struct DirectionsView<'a> {
    page: &'a Frame,
    metric: String,
    source: String,
    span: String,
    has_money: bool,
    has_giants: bool,
    lines: Vec<Line>,
}
