//! The outbox: rules are looked at, what is new goes into messages, and messages go to their channels.
//!
//! In: the lake, its `alerts.toml`, a moment. Out: rows of the state ([`crowsnest_lake::state::alerts`]) and what was sent.
//! Alerts found at once go together, one message a channel. Invariant: what is written before sending and after it is enough
//! to go on from at any moment.

use std::collections::BTreeMap;
use std::time::Duration;

use crowsnest_lake::state::alerts::{Delivery, RaisedAlert};
use crowsnest_lake::{Lake, LakeError, Market, entity_hex};
use crowsnest_run::alerts::{Alert, AlertsFile, Looked, look_at_rules, read_alerts};
use crowsnest_run::happening::Happening;
use serde::Serialize;

use super::channel::{self, Letter, Refusal, check_channels};
use crate::message::{Line, Message, Part, Section};
use crate::telling::Teller;
use crate::words::say;

const SECOND_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * SECOND_MICROS;
/// So long nobody else sends a delivery that was taken; longer than any try.
const LEASE_MICROS: i64 = 300 * SECOND_MICROS;
/// How long a try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(60);
/// Waits before the next try, in minutes; after the last the delivery is given up, two days after it was made.
const WAITS_MINUTES: &[i64] = &[1, 5, 15, 60, 180, 360, 720, 1440];
const N_SENT_AT_ONCE_MAX: usize = 500;

/// What a look at the rules came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Raised {
    /// All that the rules found.
    pub looked: Looked,
    /// What of it was new, and told.
    pub told: Vec<Alert>,
    /// How much more was new, and rests because its subject was told of before.
    pub n_resting: usize,
}

/// What became of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Its id.
    pub delivery: String,
    /// Its channel.
    pub channel: String,
    /// What it says, in a line.
    pub title: String,
    /// `sent`, `waiting` or `given_up`.
    pub outcome: String,
    /// What the receiver said, or why it did not go.
    pub message: String,
}

/// Looks at the rules, and puts what is new into the outbox; without an `alerts.toml` nothing.
///
/// # Errors
/// Of the file, with all its faults; of the lake and the state.
pub async fn raise_alerts(lake: &Lake, now: i64) -> Result<Option<Raised>, LakeError> {
    let Some(file) = read_alerts(lake.market())? else { return Ok(None) };
    check_channels(&file)?;
    let looked = Box::pin(look_at_rules(lake, &file, now, None)).await?;
    let to_raise = looked.alerts.iter().map(|alert| {
        let raised = RaisedAlert {
            alert: alert.happening.id.clone(),
            rule: alert.rule.clone(),
            subject: alert.subject.clone(),
            raised_at: now,
            is_resting: false,
            body: serde_json::to_string(alert)?,
        };
        Ok((raised, now - i64::from(alert.cooldown_days) * DAY_MICROS))
    });
    let to_raise: Vec<(RaisedAlert, i64)> = to_raise.collect::<Result<_, LakeError>>()?;
    let by_id: BTreeMap<&str, &Alert> =
        looked.alerts.iter().map(|alert| (alert.happening.id.as_str(), alert)).collect();
    let of = |raised: &[RaisedAlert]| -> Vec<Alert> {
        raised.iter().filter_map(|one| by_id.get(one.alert.as_str())).map(|alert| (*alert).clone()).collect()
    };
    let new = lake.state().raise(&to_raise, |told| messages_of(lake, &file, &of(told), now))?;
    let states: Vec<(String, String)> = looked
        .rules
        .iter()
        .map(|state| Ok((state.rule.clone(), serde_json::to_string(state)?)))
        .collect::<Result<_, LakeError>>()?;
    lake.state().note_rules(now, &states)?;
    let told: Vec<RaisedAlert> = new.iter().filter(|alert| !alert.is_resting).cloned().collect();
    let (told, n_resting) = (of(&told), new.len() - told.len());
    Ok(Some(Raised { told, n_resting, looked }))
}

