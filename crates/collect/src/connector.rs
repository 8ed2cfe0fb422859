//! What a connector is: the requests of a run, and what a document says. Nothing in here opens a connection.
//!
//! A connector is two pure functions. [`Connector::requests`] says what to ask for, given the options in the source's
//! file and how far the source is; [`Connector::parse`] turns the bytes of one answer into records, and says what to ask
//! for next. Fetching, politeness, retries, archiving, quarantine and commits are the same for all (`collecting/`), so
//! that a document can be parsed again at any time (`replay`), by exactly what parsed it first.
//!
//! To add a connector: a file in `connectors/`, a line in `connectors.rs`, a folder in `tests/connectors/`.

mod options;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use options::{FormOf, OptionOf};

/// A record: fields by the lake's names (`subject`, `metric`, `period`, `value`, …), or by the source's own where the
/// source's file maps them.
pub type Record = Map<String, Value>;

/// What a connector is, for people.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in source files, lower case with underscores.
    pub name: &'static str,
    /// What it is called on pages.
    pub title: &'static str,
    /// What it brings in, in a sentence or two.
    pub doc: &'static str,
    /// Where the interface is documented.
    pub homepage: &'static str,
    /// Licence or terms of what it brings in, in a few words.
    pub licence: &'static str,
    /// Whether rows may be passed on, as far as the terms say; a source's file decides.
    pub redistribute: bool,
    /// Price in words.
    pub price: &'static str,
    /// How soon after the period figures are there.
    pub freshness: &'static str,
    /// Most requests a minute, unless the source's file says otherwise.
    pub requests_per_minute: f64,
    /// A schedule that suits most, as five cron fields.
    pub schedule: &'static str,
    /// Generic, public or bought.
    pub class: Class,
    /// Whether it reads pages made for people, so that `robots.txt` is obeyed.
    pub is_crawler: bool,
    /// Whether an answer tells the state of the day on which it is fetched, so that the same bytes on another day are
    /// another claim.
    pub is_snapshot: bool,
    /// Whether records have the source's own names, so that its file needs a mapping.
    pub needs_map: bool,
    /// How and when its reading was checked against the real thing, or that it was not.
    pub checked: &'static str,
    /// Options of an example source, as TOML.
    pub example: &'static str,
}

/// Who provides what a connector reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Any source that speaks a common format.
    Generic,
    /// One public source.
    Public,
}

impl Class {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Public => "public",
        }
    }
}

/// What is to be fetched of a source now.
#[derive(Debug, Clone)]
pub struct Window {
    /// The first day that is wanted.
    pub since: Option<Date>,
    /// The last day that is wanted; today at the latest.
    pub until: Date,
    /// The day of the run, UTC.
    pub today: Date,
    /// Where the last run ended, as the connector's own [`Parsed::cursor`] said. `None` in a back-fill.
    pub cursor: Option<String>,
    /// Slots that are done and need no fetching any more.
    pub done: BTreeSet<String>,
    /// Whether days are fetched again that are done: `--again`, or `--since` was given.
    pub is_again: bool,
}

impl Window {
    /// The days from `since` (else a number of days before the last) to the last, without those whose slot, as `slot`
    /// names it, is done; at most `max`, the oldest first.
    pub fn days(&self, n_default: u32, max: usize, slot: impl Fn(Date) -> String) -> Vec<Date> {
        let first = self.since.unwrap_or_else(|| days_before(self.until, n_default.saturating_sub(1)));
        let mut days = Vec::new();
        let mut day = first;
        while day <= self.until && days.len() < max {
            if self.is_again || !self.done.contains(&slot(day)) {
                days.push(day);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        days
    }

    /// The first day to ask a history for: a number of days before the cursor, where the cursor is a day, so that late
    /// and restated figures come in; else `since`; else a number of days before the last.
    pub fn first_day(&self, n_revisited: u32, n_default: u32) -> Date {
        let cursor = self.cursor.as_deref().and_then(|cursor| cursor.parse::<Date>().ok());
        match (cursor, self.since) {
            (Some(cursor), _) => days_before(cursor, n_revisited).min(self.until),
            (None, Some(since)) => since,
            (None, None) => days_before(self.until, n_default),
        }
    }
}

/// A day some days earlier.
pub fn days_before(day: Date, n_days: u32) -> Date {
    day.checked_sub(jiff::Span::new().days(n_days)).unwrap_or(day)
}

/// Something to ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What it is, unique within the source and the same whenever the same thing is asked for: `us/free`,
    /// `2024-12-05`. What is done once and for all has the day in it.
    pub slot: String,
    /// Which kind of answer it gives: answers of one kind have one shape.
    pub kind: &'static str,
    /// How it is asked.
    pub via: Via,
    /// What [`Connector::parse`] has to know that the answer does not say.
    pub context: BTreeMap<String, String>,
    /// Whether its slot is done for good when its documents are in: days of a history, files. Else it is asked for
    /// again in every run.
    pub is_once: bool,
}

impl Request {
    /// A GET of an address.
    pub fn get(slot: impl Into<String>, kind: &'static str, url: impl Into<String>) -> Self {
        let via = Via::Http(HttpRequest { url: url.into(), ..HttpRequest::default() });
        Self { slot: slot.into(), kind, via, context: BTreeMap::new(), is_once: false }
    }

