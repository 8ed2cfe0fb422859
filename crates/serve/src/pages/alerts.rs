//! `/alerts`: the rules and where they stand, what they raised, and how it was delivered. What receivers' servers said is shown
//! on the owner's machine only, as of sources.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::alerts::{Delivery, RaisedAlert};
use crowsnest_lake::{Answer, LakeError};
use crowsnest_run::alerts::{ALERTS_FILE, Alert, RuleState};
use serde::Serialize;

use crate::ServeError;
use crate::deliver::outbox::passed_on;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::digest::ToldLine;
use crate::request::PageRequest;
use crate::telling::Teller;
use crate::words::{say, say_word};

const N_ROWS: usize = 100;
const N_ROWS_MAX: usize = 10_000;

pub(crate) struct Alerts;

/// An alert as a row.
#[derive(Debug, Serialize)]
struct Row<'a> {
    raised_at: i64,
    rule: &'a str,
    what: &'static str,
    name: &'a str,
    entity: Option<&'a str>,
    metric: Option<&'a str>,
    period: Option<&'a str>,
    value: Option<f64>,
    before: Option<f64>,
    source: String,
    claim: Option<&'a str>,
    is_resting: bool,
    alert: &'a str,
}

const FIELDS: &[(&str, Holds)] = &[
    ("raised_at", Holds::Instant),
    ("rule", Holds::Text),
    ("what", Holds::Text),
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("value", Holds::Number),
    ("before", Holds::Number),
    ("source", Holds::Text),
    ("claim", Holds::Text),
    ("is_resting", Holds::Flag),
    ("alert", Holds::Text),
];

/// Raised alerts as an answer, for every data format.
///
/// # Errors
/// Where they cannot be made rows.
pub fn alerts_answer(alerts: &[(RaisedAlert, Alert)]) -> Result<Answer, LakeError> {
    let rows: Vec<Row<'_>> = alerts.iter().map(|(raised, alert)| of(raised, alert)).collect();
    own_rows::answer(FIELDS, &rows)
}

fn of<'a>(raised: &'a RaisedAlert, alert: &'a Alert) -> Row<'a> {
    let one = &alert.happening;
    Row {
        raised_at: raised.raised_at,
        rule: &raised.rule,
        what: one.what.as_str(),
        name: &one.name,
        entity: one.entity.as_deref(),
        metric: one.metric.as_deref(),
        period: one.period.as_deref(),
        value: one.value,
        before: one.before,
        source: one.sources.join("; "),
        claim: one.claim.as_deref(),
        is_resting: raised.is_resting,
        alert: &raised.alert,
    }
}

/// The alerts raised last, as they were kept.
///
/// # Errors
/// Of the state.
pub fn raised_alerts(lake: &crowsnest_lake::Lake, limit: usize) -> Result<Vec<(RaisedAlert, Alert)>, LakeError> {
    let raised = lake.state().alerts(limit)?;
    Ok(raised.into_iter().filter_map(|one| Some((one.clone(), serde_json::from_str(&one.body).ok()?))).collect())
}

#[async_trait]
impl Page for Alerts {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let (alerts, n_left_out) = raised(request)?;
        let mut answer = alerts_answer(&alerts)?;
        if n_left_out > 0 {
            answer.notes.push(format!("{n_left_out} rows of sources that may not be passed on are left out"));
        }
        Ok(answer)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let (alerts, n_left_out) = raised(request)?;
        let mut page = Frame::new(request, say(request.language, "alerts.title"));
        if n_left_out > 0 {
            page.notes.push(page.say_with("tell.left_out", n_left_out));
        }
        let rules = rules(request)?;
        let deliveries = request.lake.state().deliveries(N_ROWS)?;
        let view = AlertsView {
            has_file: request.lake.market().dir.join(ALERTS_FILE).is_file(),
            rules,
            alerts: alerts.iter().map(|(raised, alert)| line(request, &page, raised, alert)).collect(),
            deliveries: deliveries.iter().map(|one| delivery_line(request, &page, one)).collect(),
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// Without what may not be passed on, where others can look.
fn raised(request: &PageRequest) -> Result<(Vec<(RaisedAlert, Alert)>, usize), ServeError> {
    let alerts = raised_alerts(&request.lake, request.number("limit", N_ROWS, N_ROWS_MAX)?)?;
    let kept = request.get("rule");
    let alerts: Vec<(RaisedAlert, Alert)> =
        alerts.into_iter().filter(|(raised, _)| kept.is_none_or(|rule| rule == raised.rule)).collect();
    if !request.shared.is_shared {
        return Ok((alerts, 0));
    }
    let shown: Vec<&(RaisedAlert, Alert)> = alerts.iter().collect();
    let (shown, n_left_out) = passed_on(request.lake.market(), shown, |pair| &pair.1.happening);
    Ok((shown.into_iter().cloned().collect(), n_left_out))
}

struct RuleLine {
    name: String,
    kind: String,
    threshold: String,
    basis: String,
    past: String,
    n_found: String,
    fault: String,
    looked_at: String,
}

fn rules(request: &PageRequest) -> Result<Vec<RuleLine>, ServeError> {
    let noted = request.lake.state().noted_rules()?;
    let language = request.language;
    let line = |(at, body): (i64, String)| {
        let state: RuleState = serde_json::from_str(&body).ok()?;
        let threshold = state.threshold.map(|threshold| {
            let number = match state.measure.as_str() {
                "probability" | "share" | "factor" => numbers::percent(threshold),
                _ => numbers::exact(threshold),
            };
            format!("{number} {}", say_word(language, "measure", &state.measure))
        });
        Some(RuleLine {
            kind: say_word(language, "rule", &state.kind),
            threshold: threshold.unwrap_or_default(),
            past: match (state.n_past, state.n_false) {
                (Some(all), Some(wrong)) => format!("{all}, {wrong}"),
                _ => String::new(),
            },
            n_found: state.n_found.to_string(),
            fault: state.fault.unwrap_or_default(),
            looked_at: numbers::minute(at),
            basis: state.basis,
            name: state.rule,
        })
    };
    Ok(noted.into_iter().filter_map(line).collect())
}

struct AlertLine {
    at: String,
    rule: String,
    /// One.
    lines: Vec<ToldLine>,
    is_resting: bool,
}

fn line(request: &PageRequest, page: &Frame, raised: &RaisedAlert, alert: &Alert) -> AlertLine {
    let teller = Teller { lake: &request.lake, language: request.language };
    AlertLine {
        at: numbers::minute(raised.raised_at),
        rule: raised.rule.clone(),
        lines: vec![ToldLine::of(&teller.line(&alert.happening), page)],
        is_resting: raised.is_resting,
    }
}

struct DeliveryLine {
    at: String,
    channel: String,
    title: String,
    outcome: String,
    n_tries: u32,
    message: String,
}

fn delivery_line(request: &PageRequest, page: &Frame, one: &Delivery) -> DeliveryLine {
    let hidden = page.is_shared();
    DeliveryLine {
        at: numbers::minute(one.done_at.unwrap_or(one.made_at)),
        channel: one.channel.clone(),
        // A title tells what it is about, which may rest on any source.
        title: if hidden { String::new() } else { one.title.clone() },
        outcome: say_word(request.language, "outcome", &one.outcome),
        n_tries: one.n_tries,
        message: if hidden { String::new() } else { one.message.clone() },
    }
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsView<'a> {
    page: &'a Frame,
    has_file: bool,
    rules: Vec<RuleLine>,
    alerts: Vec<AlertLine>,
    deliveries: Vec<DeliveryLine>,
}
