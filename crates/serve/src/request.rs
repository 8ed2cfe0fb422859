//! What a page is asked: the address in parts, and everything around it that changes the answer (as-of date, language,
//! colours, where the server listens).
//!
//! In: an HTTP request. Out: a [`PageRequest`], from which pages build questions and links. Links made by
//! [`PageRequest::link`] carry the as-of date and an explicit language on, so that a visitor never loses either.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use crowsnest_lake::questions::{self, parse_as_of};
use crowsnest_lake::{Answer, Lake, LakeError, Language};
use crowsnest_run::digest::Digest;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};

use crate::ServeError;
use crate::cache::{self, Cache};
use crate::caller::Caller;
use crate::guard::Asker;
use crate::names::Names;
use crate::packed;
use crate::page::Made;
use crate::redistribution;
use crate::security::site_address;
use crate::words::accepted;

/// Things that hold for all requests.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Whether others than this machine can reach the server: then licences limit what is shown.
    pub(crate) is_shared: bool,
    /// Sources whose rows may not be passed on.
    pub(crate) kept_back: Vec<String>,
    /// Pages made before.
    pub(crate) pages: Cache<Made>,
    /// Answers that several pages need and that read the whole market.
    pub(crate) answers: Cache<Answer>,
    /// Digests that somebody looked at.
    pub(crate) digests: Cache<Digest>,
    /// Names to look up among.
    pub(crate) names: Names,
}

/// The forms in which a page can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Html,
    Json,
    Csv,
    Parquet,
    Pdf,
    Svg,
}

impl Format {
    /// The data formats, with the endings of their addresses.
    pub(crate) const DATA: [(&'static str, Format); 3] =
        [(".json", Format::Json), (".csv", Format::Csv), (".parquet", Format::Parquet)];

    /// The ending of documents to print.
    pub(crate) const PDF: &'static str = ".pdf";

    /// The ending of a page's chart as a picture.
    pub(crate) const SVG: &'static str = ".svg";

    /// Whether people look at it, rather than programs.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Html | Self::Pdf | Self::Svg)
    }

    /// Splits a known ending off a path.
    pub(crate) fn split(path: &str) -> (&str, Format) {
        for (ending, format) in Self::DATA.into_iter().chain([(Self::PDF, Self::Pdf), (Self::SVG, Self::Svg)]) {
            if let Some(rest) = path.strip_suffix(ending) {
                return (rest, format);
            }
        }
        (path, Format::Html)
    }
}

/// A question that is being asked, as one type whatever it is: the compiler looks into the futures of every page for each that
/// awaits them, and twice into what a generic one holds. Without this it took eight minutes.
pub(crate) type Asking<'a> = BoxFuture<'a, Result<Answer, ServeError>>;

/// How a question is asked.
type Ask<Q> = for<'a> fn(&'a Lake, &'a Q) -> BoxFuture<'a, Result<Answer, LakeError>>;

/// One request for a page, in any of its formats.
#[derive(Clone)]
pub(crate) struct PageRequest {
    pub(crate) lake: Lake,
    pub(crate) shared: Arc<Shared>,
    /// The path without the ending of a data format.
    pub(crate) path: String,
    pub(crate) format: Format,
    /// The last part of the path, where the page has a parameter.
    pub(crate) parameter: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) language: Language,
    /// Whether the address itself names the language.
    pub(crate) is_language_explicit: bool,
    /// `light`, `dark`, or empty to follow the system.
    pub(crate) theme: &'static str,
    /// The as-of day as given, `2025-02-01`.
    pub(crate) as_of_day: Option<String>,
    /// The last microsecond of that day in UTC, since the epoch.
    pub(crate) as_of: Option<i64>,
    /// The address that the server was asked under, `https://radar.example.com`; the name was checked before.
    pub(crate) site_address: String,
    /// Whether they take pages packed with gzip.
    pub(crate) takes_gzip: bool,
    /// Who asks. Only pages that are made anew each time may show it: others are kept for everybody.
    pub(crate) caller: Caller,
    /// Whether they are a user: neither the owner nor a visitor.
    pub(crate) has_account: bool,
    /// What forms on the page must carry; empty where there can be none.
    pub(crate) form_token: String,
}