/// One message a channel that is told anything.
fn messages_of(lake: &Lake, file: &AlertsFile, told: &[Alert], now: i64) -> Vec<Delivery> {
    let mut made = Vec::new();
    for (name, table) in &file.channels {
        let for_it: Vec<&Alert> =
            told.iter().filter(|alert| alert.channels.is_empty() || alert.channels.contains(name)).collect();
        if for_it.is_empty() {
            continue;
        }
        let message = alerts_message(lake, file, &for_it, channel::is_local(table));
        let ids: Vec<&str> = for_it.iter().map(|alert| alert.happening.id.as_str()).collect();
        made.extend(delivery(name, &message, &ids, now));
    }
    made
}

/// A message in the outbox. Its id follows from the channel and what it tells, so that two processes make the same.
pub(super) fn delivery(channel: &str, message: &Message, about: &[&str], now: i64) -> Option<Delivery> {
    let mut parts = vec!["delivery", channel, message.kind.as_str()];
    parts.extend(about);
    // A message is texts and finite numbers, so that it can be written.
    let body = serde_json::to_string(message).ok()?;
    Some(Delivery {
        delivery: entity_hex(crowsnest_model::event_id(&parts)),
        channel: channel.to_owned(),
        title: message.title.clone(),
        body,
        made_at: now,
        due_at: now,
        ..Delivery::default()
    })
}

/// Those that may leave this machine, and how many may not.
pub(crate) fn passed_on<'a, T>(market: &Market, all: Vec<T>, of: impl Fn(&T) -> &'a Happening) -> (Vec<T>, usize) {
    let n_all = all.len();
    let may_leave = |source: &String| market.source(source).is_none_or(|card| card.may_be_passed_on());
    let kept: Vec<T> = all.into_iter().filter(|one| of(one).sources.iter().all(may_leave)).collect();
    let n_left_out = n_all - kept.len();
    (kept, n_left_out)
}

fn alerts_message(lake: &Lake, file: &AlertsFile, alerts: &[&Alert], is_local: bool) -> Message {
    let language = file.language;
    let (alerts, n_left_out) = match is_local {
        true => (alerts.to_vec(), 0),
        false => passed_on(lake.market(), alerts.to_vec(), |alert| &alert.happening),
    };
    let teller = Teller { lake, language };
    let mut sections: Vec<Section> = Vec::new();
    for alert in &alerts {
        if sections.last().is_none_or(|section| section.heading != alert.rule) {
            sections.push(Section { heading: alert.rule.clone(), ..Section::default() });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(teller.line(&alert.happening));
        }
    }
    let title = match sections.as_slice() {
        [Section { lines, .. }] if lines.len() == 1 && n_left_out == 0 => lines[0].words(),
        _ => say(language, "alert.title").replacen("{}", &(alerts.len() + n_left_out).to_string(), 1),
    };
    let market = &lake.market().config;
    let market = if market.title.is_empty() { &market.name } else { &market.title };
    let mut notes = Vec::new();
    if n_left_out > 0 {
        notes.push(say(language, "tell.left_out").replacen("{}", &n_left_out.to_string(), 1));
    }
    Message {
        kind: "alerts".into(),
        language,
        title: format!("{market}: {title}"),
        sections,
        notes,
        path: "/alerts".into(),
        base_url: file.base_url.clone(),
        happenings: alerts.iter().map(|alert| alert.happening.clone()).collect(),
        head: None,
    }
}

/// Sends what is due, one after the other.
///
/// # Errors
/// Of the file and the state; that a channel does not take a message is told in what is given.
pub async fn send_due(lake: &Lake, now: i64) -> Result<Vec<Sent>, LakeError> {
    let file = read_alerts(lake.market())?.unwrap_or_default();
    let mut all_sent = Vec::new();
    while all_sent.len() < N_SENT_AT_ONCE_MAX {
        // Time goes on while others are slow.
        let Some(taken) = lake.state().take_delivery(now, now.max(present()) + LEASE_MICROS)? else { break };
        all_sent.push(Box::pin(send(lake, &file, &taken, now)).await?);
    }
    Ok(all_sent)
}

fn present() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

