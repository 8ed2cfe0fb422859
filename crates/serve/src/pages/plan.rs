//! `/plans/NAME`: one plan with its curves, the money before and after, scenarios side by side, and what experiments and people said
//! of it. `?rows=curves` gives the points of its curves as data.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, PlanQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::curves::CurveChart;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::plan_tables::{
    MoneyLine, PartLine, PeriodLine, ReadOut, ReturnLine, ScenarioTable, ThreatView, curves_of_fit, curves_of_plan,
    interval, label, money_lines, part_lines, period_lines, read_out, return_lines, scenario_table, threat_view,
};
use crate::pages::plans::{only_owner, plan_link};
use crate::plan_report::{Fit, Plan as PlanFound, Reports};
use crate::request::PageRequest;
use crate::words::{say_note, say_word};

pub(crate) struct Plan;

#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    part: String,
    known_at: String,
    outcome: Option<f64>,
    model: String,
    inputs: String,
    call: Option<String>,
    direction: Option<String>,
    comes_from: Option<String>,
    note: Option<String>,
}

/// What was said of the whole by one making.
struct MadeLine {
    kind: String,
    day: String,
    by: String,
    inputs: String,
    outcome: String,
    note: String,
}

/// The plan itself.
struct PlanView {
    reason: String,
    facts: Vec<(&'static str, String)>,
    money: Vec<MoneyLine>,
    curves: Vec<CurveChart>,
    words: Vec<String>,
    scenarios: Option<ScenarioTable>,
    periods: Vec<PeriodLine>,
    channels: Vec<String>,
    threat: Option<ThreatView>,
}

/// The fit that it rests on.
struct FitView {
    about: String,
    held_out: String,
    curves: Vec<CurveChart>,
    returns: Vec<ReturnLine>,
    parts: Vec<PartLine>,
    next_experiment: String,
}

#[async_trait]
impl Page for Plan {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        match request.get("rows") {
            Some("curves") => ask_for_curves(request).await,
            _ => ask(request).await,
        }
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let reports = Reports::of(answer.facts.get("reports"));
        let fit = reports.plan.as_ref().map(|plan| &plan.fit).or(reports.fit.as_ref());
        let notes: Vec<String> = fit.map(|fit| fit.notes.clone()).unwrap_or_default();
        let page = Frame::new(request, request.parameter.clone()).with_notes(&answer.notes).with_notes(&notes);
        let rows: Vec<Row> = answer.rows_as()?;
        let wholes: Vec<&Row> = rows.iter().filter(|row| row.part == "whole").collect();
        let first = |of: &dyn Fn(&Row) -> Option<String>| wholes.iter().find_map(|row| of(row));
        let comes_from = first(&|row| row.comes_from.clone()).filter(|name| *name != request.parameter);
        let view = PlanPage {
            name: request.parameter.clone(),
            made: wholes.iter().map(|row| made_line(row, &page)).collect(),
            direction: first(&|row| row.direction.clone()).unwrap_or_default(),
            is_of_call: first(&|row| row.call.clone()).is_some(),
            parent_link: comes_from.as_deref().map(|name| plan_link(&page, name)).unwrap_or_default(),
            parent: comes_from.unwrap_or_default(),
            plan: reports.plan.as_ref().map(|plan| plan_view(plan, &page)),
            fit: fit.map(|fit| fit_view(fit, reports.plan.is_none(), &page)),
            read_out: reports.experiment.as_ref().map(|own| read_out(own, &page)),
            curves_link: request.address_as(".csv", &[("rows", "curves"), ("theme", "")]),
            n_versions: answer.facts.get("versions").and_then(|own| own.as_array()).map_or(1, Vec::len),
            page: &page,
        };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    only_owner(request)?;
    request.ask(questions::plan(&request.lake, &question_of(request))).await
}

async fn ask_for_curves(request: &PageRequest) -> Result<Answer, ServeError> {
    only_owner(request)?;
    request.ask(questions::plan_curves(&request.lake, &question_of(request))).await
}

fn question_of(request: &PageRequest) -> PlanQuestion {
    PlanQuestion { name: request.parameter.clone(), as_of: request.as_of }
}

fn made_line(row: &Row, page: &Frame) -> MadeLine {
    let language = page.language();
    MadeLine {
        kind: say_word(language, "plan.kind", &row.kind),
        day: numbers::day(&row.known_at).to_owned(),
        by: row.model.clone(),
        inputs: row.inputs.clone(),
        outcome: row.outcome.map(|value| numbers::compact(value, language)).unwrap_or_default(),
        note: row.note.as_deref().map(|note| say_note(language, note)).unwrap_or_default(),
    }
}

fn plan_view(plan: &PlanFound, page: &Frame) -> PlanView {
    let language = page.language();
    let figure = |value: f64| numbers::compact(value, language);
    let reason = if plan.status == "infeasible" { plan.reason.clone().unwrap_or_default() } else { String::new() };
    let facts = vec![
        ("plan.spent", format!("{} / {}", figure(plan.spent), figure(plan.budget))),
        ("plan.periods", figure(plan.n_periods as f64)),
        ("plan.outcome", interval(&plan.outcome, language)),
        ("plan.gain", interval(&plan.gain_over_present_mix, language)),
        ("plan.probability_of_gain", numbers::percent(plan.probability_of_gain)),
        ("plan.gap", numbers::percent(plan.gap)),
        ("plan.shadow_price", numbers::exact(plan.shadow_price)),
    ];
    PlanView {
        reason,
        facts,
        money: money_lines(plan, language),
        curves: curves_of_plan(plan, page),
        words: plan.in_words.iter().map(|words| say_note(language, words)).collect(),
        scenarios: scenario_table(plan, language),
        periods: period_lines(plan, language),
        channels: plan.channels.iter().map(|own| label(&own.channel, &own.group)).collect(),
        threat: plan.threat.as_ref().map(|threat| threat_view(threat, language)),
    }
}

fn fit_view(fit: &Fit, is_alone: bool, page: &Frame) -> FitView {
    let language = page.language();
    let held_out = fit.held_out.first().map(|held| {
        let (error, naive) = (numbers::percent(held.error_share), numbers::percent(held.naive_error_share));
        format!("{}: {error} ({naive})", page.say_with("plan.held_out", held.n_periods))
    });
    FitView {
        about: format!("{} – {} ({})", fit.first_period, fit.last_period, fit.n_periods),
        held_out: held_out.unwrap_or_default(),
        curves: if is_alone { curves_of_fit(fit, page) } else { Vec::new() },
        returns: return_lines(fit, language),
        parts: part_lines(fit, language),
        next_experiment: fit.next_experiment.as_deref().map(|own| say_note(language, own)).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage<'a> {
    page: &'a Frame,
    name: String,
    made: Vec<MadeLine>,
    direction: String,
    is_of_call: bool,
    parent: String,
    parent_link: String,
    plan: Option<PlanView>,
    fit: Option<FitView>,
    read_out: Option<ReadOut>,
    /// The points of its curves as data.
    curves_link: String,
    n_versions: usize,
}
