//! The metric registry: what can be measured, in which unit, and how it adds up.
//!
//! Built-in metrics are blocks in `data/metrics.toml`; a market adds its own in its `metrics.toml`, in the same
//! form. To add one here: a block there, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use crate::currency::Currency;
use crate::word::word_enum;

const BUILT_IN_TOML: &str = include_str!("../data/metrics.toml");

word_enum! {
    /// What sort of number a metric is.
    pub enum MetricKind called "metric kind" {
        /// A level at or during a period: users, valuation, stars.
        Stock = "stock",
        /// An amount that accrues during a period: downloads, revenue, tender wins.
        Flow = "flow",
        /// A place in an order; 1 is best.
        Rank = "rank",
        /// A quotient: a share, a growth, a rating.
        Ratio = "ratio",
    }
}

word_enum! {
    /// How values of shorter periods make one for the longer period that they fill.
    pub enum OverTime called "way to add over time" {
        /// Their sum.
        Sum = "sum",
        /// The last one.
        Last = "last",
        /// Their mean.
        Mean = "mean",
        /// The best one, by the metric's direction.
        Best = "best",
        /// They don't.
        No = "no",
    }
}

/// One metric: what is measured and how it may be added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Id, lower case with underscores: `tender_amount`.
    pub id: String,
    /// Name in English.
    pub label_en: String,
    /// Name in simplified Chinese.
    pub label_zh_hans: String,
    /// Name in traditional Chinese.
    pub label_zh_hant: String,
    /// Unit as stored: a count's word, `ratio`, an ISO 4217 code, or `currency` for money in any currency.
    pub unit: String,
    /// What sort of number it is.
    pub kind: MetricKind,
    /// How it adds up over time.
    pub over_time: OverTime,
    /// Whether the values of regions sum to the value of all of them.
    pub sums_over_regions: bool,
    /// Whether a smaller value is a better one, as for ranks and prices.
    pub lower_is_better: bool,
    /// What it is, in a sentence.
    pub description: String,
}

impl Metric {
    /// Whether its values are amounts of money, in one currency or in any.
    pub fn is_money(&self) -> bool {
        self.unit == "currency" || Currency::from_code(&self.unit).is_some()
    }
}

/// The metrics that a market knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRegistry {
    metrics: Arc<BTreeMap<String, Metric>>,
}

/// Why a file of metrics could not be read; holds every fault of the file, not only the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}", .faults.join("; "))]
pub struct MetricError {
    /// The file, as the caller named it.
    pub file: String,
    /// Its faults, each with the metric and the key it is in, and what to write instead.
    pub faults: Vec<String>,
}

impl MetricRegistry {
    /// The metrics that every market knows.
    pub fn built_in() -> MetricRegistry {
        static BUILT_IN: LazyLock<MetricRegistry> = LazyLock::new(|| {
            let empty = MetricRegistry { metrics: Arc::default() };
            // Infallible: a unit test reads the same text.
            empty.clone().extended_with_toml(BUILT_IN_TOML, "data/metrics.toml").unwrap_or(empty)
        });
        BUILT_IN.clone()
    }

    /// This registry with a market's own metrics, one TOML table per id; a known id is redefined.
    ///
    /// Keys: `label_en`, `unit`, `kind`, `over_time` are required; `label_zh_hans`, `label_zh_hant` (default: the
    /// English label), `sums_over_regions`, `lower_is_better` (default: false) and `description` may be left out.
    /// `file` is only used in messages.
    ///
    /// # Errors
    /// [`MetricError`] with all faults of the file: broken TOML, unknown keys, missing keys, wrong words.
    pub fn extended_with_toml(mut self, text: &str, file: &str) -> Result<MetricRegistry, MetricError> {
        let tables: toml::Table = text.parse().map_err(|error: toml::de::Error| MetricError {
            file: file.to_owned(),
            faults: vec![error.to_string().trim().replace('\n', " ")],
        })?;
        let mut faults = Vec::new();
        for (id, value) in tables {
            match read_metric(&id, value, &mut faults) {
                Some(metric) => {
                    Arc::make_mut(&mut self.metrics).insert(id, metric);
                }
                None => continue,
            }
        }
        if faults.is_empty() { Ok(self) } else { Err(MetricError { file: file.to_owned(), faults }) }
    }