async fn send(lake: &Lake, file: &AlertsFile, taken: &Delivery, now: i64) -> Result<Sent, LakeError> {
    let state = lake.state();
    let told = |outcome: &str, message: String| Sent {
        delivery: taken.delivery.clone(),
        channel: taken.channel.clone(),
        title: taken.title.clone(),
        outcome: outcome.to_owned(),
        message,
    };
    let Some((_, table)) = file.channels.iter().find(|(name, _)| *name == taken.channel) else {
        let message = "the channel is no longer in alerts.toml".to_owned();
        state.give_up_delivery(&taken.delivery, now, &message)?;
        return Ok(told("given_up", message));
    };
    let Ok(message) = serde_json::from_str::<Message>(&taken.body) else {
        let message = "the message cannot be read any more".to_owned();
        state.give_up_delivery(&taken.delivery, now, &message)?;
        return Ok(told("given_up", message));
    };
    match post(
        lake.market(),
        table,
        &Letter { message: &message, id: &taken.delivery, at_seconds: now / SECOND_MICROS },
    )
    .await
    {
        Ok(said) => {
            state.delivered(&taken.delivery, now, &said)?;
            Ok(told("sent", said))
        }
        Err(refusal) => {
            tracing::warn!(channel = %taken.channel, error = %refusal.message, n_tries = taken.n_tries, "not delivered");
            let Some(minutes) = WAITS_MINUTES.get((taken.n_tries as usize).saturating_sub(1)) else {
                state.give_up_delivery(&taken.delivery, now, &refusal.message)?;
                return Ok(told("given_up", refusal.message));
            };
            let asked = refusal.wait.map_or(0, |wait| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
            let wait = (minutes * 60 * SECOND_MICROS).max(asked);
            state.try_delivery_later(&taken.delivery, now + wait, &refusal.message)?;
            Ok(told("waiting", refusal.message))
        }
    }
}

/// Sends one message to one channel, with no secret in what is said of it.
async fn post(market: &Market, table: &toml::Table, letter: &Letter<'_>) -> Result<String, Refusal> {
    let (channel, secrets) = channel::open(market, table).map_err(Refusal::of)?;
    let sent = tokio::time::timeout(TRY_TIMEOUT, channel.send(letter)).await;
    let sent = sent.unwrap_or_else(|_| Err(Refusal::of(format!("no answer in {} seconds", TRY_TIMEOUT.as_secs()))));
    let sent = sent.map(|said| secrets.mask(&crate::message::cut(&said, 500)));
    sent.map_err(|refusal| Refusal { message: secrets.mask(&refusal.message), ..refusal })
}

/// Sends a test to a channel, at once and beside the outbox; gives what the receiver said.
///
/// # Errors
/// [`LakeError::BadQuestion`] where there is no such channel, or it does not take the message; of the file.
pub async fn test_channel(lake: &Lake, name: &str, now: i64) -> Result<String, LakeError> {
    let file = read_alerts(lake.market())?.unwrap_or_default();
    check_channels(&file)?;
    let there = file.channels.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let Some((_, table)) = file.channels.iter().find(|(known, _)| known == name) else {
        let hint =
            if there.is_empty() { "add a [[channel]] to alerts.toml".to_owned() } else { format!("there is {there}") };
        return Err(LakeError::BadQuestion { message: format!("no channel is called {name:?}"), hint });
    };
    let line = Line {
        parts: vec![Part { text: say(file.language, "alert.test_line").to_owned(), path: String::new() }],
        ..Line::default()
    };
    let message = Message {
        kind: "test".into(),
        language: file.language,
        title: format!("{}: {}", lake.market().config.name, say(file.language, "alert.test")),
        sections: vec![Section { lines: vec![line], ..Section::default() }],
        path: "/alerts".into(),
        base_url: file.base_url.clone(),
        ..Message::default()
    };
    let id = entity_hex(crowsnest_model::event_id(&["test", name, &now.to_string()]));
    let letter = Letter { message: &message, id: &id, at_seconds: now / SECOND_MICROS };
    Box::pin(post(lake.market(), table, &letter)).await.map_err(|refusal| LakeError::BadQuestion {
        message: format!("channel {name:?} did not take the test: {}", refusal.message),
        hint: "mend the channel in alerts.toml, or its secret, and test it again".to_owned(),
    })
}
