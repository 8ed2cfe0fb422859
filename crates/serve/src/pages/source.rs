//! `/source?name=…`: one source: its terms, what it brought and cost over time, its latest runs, what is in quarantine
//! and why, and the latest lines of its ledger. As data: its runs.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::state::collecting::{LedgerLine, Quarantined, SourceRun};
use crowsnest_lake::{Answer, SourceCard};
use crowsnest_run::SourceState;

use super::source_history::History;
use super::source_view::{CollectedLine, collected_line};
use super::sources::ask_one;
use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::web_address;
use crate::runs::{self, RunLine};
use crate::words::{say_source, say_word};

const N_RUNS: usize = 1000;
const N_RUNS_MAX: usize = 100_000;
const N_RUNS_SHOWN: usize = 25;
const N_LEDGER_LINES: usize = 25;
const N_QUARANTINED: usize = 50;
/// Lines of a difference that are shown.
const N_DIFFERENCES: usize = 200;

pub(crate) struct Source;

/// A source, with its file where it has one.
struct Found<'a> {
    state: SourceState,
    card: Option<&'a SourceCard>,
    now: i64,
}

impl Found<'_> {
    /// The name under which its runs are kept.
    fn name(&self) -> &str {
        self.card.map_or(&self.state.source, |card| &card.name)
    }
}

async fn find(request: &PageRequest) -> Result<Found<'_>, ServeError> {
    let Some(name) = request.get("name") else {
        return Err(ServeError::bad_request("no source is named", "choose one of the list of sources"));
    };
    // Of a day that is looked back from, the page tells what had been by then.
    let now = request.as_of.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond());
    let card = request.lake.market().source_called(name);
    let mut state = ask_one(request, name, now).await?;
    if let (None, Some(card)) = (&state, card) {
        let known = ask_one(request, &card.name, now).await?;
        state = Some(known.unwrap_or_else(|| SourceState { source: card.name.clone(), ..SourceState::default() }));
    }
    match state {
        Some(state) => Ok(Found { state, card, now }),
        None => Err(ServeError::NotFound(format!("/source?name={name}"))),
    }
}

fn runs_of(request: &PageRequest, found: &Found<'_>, limit: usize) -> Result<Vec<SourceRun>, ServeError> {
    let mut runs = request.lake.state().source_runs(Some(found.name()), 0, limit)?;
    runs.retain(|run| run.started_at <= found.now);
    Ok(runs)
}

