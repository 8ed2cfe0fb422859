//! `sources`: who provides how much, since when, under which terms.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray};

use super::rows;
use crate::SourceCard;
use crate::{Answer, Lake, Result};

/// All sources.
#[derive(Debug, Clone, Default)]
pub struct SourcesQuestion {
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
}

/// One row per source that has claims or events, the largest first.
pub async fn sources(lake: &Lake, question: &SourcesQuestion) -> Result<Answer> {
    let known = rows::known_by(question.as_of);
    let sql = format!(
        "SELECT source, sum(n_claims) AS n_claims, sum(n_events) AS n_events, sum(n_mentions) AS n_mentions, \
                max(n_metrics) AS n_metrics, max(n_documents) AS n_documents, min(first_known_at) AS first_known_at, \
                max(latest_known_at) AS latest_known_at \
         FROM (SELECT source, count(*) AS n_claims, 0 AS n_events, count(DISTINCT mention_id) AS n_mentions, \
                      count(DISTINCT metric) AS n_metrics, count(DISTINCT document) AS n_documents, \
                      min(known_at) AS first_known_at, max(known_at) AS latest_known_at \
               FROM claims WHERE {known} GROUP BY source \
               UNION ALL \
               SELECT source, 0, count(*), 0, 0, count(DISTINCT document), min(known_at), max(known_at) \
               FROM events WHERE {known} GROUP BY source) \
         GROUP BY source ORDER BY n_claims DESC, n_events DESC, source"
    );
    let answer = super::run(lake, &sql).await?;
    let rows = with_cards(lake, &answer.rows)?;
    Ok(Answer { rows, ..answer })
}

fn with_cards(lake: &Lake, rows: &RecordBatch) -> Result<RecordBatch> {
    let names = rows.column(0).as_string_view();
    let cards: Vec<Option<&SourceCard>> =
        names.iter().map(|name| name.and_then(|name| lake.market().source(name))).collect();
    let texts = |of: fn(&SourceCard) -> &str| -> ArrayRef {
        Arc::new(cards.iter().map(|card| card.map(of)).collect::<StringArray>())
    };
    let redistribute: BooleanArray =
        cards.iter().map(|card| Some(card.is_none_or(SourceCard::may_be_passed_on))).collect();
    let mut columns: Vec<(String, ArrayRef, bool)> = rows
        .schema()
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| (field.name().clone(), Arc::clone(column), true))
        .collect();
    columns.push(("licence".into(), texts(|card| &card.licence), true));
    columns.push(("redistribute".into(), Arc::new(redistribute), true));
    columns.push(("price".into(), texts(|card| &card.price), true));
    columns.push(("homepage".into(), texts(|card| &card.homepage), true));
    columns.push(("note".into(), texts(|card| &card.note), true));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
