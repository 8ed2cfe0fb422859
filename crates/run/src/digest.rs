//! Digests: what happened since the last one, of everything or of a watch-list.
//!
//! In: the tables, through the lake's questions, between two moments. Out: a [`Digest`]: breakouts, moves, turns of rumours,
//! silences, newcomers. Invariant: what a digest of the same name told is not told again; each thing has an id, and those
//! that were known when one was told are kept ([`keep`]). What became known late, of a time that was told of already, is told next time.

use std::collections::BTreeMap;

use crowsnest_lake::questions::{MovesQuestion, NewcomersQuestion, moves, newcomers};
use crowsnest_lake::state::alerts::{Delivery, ToldDigest};
use crowsnest_lake::{Lake, LakeError, Language};
use serde::{Deserialize, Serialize};

use crate::alerts::{Look, silent_sources, turns_since};
use crate::happening::{Happening, What, id_of, micros};
use crate::watch::{WatchList, watch_list};
use crate::{alerts, watch};

const DAY_MICROS: i64 = 86_400_000_000;
/// A first digest looks back so far.
const FIRST_DAYS: i64 = 7;
/// What became known so much earlier than it came in is still told.
const LATE_DAYS: i64 = 62;
/// Breakouts less likely than this are none.
const LEAST_PROBABILITY: f64 = 0.05;
/// Moves by less than this share are none.
const LEAST_MOVE: f64 = 0.1;
/// Moves of one metric.
const N_OF_METRIC: usize = 5;
/// Things of one kind; the rest is counted.
const N_OF_KIND: usize = 12;
const N_NEWCOMERS_LOOKED_AT: usize = 20_000;

/// The digest of everything, where nobody gives a name.
pub const EVERYTHING: &str = "everything";

/// What a digest is to tell.
#[derive(Debug, Clone, Default)]
pub struct DigestRequest {
    /// Its name: what one of that name told, it does not tell again.
    pub name: String,
    /// Tell all after this moment, told before or not. Moments are microseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Until this moment.
    pub until: i64,
    /// Whether `until` is not the present: then only what was known by it counts.
    pub is_as_of: bool,
    /// Only what this watch-list means.
    pub watch: Option<String>,
    /// Language of names.
    pub language: Option<Language>,
}

/// A day as the moment before it begins, or an RFC 3339 instant, in microseconds since 1970-01-01 UTC.
///
/// # Errors
/// [`LakeError::BadQuestion`] for anything else.
pub fn parse_since(text: &str) -> Result<i64, LakeError> {
    match crowsnest_model::parse_day(text.trim()) {
        Some(day) => Ok(i64::from(day) * DAY_MICROS - 1),
        None => crowsnest_lake::questions::parse_as_of(text),
    }
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// Its name.
    pub name: String,
    /// What it begins after, microseconds since 1970-01-01 UTC.
    pub since: i64,
    /// What it ends with.
    pub until: i64,
    /// The watch-list that it is of.
    pub watch: Option<String>,
    /// What people call that.
    pub title: String,
    /// What happened, by kind, the most important first.
    pub happenings: Vec<Happening>,
    /// How much more there was of a kind.
    pub n_more: BTreeMap<String, usize>,
    /// Names of the watch-list that nobody has.
    pub unknown: Vec<String>,
    /// All that was known when it was made, told or not: none of it is news to the next one.
    #[serde(skip)]
    pub seen: Vec<String>,
}

/// Makes a digest; nothing is kept of it.
///
/// # Errors
/// A watch-list that is not there; those of the lake.
pub async fn digest(lake: &Lake, request: &DigestRequest) -> Result<Digest, LakeError> {
    let list = request.watch.as_deref().map(|name| watch_list(lake, name)).transpose()?;
    let last = match request.since {
        Some(_) => None,
        None => lake.state().digests(Some(&request.name), 20)?.into_iter().find(|one| one.until < request.until),
    };
    let since =
        request.since.or(last.as_ref().map(|last| last.until)).unwrap_or(request.until - FIRST_DAYS * DAY_MICROS);
    let late_since = since - LATE_DAYS * DAY_MICROS;
    let as_of = request.is_as_of.then_some(request.until);
    let look = Look { lake, now: request.until, as_of, fresh_after: since, language: request.language };
    let turns = TURNS.map(str::to_owned);
    let (likely, moved, turned, silent, found) = futures::try_join!(
        breakouts(&look, late_since),
        moved(&look, since, last.as_ref().map(|last| last.made_at)),
        turns_since(&look, &turns, late_since),
        silent_sources(&look, since),
        found(&look, late_since),
    )?;
    let seen = match &last {
        Some(last) => lake.state().told(&request.name, last.made_at + 1)?,
        None => std::collections::BTreeSet::new(),
    };
    // What came in late is news only to somebody who was told before.
    let is_in_time = |one: &Happening| last.is_some() || one.known_at > since;
    let mut digest = Digest {
        name: request.name.clone(),
        since,
        until: request.until,
        watch: request.watch.clone(),
        title: list.as_ref().map(|list| list.title.clone()).unwrap_or_default(),
        ..Digest::default()
    };
    let watched = list.as_ref().map(|list: &WatchList| list.watched(&lake.identity()));
    for kind in [likely, moved, turned, silent, found] {
        digest.seen.extend(kind.iter().map(|one| one.id.clone()));
        let is_watched = |one: &Happening| watched.as_ref().is_none_or(|watched| watched.has(one));
        let is_news = |one: &Happening| !seen.contains(&one.id) && is_in_time(one) && is_watched(one);
        let news: Vec<Happening> = kind.into_iter().filter(is_news).collect();
        digest.add(news);
    }
    digest.unknown = watched.map(|watched: watch::Watched| watched.unknown).unwrap_or_default();
    Ok(digest)
}

