//! `plans`, `plan`, its curves, and `loop`: what was planned, tried and came of it. They read the tables `plans` and `signals`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{quoted, rows};
use crate::own_rows::{self, Holds};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Which plans.
#[derive(Debug, Clone, Default)]
pub struct PlansQuestion {
    /// `fit`, `plan`, `experiment` or `outcome`; all where not said.
    pub kind: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Microseconds; only what was made by then.
    pub as_of: Option<i64>,
}

const WHOLE: &str =
    "plan, kind, known_at, model, inputs, vintage, spend, outcome, q05, q50, q95, call, direction, comes_from, note";

/// The last version of each plan, fit, experiment and outcome, newest first, with how many versions there are.
///
/// # Errors
/// Those of the engine.
pub async fn plans(lake: &Lake, question: &PlansQuestion) -> Result<Answer> {
    let kind = question.kind.as_ref().map_or("TRUE".to_owned(), |kind| format!("kind = {}", quoted(kind)));
    let sql = format!(
        "SELECT {WHOLE}, n_versions FROM ( \
           SELECT *, row_number() OVER (PARTITION BY plan, kind ORDER BY known_at DESC, plan_id) AS nth, \
                  count(*) OVER (PARTITION BY plan, kind) AS n_versions \
           FROM plans WHERE part = 'whole' AND {kind} AND {}) \
         WHERE nth = 1 ORDER BY known_at DESC, plan, kind LIMIT {}",
        rows::known_by(question.as_of),
        question.limit
    );
    let answer = super::run(lake, &sql).await?;
    Ok(if answer.rows.num_rows() == 0 {
        answer.with_note(
            "nothing was planned yet: `crowsnest grow plan FILE.toml` in the market's folder keeps what it finds",
        )
    } else {
        answer
    })
}