#[async_trait]
impl Page for Source {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let found = find(request).await?;
        let limit = request.number("limit", N_RUNS, N_RUNS_MAX)?;
        Ok(runs::answer(runs_of(request, &found, limit)?, request)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let found = find(request).await?;
        let language = request.language;
        let mut page = Frame::new(request, say_source(language, &found.state.source));
        let is_collected = !found.state.connector.is_empty();
        if page.is_shared() && is_collected {
            page = page.with_notes(&[runs::LEFT_OUT.to_owned()]);
        }
        let runs = runs_of(request, &found, N_RUNS_MAX)?;
        let history = History::new(&request.lake, found.name(), &found.state.currency, &runs, found.now, language)?;
        let shown = &runs[..runs.len().min(N_RUNS_SHOWN)];
        let view = SourceView {
            facts: facts(&found, &page),
            homepage: web_address(Some(&found.state.homepage)),
            note: found.state.note.clone(),
            counts: counts(&found.state),
            // How it is now says nothing of another day.
            collected: (is_collected && request.as_of.is_none()).then(|| collected_line(&found.state, &page)),
            runs: runs::lines(shown, &page, found.now),
            n_runs: numbers::count(i64::try_from(runs.len()).unwrap_or(i64::MAX)),
            quarantine: quarantine(request, &found, &page)?,
            ledger: ledger(request, &found, &page)?,
            is_collected,
            history,
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// A line of the source's terms.
struct Fact {
    key: &'static str,
    text: String,
    is_code: bool,
}

fn facts(found: &Found<'_>, page: &Frame) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut push = |key, text: String, is_code| {
        if !text.is_empty() {
            facts.push(Fact { key, text, is_code });
        }
    };
    let Some(card) = found.card else { return facts };
    push("source.aliases", card.aliases.join(" · "), false);
    push("col.licence", card.licence.clone(), false);
    push("col.own_figures", if card.own { page.say("yes").to_owned() } else { String::new() }, false);
    push("col.passed_on", page.say(if card.may_be_passed_on() { "yes" } else { "no" }).to_owned(), false);
    push("col.price", card.price.clone(), false);
    push("source.owner", card.owner.clone(), false);
    let retention = match card.retention_days {
        Some(days) => page.say_with("source.days", numbers::count(i64::from(days))),
        None => page.say("source.for_ever").to_owned(),
    };
    push("source.retention", retention, false);
    if let Some(collect) = &card.collect {
        push("source.connector", collect.connector.clone(), true);
        let schedule = collect.schedule.as_ref().map(|cron| format!("{cron} ({})", collect.time_zone));
        let by_hand = page.say("source.by_hand").to_owned();
        let is_code = schedule.is_some();
        push("source.schedule", schedule.unwrap_or(by_hand), is_code);
    }
    facts
}

fn counts(state: &SourceState) -> Vec<(&'static str, String)> {
    let counts = [
        ("overview.claims", state.n_claims),
        ("overview.events", state.n_events),
        ("source.names", state.n_mentions),
        ("source.metrics", state.n_metrics),
        ("overview.documents", state.n_documents),
    ];
    counts.into_iter().filter(|(_, n)| *n > 0).map(|(key, n)| (key, numbers::count(n))).collect()
}

/// A document in quarantine. Where others may look, only when it came.
struct HeldLine {
    number: i64,
    slot: String,
    fetched: String,
    reason: String,
    differences: Vec<Difference>,
    n_more: String,
    origin: String,
    origin_link: String,
    raw: String,
}

/// A line of what differs from the last good document.
struct Difference {
    is_added: bool,
    is_gone: bool,
    text: String,
}

fn quarantine(request: &PageRequest, found: &Found<'_>, page: &Frame) -> Result<Vec<HeldLine>, ServeError> {
    let held = request.lake.state().quarantined(Some(found.name()), true)?;
    let known = held.iter().filter(|held| held.fetched.fetched_at <= found.now);
    Ok(known.take(N_QUARANTINED).map(|held| held_line(held, page)).collect())
}

fn held_line(held: &Quarantined, page: &Frame) -> HeldLine {
    let fetched = numbers::minute(held.fetched.fetched_at);
    if page.is_shared() {
        let (slot, reason, origin, origin_link, raw, n_more) = Default::default();
        return HeldLine {
            number: held.fetched.id,
            slot,
            fetched,
            reason,
            differences: Vec::new(),
            n_more,
            origin,
            origin_link,
            raw,
        };
    }
    let n_lines = held.diff.lines().count();
    let n_more = i64::try_from(n_lines.saturating_sub(N_DIFFERENCES)).unwrap_or(i64::MAX);
    HeldLine {
        number: held.fetched.id,
        slot: held.fetched.slot.clone(),
        fetched,
        reason: held.reason.clone(),
        differences: held.diff.lines().take(N_DIFFERENCES).map(difference).collect(),
        n_more: if n_more > 0 { page.say_with("source.more_lines", numbers::count(n_more)) } else { String::new() },
        origin: held.fetched.origin.clone(),
        origin_link: web_address(Some(&held.fetched.origin)),
        raw: format!("/document/{}/raw", held.fetched.document),
    }
}

fn difference(line: &str) -> Difference {
    let (is_added, is_gone) = (line.starts_with('+'), line.starts_with('-'));
    let text = if is_added || is_gone { line[1..].trim_start() } else { line };
    Difference { is_added, is_gone, text: text.to_owned() }
}

struct LedgerRow {
    at: String,
    kind: String,
    what: String,
    n_calls: String,
    amount: String,
}

/// Empty where others may look.
fn ledger(request: &PageRequest, found: &Found<'_>, page: &Frame) -> Result<Vec<LedgerRow>, ServeError> {
    if page.is_shared() {
        return Ok(Vec::new());
    }
    let language = page.language();
    let row = |line: &LedgerLine| LedgerRow {
        at: numbers::minute(line.at),
        kind: say_word(language, "ledger", &line.kind),
        what: line.what.clone(),
        n_calls: numbers::count(i64::try_from(line.n_calls).unwrap_or(i64::MAX)),
        amount: if line.amount == 0.0 { String::new() } else { numbers::price(line.amount, &line.currency, language) },
    };
    let lines = request.lake.state().ledger(Some(found.name()), N_LEDGER_LINES)?;
    Ok(lines.iter().filter(|line| line.at <= found.now).map(row).collect())
}

#[derive(Template)]
#[template(path = "source.html")]
struct SourceView<'a> {
    page: &'a Frame,
    facts: Vec<Fact>,
    homepage: String,
    note: String,
    counts: Vec<(&'static str, String)>,
    collected: Option<CollectedLine>,
    history: History,
    runs: Vec<RunLine>,
    n_runs: String,
    quarantine: Vec<HeldLine>,
    ledger: Vec<LedgerRow>,
    is_collected: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_keep_their_signs() {
        let told = |line: &str| {
            let Difference { is_added, is_gone, text } = difference(line);
            (is_added, is_gone, text)
        };
        assert_eq!(told("+ stats.users (text)"), (true, false, "stats.users (text)".to_owned()));
        assert_eq!(told("- 豆包"), (false, true, "豆包".to_owned()));
        assert_eq!(told("同"), (false, false, "同".to_owned()));
        assert_eq!(told(""), (false, false, String::new()));
    }
}