impl PageRequest {
    /// Reads a request. `parameter` is the last part of the path for pages with one, without the format's ending.
    pub(crate) fn read(
        lake: &Lake,
        shared: &Arc<Shared>,
        uri: &Uri,
        headers: &HeaderMap,
        parameter: Option<&str>,
    ) -> Result<Self, ServeError> {
        let query = read_query(uri.query().unwrap_or_default());
        let value = |name: &str| find(&query, name).map(str::to_owned);
        let (path, format) = Format::split(uri.path());
        let explicit = value("lang").and_then(|text| Language::parse(&text));
        let language = explicit
            .or_else(|| cookie(headers, "lang").and_then(Language::parse))
            .or_else(|| headers.get(header::ACCEPT_LANGUAGE).and_then(|value| accepted(value.to_str().ok()?)))
            .unwrap_or(lake.market().config.language);
        let theme = match value("theme").as_deref().or(cookie(headers, "theme")) {
            Some("dark") => "dark",
            Some("light") => "light",
            _ => "",
        };
        let as_of_day = value("as_of");
        let as_of = as_of_day.as_deref().map(parse_as_of).transpose()?;
        Ok(Self {
            lake: lake.clone(),
            shared: Arc::clone(shared),
            path: if path.is_empty() { "/".into() } else { path.to_owned() },
            format,
            parameter: parameter.map_or_else(String::new, |text| Format::split(text).0.to_owned()),
            query,
            language,
            is_language_explicit: explicit.is_some(),
            theme,
            as_of_day,
            as_of,
            site_address: site_address(uri, headers),
            takes_gzip: packed::takes_gzip(headers),
            caller: Caller::visitor(),
            has_account: false,
            form_token: String::new(),
        })
    }

    /// The same, with who asks.
    pub(crate) fn asked_by(mut self, asker: &Asker) -> Self {
        self.caller = asker.caller.clone().unwrap_or_else(Caller::visitor);
        self.has_account = asker.is_user();
        self.form_token = asker.form_token.clone();
        self
    }

    /// The same with everyone who they were known to be at the moment asked for.
    pub(crate) async fn at_its_moment(mut self) -> Result<Self, ServeError> {
        self.lake = self.lake.at(self.as_of).await?;
        Ok(self)
    }

    /// A value of the query string; `None` where it is missing or blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The same, owned.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A whole number of the query string.
    ///
    /// # Errors
    /// [`ServeError::BadRequest`] where it is not one, or above `most`.
    pub(crate) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, ServeError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(ServeError::bad_request(
                format!("{name} {text:?} is not a whole number up to {most}"),
                format!("leave {name} out or give a smaller number"),
            )),
        }
    }

    /// The questions' language: data formats keep the market's own unless the address names one, so that a file
    /// does not change with the browser that fetches it.
    pub(crate) fn question_language(&self) -> Option<Language> {
        let is_personal = self.format.is_for_people() || self.is_language_explicit;
        is_personal.then_some(self.language)
    }

    /// An address within the site with the as-of date and explicit language carried on.
    pub(crate) fn link(&self, path: &str) -> String {
        let mut address = path.to_owned();
        if let Some(day) = &self.as_of_day {
            push_query(&mut address, "as_of", day);
        }
        if self.is_language_explicit {
            push_query(&mut address, "lang", self.language.tag());
        }
        address
    }

    /// This page's address with some of its query changed; a blank value takes the name out.
    pub(crate) fn same_page_with(&self, changes: &[(&str, &str)]) -> String {
        let mut address = self.path.clone();
        for (name, value) in &self.query {
            if !changes.iter().any(|(changed, _)| changed == name) && !value.is_empty() {
                push_query(&mut address, name, value);
            }
        }
        for (name, value) in changes {
            if !value.is_empty() {
                push_query(&mut address, name, value);
            }
        }
        address
    }

    /// This page in a data format, same query string.
    pub(crate) fn data_address(&self, ending: &str) -> String {
        self.address_as(ending, &[("theme", "")])
    }

    /// This page under another ending, with some of its query changed; a blank value takes the name out.
    pub(crate) fn address_as(&self, ending: &str, changes: &[(&str, &str)]) -> String {
        let here = self.same_page_with(changes);
        match here.split_once('?') {
            Some((path, query)) => format!("{path}{ending}?{query}"),
            None => format!("{here}{ending}"),
        }
    }

    /// This page as a PDF, in the language that it is looked at.
    pub(crate) fn paper_address(&self) -> String {
        self.address_as(Format::PDF, &[("theme", ""), ("lang", self.language.tag())])
    }

    /// Everything that a page depends on besides the lake's content.
    pub(crate) fn cache_key(&self) -> String {
        let tag = self.language.tag();
        let mut key = format!("{:?} {tag} {} {}", self.format, self.theme, self.path);
        for (name, value) in &self.query {
            push_query(&mut key, name, value);
        }
        key
    }

    /// Asks the lake something that many pages need, once per state of the lake.
    pub(crate) fn ask_once<Q>(&self, question: Q, ask: Ask<Q>) -> Asking<'_>
    where
        Q: fmt::Debug + Send + Sync + 'static,
    {
        let (lake, shared, key) = (self.lake.clone(), Arc::clone(&self.shared), format!("{question:?}"));
        self.find_once(key, async move { shared.may_show(ask(&lake, &question).await?) }.boxed())
    }

    /// Finds something out once per state of the lake; what may not be told is left out of it by then.
    pub(crate) fn find_once(&self, key: String, finding: Asking<'static>) -> Asking<'_> {
        self.shared.find_once(&self.lake, key, finding)
    }

    /// An answer that was asked for in no language, with the names of its rows in the visitor's: what takes long to find out is
    /// found out once for all languages.
    ///
    /// # Errors
    /// None that rows with the columns `entity` and `name` could cause.
    pub(crate) fn in_own_language(&self, answer: Answer) -> Result<Answer, LakeError> {
        match self.question_language() {
            Some(language) => questions::in_language(&self.lake, answer, language),
            None => Ok(answer),
        }
    }

    /// The sources of which nothing may be shown here.
    pub(crate) fn kept_back(&self) -> Vec<String> {
        if self.shared.is_shared { self.shared.kept_back.clone() } else { Vec::new() }
    }

    /// Asks the lake, and leaves out what may not be passed on where the server is shared.
    pub(crate) fn ask<'a>(
        &'a self,
        question: impl Future<Output = Result<Answer, LakeError>> + Send + 'a,
    ) -> Asking<'a> {
        let question = question.boxed();
        Box::pin(async move { self.shared.may_show(question.await?) })
    }
}

