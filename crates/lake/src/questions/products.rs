//! `products`: who is in the market, and search by name, pinyin or initials; and what belongs to whom.

use super::rows;
use crate::{Answer, Lake, Language, Result};

/// Which products, companies or segments.
#[derive(Debug, Clone, Default)]
pub struct ProductsQuestion {
    /// Text in any script, pinyin or initials.
    pub search: Option<String>,
    /// `product`, `company` or `segment`; all where not said.
    pub kind: Option<String>,
    /// At most so many; 50 where not said.
    pub limit: Option<usize>,
    /// Skips so many.
    pub offset: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Matches best first; without a search those with the most sources and claims first.
pub async fn products(lake: &Lake, question: &ProductsQuestion) -> Result<Answer> {
    let kind = question.kind.as_deref().map(rows::parse_kind).transpose()?;
    let (limit, offset) = (question.limit.unwrap_or(50), question.offset.unwrap_or(0));
    let identity = lake.identity();
    let language = rows::language(lake, question.language);
    let Some(text) = question.search.as_deref().filter(|text| !text.trim().is_empty()) else {
        let filter = kind.map_or_else(|| "TRUE".to_owned(), |kind| format!("e.kind = '{}'", kind.as_str()));
        let order = "n_sources DESC, n_metrics DESC, n_claims DESC, name";
        return listed(lake, &Listed { filter, order, limit, offset, as_of: question.as_of, language }).await;
    };
    let found = identity.search(text, kind, limit + offset);
    let ids: Vec<String> = found.iter().skip(offset).map(|(_, entity)| entity.id.to_string()).collect();
    if ids.is_empty() {
        let filter = "FALSE".to_owned();
        return listed(lake, &Listed { filter, order: "name", limit, offset: 0, as_of: question.as_of, language })
            .await;
    }
    let order = format!("array_position(make_array({}), e.entity_id)", ids.join(", "));
    let filter = format!("e.entity_id IN ({})", ids.join(", "));
    listed(lake, &Listed { filter, order: &order, limit, offset: 0, as_of: question.as_of, language }).await
}

struct Listed<'a> {
    filter: String,
    order: &'a str,
    limit: usize,
    offset: usize,
    as_of: Option<i64>,
    language: Language,
}

/// Sources and metrics are counted by hash: a set of texts per entity takes tens of KB, of numbers a few bytes.
async fn listed(lake: &Lake, asked: &Listed<'_>) -> Result<Answer> {
    let known = rows::known_by(asked.as_of);
    let mentions = "SELECT i.mention_id FROM identities i JOIN entities e ON i.entity_id = e.entity_id";
    let sql = format!(
        "SELECT entity, kind, name, name_en, name_hans, name_hant, company, company_entity, n_claims, n_sources, \
                n_metrics, latest_period, latest_known_at FROM ( \
         SELECT e.entity_id, e.entity, e.kind, {} AS name, e.name_en, e.name_hans, e.name_hant, e.company, \
                entity_hex(e.company_id) AS company_entity, coalesce(s.n_claims, 0) AS n_claims, \
                coalesce(s.n_sources, 0) AS n_sources, coalesce(s.n_metrics, 0) AS n_metrics, \
                substr(s.latest, 12) AS latest_period, s.latest_known_at \
         FROM entities e LEFT JOIN ( \
             SELECT i.entity_id, sum(m.n_claims) AS n_claims, count(DISTINCT about(m.source)) AS n_sources, \
                    count(DISTINCT about(m.metric)) AS n_metrics, max(m.latest) AS latest, max(m.latest_known_at) AS latest_known_at \
             FROM (SELECT mention_id, metric, max(source) AS source, count(*) AS n_claims, \
                          max(CAST(period_start AS VARCHAR) || ' ' || period) AS latest, \
                          max(known_at) AS latest_known_at \
                   FROM claims WHERE {known} AND mention_id IN ({mentions} WHERE {}) GROUP BY mention_id, metric) m \
             JOIN identities i ON m.mention_id = i.mention_id GROUP BY i.entity_id) s ON e.entity_id = s.entity_id \
         WHERE ({}) AND {}) e ORDER BY {} LIMIT {} OFFSET {}",
        rows::name_column(asked.language),
        asked.filter,
        asked.filter,
        rows::is_met_by(asked.as_of),
        asked.order,
        asked.limit,
        asked.offset,
    );
    super::run(lake, &sql).await
}

/// Whose products.
#[derive(Debug, Clone, Default)]
pub struct RelationsQuestion {
    /// Name of the company, or entity id.
    pub name: String,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// What belongs to a company, in the columns of [`products`].
pub async fn relations(lake: &Lake, question: &RelationsQuestion) -> Result<Answer> {
    let identity = lake.identity();
    let company = identity.find(&question.name, Some(crowsnest_model::Kind::Company))?;
    let language = rows::language(lake, question.language);
    let filter = format!("e.company_id = {}", company.id);
    let order = "n_claims DESC, name";
    listed(lake, &Listed { filter, order, limit: 1000, offset: 0, as_of: question.as_of, language }).await
}