    /// The metric of that id.
    pub fn get(&self, id: &str) -> Option<&Metric> {
        self.metrics.get(id)
    }

    /// All metrics, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.values()
    }

    /// The known id that is most like an unknown one, to ask "did you mean"; `None` if none is like it.
    ///
    /// Like means at most a third of the letters differ (Damerau–Levenshtein distance, restricted).
    pub fn closest(&self, id: &str) -> Option<&str> {
        let wanted = id.trim().to_lowercase().replace(['-', ' '], "_");
        let (distance, closest) =
            self.metrics.keys().map(|known| (strsim::osa_distance(&wanted, known), known.as_str())).min()?;
        let is_like = distance * 3 <= wanted.chars().count().max(closest.len());
        is_like.then_some(closest)
    }
}

impl Default for MetricRegistry {
    fn default() -> Self {
        MetricRegistry::built_in()
    }
}

const KEYS: &[&str] = &[
    "label_en",
    "label_zh_hans",
    "label_zh_hant",
    "unit",
    "kind",
    "over_time",
    "sums_over_regions",
    "lower_is_better",
    "description",
];

/// A metric's table as written; what is missing or wrong is found field by field, to list all faults.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    label_en: Option<toml::Value>,
    label_zh_hans: Option<toml::Value>,
    label_zh_hant: Option<toml::Value>,
    unit: Option<toml::Value>,
    kind: Option<toml::Value>,
    over_time: Option<toml::Value>,
    sums_over_regions: Option<toml::Value>,
    lower_is_better: Option<toml::Value>,
    description: Option<toml::Value>,
}

fn read_metric(id: &str, value: toml::Value, faults: &mut Vec<String>) -> Option<Metric> {
    let n_faults_before = faults.len();
    if !is_metric_id(id) {
        faults.push(format!("[{id}]: an id is lower-case letters, digits and underscores, and starts with a letter"));
    }
    let toml::Value::Table(table) = value else {
        faults.push(format!("{id}: expected a table, write [{id}]"));
        return None;
    };
    for key in table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        faults.push(format!("[{id}] {key}: unknown key, expected one of {}", KEYS.join(", ")));
    }
    let written: Written = toml::Value::Table(table).try_into().unwrap_or_default();
    let label_en = text_of(id, "label_en", written.label_en, None, faults);
    let fallback = Some(label_en.clone());
    let metric = Metric {
        id: id.to_owned(),
        label_zh_hans: text_of(id, "label_zh_hans", written.label_zh_hans, fallback.clone(), faults),
        label_zh_hant: text_of(id, "label_zh_hant", written.label_zh_hant, fallback, faults),
        label_en,
        unit: text_of(id, "unit", written.unit, None, faults),
        kind: word_of(id, "kind", written.kind, MetricKind::Stock, faults),
        over_time: word_of(id, "over_time", written.over_time, OverTime::No, faults),
        sums_over_regions: flag_of(id, "sums_over_regions", written.sums_over_regions, faults),
        lower_is_better: flag_of(id, "lower_is_better", written.lower_is_better, faults),
        description: text_of(id, "description", written.description, Some(String::new()), faults),
    };
    (faults.len() == n_faults_before).then_some(metric)
}

fn is_metric_id(id: &str) -> bool {
    let is_of_letters = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    is_of_letters && id.starts_with(|first: char| first.is_ascii_lowercase()) && id.len() <= 64
}

fn text_of(
    id: &str,
    key: &str,
    value: Option<toml::Value>,
    default: Option<String>,
    faults: &mut Vec<String>,
) -> String {
    match (value, default) {
        (Some(toml::Value::String(text)), _) => text,
        (Some(other), _) => {
            faults.push(format!("[{id}] {key}: expected text in quotes, found {}", other.type_str()));
            String::new()
        }
        (None, Some(default)) => default,
        (None, None) => {
            faults.push(format!("[{id}] {key}: missing"));
            String::new()
        }
    }
}

