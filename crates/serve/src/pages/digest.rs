//! `/digest`: what happened of late, of everything or of a watch-list. The page changes nothing: it tells of a span of days,
//! whether that was told before or not; digests that were told by themselves or by command are listed, and are a feed.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, LakeError};
use crowsnest_run::digest::{Digest as Told, DigestRequest, EVERYTHING, digest, parse_since, told_digests};
use crowsnest_run::happening::Happening;
use crowsnest_run::watch::watch_lists;
use futures::FutureExt as _;
use serde::Serialize;

use crate::ServeError;
use crate::cache;
use crate::digests::{Audience, digest_message};
use crate::frame::{Choice, Frame};
use crate::message::{Line, Message};
use crate::numbers;
use crate::page::Page;
use crate::pages::reports::pages_address;
use crate::reports::pdf::Paper;
use crate::request::PageRequest;
use crate::words::{say, say_with};

const DAY_MICROS: i64 = 86_400_000_000;
const N_DAYS: usize = 7;
const N_DAYS_MAX: usize = 366;
const SPANS: [usize; 4] = [1, 7, 30, 90];
const N_TOLD: usize = 10;

pub(crate) struct Digest;

/// A happening as a row.
#[derive(Debug, Default, Serialize)]
struct Row<'a> {
    what: &'static str,
    name: &'a str,
    entity: Option<&'a str>,
    metric: Option<&'a str>,
    period: Option<&'a str>,
    value: Option<f64>,
    before: Option<f64>,
    change: Option<f64>,
    unit: Option<&'a str>,
    event: Option<&'a str>,
    status: Option<&'a str>,
    source: String,
    claim: Option<&'a str>,
    claim_before: Option<&'a str>,
    known_at: i64,
    id: &'a str,
}

const FIELDS: &[(&str, Holds)] = &[
    ("what", Holds::Text),
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("value", Holds::Number),
    ("before", Holds::Number),
    ("change", Holds::Number),
    ("unit", Holds::Text),
    ("event", Holds::Text),
    ("status", Holds::Text),
    ("source", Holds::Text),
    ("claim", Holds::Text),
    ("claim_before", Holds::Text),
    ("known_at", Holds::Instant),
    ("id", Holds::Text),
];

/// Happenings as an answer, for every data format.
///
/// # Errors
/// Where they cannot be made rows.
pub fn happenings_answer(happenings: &[Happening]) -> Result<Answer, LakeError> {
    let rows: Vec<Row<'_>> = happenings.iter().map(row).collect();
    own_rows::answer(FIELDS, &rows)
}

fn row(one: &Happening) -> Row<'_> {
    Row {
        what: one.what.as_str(),
        name: &one.name,
        entity: one.entity.as_deref(),
        metric: one.metric.as_deref(),
        period: one.period.as_deref(),
        value: one.value,
        before: one.before,
        change: one.change,
        unit: one.unit.as_deref(),
        event: one.event.as_deref(),
        status: one.status.as_deref(),
        source: one.sources.join("; "),
        claim: one.claim.as_deref(),
        claim_before: one.claim_before.as_deref(),
        known_at: one.known_at,
        id: &one.id,
    }
}

#[async_trait]
impl Page for Digest {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let message = message(request, &asked(request).await?);
        let answer = happenings_answer(&message.happenings)?;
        let notes = message.notes.into_iter().chain(answer.notes).collect();
        Ok(Answer { notes, ..answer })
    }

    async fn paper(&self, request: &PageRequest) -> Result<Option<Paper>, ServeError> {
        let told = asked(request).await?;
        let base_url = Some(pages_address(request)?);
        let message = digest_message(&request.lake, &told, request.language, audience(request), base_url);
        Ok(Some(Paper::of_message(&message)))
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let told = asked(request).await?;
        let message = message(request, &told);
        let page = Frame::new(request, say(request.language, "digest.title")).with_paper();
        let view = DigestView {
            sections: sections(&message, &page),
            notes: message.notes.clone(),
            spans: spans(request),
            lists: lists(request)?,
            told: told_before(request, &page)?,
            feed: feed_address(request),
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// What a digest tells is looked for once a minute at most, or, as of a past day, once per state of the lake.
const MINUTE_MICROS: i64 = 60_000_000;

async fn asked(request: &PageRequest) -> Result<Told, ServeError> {
    let now = jiff::Timestamp::now().as_microsecond();
    let now = now - now % MINUTE_MICROS;
    let until = request.as_of.unwrap_or(now).min(now);
    let n_days = request.number("days", N_DAYS, N_DAYS_MAX)?.max(1);
    let since = match request.get("since") {
        Some(day) => parse_since(day)?,
        None => until - n_days as i64 * DAY_MICROS,
    };
    if since >= until {
        return Err(ServeError::bad_request("since is not before the day asked for", "choose an earlier day"));
    }
    let asked = DigestRequest {
        name: EVERYTHING.to_owned(),
        since: Some(since),
        until,
        is_as_of: request.as_of.is_some(),
        watch: request.text("watch"),
        language: Some(request.language),
    };
    if asked.watch.is_some() {
        // A watch-list is a file, which may change at any time.
        return Ok(Box::pin(digest(&request.lake, &asked)).await?);
    }
    let (lake, key) = (request.lake.clone(), format!("{asked:?}"));
    let making = async move {
        let told = digest(&lake, &asked).await?;
        let n_bytes = told.happenings.len() * HAPPENING_BYTES;
        // What was known, told or not, is for digests that follow each other.
        Ok(cache::Made { value: Told { seen: Vec::new(), ..told }, n_bytes: Some(n_bytes) })
    };
    let told = request.shared.digests.get_or_make(cache::generation(&request.lake), key, making.boxed());
    told.await.map_err(ServeError::Told)
}

/// About what a happening takes.
const HAPPENING_BYTES: usize = 1_000;

fn message(request: &PageRequest, told: &Told) -> Message {
    digest_message(&request.lake, told, request.language, audience(request), None)
}

fn audience(request: &PageRequest) -> Audience {
    if request.shared.is_shared { Audience::Others } else { Audience::Owner }
}

/// A piece of a line with where it leads, as templates place it.
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) link: String,
}

