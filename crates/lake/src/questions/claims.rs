//! `claims`: claims as they were said, newest first.

use super::quoted;
use super::rows::{self, CLAIM_COLUMNS};
use super::whose::Whose;
use crate::{Answer, Lake, Language, Result};

/// Which claims.
#[derive(Debug, Clone, Default)]
pub struct ClaimsQuestion {
    /// Name in any script, pinyin, or entity id.
    pub name: Option<String>,
    /// Only this metric.
    pub metric: Option<String>,
    /// Only this period.
    pub period: Option<String>,
    /// Only this source.
    pub source: Option<String>,
    /// Only this status.
    pub status: Option<String>,
    /// Only this document (SHA-256).
    pub document: Option<String>,
    /// Only this claim (32 hexadecimal digits).
    pub claim: Option<String>,
    /// At most so many; 100 where not said.
    pub limit: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// The claims, the latest known first.
pub async fn claims(lake: &Lake, question: &ClaimsQuestion) -> Result<Answer> {
    let (mut filter, mut whose) = (rows::known_by(question.as_of), Whose::anybody(lake, question.language));
    let mut and = |condition: String| filter.push_str(&format!(" AND {condition}"));
    if let Some(name) = &question.name {
        let identity = lake.identity();
        let entity = identity.find(name, None)?;
        and(rows::is_entity(&identity, entity));
        whose.is(entity);
    }
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
    }
    if let Some(period) = &question.period {
        and(rows::is_period(&rows::known_period(lake, period)?));
    }
    if let Some(claim) = &question.claim {
        let (mention_id, claim_id) = crowsnest_model::parse_claim_ref(claim).ok_or_else(|| {
            crate::LakeError::bad_question(format!("{claim:?} is not a claim"), "a claim has 32 hexadecimal digits")
        })?;
        and(format!("mention_id = {mention_id} AND claim_id = {claim_id}"));
        whose.is_mentioned_as(mention_id);
    }
    and(rows::equals(&[
        ("metric", question.metric.as_deref()),
        ("source", question.source.as_deref()),
        ("status", question.status.as_deref().map(str::to_ascii_lowercase).as_deref()),
        ("document", question.document.as_deref()),
    ]));
    let sql = format!(
        "SELECT {}, {CLAIM_COLUMNS} \
         FROM (SELECT * FROM claims WHERE {filter} \
               ORDER BY known_at DESC, period_start DESC, mention_id, claim_id LIMIT {}) c {} \
         ORDER BY c.known_at DESC, c.period_start DESC, c.mention_id, c.claim_id",
        whose.columns(),
        question.limit.unwrap_or(100),
        whose.joined_to("c"),
    );
    let answer = whose.run(lake, &sql).await?;
    if answer.rows.num_rows() == 0 && question.claim.is_some() {
        return Err(crate::LakeError::bad_question(
            format!("no claim {} in this market", quoted(question.claim.as_deref().unwrap_or_default())),
            "list claims with `crowsnest claims`",
        ));
    }
    Ok(answer)
}