fn word_of<W>(id: &str, key: &str, value: Option<toml::Value>, stand_in: W, faults: &mut Vec<String>) -> W
where
    W: std::str::FromStr<Err = crate::word::UnknownWord>,
{
    let n_faults_before = faults.len();
    let text = text_of(id, key, value, None, faults);
    if faults.len() > n_faults_before {
        return stand_in;
    }
    text.parse().unwrap_or_else(|error| {
        faults.push(format!("[{id}] {key}: {error}"));
        stand_in
    })
}

fn flag_of(id: &str, key: &str, value: Option<toml::Value>, faults: &mut Vec<String>) -> bool {
    match value {
        None => false,
        Some(toml::Value::Boolean(flag)) => flag,
        Some(other) => {
            faults.push(format!("[{id}] {key}: expected true or false, found {}", other.type_str()));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_block_can_be_read() {
        let empty = MetricRegistry { metrics: Arc::default() };
        let built_in = empty.extended_with_toml(BUILT_IN_TOML, "data/metrics.toml").unwrap();
        assert_eq!(built_in, MetricRegistry::built_in());
        for metric in built_in.iter() {
            assert!(metric.description.ends_with('.'), "{}", metric.id);
            let labels = [&metric.label_zh_hans, &metric.label_zh_hant];
            assert!(labels.iter().all(|label| !label.is_ascii()), "{}", metric.id);
            let is_rank = metric.kind == MetricKind::Rank;
            assert!(!is_rank || metric.lower_is_better, "{}", metric.id);
        }
    }

    #[test]
    fn units_of_built_in_metrics_are_units() {
        for metric in MetricRegistry::built_in().iter() {
            let unit = crate::Unit::parse(&metric.unit).unwrap();
            assert_eq!(unit.as_str(), metric.unit, "{}", metric.id);
        }
    }

    #[test]
    fn a_market_adds_and_redefines_metrics() {
        let text = "[chats]\nlabel_en = \"Chats\"\nunit = \"chats\"\nkind = \"flow\"\nover_time = \"sum\"\n\
                    [mau]\nlabel_en = \"MAU\"\nunit = \"users\"\nkind = \"stock\"\nover_time = \"last\"\n";
        let registry = MetricRegistry::built_in().extended_with_toml(text, "metrics.toml").unwrap();
        assert_eq!(registry.get("chats").unwrap().label_zh_hans, "Chats");
        assert_eq!(registry.get("mau").unwrap().over_time, OverTime::Last);
        assert!(registry.get("downloads").unwrap().sums_over_regions);
    }

    #[test]
    fn all_faults_of_a_file_are_listed() {
        let text = "[Chats]\nunit = 3\nkind = \"flux\"\nover_time = \"sum\"\nlabel_en = \"Chats\"\ncolour = \"red\"\n\
                    lower_is_better = \"no\"\n[other]\n";
        let error = MetricRegistry::built_in().extended_with_toml(text, "metrics.toml").unwrap_err();
        assert_eq!(error.faults.len(), 9, "{:#?}", error.faults);
        let all = error.to_string();
        assert!(all.starts_with("metrics.toml: "), "{all}");
        for part in
            ["colour: unknown key", "unknown metric kind \"flux\"", "unit: expected text", "[other] unit: missing"]
        {
            assert!(all.contains(part), "{part} not in {all}");
        }
        let broken = MetricRegistry::built_in().extended_with_toml("[a\n", "metrics.toml").unwrap_err();
        assert_eq!(broken.faults.len(), 1);
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_metric() {
        let registry = MetricRegistry::built_in();
        assert_eq!(registry.closest("dowloads"), Some("downloads"));
        assert_eq!(registry.closest("Tender-Amount"), Some("tender_amount"));
        assert_eq!(registry.closest("temperature"), None);
    }
}