/// A line as templates place it.
pub(crate) struct ToldLine {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) aside: String,
}

impl ToldLine {
    pub(crate) fn of(line: &Line, page: &Frame) -> Self {
        let piece = |part: &crate::message::Part| Piece {
            text: part.text.clone(),
            link: if part.path.is_empty() { String::new() } else { page.link(&part.path) },
        };
        Self { pieces: line.parts.iter().map(piece).collect(), aside: line.aside.clone() }
    }
}

struct ToldSection {
    heading: String,
    lines: Vec<ToldLine>,
    more: String,
}

fn sections(message: &Message, page: &Frame) -> Vec<ToldSection> {
    let section = |section: &crate::message::Section| ToldSection {
        heading: section.heading.clone(),
        lines: section.lines.iter().map(|line| ToldLine::of(line, page)).collect(),
        more: if section.n_more > 0 { page.say_with("tell.more", section.n_more) } else { String::new() },
    };
    message.sections.iter().map(section).collect()
}

fn spans(request: &PageRequest) -> Vec<Choice> {
    let asked = request.number("days", N_DAYS, N_DAYS_MAX).unwrap_or(N_DAYS);
    let choice = |days: usize| Choice {
        label: say_with(request.language, "digest.days", &days.to_string()),
        value: days.to_string(),
        address: request.same_page_with(&[("days", &days.to_string()), ("since", "")]),
        is_current: asked == days && request.get("since").is_none(),
    };
    SPANS.into_iter().map(choice).collect()
}

fn lists(request: &PageRequest) -> Result<Vec<Choice>, ServeError> {
    let lists = watch_lists(request.lake.market())?;
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let asked = request.get("watch").unwrap_or_default();
    let choice = |label: &str, value: &str| Choice {
        label: label.to_owned(),
        value: value.to_owned(),
        address: request.same_page_with(&[("watch", value)]),
        is_current: asked == value,
    };
    let mut choices = vec![choice(say(request.language, "digest.everything"), "")];
    choices.extend(
        lists.iter().map(|list| choice(if list.title.is_empty() { &list.name } else { &list.title }, &list.name)),
    );
    Ok(choices)
}

struct ToldBefore {
    name: String,
    at: String,
    n: String,
    link: String,
}

/// The digests that were told; without what they told, which may rest on any source.
fn told_before(request: &PageRequest, page: &Frame) -> Result<Vec<ToldBefore>, ServeError> {
    let told = told_digests(&request.lake, None, N_TOLD)?;
    let line = |(made_at, one): (i64, Told)| {
        let message = digest_message(&request.lake, &one, request.language, Audience::Others, None);
        ToldBefore {
            at: numbers::minute(made_at),
            n: numbers::count(i64::try_from(message.happenings.len()).unwrap_or_default()),
            link: page.link(&message.path),
            name: one.name,
        }
    };
    Ok(told.into_iter().map(line).collect())
}

fn feed_address(request: &PageRequest) -> String {
    let mut address = "/digest.atom".to_owned();
    if request.is_language_explicit {
        crate::request::push_query(&mut address, "lang", request.language.tag());
    }
    address
}

#[derive(Template)]
#[template(path = "digest.html")]
struct DigestView<'a> {
    page: &'a Frame,
    sections: Vec<ToldSection>,
    notes: Vec<String>,
    spans: Vec<Choice>,
    lists: Vec<Choice>,
    told: Vec<ToldBefore>,
    feed: String,
}
