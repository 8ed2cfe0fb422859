//! Records that a web page shows as cards, lists or rows: one element for each, fields by selectors inside it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use scraper::{ElementRef, Html, Selector};
use serde::Deserialize;
use url::Url;

use super::answers::{self, Auth};
use super::html;
use crate::connector::{Class, Connector, Page, Parsed, Record, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct HtmlSelect;

/// Which elements of which pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Address of the page; `{day}` and `{item}` are put in.
    url: String,
    /// Pages of the same form: each name in turn takes the place of `{item}`, and is the field `_item` of the records.
    #[serde(default)]
    items: Vec<String>,
    /// CSS selector of the elements that are the records.
    records: String,
    /// The fields, by the lake's names or any others: `name = "h3 a"`, or a table with more.
    fields: BTreeMap<String, Field>,
    /// CSS selector of the link to the next page.
    #[serde(default)]
    next: Option<String>,
    /// Pages that are followed, at most.
    #[serde(default = "default_pages")]
    pages_max: u64,
    /// Whether a page without records is right; else it is taken for one whose form has changed.
    #[serde(default)]
    may_be_empty: bool,
    /// Headers of the request; values may hold `{secret:NAME}`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How one shows who one is.
    #[serde(default)]
    auth: Option<Auth>,
    /// Whether the page tells the state of the day on which it is fetched; then its day is the field `_day`.
    #[serde(default = "yes")]
    is_snapshot: bool,
}

fn default_pages() -> u64 {
    20
}

fn yes() -> bool {
    true
}

/// A field: a selector, or a table with more.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Field {
    /// The text of the first element that fits a selector inside the record.
    Select(String),
    /// With more.
    Detailed(Detailed),
}

/// A field with more than a selector.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Detailed {
    /// CSS selector inside the record; the record itself if empty.
    #[serde(default)]
    select: String,
    /// An attribute instead of the text; `href` and `src` become whole addresses.
    #[serde(default)]
    attribute: Option<String>,
    /// Only what comes after this text, where it is there.
    #[serde(default)]
    after: Option<String>,
    /// Only what comes before this text, where it is there.
    #[serde(default)]
    before: Option<String>,
    /// Texts that are taken out.
    #[serde(default)]
    remove: Vec<String>,
    /// All elements that fit, with this between them; the first alone if not given.
    #[serde(default)]
    join: Option<String>,
    /// Whether a record without it is rejected.
    #[serde(default)]
    is_needed: bool,
}

impl Connector for HtmlSelect {
    const SPEC: Spec = Spec {
        name: "html_select",
        title: "Parts of a web page",
        doc: "Records from a web page by CSS selectors: one element for each record, its fields from elements inside it, from \
              page to page by a link.",
        homepage: "https://developer.mozilla.org/en-US/docs/Web/CSS/CSS_selectors",
        licence: "that of the page",
        redistribute: false,
        price: "free",
        freshness: "that of the page",
        requests_per_minute: 10.0,
        schedule: "0 5 * * *",
        class: Class::Generic,
        is_crawler: true,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against pages written for the cases; not against live pages",
        example: "url = \"https://example.org/apps\"\nrecords = \"li.app\"\n\n[fields]\nsubject = \"h3\"\nvalue = \
                  \".downloads\"\nurl = { select = \"a\", attribute = \"href\" }",
    };
    type Options = Options;

    fn is_snapshot(options: &Options) -> bool {
        options.is_snapshot
    }

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        html::selector("records", &options.records)?;
        if let Some(css) = &options.next {
            html::selector("next", css)?;
        }
        if options.fields.is_empty() {
            return Err("name at least one field in fields".into());
        }
        Reader::all(&options.fields)?;
        html::requests(&options.url, &options.items, &options.headers, options.auth.as_ref(), window)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let document = Html::parse_document(&page.text());
        let base = html::base_of(&document, page);
        let readers = Reader::all(&options.fields)?;
        let records = html::selector("records", &options.records)?;
        let mut parsed = Parsed::default();
        for element in document.select(&records) {
            match record(&readers, element, base.as_ref()) {
                Ok(record) => parsed.records.push(record),
                Err(name) => {
                    parsed.problem(name, html::text(element).chars().take(80).collect::<String>(), "the field")
                }
            }
        }
        let is_first = page.context("page").is_empty();
        if parsed.records.is_empty() && parsed.problems.is_empty() && is_first && !options.may_be_empty {
            return Err(format!(
                "no element fits records = {:?}: the page's form may have changed, or a script fills it in",
                options.records
            ));
        }
        answers::place(&mut parsed.records, page, options.is_snapshot);
        parsed.next.extend(next(options, &document, page, base.as_ref())?);
        Ok(parsed)
    }
}