/// Which plan.
#[derive(Debug, Clone, Default)]
pub struct PlanQuestion {
    /// Its name.
    pub name: String,
    /// Microseconds; as it was by then.
    pub as_of: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Reported {
    kind: String,
    known_at: String,
    report: Option<String>,
}

/// The rows of a plan's last version of each kind; the fact `reports` has all that was found, by kind, and `versions` when they
/// were made.
///
/// # Errors
/// [`LakeError::UnknownName`] where nothing is called that.
pub async fn plan(lake: &Lake, question: &PlanQuestion) -> Result<Answer> {
    let meant = format!("plan = {} AND {}", quoted(&question.name), rows::known_by(question.as_of));
    let sql = format!(
        "SELECT p.plan, p.kind, p.part, p.known_at, p.channel, p.product, p.period, p.present, p.spend, p.outcome, p.q05, p.q50, \
                p.q95, p.model, p.inputs, p.vintage, p.call, p.direction, p.comes_from, p.note \
         FROM plans p JOIN (SELECT kind AS last_kind, max(known_at) AS last_known_at FROM plans WHERE {meant} GROUP BY kind) l \
           ON p.kind = l.last_kind AND p.known_at = l.last_known_at \
         WHERE {meant} \
         ORDER BY p.kind, CASE p.part WHEN 'whole' THEN 0 WHEN 'channel' THEN 1 WHEN 'scenario' THEN 2 ELSE 3 END, \
                  p.product, p.channel, p.period"
    );
    let answer = super::run(lake, &sql).await?;
    if answer.rows.num_rows() == 0 {
        let known =
            plans(lake, &PlansQuestion { limit: 1000, as_of: question.as_of, ..PlansQuestion::default() }).await?;
        let names: Vec<Named> = known.rows_as()?;
        let mut close: Vec<String> = names.into_iter().map(|named| named.plan).collect();
        close.dedup();
        close.truncate(5);
        return Err(LakeError::UnknownName { name: question.name.clone(), close });
    }
    let sql = format!(
        "SELECT kind, CAST(known_at AS VARCHAR) AS known_at, report FROM plans WHERE part = 'whole' AND {meant} ORDER BY known_at DESC"
    );
    let (mut reports, mut versions) = (BTreeMap::new(), Vec::new());
    for told in super::run(lake, &sql).await?.rows_as::<Reported>()? {
        versions.push(json!({ "kind": told.kind, "known_at": told.known_at }));
        let report: Value = told.report.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        reports.entry(told.kind).or_insert(report);
    }
    Ok(answer.with_fact("reports", json!(reports)).with_fact("versions", versions))
}

#[derive(Debug, Deserialize)]
struct Named {
    plan: String,
}

/// A point of a response curve.
#[derive(Debug, Serialize)]
struct CurvePoint {
    channel: String,
    product: Option<String>,
    spend: Option<f64>,
    mean: Option<f64>,
    q05: Option<f64>,
    q95: Option<f64>,
}

const CURVE_FIELDS: &[(&str, Holds)] = &[
    ("channel", Holds::Text),
    ("product", Holds::Text),
    ("spend", Holds::Number),
    ("mean", Holds::Number),
    ("q05", Holds::Number),
    ("q95", Holds::Number),
];

/// The response curves of a plan's last version, or, where nothing was planned, of the fit of that name: for each channel what a
/// period brings (`mean`, and the interval that holds it with probability 0.9) by the money that is spent on it in a period.
///
/// # Errors
/// [`LakeError::UnknownName`] where nothing is called that.
pub async fn plan_curves(lake: &Lake, question: &PlanQuestion) -> Result<Answer> {
    let kept = plan(lake, question).await?;
    let channels_of = |kind: &&str| kept.facts.get("reports")?.get(*kind)?.get("channels")?.as_array();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let mut points = Vec::new();
    for channel in ["plan", "fit"].iter().find_map(channels_of).into_iter().flatten() {
        for point in channel["curve"].as_array().into_iter().flatten() {
            points.push(CurvePoint {
                channel: text(&channel["channel"]).unwrap_or_default(),
                product: text(&channel["group"]),
                spend: point["spend"].as_f64(),
                mean: point["mean"].as_f64(),
                q05: point["q05"].as_f64(),
                q95: point["q95"].as_f64(),
            });
        }
    }
    own_rows::answer(CURVE_FIELDS, &points)
}

/// Which loops.
#[derive(Debug, Clone, Default)]
pub struct LoopQuestion {
    /// Calls of which nothing came yet, at most so many: the latest and likeliest.
    pub n_open_calls: usize,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of the names.
    pub language: Option<Language>,
}

/// A step on the way from a call to an outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    thread: String,
    step: String,
    at: Option<String>,
    name: String,
    entity: Option<String>,
    plan: Option<String>,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    said: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Made {
    plan: String,
    kind: String,
    at: String,
    outcome: Option<f64>,
    q05: Option<f64>,
    q95: Option<f64>,
    call: Option<String>,
    direction: Option<String>,
    comes_from: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Called {
    call: String,
    at: String,
    entity: String,
    name: String,
    metric: String,
    period: String,
    probability: f64,
    came: Option<f64>,
    came_at: Option<String>,
}

const STEP_FIELDS: &[(&str, Holds)] = &[
    ("thread", Holds::Text),
    ("step", Holds::Text),
    ("at", Holds::Text),
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("plan", Holds::Text),
    ("value", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
    ("said", Holds::Text),
];

/// What became of calls: for each thread its call, direction, plan, experiments and outcomes, in this order; then calls of which
/// nothing came yet.
///
/// # Errors
/// Those of the engine.
pub async fn the_loop(lake: &Lake, question: &LoopQuestion) -> Result<Answer> {
    let sql = format!(
        "SELECT plan, kind, CAST(known_at AS VARCHAR) AS at, outcome, q05, q95, call, direction, comes_from, note FROM ( \
           SELECT *, row_number() OVER (PARTITION BY plan, kind ORDER BY known_at DESC, plan_id) AS nth \
           FROM plans WHERE part = 'whole' AND kind <> 'fit' AND {}) \
         WHERE nth = 1 ORDER BY known_at, plan",
        rows::known_by(question.as_of)
    );
    let made: Vec<Made> = super::run(lake, &sql).await?.rows_as()?;
    let named: Vec<String> = made.iter().filter_map(|one| one.call.clone()).collect();
    let calls = calls(lake, question, &named).await?;
    let steps = steps(&made, &calls);
    let answer = own_rows::answer(STEP_FIELDS, &steps)?;
    Ok(if steps.is_empty() {
        answer.with_note("nothing was called or planned yet: see `crowsnest call` and `crowsnest grow plan`")
    } else {
        answer
    })
}

/// The calls that are named, and the latest and likeliest of the others.
async fn calls(lake: &Lake, question: &LoopQuestion, named: &[String]) -> Result<Vec<Called>> {
    let said = rows::known_by(question.as_of);
    let name = rows::name_column(rows::language(lake, question.language));
    let is_named = if named.is_empty() {
        "FALSE".to_owned()
    } else {
        format!("entity_hex(signal_id) IN ({})", crate::sql::listed(named))
    };
    let sql = format!(
        "SELECT entity_hex(c.signal_id) AS call, CAST(c.known_at AS VARCHAR) AS at, e.entity, {name} AS name, c.metric, c.period, \
                c.probability, o.came, o.came_at \
         FROM (SELECT *, row_number() OVER (ORDER BY {is_named} DESC, detector = 'call' DESC, known_at DESC, probability DESC, \
                                                     signal_id) AS place \
               FROM signals WHERE detector IN ('call', 'breakout_call', 'breakout') AND probability IS NOT NULL AND {said} \
                 AND (detector <> 'breakout' OR {is_named})) c \
         LEFT JOIN (SELECT entity_id AS o_entity, metric AS o_metric, period AS o_period, evidence AS o_evidence, \
                           max(value) AS came, CAST(max(known_at) AS VARCHAR) AS came_at \
                    FROM signals WHERE detector = 'outcome' AND {said} GROUP BY entity_id, metric, period, evidence) o \
           ON c.entity_id = o.o_entity AND c.metric = o.o_metric AND c.period = o.o_period AND c.evidence = o.o_evidence \
         JOIN entities e ON c.entity_id = e.entity_id \
         WHERE c.place <= {} ORDER BY c.place",
        named.len() + question.n_open_calls
    );
    super::run(lake, &sql).await?.rows_as()
}

fn steps(made: &[Made], calls: &[Called]) -> Vec<Step> {
    let plan_of = |name: &str| made.iter().find(|one| one.kind == "plan" && one.plan == name);
    // What belongs to a plan goes where the plan does, unless it says where it comes from itself.
    let thread_of = |one: &Made| {
        let own = one.call.clone().or_else(|| one.direction.clone());
        let parent = one.comes_from.as_deref().and_then(plan_of);
        let of_parent = || parent.and_then(|plan| plan.call.clone().or_else(|| plan.direction.clone()));
        own.or_else(of_parent).unwrap_or_else(|| one.comes_from.clone().unwrap_or_else(|| one.plan.clone()))
    };
    let mut threads: Vec<String> = Vec::new();
    for thread in made.iter().map(thread_of).chain(calls.iter().map(|call| call.call.clone())) {
        if !threads.contains(&thread) {
            threads.push(thread);
        }
    }
    let mut steps = Vec::new();
    for thread in threads {
        let own: Vec<&Made> = made.iter().filter(|one| thread_of(one) == thread).collect();
        let call = calls.iter().find(|call| call.call == thread);
        steps.extend(call.map(|call| called(call, &thread)));
        let direction = own.iter().find_map(|one| one.direction.as_ref().map(|direction| (direction, one)));
        steps.extend(direction.map(|(direction, one)| Step {
            at: Some(one.at.clone()),
            name: direction.clone(),
            ..step(&thread, "direction")
        }));
        for kind in ["plan", "experiment", "outcome"] {
            steps.extend(own.iter().filter(|one| one.kind == kind).map(|one| Step {
                at: Some(one.at.clone()),
                name: one.plan.clone(),
                plan: Some(one.comes_from.clone().filter(|_| kind == "outcome").unwrap_or_else(|| one.plan.clone())),
                value: one.outcome,
                low: one.q05,
                high: one.q95,
                said: one.note.clone(),
                ..step(&thread, kind)
            }));
        }
        steps.extend(call.filter(|call| call.came.is_some()).map(|call| Step {
            at: call.came_at.clone(),
            name: call.name.clone(),
            entity: Some(call.entity.clone()),
            value: call.came,
            ..step(&thread, "came")
        }));
    }
    steps
}

fn step(thread: &str, step: &str) -> Step {
    Step {
        thread: thread.to_owned(),
        step: step.to_owned(),
        at: None,
        name: String::new(),
        entity: None,
        plan: None,
        value: None,
        low: None,
        high: None,
        said: None,
    }
}

fn called(call: &Called, thread: &str) -> Step {
    Step {
        at: Some(call.at.clone()),
        name: call.name.clone(),
        entity: Some(call.entity.clone()),
        value: Some(call.probability),
        said: Some(format!("{} {}", call.metric, call.period)),
        ..step(thread, "call")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(plan: &str, kind: &str, call: Option<&str>, comes_from: Option<&str>) -> Made {
        Made {
            plan: plan.into(),
            kind: kind.into(),
            at: "2026-01-01".into(),
            outcome: Some(1.0),
            q05: None,
            q95: None,
            call: call.map(str::to_owned),
            direction: None,
            comes_from: comes_from.map(str::to_owned),
            note: None,
        }
    }

    #[test]
    fn an_experiment_stands_with_its_plans_call() {
        let call = Called {
            call: "00000000000000aa".into(),
            at: "2025-12-01".into(),
            entity: "kimi".into(),
            name: "Kimi".into(),
            metric: "mau".into(),
            period: "2025-11".into(),
            probability: 0.4,
            came: Some(1.0),
            came_at: Some("2026-06-01".into()),
        };
        let all = [
            made("push", "plan", Some("00000000000000aa"), None),
            made("push-off", "experiment", None, Some("push")),
            made("push: outcome", "outcome", None, Some("push")),
            made("alone", "plan", None, None),
        ];
        let found: Vec<(String, String)> =
            steps(&all, &[call]).into_iter().map(|step| (step.thread, step.step)).collect();
        let of = |thread: &str, steps: &[&str]| -> Vec<(String, String)> {
            steps.iter().map(|step| (thread.to_owned(), (*step).to_owned())).collect()
        };
        let mut wanted = of("00000000000000aa", &["call", "plan", "experiment", "outcome", "came"]);
        wanted.extend(of("alone", &["plan"]));
        assert_eq!(found, wanted);
    }
}