    /// With something that the answer does not say.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// With a header of the request.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Via::Http(http) = &mut self.via {
            http.headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// As something that is fetched once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.is_once = true;
        self
    }
}

/// How something is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Via {
    /// Over HTTP.
    Http(HttpRequest),
    /// New or changed files that a path, pattern or store address names.
    Files {
        /// The path, pattern or address; paths are from the market's folder.
        pattern: String,
    },
    /// The rows of a query, as JSON lines.
    Sql {
        /// The database's address; may hold `{secret:NAME}`, or be it.
        database: String,
        /// The query; `{cursor}` stands for where the last run ended, as a text in quotes.
        query: String,
        /// At most so many rows.
        n_rows_max: u64,
    },
    /// The rows of Parquet files or a Delta table that somebody else writes, as JSON lines.
    Table {
        /// Folder, file or address.
        address: String,
        /// Condition in SQL over its columns; all rows if empty.
        condition: String,
        /// The columns; all if empty.
        columns: Vec<String>,
        /// `parquet` or `delta`.
        format: String,
    },
}

/// A request over HTTP. Texts may hold `{secret:NAME}`, which is put in when it is sent and never kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The address, with its query.
    pub url: String,
    /// `None` is a GET; else the body of a POST.
    pub body: Option<String>,
    /// Headers beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// How a token is got for it first.
    pub oauth2: Option<OAuth2>,
    /// Statuses besides 200 that are answers, and not failures: 404 where something may be missing.
    pub also_accepts: Vec<u16>,
}

/// OAuth 2 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OAuth2 {
    /// Where tokens are given.
    pub token_url: String,
    /// The client's id; may be `{secret:NAME}`.
    pub client_id: String,
    /// The client's secret, `{secret:NAME}`.
    pub client_secret: String,
    /// Scopes, separated by spaces; may be empty.
    pub scope: String,
}

/// One document, for [`Connector::parse`].
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The body, unpacked.
    pub body: &'a [u8],
    /// Its media type without parameters, lower case; may be empty.
    pub media_type: &'a str,
    /// Where it came from; without secrets.
    pub url: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Links of the answer (RFC 8288), by relation.
    pub links: &'a BTreeMap<String, String>,
    /// What the request said of it.
    pub context: &'a BTreeMap<String, String>,
    /// The slot of the request.
    pub slot: &'a str,
    /// When it was fetched.
    pub fetched_at: jiff::Timestamp,
}

impl Page<'_> {
    /// What the request said of it under a name; empty where it said nothing.
    pub fn context(&self, name: &str) -> &str {
        self.context.get(name).map_or("", String::as_str)
    }

    /// The day on which it was fetched, UTC, as ISO text.
    pub fn day(&self) -> String {
        jiff::tz::Offset::UTC.to_datetime(self.fetched_at).date().to_string()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where it is not, with the place.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(self.body).map_err(|error| format!("the answer is not JSON: {error}"))
    }

    /// The body as JSON of a known form.
    ///
    /// # Errors
    /// Where it is of another form, with the place.
    pub fn json_as<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(self.body).map_err(|error| format!("the answer has another form: {error}"))
    }

    /// The body as text, in the encoding that its bytes or its page says; what cannot be read becomes U+FFFD.
    pub fn text(&self) -> String {
        crate::reading::encoding::page_text(self.body)
    }
}

