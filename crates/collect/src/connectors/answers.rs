//! What the generic connectors over HTTP share: addresses with places to fill, authentication, paging.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::connector::{HttpRequest, OAuth2, Page, Record, Request, Via, Window};

/// How one shows who one is. Secrets are named, never written: `{secret:NAME}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Auth {
    /// `Authorization: Bearer …`
    Bearer {
        /// The token, `{secret:NAME}`.
        token: String,
    },
    /// `Authorization: Basic …`
    Basic {
        /// The user.
        user: String,
        /// The password, `{secret:NAME}`.
        password: String,
    },
    /// A header of its own.
    Header {
        /// Its name, for example `X-Api-Key`.
        name: String,
        /// Its value, `{secret:NAME}`.
        value: String,
    },
    /// A parameter of the query.
    Query {
        /// Its name, for example `auth_token`.
        name: String,
        /// Its value, `{secret:NAME}`.
        value: String,
    },
    /// OAuth 2 client credentials.
    Oauth2 {
        /// Where tokens are given.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// The client's secret, `{secret:NAME}`.
        client_secret: String,
        /// Scopes, separated by spaces.
        #[serde(default)]
        scope: String,
    },
}

/// How one goes from page to page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Paging {
    /// Pages by number, until one has no records.
    Page {
        /// The parameter of the query.
        parameter: String,
        /// The first page's number.
        #[serde(default = "one")]
        first: u64,
        /// How much is added for the next: 1 for pages, the page's size for offsets.
        #[serde(default = "one")]
        step: u64,
        /// Records of a full page; the last page has fewer. Until an empty page if not given.
        #[serde(default)]
        size: Option<u64>,
    },
    /// A text in the answer that the next request gives back.
    Cursor {
        /// The parameter of the query.
        parameter: String,
        /// A jq program that gives the text, for example `.meta.next`; none, null or empty at the end.
        next: String,
    },
    /// The answer's header `Link: <…>; rel="next"`.
    Link,
    /// An address in the answer.
    Address {
        /// A jq program that gives the address, for example `.links.next`; none or null at the end.
        next: String,
    },
}

fn one() -> u64 {
    1
}

/// What a run's requests are made of.
pub(crate) struct Template<'a> {
    pub(crate) url: &'a str,
    pub(crate) items: &'a [String],
    pub(crate) query: &'a BTreeMap<String, String>,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) body: Option<&'a str>,
    pub(crate) auth: Option<&'a Auth>,
    pub(crate) paging: Option<&'a Paging>,
    pub(crate) is_daily: bool,
    pub(crate) n_days: u32,
    pub(crate) n_days_revisited: u32,
}

/// Days that one run asks for, at most; the next goes on.
const DAYS_OF_A_RUN_MAX: usize = 1000;

/// The requests of a run.
pub(crate) fn requests(template: &Template<'_>, window: &Window) -> Result<Vec<Request>, String> {
    let mut requests = Vec::new();
    let items: Vec<&str> =
        if template.items.is_empty() { vec![""] } else { template.items.iter().map(String::as_str).collect() };
    for item in items {
        if !template.is_daily {
            let since = window.first_day(template.n_days_revisited, template.n_days).to_string();
            let places = [
                ("item", item.to_owned()),
                ("since", since),
                ("until", window.until.to_string()),
                ("day", window.today.to_string()),
                ("cursor", window.cursor.clone().unwrap_or_default()),
            ];
            let slot = if item.is_empty() { "all" } else { item };
            requests.push(request(template, slot.to_owned(), &places)?);
            continue;
        }
        let slot = |day: jiff::civil::Date| if item.is_empty() { day.to_string() } else { format!("{item} {day}") };
        for day in window.days(template.n_days, DAYS_OF_A_RUN_MAX, slot) {
            let text = day.to_string();
            let places =
                [("item", item.to_owned()), ("day", text.clone()), ("since", text.clone()), ("until", text.clone())];
            requests.push(request(template, slot(day), &places)?.with("day", text).once());
        }
    }
    Ok(requests)
}

fn request(template: &Template<'_>, slot: String, places: &[(&str, String)]) -> Result<Request, String> {
    let mut url = address(&filled(template.url, places, true))?;
    for (name, value) in template.query {
        add_to_query(&mut url, name, &filled(value, places, false));
    }
    if let Some(Paging::Page { parameter, first, .. }) = template.paging {
        add_to_query(&mut url, parameter, &first.to_string());
    }
    let body = template.body.map(|body| filled(body, places, false));
    let mut context: BTreeMap<String, String> = BTreeMap::new();
    let item = places.iter().find(|(name, text)| *name == "item" && !text.is_empty());
    context.extend(item.map(|(name, text)| ((*name).to_owned(), text.clone())));
    // The next page is asked for with the same body.
    context.extend(body.iter().map(|body| ("body".to_owned(), body.clone())));
    let mut http = HttpRequest { url: readable(&url), body, ..HttpRequest::default() };
    show_who_asks(&mut http, template.headers, template.auth, url.as_str())?;
    Ok(Request { slot, kind: "records", via: Via::Http(http), context, is_once: false })
}

