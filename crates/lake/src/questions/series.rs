//! `series`: a product's figures over time, one line per source, with every restatement; and the reconciled figures.

use super::{FiguresQuestion, quoted, rows};
use crate::{Answer, Lake, Language, Result};

/// Whose figures.
#[derive(Debug, Clone, Default)]
pub struct SeriesQuestion {
    /// Name in any script, pinyin, or entity id.
    pub name: String,
    /// `product`, `company` or `segment`, where a name is several.
    pub kind: Option<String>,
    /// Only this metric.
    pub metric: Option<String>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of the name.
    pub language: Option<Language>,
}

/// SQL of an entity's claims with their vintage, for the question and for the SQL function.
pub(crate) fn sql(entity_filter: &str, metric: Option<&str>, as_of: Option<i64>) -> String {
    let metric = metric.map_or_else(String::new, |metric| format!(" AND metric = {}", quoted(metric)));
    let key = "subject_id, metric, period, region, platform, segment";
    format!(
        "SELECT metric, source, region, platform, segment, period, period_start, period_end, grain, value, low, high, \
                bound, unit, status, known_at, said_at, claim, \
                vintage = n_vintages AND status NOT IN ('denied', 'withdrawn') AS in_force, vintage \
         FROM (SELECT *, claim_ref(mention_id, claim_id) AS claim, \
                      row_number() OVER (PARTITION BY {key} ORDER BY known_at, recorded_at, claim_id) AS vintage, \
                      count(*) OVER (PARTITION BY {key}) AS n_vintages \
               FROM claims_of_subjects WHERE {entity_filter}{metric} AND {}) \
         ORDER BY metric, source, region, platform, segment, period_start, period_end, known_at, vintage",
        rows::known_by(as_of)
    )
}

/// The lines.
pub async fn series(lake: &Lake, question: &SeriesQuestion) -> Result<Answer> {
    let kind = question.kind.as_deref().map(rows::parse_kind).transpose()?;
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
    }
    let identity = lake.identity();
    let entity = identity.find(&question.name, kind)?;
    let sql = sql(&rows::is_entity(&identity, entity), question.metric.as_deref(), question.as_of);
    let mut answer = super::run_few(lake, &sql).await?;
    let asked = FiguresQuestion {
        name: entity.hex(),
        metric: question.metric.clone(),
        as_of: question.as_of,
        ..FiguresQuestion::default()
    };
    let figures = super::figures::figures(lake, &asked).await?;
    if figures.rows.num_rows() > 0 {
        let figures: Vec<serde_json::Value> = figures.rows_as()?;
        answer = answer.with_fact("figures", figures);
    }
    Ok(answer
        .with_fact("entity", entity.hex())
        .with_fact("name", entity.name(rows::language(lake, question.language)))
        .with_fact("kind", entity.kind.as_str()))
}
