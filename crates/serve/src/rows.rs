//! Rows of the lake's answers, and the lines of tables that pages make of them.
//!
//! In: answers' rows. Out: lines whose texts are ready to be read and whose links are ready to be followed; templates
//! only place them. What several pages show alike (claims, events) is made here once.

use crowsnest_lake::Language;
use serde::Deserialize;

use crate::frame::Frame;
use crate::numbers;
use crate::words;

/// A claim as `show`, `why`, `claims` and `series` give it; columns that a question lacks are empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimRow {
    pub(crate) entity: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) period_start: Option<String>,
    pub(crate) period_end: Option<String>,
    pub(crate) grain: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) segment: Option<String>,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) bound: Option<String>,
    pub(crate) unit: String,
    pub(crate) status: String,
    pub(crate) source: String,
    pub(crate) as_written: Option<String>,
    pub(crate) said_at: Option<String>,
    pub(crate) known_at: Option<String>,
    pub(crate) claim: String,
    pub(crate) document: Option<String>,
    pub(crate) record: Option<i64>,
    pub(crate) url: Option<String>,
    pub(crate) n_vintages: Option<i64>,
    pub(crate) in_force: Option<bool>,
    pub(crate) vintage: Option<i64>,
}

impl ClaimRow {
    /// The figure with its bound: `≈ 187M`.
    pub(crate) fn figure(&self, language: Language) -> String {
        let bound = self.bound.as_deref().unwrap_or("exact");
        numbers::bounded(self.value, self.low, self.high, bound, &self.unit, language)
    }

    /// Region, platform and segment, those that narrow anything: `China · app`.
    pub(crate) fn scope(&self, language: Language) -> String {
        let parts = [("region", &self.region), ("platform", &self.platform), ("segment", &self.segment)];
        scope(language, parts.map(|(group, value)| (group, value.as_deref())))
    }
}

/// Dimensions as a text, leaving out those that say `all`.
pub(crate) fn scope<const N: usize>(language: Language, parts: [(&str, Option<&str>); N]) -> String {
    let narrowing = parts.into_iter().filter_map(|(group, value)| {
        let value = value.filter(|value| !value.is_empty() && *value != "all")?;
        Some(words::say_word(language, group, value))
    });
    narrowing.collect::<Vec<_>>().join(" · ")
}

/// A claim in a table.
pub(crate) struct ClaimLine {
    pub(crate) name: String,
    pub(crate) name_link: String,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) figure: String,
    pub(crate) exact: String,
    pub(crate) claim_link: String,
    pub(crate) written: String,
    pub(crate) scope: String,
    pub(crate) status: String,
    pub(crate) status_label: String,
    pub(crate) source: String,
    pub(crate) said: String,
    pub(crate) known: String,
    pub(crate) url: String,
    pub(crate) n_vintages: i64,
    pub(crate) vintage: i64,
    pub(crate) is_in_force: bool,
    pub(crate) is_this: bool,
}

impl ClaimLine {
    pub(crate) fn new(row: &ClaimRow, page: &Frame, metric_label: &str) -> Self {
        let language = page.language();
        let is_company = row.kind.as_deref() == Some("company");
        Self {
            name: row.name.clone().unwrap_or_default(),
            name_link: entity_link(page, row.entity.as_deref(), is_company),
            metric: metric_label.to_owned(),
            period: numbers::period(&row.period, language),
            figure: row.figure(language),
            exact: format!("{} {}", numbers::exact(row.value), numbers::unit_label(&row.unit, language)),
            claim_link: page.link(&format!("/claim/{}", row.claim)),
            written: row.as_written.clone().unwrap_or_default(),
            scope: row.scope(language),
            status_label: words::say_word(language, "status", &row.status),
            status: row.status.clone(),
            source: words::say_source(language, &row.source),
            said: day_of(row.said_at.as_deref()),
            known: day_of(row.known_at.as_deref()),
            url: web_address(row.url.as_deref()),
            n_vintages: row.n_vintages.unwrap_or(1),
            vintage: row.vintage.unwrap_or(1),
            is_in_force: row.in_force.unwrap_or(true),
            is_this: false,
        }
    }
}

/// The page of an entity; empty where the row names none.
pub(crate) fn entity_link(page: &Frame, entity: Option<&str>, is_company: bool) -> String {
    let folder = if is_company { "company" } else { "product" };
    entity.map_or_else(String::new, |entity| page.link(&format!("/{folder}/{entity}")))
}

fn day_of(instant: Option<&str>) -> String {
    instant.map(numbers::day).unwrap_or_default().to_owned()
}