const TURNS: [&str; 3] = ["confirmed", "denied", "withdrawn"];

impl Digest {
    fn add(&mut self, mut news: Vec<Happening>) {
        let Some(first) = news.first() else { return };
        let n_more = news.len().saturating_sub(N_OF_KIND);
        if n_more > 0 {
            self.n_more.insert(first.what.as_str().to_owned(), n_more);
        }
        news.truncate(N_OF_KIND);
        self.happenings.extend(news);
    }

    /// Whether it has nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.happenings.is_empty()
    }
}

/// Keeps a digest as told, with the messages that carry it, so that the next one goes on from there.
///
/// # Errors
/// Of the state.
pub fn keep(lake: &Lake, digest: &Digest, made_at: i64, carried_by: &[Delivery]) -> Result<(), LakeError> {
    let told = ToldDigest {
        digest: digest.name.clone(),
        made_at,
        since: digest.since,
        until: digest.until,
        body: serde_json::to_string(digest)?,
    };
    lake.state().tell_digest(&told, &digest.seen, carried_by)
}

/// The digests told last, newest first; of all names where none is given.
///
/// # Errors
/// Of the state.
pub fn told_digests(lake: &Lake, name: Option<&str>, limit: usize) -> Result<Vec<(i64, Digest)>, LakeError> {
    let told = lake.state().digests(name, limit)?;
    // What an older version kept in another form is left out.
    Ok(told.into_iter().filter_map(|one| Some((one.made_at, serde_json::from_str(&one.body).ok()?))).collect())
}

/// A product that stays likely is told again only once it is twice as likely.
async fn breakouts(look: &Look<'_>, since: i64) -> Result<Vec<Happening>, LakeError> {
    let rows = alerts::breakouts_said_last(look).await?;
    let likely = rows.into_iter().filter(|one| one.known_at > since);
    let likely = likely.filter(|one| one.value.is_some_and(|p| p >= LEAST_PROBABILITY)).map(|one| {
        let step = (one.value.unwrap_or_default() / LEAST_PROBABILITY).log2().floor();
        let id = id_of(&[
            "likely",
            one.entity.as_deref().unwrap_or_default(),
            one.metric.as_deref().unwrap_or_default(),
            &step.to_string(),
        ]);
        Happening { id, ..one }
    });
    Ok(likely.collect())
}

async fn moved(look: &Look<'_>, since: i64, recorded_after: Option<i64>) -> Result<Vec<Happening>, LakeError> {
    let question = MovesQuestion {
        grains: vec!["week".into(), "month".into(), "quarter".into()],
        from_day: look.today() - 400,
        known_after: Some(since),
        recorded_after,
        least: LEAST_MOVE,
        limit_of_metric: Some(N_OF_METRIC),
        limit: 200,
        as_of: look.as_of,
        language: look.language,
        ..MovesQuestion::default()
    };
    let rows: Vec<alerts::MoveRow> = moves(look.lake, &question).await?.rows_as()?;
    Ok(rows.into_iter().map(alerts::moved).collect())
}

#[derive(Debug, Deserialize)]
struct Newcomer {
    entity: String,
    kind: String,
    name: String,
    first_known_at: String,
    source: String,
}

async fn found(look: &Look<'_>, since: i64) -> Result<Vec<Happening>, LakeError> {
    let question = NewcomersQuestion {
        known_after: since,
        limit: N_NEWCOMERS_LOOKED_AT,
        as_of: look.as_of,
        language: look.language,
    };
    let rows: Vec<Newcomer> = newcomers(look.lake, &question).await?.rows_as()?;
    let newcomer = |row: Newcomer| Happening {
        id: id_of(&["found", &row.entity]),
        what: What::Found,
        name: row.name,
        entity: Some(row.entity),
        kind: Some(row.kind),
        period: row.first_known_at.get(..10).map(str::to_owned),
        sources: vec![row.source],
        known_at: micros(&row.first_known_at),
        ..Happening::default()
    };
    Ok(rows.into_iter().map(newcomer).collect())
}