/// Adds headers and what shows who one is; not for another host than that of the address which the options mean, as an
/// answer can name any address as its next page.
pub(crate) fn show_who_asks(
    http: &mut HttpRequest,
    headers: &BTreeMap<String, String>,
    auth: Option<&Auth>,
    meant: &str,
) -> Result<(), String> {
    let mut url = address(&http.url)?;
    let meant = address(meant)?;
    let is_same_host = url.host_str() == meant.host_str() && url.port() == meant.port();
    let is_less_safe = meant.scheme() == "https" && url.scheme() != "https";
    if !is_same_host || is_less_safe {
        return Ok(());
    }
    http.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    match auth {
        Some(Auth::Bearer { token }) => http.headers.push(("authorization".into(), format!("Bearer {token}"))),
        Some(Auth::Basic { user, password }) => {
            http.headers.push(("authorization".into(), format!("{{basic:{user}:{password}}}")));
        }
        Some(Auth::Header { name, value }) => http.headers.push((name.clone(), value.clone())),
        Some(Auth::Query { name, value }) => {
            add_to_query(&mut url, name, value);
            http.url = readable(&url);
        }
        Some(Auth::Oauth2 { token_url, client_id, client_secret, scope }) => {
            http.oauth2 = Some(OAuth2 {
                token_url: token_url.clone(),
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                scope: scope.clone(),
            });
        }
        None => {}
    }
    Ok(())
}

/// The address that the options mean, for the item that a page is about: whose host the next page has to have.
pub(crate) fn meant(url: &str, page: &Page<'_>) -> String {
    let places = ["item", "day"].map(|name| (name, page.context(name).to_owned()));
    filled(url, &places, true)
}

/// An address that can be asked.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("url {text:?} is not an address: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("url {text:?} begins with {other}: expected http or https")),
    }
}

/// A text with its places filled; in addresses, what is put in is escaped.
fn filled(text: &str, places: &[(&str, String)], is_address: bool) -> String {
    let mut filled = text.to_owned();
    for (name, value) in places {
        let value = if is_address { escaped(value) } else { value.clone() };
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    filled
}

/// A text as part of an address.
pub(crate) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Adds a parameter in place of one of the same name.
fn add_to_query(url: &mut Url, name: &str, value: &str) {
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(known, _)| known != name).map(|(name, value)| (name.into(), value.into())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
}

/// The address with places for secrets as they were written.
fn readable(url: &Url) -> String {
    url.as_str().replace("%7Bsecret%3A", "{secret:").replace("%7Bsecret:", "{secret:").replace("%7D", "}")
}

impl Paging {
    /// The request for the page after this one; none at the end.
    pub(crate) fn next(
        &self,
        template: &Template<'_>,
        page: &Page<'_>,
        answer: &Value,
        n_records: usize,
    ) -> Result<Option<Request>, String> {
        let here = address(page.url)?;
        let url = match self {
            Self::Page { parameter, first, step, size } => {
                let is_last = n_records == 0 || size.is_some_and(|size| (n_records as u64) < size);
                if is_last {
                    return Ok(None);
                }
                let found = here.query_pairs().find(|(name, _)| name == parameter);
                let number = found.and_then(|(_, value)| value.parse::<u64>().ok()).unwrap_or(*first);
                let mut url = here;
                add_to_query(&mut url, parameter, &(number + step).to_string());
                url
            }
            Self::Cursor { parameter, next } => {
                let Some(cursor) = text_by(next, answer)? else { return Ok(None) };
                let mut url = here;
                add_to_query(&mut url, parameter, &cursor);
                url
            }
            Self::Link => match page.links.get("next") {
                Some(next) => here.join(next).map_err(|error| format!("Link {next:?}: {error}"))?,
                None => return Ok(None),
            },
            Self::Address { next } => match text_by(next, answer)? {
                Some(next) => here.join(&next).map_err(|error| format!("next {next:?}: {error}"))?,
                None => return Ok(None),
            },
        };
        let number: u64 = page.context("page").parse().unwrap_or(1);
        let slot = page.slot.split(" page ").next().unwrap_or_default();
        let body = Some(page.context("body")).filter(|body| !body.is_empty()).map(str::to_owned);
        let mut http = HttpRequest { url: readable(&url), body, ..HttpRequest::default() };
        show_who_asks(&mut http, template.headers, template.auth, &meant(template.url, page))?;
        let slot = format!("{slot} page {}", number + 1);
        let request =
            Request { slot, kind: "records", via: Via::Http(http), context: page.context.clone(), is_once: false };
        Ok(Some(request.with("page", (number + 1).to_string())))
    }
}

fn text_by(program: &str, answer: &Value) -> Result<Option<String>, String> {
    let found = crate::jq::run(program, answer).map_err(|error| format!("paging: {error}"))?;
    Ok(found.first().and_then(as_text))
}

/// A value as text; `None` for null, an empty text, and what is neither text nor number.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Adds to records what their request knows: the item, and the day where they have none.
pub(crate) fn place(records: &mut [Record], page: &Page<'_>, is_snapshot: bool) {
    let (item, day) = (page.context("item"), page.context("day"));
    let day = if day.is_empty() && is_snapshot { page.day() } else { day.to_owned() };
    for record in records {
        for (name, value) in [("_item", item), ("_day", &day)] {
            if !value.is_empty() {
                record.entry(name).or_insert_with(|| value.into());
            }
        }
    }
}