/// An address that may become a link: only http and https, because sources' texts are strangers' texts.
pub(crate) fn web_address(url: Option<&str>) -> String {
    let url = url.unwrap_or_default();
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web { url.to_owned() } else { String::new() }
}

/// An event as `events` gives it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventRow {
    pub(crate) entity: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) event: String,
    pub(crate) happened_on: Option<String>,
    pub(crate) counterparty: Option<String>,
    pub(crate) person: Option<String>,
    pub(crate) round: Option<String>,
    pub(crate) amount: Option<f64>,
    pub(crate) currency: Option<String>,
    pub(crate) valuation_low: Option<f64>,
    pub(crate) valuation_high: Option<f64>,
    pub(crate) valuation_currency: Option<String>,
    pub(crate) status: String,
    pub(crate) source: String,
    pub(crate) said_at: Option<String>,
    pub(crate) known_at: Option<String>,
    pub(crate) document: Option<String>,
    pub(crate) record: Option<i64>,
    pub(crate) url: Option<String>,
    pub(crate) note: Option<String>,
}

impl EventRow {
    fn moment(&self) -> &str {
        let moment = self.said_at.as_deref().or(self.known_at.as_deref());
        moment.map(numbers::day).unwrap_or_default()
    }

    /// The day since which it is known, where that is a day: what is known since its import only has an instant, and is
    /// no news because of it.
    pub(crate) fn dated(&self) -> Option<&str> {
        let known = self.known_at.as_deref().filter(|known| known.ends_with("T00:00:00Z"));
        self.said_at.as_deref().or(known).map(numbers::day)
    }
}

/// One saying of a story.
pub(crate) struct EventLine {
    pub(crate) said: String,
    pub(crate) happened: String,
    pub(crate) status: String,
    pub(crate) status_label: String,
    pub(crate) detail: String,
    pub(crate) note: String,
    pub(crate) source: String,
    pub(crate) document_link: String,
    pub(crate) url: String,
}

/// Sayings about the same event of the same entity, oldest first: a rumour, its denial, its confirmation.
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) name_link: String,
    pub(crate) event: String,
    pub(crate) lines: Vec<EventLine>,
    latest: Option<String>,
}

/// Sayings further apart than this begin a new story.
const STORY_GAP_DAYS: i32 = 120;

/// Sorts events into stories, the latest first; those of no day last.
pub(crate) fn stories(mut rows: Vec<EventRow>, page: &Frame) -> Vec<Story> {
    rows.sort_by(|left, right| {
        let key = |row: &EventRow| (row.entity.clone(), row.name.clone(), row.event.clone());
        key(left)
            .cmp(&key(right))
            .then_with(|| left.moment().cmp(right.moment()))
            .then_with(|| status_order(&left.status).cmp(&status_order(&right.status)))
    });
    let mut stories: Vec<Story> = Vec::new();
    let mut previous: Option<&EventRow> = None;
    for row in &rows {
        let is_same = previous.is_some_and(|previous| {
            previous.entity == row.entity
                && previous.name == row.name
                && previous.event == row.event
                && gap_days(previous.moment(), row.moment()) <= STORY_GAP_DAYS
        });
        match stories.last_mut().filter(|_| is_same) {
            Some(story) => {
                story.latest = story.latest.clone().max(row.dated().map(str::to_owned));
                story.lines.push(event_line(row, page));
            }
            None => stories.push(Story {
                name: row.name.clone().unwrap_or_default(),
                name_link: entity_link(page, row.entity.as_deref(), row.kind.as_deref() == Some("company")),
                event: words::say_word(page.language(), "event", &row.event),
                lines: vec![event_line(row, page)],
                latest: row.dated().map(str::to_owned),
            }),
        }
        previous = Some(row);
    }
    stories.sort_by(|left, right| right.latest.cmp(&left.latest));
    stories
}

fn gap_days(from: &str, to: &str) -> i32 {
    match (crate::chart::day_number(from), crate::chart::day_number(to)) {
        (Some(from), Some(to)) => (to - from).abs(),
        _ => i32::MAX,
    }
}

fn status_order(status: &str) -> u8 {
    match status {
        "rumoured" => 0,
        "reported" | "estimated" => 1,
        "denied" => 2,
        "confirmed" => 3,
        "official" => 4,
        _ => 5,
    }
}