/// What a document says.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// Its records, in their order; record N of a claim is the Nth.
    pub records: Vec<Record>,
    /// What could not be read, with its place in words.
    pub problems: Vec<ParseProblem>,
    /// What to ask for next.
    pub next: Vec<Request>,
    /// Where the next run goes on, once this document is in.
    pub cursor: Option<String>,
    /// Whether the body itself is a file of records (CSV, Parquet, a spreadsheet) that the mapping reads.
    pub is_body: bool,
    /// That the page says the same as before in all that matters, and need not be kept.
    pub is_unchanged: bool,
    /// What identifies the part of the page that matters, where that is not all of it; the next run's request has it as
    /// `digest` in its context.
    pub digest: Option<String>,
    /// What to remember of the page beside its digest; the next run's request has it as `before` in its context.
    pub remembered: Option<String>,
}

/// Something in a document that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParseProblem {
    /// Which record, from 1.
    pub record: u64,
    /// The field.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl Parsed {
    /// Adds a record of fields by the lake's names; empty ones are left out.
    pub fn push(&mut self, fields: impl IntoIterator<Item = (&'static str, Value)>) {
        let is_there = |value: &Value| !value.is_null() && value.as_str() != Some("");
        self.records.push(
            fields
                .into_iter()
                .filter(|(_, value)| is_there(value))
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        );
    }

    /// Notes that a record could not be read; it is counted as rejected, and the next record has the next number.
    pub fn problem(&mut self, field: &str, found: impl Into<String>, expected: &str) {
        let record = (self.records.len() + self.problems.len()) as u64 + 1;
        self.problems.push(ParseProblem {
            record,
            field: field.to_owned(),
            found: found.into(),
            expected: expected.to_owned(),
        });
    }
}

/// A connector with its options.
pub trait Connector: Send + Sync + Sized + 'static {
    /// What it is.
    const SPEC: Spec;
    /// `[options]` of a source's file; fields have doc comments, which become its reference page.
    type Options: DeserializeOwned + schemars::JsonSchema + Send + Sync + 'static;

    /// Whether, with these options, an answer tells the state of the day on which it is fetched; see
    /// [`Spec::is_snapshot`].
    fn is_snapshot(_options: &Self::Options) -> bool {
        Self::SPEC.is_snapshot
    }

    /// What a run begins with.
    ///
    /// # Errors
    /// What is wrong with the options, in a sentence that says what to do.
    fn requests(options: &Self::Options, window: &Window) -> Result<Vec<Request>, String>;

    /// What one answer says. The same bytes, options and context always give the same.
    ///
    /// # Errors
    /// Why it is not what it should be; the document goes into quarantine.
    fn parse(options: &Self::Options, page: &Page<'_>) -> Result<Parsed, String>;
}

/// A connector with the options of one source, for what is the same for all.
pub trait Configured: Send + Sync {
    /// See [`Connector::is_snapshot`].
    fn is_snapshot(&self) -> bool;
    /// See [`Connector::requests`].
    ///
    /// # Errors
    /// The same.
    fn requests(&self, window: &Window) -> Result<Vec<Request>, String>;
    /// See [`Connector::parse`].
    ///
    /// # Errors
    /// The same.
    fn parse(&self, page: &Page<'_>) -> Result<Parsed, String>;
}

struct With<C: Connector>(C::Options);

impl<C: Connector> Configured for With<C> {
    fn is_snapshot(&self) -> bool {
        C::is_snapshot(&self.0)
    }

    fn requests(&self, window: &Window) -> Result<Vec<Request>, String> {
        C::requests(&self.0, window)
    }

    fn parse(&self, page: &Page<'_>) -> Result<Parsed, String> {
        C::parse(&self.0, page)
    }
}

/// A connector in the list of all.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What it is.
    pub spec: &'static Spec,
    schema: fn() -> schemars::Schema,
    configure: fn(&toml::Table) -> Result<Box<dyn Configured>, String>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Entry").field(&self.spec.name).finish()
    }
}

impl Entry {
    /// The entry of a connector.
    pub const fn of<C: Connector>() -> Self {
        Self { spec: &C::SPEC, schema: || schemars::schema_for!(C::Options), configure: configure::<C> }
    }

    /// Its options, as a JSON schema.
    pub fn schema(&self) -> Value {
        (self.schema)().to_value()
    }

    /// The connector with the options of one source.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn configure(&self, options: &toml::Table) -> Result<Box<dyn Configured>, String> {
        (self.configure)(options)
    }
}

fn configure<C: Connector>(options: &toml::Table) -> Result<Box<dyn Configured>, String> {
    let options: C::Options = options.clone().try_into().map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        format!("[options] of connector {}: {message}", C::SPEC.name)
    })?;
    Ok(Box::new(With::<C>(options)))
}
