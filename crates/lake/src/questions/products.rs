//! `products`: who is in the market, and search by name, pinyin or initials; and what belongs to whom.

use super::rows;
use crate::identity::{Entity, Identity};
use crate::{Answer, Lake, Language, Result};

/// The names of so many are named one by one, which reads little; of more, the claims of all are gone through.
const MENTIONS_NAMED_MAX: usize = 2_000;

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
        let asked = Listed { filter, whose: None, order, limit, offset, as_of: question.as_of, language };
        return listed(lake, &asked).await;
    };
    let found = identity.search(text, kind, limit + offset);
    let ids: Vec<String> = found.iter().skip(offset).map(|(_, entity)| entity.id.to_string()).collect();
    let (filter, order) = match ids.is_empty() {
        true => ("FALSE".to_owned(), "name".to_owned()),
        false => {
            let ids = ids.join(", ");
            (format!("e.entity_id IN ({ids})"), format!("array_position(make_array({ids}), e.entity_id)"))
        }
    };
    let whose = named(&identity, found.iter().skip(offset).map(|(_, entity)| *entity));
    let asked = Listed { filter, whose, order: &order, limit, offset: 0, as_of: question.as_of, language };
    listed(lake, &asked).await
}

/// The mentions of these entities as a condition, unless they are too many.
fn named<'e>(identity: &Identity, entities: impl Iterator<Item = &'e Entity>) -> Option<String> {
    let mentions = identity.mentions_of_any(&entities.map(|entity| entity.id).collect());
    let named: Vec<String> = mentions.iter().map(i64::to_string).collect();
    let is_few = !named.is_empty() && named.len() <= MENTIONS_NAMED_MAX;
    is_few.then(|| format!("mention_id IN ({})", named.join(", ")))
}

struct Listed<'a> {
    filter: String,
    /// Of whom claims are counted, where they are known by name.
    whose: Option<String>,
    order: &'a str,
    limit: usize,
    offset: usize,
    as_of: Option<i64>,
    language: Language,
}

/// Sources and metrics are counted by hash: a set of texts per entity takes tens of KB, of numbers a few bytes.
async fn listed(lake: &Lake, asked: &Listed<'_>) -> Result<Answer> {
    let known = rows::known_by(asked.as_of);
    // Looked up, where it is known who: to go through all identities takes longer than to count.
    let identities = asked
        .whose
        .as_ref()
        .map_or_else(|| "identities".to_owned(), |whose| format!("(SELECT * FROM identities WHERE {whose})"));
    let whose = asked.whose.clone().unwrap_or_else(|| {
        let mentions = "SELECT i.mention_id FROM identities i JOIN entities e ON i.entity_id = e.entity_id";
        format!("mention_id IN ({mentions} WHERE {})", asked.filter)
    });
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
                   FROM claims WHERE {known} AND {whose} GROUP BY mention_id, metric) m \
             JOIN {identities} i ON m.mention_id = i.mention_id GROUP BY i.entity_id) s ON e.entity_id = s.entity_id \
         WHERE ({}) AND {}) e ORDER BY {} LIMIT {} OFFSET {}",
        rows::name_column(asked.language),
        asked.filter,
        rows::is_met_by(asked.as_of),
        asked.order,
        asked.limit,
        asked.offset,
    );
    if asked.whose.is_some() { super::run_few(lake, &sql).await } else { super::run(lake, &sql).await }
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
    let whose = named(&identity, identity.owned_by(company.id).into_iter());
    let order = "n_claims DESC, name";
    listed(lake, &Listed { filter, whose, order, limit: 1000, offset: 0, as_of: question.as_of, language }).await
}