struct Reader<'a> {
    name: &'a str,
    select: Option<Selector>,
    how: Detailed,
}

impl<'a> Reader<'a> {
    fn all(fields: &'a BTreeMap<String, Field>) -> Result<Vec<Self>, String> {
        let mut readers = Vec::new();
        for (name, field) in fields {
            let how = match field {
                Field::Select(select) => Detailed { select: select.clone(), ..Detailed::default() },
                Field::Detailed(how) => how.clone(),
            };
            let select = match how.select.as_str() {
                "" => None,
                css => Some(html::selector(&format!("fields.{name}"), css)?),
            };
            readers.push(Self { name, select, how });
        }
        Ok(readers)
    }

    fn read(&self, record: ElementRef<'_>, base: Option<&Url>) -> String {
        let of = |element: ElementRef<'_>| match &self.how.attribute {
            Some(name) => html::attribute(element, name, base).unwrap_or_default(),
            None => html::text(element),
        };
        let Some(select) = &self.select else { return self.cleaned(&of(record)) };
        let mut texts = record.select(select).map(|element| self.cleaned(&of(element))).filter(|text| !text.is_empty());
        match &self.how.join {
            Some(between) => texts.collect::<Vec<_>>().join(between),
            None => texts.next().unwrap_or_default(),
        }
    }

    fn cleaned(&self, text: &str) -> String {
        let mut text = text;
        if let Some(after) = &self.how.after {
            text = text.split_once(after.as_str()).map_or(text, |(_, rest)| rest);
        }
        if let Some(before) = &self.how.before {
            text = text.split_once(before.as_str()).map_or(text, |(start, _)| start);
        }
        let kept = self.how.remove.iter().filter(|taken| !taken.is_empty());
        html::one_line(&kept.fold(text.to_owned(), |text, taken| text.replace(taken.as_str(), "")))
    }
}

/// The record of an element, or the name of a needed field that it lacks.
fn record<'a>(readers: &[Reader<'a>], element: ElementRef<'_>, base: Option<&Url>) -> Result<Record, &'a str> {
    let mut record = Record::new();
    for reader in readers {
        let text = reader.read(element, base);
        if !text.is_empty() {
            record.insert(reader.name.to_owned(), text.into());
        } else if reader.how.is_needed {
            return Err(reader.name);
        }
    }
    Ok(record)
}

fn next(options: &Options, document: &Html, page: &Page<'_>, base: Option<&Url>) -> Result<Option<Request>, String> {
    let Some(css) = &options.next else { return Ok(None) };
    let number: u64 = page.context("page").parse().unwrap_or(1);
    let link = document.select(&html::selector("next", css)?).find_map(|link| html::attribute(link, "href", base));
    let Some(link) = link.filter(|_| number < options.pages_max) else { return Ok(None) };
    let url = answers::address(&link)?;
    let is_this_page = url.as_str() == page.url || link.contains('#') && url.as_str().starts_with(page.url);
    if is_this_page {
        return Ok(None);
    }
    let slot = page.slot.split(" page ").next().unwrap_or_default();
    let mut request = Request::get(format!("{slot} page {}", number + 1), "records", url);
    request.context = page.context.clone();
    if let Via::Http(http) = &mut request.via {
        answers::show_who_asks(http, &options.headers, options.auth.as_ref(), &answers::meant(&options.url, page))?;
    }
    Ok(Some(request.with("page", (number + 1).to_string())))
}
