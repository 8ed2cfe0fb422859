//! Columns and conditions that several questions share.

use std::collections::HashSet;

use crowsnest_model::{Kind, Period, PeriodContext};

use super::{in_force, quoted};
use crate::identity::{Entity, Identity};
use crate::{Lake, LakeError, Language, Result};

/// The columns of a claim as questions give them, from `c` (claims), with `n_vintages`.
pub(super) const CLAIM_COLUMNS: &str = "c.kind, c.metric, c.period, c.period_start, c.period_end, c.grain, c.region, \
     c.platform, c.segment, c.value, c.low, c.high, c.bound, c.unit, c.status, c.source, c.subject, c.as_written, \
     c.said_at, c.known_at, claim_ref(c.mention_id, c.claim_id) AS claim, c.document, c.record, c.url";

/// The language asked for, or the market's.
pub(super) fn language(lake: &Lake, asked: Option<Language>) -> Language {
    asked.unwrap_or(lake.market().config.language)
}

/// The expression of an entity's name in a language, from `e` (entities).
pub(super) fn name_column(language: Language) -> &'static str {
    match language {
        Language::En => "e.name_en",
        Language::ZhHans => "e.name_hans",
        Language::ZhHant => "e.name_hant",
    }
}

/// So many mentions are named one by one; files, row groups and pages that cannot hold one of a few are left out.
const MENTIONS_NAMED_MAX: usize = 200;

/// The condition that a claim's mention is one entity.
pub(crate) fn is_entity(identity: &Identity, entity: &Entity) -> String {
    is_mentioned(&identity.mentions_of(entity.id), &format!("entity_id = {}", entity.id))
}

/// The condition that a claim's mention is one of these entities.
pub(super) fn is_any_entity(identity: &Identity, entities: &HashSet<i64>) -> String {
    is_mentioned(&identity.mentions_of_any(entities), &is_any_id("entity_id", entities))
}

fn is_mentioned(mentions: &[i64], is_meant: &str) -> String {
    if mentions.is_empty() || mentions.len() > MENTIONS_NAMED_MAX {
        return format!("mention_id IN (SELECT mention_id FROM identities WHERE {is_meant})");
    }
    let named: Vec<String> = mentions.iter().map(i64::to_string).collect();
    format!("mention_id IN ({})", named.join(", "))
}

/// The condition that a column holds one of these ids.
pub(super) fn is_any_id(column: &str, ids: &HashSet<i64>) -> String {
    if ids.is_empty() {
        return "FALSE".to_owned();
    }
    let mut ids: Vec<i64> = ids.iter().copied().collect();
    ids.sort_unstable();
    let named: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("{column} IN ({})", named.join(", "))
}

/// A metric that the registry has.
pub(super) fn known_metric<'a>(lake: &'a Lake, id: &str) -> Result<&'a crowsnest_model::Metric> {
    let metrics = &lake.market().metrics;
    metrics
        .get(id)
        .ok_or_else(|| LakeError::UnknownMetric { name: id.to_owned(), close: metrics.closest(id).map(str::to_owned) })
}

/// A period in ISO text, or as people write it (`2024年12月`, `Dec 2024`, `last month`).
pub(super) fn known_period(lake: &Lake, text: &str) -> Result<Period> {
    let today = jiff::Timestamp::now().to_string();
    let written = PeriodContext {
        today: today.get(..10).and_then(crowsnest_model::parse_day),
        fiscal_year_start_month: lake.market().config.fiscal_year_start_month,
    };
    Period::parse(text).or_else(|error| Period::parse_written(text, &written).map_err(|_| error)).map_err(|error| {
        LakeError::bad_question(
            error.to_string(),
            "write a period such as 2024-12, 2024-Q4, 2024-W50, 2025-H1, 2024 or 2024-01-01/2024-06-15",
        )
    })
}

/// The condition that a claim is for a period; the first day is said too, because files are sorted by it.
pub(super) fn is_period(period: &Period) -> String {
    format!(
        "period_start = DATE '{}' AND period = {}",
        crowsnest_model::day_to_string(period.start_day()),
        quoted(&period.to_string())
    )
}

/// `column = value` for each dimension that is asked for, joined by AND; `TRUE` where none is.
pub(super) fn equals(pairs: &[(&str, Option<&str>)]) -> String {
    let parts: Vec<String> =
        pairs.iter().filter_map(|(column, value)| value.map(|value| format!("{column} = {}", quoted(value)))).collect();
    if parts.is_empty() { "TRUE".to_owned() } else { parts.join(" AND ") }
}

/// The condition that an entity (`e`) had been spoken of by then; `TRUE` where no moment is asked for.
pub(super) fn is_met_by(as_of: Option<i64>) -> String {
    if as_of.is_none() {
        return "TRUE".to_owned();
    }
    let known = known_by(as_of);
    format!(
        "e.entity_id IN (SELECT i.entity_id FROM identities i WHERE i.mention_id IN ( \
             SELECT mention_id FROM claims WHERE {known} UNION ALL SELECT mention_id FROM events WHERE {known}))"
    )
}

/// Condition on when a row was known.
pub(super) fn known_by(as_of: Option<i64>) -> String {
    in_force::known_by(as_of)
}

/// The metric's label in a language.
pub(super) fn label(metric: &crowsnest_model::Metric, language: Language) -> &str {
    match language {
        Language::En => &metric.label_en,
        Language::ZhHans => &metric.label_zh_hans,
        Language::ZhHant => &metric.label_zh_hant,
    }
}

/// `product`, `company` or `segment`.
pub(super) fn parse_kind(text: &str) -> Result<Kind> {
    text.parse::<Kind>()
        .map_err(|error| LakeError::bad_question(error.to_string(), "write product, company or segment"))
}
