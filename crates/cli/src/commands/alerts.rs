//! `crowsnest alerts`: what the rules of `alerts.toml` find, and telling it to their channels.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, Lake, Language};
use crowsnest_run::alerts::{Alert, AlertsFile, RuleState, look_at_rules, read_alerts};
use crowsnest_serve::deliver::{Sent, check_channels, raise_alerts, send_due, tell_due_digests, test_channel};
use crowsnest_serve::in_a_line;
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Look at the rules of alerts.toml, and tell their channels what is new
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  crowsnest alerts --dry-run
  crowsnest alerts --as-of 2026-03-01
  crowsnest alerts
  crowsnest alerts rules
  crowsnest alerts test mail
  crowsnest alerts log

While `crowsnest serve` runs, rules are looked at after each change of the tables, and what could not be delivered is tried
again. As of a past day nothing is kept and nobody is told. Exit code 2 where a message did not reach its channel.")]
pub(crate) struct Alerts {
    #[command(subcommand)]
    what: Option<What>,
    /// Show what the rules find; keep nothing, and tell nobody
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the deliveries and how they went, the latest first
    #[command(after_help = "Examples:\n  crowsnest alerts log --limit 20")]
    Log {
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show each rule with its threshold, and what that rests on
    #[command(after_help = "Examples:\n  crowsnest alerts rules --format json")]
    Rules,
    /// Send a test message to a channel, now
    #[command(after_help = "Examples:\n  crowsnest alerts test mail")]
    Test {
        /// Name of the channel
        channel: String,
    },
}

const ALERTS: &[Column] = &[
    column("known_at", "known", Cell::Day),
    column("rule", "rule", Cell::Text),
    column("line", "what", Cell::Text),
    column("source", "source", Cell::Text),
    column("is_new", "new", Cell::YesNo),
];
const ALERT_FIELDS: &[(&str, Holds)] = &[
    ("known_at", Holds::Instant),
    ("rule", Holds::Text),
    ("line", Holds::Text),
    ("source", Holds::Text),
    ("is_new", Holds::Flag),
    ("entity", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("value", Holds::Number),
    ("before", Holds::Number),
    ("claim", Holds::Text),
    ("alert", Holds::Text),
];
const RULES: &[Column] = &[
    column("rule", "rule", Cell::Text),
    column("kind", "kind", Cell::Text),
    column("threshold", "threshold", Cell::Raw),
    column("measure", "", Cell::Text),
    column("n_found", "found", Cell::Figure),
    column("n_past", "past", Cell::Figure),
    column("n_false", "false", Cell::Figure),
    column("basis", "by", Cell::Text),
    column("fault", "fault", Cell::Text),
];
const RULE_FIELDS: &[(&str, Holds)] = &[
    ("rule", Holds::Text),
    ("kind", Holds::Text),
    ("threshold", Holds::Number),
    ("measure", Holds::Text),
    ("n_found", Holds::Count),
    ("n_past", Holds::Count),
    ("n_false", Holds::Count),
    ("n_weeks", Holds::Number),
    ("basis", Holds::Text),
    ("fault", Holds::Text),
];
const LOG: &[Column] = &[
    column("made_at", "made", Cell::Moment),
    column("channel", "channel", Cell::Text),
    column("outcome", "outcome", Cell::Text),
    column("n_tries", "tries", Cell::Figure),
    column("title", "message", Cell::Text),
    column("message", "said last", Cell::Text),
];
const LOG_FIELDS: &[(&str, Holds)] = &[
    ("made_at", Holds::Instant),
    ("channel", Holds::Text),
    ("outcome", Holds::Text),
    ("n_tries", Holds::Count),
    ("title", Holds::Text),
    ("message", Holds::Text),
    ("due_at", Holds::Instant),
    ("done_at", Holds::Instant),
    ("delivery", Holds::Text),
];

#[derive(Debug, Serialize)]
struct Row<'a> {
    known_at: i64,
    rule: &'a str,
    line: String,
    source: String,
    is_new: bool,
    entity: Option<&'a str>,
    metric: Option<&'a str>,
    period: Option<&'a str>,
    value: Option<f64>,
    before: Option<f64>,
    claim: Option<&'a str>,
    alert: &'a str,
}

impl Alerts {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let file = read_alerts(lake.market())?.ok_or_else(|| {
            Failure::users("this market has no alerts.toml", "write one: see the chapter \"Alerts\" of the guide")
        })?;
        check_channels(&file)?;
        match self.what {
            Some(What::Log { limit }) => log(context, &lake, limit),
            Some(What::Test { channel }) => test(context, &lake, &channel).await,
            Some(What::Rules) => rules(context, &lake, &file).await,
            None if self.dry_run || context.as_of()?.is_some() => look(context, &lake, &file).await,
            None => tell(context, &lake, &file).await,
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

async fn look(context: &Context, lake: &Lake, file: &AlertsFile) -> Result<Done, Failure> {
    let as_of = context.as_of()?;
    let looked = Box::pin(look_at_rules(lake, file, as_of.unwrap_or_else(now), as_of)).await?;
    faults(context, &looked.rules);
    let ids: Vec<String> = looked.alerts.iter().map(|alert| alert.happening.id.clone()).collect();
    let known = lake.state().raised_before(&ids)?;
    let new = looked.alerts.iter().map(|alert| alert.happening.id.clone()).filter(|id| !known.contains(id)).collect();
    context.print(&answer(context, lake, &looked.alerts, &new)?, Layout::of(ALERTS))?;
    context.note("nothing was kept, and nobody was told");
    Ok(Done::Well)
}

async fn tell(context: &Context, lake: &Lake, _file: &AlertsFile) -> Result<Done, Failure> {
    let raised = Box::pin(raise_alerts(lake, now())).await?.unwrap_or_default();
    faults(context, &raised.looked.rules);
    let digests = Box::pin(tell_due_digests(lake, now())).await?;
    let sent = Box::pin(send_due(lake, now())).await?;
    let new: BTreeSet<String> = raised.told.iter().map(|alert| alert.happening.id.clone()).collect();
    let mut answer = answer(context, lake, &raised.told, &new)?;
    if raised.n_resting > 0 {
        answer.notes.push(format!("{} more are of subjects that were told of of late, and rest", raised.n_resting));
    }
    answer.notes.extend(digests.iter().map(|name| format!("digest {name} was due and is told")));
    answer.notes.extend(sent.iter().map(in_words));
    context.print(&answer, Layout::of(ALERTS))?;
    let has_failed = sent.iter().any(|sent| sent.outcome != "sent");
    Ok(if has_failed { Done::WithRejects } else { Done::Well })
}

fn in_words(sent: &Sent) -> String {
    match sent.outcome.as_str() {
        "sent" => format!("sent to {}: {}", sent.channel, sent.title),
        "waiting" => format!("not yet sent to {}, will be tried again: {}", sent.channel, sent.message),
        _ => format!("given up for {}: {}", sent.channel, sent.message),
    }
}

fn answer(context: &Context, lake: &Lake, alerts: &[Alert], new: &BTreeSet<String>) -> Result<Answer, Failure> {
    let language = context.language().unwrap_or(lake.market().config.language);
    let rows: Vec<Row<'_>> = alerts.iter().map(|alert| row(lake, alert, language, new)).collect();
    let answer = own_rows::answer(ALERT_FIELDS, &rows)?;
    Ok(answer)
}

fn row<'a>(lake: &Lake, alert: &'a Alert, language: Language, new: &BTreeSet<String>) -> Row<'a> {
    let one = &alert.happening;
    Row {
        known_at: one.known_at,
        rule: &alert.rule,
        line: in_a_line(lake, one, language),
        source: one.sources.join("; "),
        is_new: new.contains(&one.id),
        entity: one.entity.as_deref(),
        metric: one.metric.as_deref(),
        period: one.period.as_deref(),
        value: one.value,
        before: one.before,
        claim: one.claim.as_deref(),
        alert: &one.id,
    }
}

fn faults(context: &Context, rules: &[RuleState]) {
    for rule in rules {
        if let Some(fault) = &rule.fault {
            context.note(&format!("rule {:?} could not be looked at: {fault}", rule.rule));
        }
    }
}

async fn rules(context: &Context, lake: &Lake, file: &AlertsFile) -> Result<Done, Failure> {
    let as_of = context.as_of()?;
    let looked = Box::pin(look_at_rules(lake, file, as_of.unwrap_or_else(now), as_of)).await?;
    context.print(&own_rows::answer(RULE_FIELDS, &looked.rules)?, Layout::of(RULES))?;
    let has_faults = looked.rules.iter().any(|rule| rule.fault.is_some());
    Ok(if has_faults { Done::WithFaults } else { Done::Well })
}

async fn test(context: &Context, lake: &Lake, channel: &str) -> Result<Done, Failure> {
    let said = Box::pin(test_channel(lake, channel, now())).await?;
    print::line(&print::clean(&format!("{channel} took the message: {said}")))?;
    context.note("look whether it arrived");
    Ok(Done::Well)
}

fn log(context: &Context, lake: &Lake, limit: usize) -> Result<Done, Failure> {
    let deliveries = lake.state().deliveries(limit)?;
    context.print(&own_rows::answer(LOG_FIELDS, &deliveries)?, Layout::of(LOG))?;
    Ok(Done::Well)
}
