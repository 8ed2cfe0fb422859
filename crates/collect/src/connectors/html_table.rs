//! A table of a web page: league tables, price lists, tables of an encyclopedia.
//!
//! Cells that reach over rows or columns count in each of them; a header of several lines becomes one name per column.
//! Pages that a script fills in the browser have no table in what the server sends; their data has an address of its own,
//! which http_json can read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use scraper::{ElementRef, Html};
use serde::Deserialize;

use super::answers::{self, Auth};
use super::html;
use super::table_grid::{self, Grid};
use crate::connector::{Class, Connector, Page, Parsed, Record, Request, Spec, Window};

/// The connector.
pub(crate) struct HtmlTable;

/// Which table of which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Address of the page; `{day}` and `{item}` are put in.
    url: String,
    /// Pages of the same form: each name in turn takes the place of `{item}`, and is the field `_item` of the records.
    #[serde(default)]
    items: Vec<String>,
    /// CSS selector of the table, or of what holds it; any table if not given.
    #[serde(default)]
    select: Option<String>,
    /// A part of the table's caption, or of the heading before it, in any case.
    #[serde(default)]
    caption: Option<String>,
    /// Which of the tables that fit, from 1.
    #[serde(default = "one")]
    number: usize,
    /// Rows that are the header; those that the page marks as such if not given.
    #[serde(default)]
    header_rows: Option<usize>,
    /// Columns whose links are wanted: column `Name` then gives a field `Name url`, too.
    #[serde(default)]
    links: Vec<String>,
    /// Headers of the request; values may hold `{secret:NAME}`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How one shows who one is.
    #[serde(default)]
    auth: Option<Auth>,
    /// Whether the table tells the state of the day on which it is fetched; then its day is the field `_day`.
    #[serde(default = "yes")]
    is_snapshot: bool,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Connector for HtmlTable {
    const SPEC: Spec = Spec {
        name: "html_table",
        title: "Table of a web page",
        doc: "A table of a web page, found by a selector, by its caption or heading, or by its number; its columns are mapped \
              by the source's file.",
        homepage: "https://html.spec.whatwg.org/multipage/tables.html",
        licence: "that of the page",
        redistribute: false,
        price: "free",
        freshness: "that of the page",
        requests_per_minute: 10.0,
        schedule: "0 5 * * *",
        class: Class::Generic,
        is_crawler: true,
        is_snapshot: true,
        needs_map: true,
        checked: "2026-11-25, against tables in the forms of the HTML standard and of wikis, written for the cases; not \
                  against live pages",
        example: "url = \"https://example.org/ranking\"\ncaption = \"Top apps\"",
    };
    type Options = Options;

    fn is_snapshot(options: &Options) -> bool {
        options.is_snapshot
    }

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if let Some(css) = &options.select {
            html::selector("select", css)?;
        }
        if options.number == 0 {
            return Err("number counts from 1".into());
        }
        html::requests(&options.url, &options.items, &options.headers, options.auth.as_ref(), window)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let document = Html::parse_document(&page.text());
        let base = html::base_of(&document, page);
        let table = chosen(options, &document)?;
        let grid = Grid::of(table, base.as_ref())?;
        let n_header_rows = options.header_rows.unwrap_or_else(|| grid.header_rows()).min(grid.rows.len());
        let (header, rows) = grid.rows.split_at(n_header_rows);
        let names = table_grid::names(header, grid.n_columns);
        let mut parsed = Parsed::default();
        let mut group = None;
        for row in rows {
            if row.is_blank() || header.iter().any(|header| header.says_the_same(row)) {
                continue;
            }
            if let Some(heading) = row.heading_of_group(grid.n_columns) {
                group = Some(heading.to_owned());
                continue;
            }
            parsed.records.push(record(options, &names, row, group.as_deref()));
        }
        answers::place(&mut parsed.records, page, options.is_snapshot);
        Ok(parsed)
    }
}

fn record(options: &Options, names: &[String], row: &table_grid::Row, group: Option<&str>) -> Record {
    let mut record = Record::new();
    for (name, cell) in names.iter().zip(&row.cells) {
        let Some(cell) = cell else { continue };
        if !cell.text.is_empty() {
            record.insert(name.clone(), cell.text.as_str().into());
        }
        if let (true, Some(link)) = (options.links.contains(name), &cell.link) {
            record.insert(format!("{name} url"), link.as_str().into());
        }
    }
    if let Some(group) = group {
        record.insert("_group".into(), group.into());
    }
    record
}

/// The table that the options mean.
fn chosen<'a>(options: &Options, document: &'a Html) -> Result<ElementRef<'a>, String> {
    let tables = tables(document);
    let n_tables = tables.len();
    let select = options.select.as_deref().map(|css| html::selector("select", css)).transpose()?;
    let wanted = options.caption.as_deref().map(str::to_lowercase);
    let mut fitting = tables.into_iter().filter(|found| {
        let is_selected = select.as_ref().is_none_or(|select| {
            let around = found.table.ancestors().filter_map(ElementRef::wrap);
            std::iter::once(found.table).chain(around).any(|element| select.matches(&element))
        });
        let is_called = wanted.as_ref().is_none_or(|wanted| found.is_called(wanted));
        is_selected && is_called
    });
    fitting.nth(options.number.saturating_sub(1)).map(|found| found.table).ok_or_else(|| match n_tables {
        0 => "the page has no table: a script may fill it in, or its form has changed".to_owned(),
        n => format!(
            "none of the page's {n} tables fits select, caption and number: correct them, or its form has changed"
        ),
    })
}

struct Found<'a> {
    table: ElementRef<'a>,
    caption: Option<ElementRef<'a>>,
    /// The nearest heading before it.
    heading: Option<ElementRef<'a>>,
}

impl Found<'_> {
    fn is_called(&self, wanted: &str) -> bool {
        let names = self.caption.into_iter().chain(self.heading);
        names.map(html::text).any(|name| name.to_lowercase().contains(wanted))
    }
}

fn tables(document: &Html) -> Vec<Found<'_>> {
    let mut heading = None;
    let mut tables = Vec::new();
    for element in document.root_element().descendent_elements() {
        match element.value().name() {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => heading = Some(element),
            "table" => {
                let caption = element.child_elements().find(|child| child.value().name() == "caption");
                tables.push(Found { table: element, caption, heading });
            }
            _ => {}
        }
    }
    tables
}