fn event_line(row: &EventRow, page: &Frame) -> EventLine {
    let language = page.language();
    let document_link = match (&row.document, row.record) {
        (Some(document), Some(record)) => page.link(&format!("/document/{document}?record={record}")),
        (Some(document), None) => page.link(&format!("/document/{document}")),
        (None, _) => String::new(),
    };
    EventLine {
        said: day_of(row.said_at.as_deref()),
        happened: row.happened_on.as_deref().map_or_else(String::new, |text| numbers::period(text, language)),
        status_label: words::say_word(language, "status", &row.status),
        status: row.status.clone(),
        detail: event_detail(row, language),
        note: row.note.clone().unwrap_or_default(),
        source: words::say_source(language, &row.source),
        document_link,
        url: web_address(row.url.as_deref()),
    }
}

/// Round, other side, person, amount and valuation in one line.
fn event_detail(row: &EventRow, language: Language) -> String {
    let mut parts: Vec<String> = [&row.round, &row.counterparty, &row.person]
        .into_iter()
        .filter_map(|part| part.clone().filter(|text| !text.is_empty()))
        .collect();
    let money = |amount: f64, currency: &Option<String>| {
        numbers::with_unit(amount, currency.as_deref().unwrap_or_default(), language)
    };
    if let Some(amount) = row.amount {
        parts.push(money(amount, &row.currency));
    }
    let valuation = match (row.valuation_low, row.valuation_high) {
        (Some(low), Some(high)) if low < high => {
            format!("{}–{}", money(low, &row.valuation_currency), money(high, &row.valuation_currency))
        }
        (Some(value), _) | (None, Some(value)) => money(value, &row.valuation_currency),
        (None, None) => String::new(),
    };
    if !valuation.is_empty() {
        parts.push(format!("{} {valuation}", words::say(language, "col.valuation")));
    }
    parts.join(" · ")
}

/// A product, company or segment as `products` and `relations` give it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EntityRow {
    pub(crate) entity: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) name_en: Option<String>,
    pub(crate) name_hans: Option<String>,
    pub(crate) name_hant: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) company_entity: Option<String>,
    pub(crate) n_claims: Option<i64>,
    pub(crate) n_sources: Option<i64>,
    pub(crate) n_metrics: Option<i64>,
    pub(crate) latest_period: Option<String>,
    pub(crate) latest_known_at: Option<String>,
}

/// An entity in a table.
pub(crate) struct EntityLine {
    pub(crate) name: String,
    pub(crate) name_link: String,
    pub(crate) also: String,
    pub(crate) kind: String,
    pub(crate) company: String,
    pub(crate) company_link: String,
    pub(crate) n_claims: String,
    pub(crate) n_sources: String,
    pub(crate) n_metrics: String,
    pub(crate) latest: String,
}

impl EntityLine {
    pub(crate) fn new(row: &EntityRow, page: &Frame) -> Self {
        let language = page.language();
        let number = |n: Option<i64>| n.map_or_else(String::new, numbers::count);
        Self {
            name: row.name.clone(),
            name_link: entity_link(page, Some(&row.entity), row.kind == "company"),
            also: other_names(row),
            kind: words::say_word(language, "kind", &row.kind),
            company: row.company.clone().unwrap_or_default(),
            company_link: entity_link(page, row.company_entity.as_deref(), true),
            n_claims: number(row.n_claims),
            n_sources: number(row.n_sources),
            n_metrics: number(row.n_metrics),
            latest: row.latest_period.as_deref().map_or_else(String::new, |text| numbers::period(text, language)),
        }
    }
}

/// The entity's names other than the one shown.
pub(crate) fn other_names(row: &EntityRow) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in [&row.name_en, &row.name_hans, &row.name_hant].into_iter().flatten() {
        if !name.is_empty() && *name != row.name && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address(Some("https://a.example/x")), "https://a.example/x");
        assert_eq!(web_address(Some("javascript:alert(1)")), "");
        assert_eq!(web_address(Some("seed:000.txt")), "");
        assert_eq!(web_address(None), "");
    }

    #[test]
    fn what_is_known_since_its_import_only_has_no_day() {
        let row = |said: Option<&str>, known: &str| EventRow {
            said_at: said.map(str::to_owned),
            known_at: Some(known.to_owned()),
            ..EventRow::default()
        };
        assert_eq!(row(None, "2026-11-25T13:24:23.331549Z").dated(), None);
        assert_eq!(row(None, "2025-01-06T00:00:00Z").dated(), Some("2025-01-06"));
        assert_eq!(row(Some("2025-01-07T00:00:00Z"), "2025-01-08T00:00:00Z").dated(), Some("2025-01-07"));
    }

    #[test]
    fn scopes_leave_out_what_does_not_narrow() {
        let row = ClaimRow { region: Some("cn".into()), platform: Some("all".into()), ..ClaimRow::default() };
        assert_eq!(row.scope(Language::En), "China");
        assert_eq!(row.scope(Language::ZhHant), "中國");
    }
}