impl Shared {
    /// Finds something out once per state of the lake.
    pub(crate) fn find_once(&self, lake: &Lake, key: String, finding: Asking<'static>) -> Asking<'_> {
        let making = async move {
            let answer = finding.await?;
            let n_bytes = answer.rows.get_array_memory_size();
            Ok(cache::Made { value: answer, n_bytes: Some(n_bytes) })
        };
        self.answers.get_or_make(cache::generation(lake), key, making).map_err(ServeError::Told).boxed()
    }

    /// Leaves out what may not be passed on where others may look.
    pub(crate) fn may_show(&self, answer: Answer) -> Result<Answer, ServeError> {
        if !self.is_shared || self.kept_back.is_empty() {
            return Ok(answer);
        }
        redistribution::leave_out(answer, &self.kept_back)
    }
}

/// Appends `name=value`, percent-encoded, to an address.
pub(crate) fn push_query(address: &mut String, name: &str, value: &str) {
    address.push(if address.contains('?') { '&' } else { '?' });
    address.push_str(name);
    address.push('=');
    address.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
}

fn read_query(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .take(50)
        .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
        .collect()
}

fn find<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = read_query("search=%E8%B1%86%E5%8C%85&name=a+b&empty=&odd=%zz&%");
        assert_eq!(find(&query, "search"), Some("豆包"));
        assert_eq!(find(&query, "name"), Some("a b"));
        assert_eq!(find(&query, "empty"), None);
        assert_eq!(find(&query, "odd"), Some("%zz"));
    }

    #[test]
    fn what_is_pushed_reads_back() {
        for text in ["豆包", "a b&c=d?e/f#g", "<script>", "100%"] {
            let mut address = "/products?kind=product".to_owned();
            push_query(&mut address, "search", text);
            let query = read_query(address.split_once('?').unwrap().1);
            assert_eq!(find(&query, "search"), Some(text));
            assert!(address.is_ascii());
        }
    }

    #[test]
    fn endings_name_the_format() {
        assert_eq!(Format::split("/league.json"), ("/league", Format::Json));
        assert_eq!(Format::split("/.csv"), ("/", Format::Csv));
        assert_eq!(Format::split("/digest.pdf"), ("/digest", Format::Pdf));
        assert_eq!(Format::split("/league"), ("/league", Format::Html));
    }
}
