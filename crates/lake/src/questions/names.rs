//! What ties an entity together: the names that sources write, and what people decided on them.

use super::{rows, run_few};
use crate::{Answer, Lake, Result};

/// Which names, and which decisions.
#[derive(Debug, Clone, Default)]
pub struct NamesQuestion {
    /// A name in any script, pinyin, or an entity's id.
    pub name: String,
    /// At most so many rows.
    pub limit: Option<usize>,
}

const N_ROWS: usize = 500;

/// The names and native ids of an entity, as sources write them, those known first first.
///
/// # Errors
/// Where nothing is called so.
pub async fn names(lake: &Lake, question: &NamesQuestion) -> Result<Answer> {
    let identity = lake.identity();
    let is_own = rows::is_entity(&identity, identity.find(&question.name, None)?);
    let limit = question.limit.unwrap_or(N_ROWS);
    let sql = format!(
        "SELECT name, source, native_id, developer, domain, known_at FROM mentions \
         WHERE {is_own} ORDER BY known_at, name, source LIMIT {limit}"
    );
    run_few(lake, &sql).await
}

/// What people decided on an entity's mentions and names, the latest first: `what` is a verdict, `name` or `no_name`.
///
/// # Errors
/// Where nothing is called so.
pub async fn decided(lake: &Lake, question: &NamesQuestion) -> Result<Answer> {
    let id = lake.identity().find(&question.name, None)?.id;
    let limit = question.limit.unwrap_or(N_ROWS);
    let sql = format!(
        "WITH own AS (SELECT mention_id FROM identities WHERE entity_id = {id}), \
         judged AS (SELECT j.\"left\", j.\"right\", j.verdict, j.\"by\", j.why, j.known_at FROM judgements j \
             WHERE j.\"left\" IN (SELECT mention_id FROM own) OR j.\"right\" IN (SELECT mention_id FROM own)) \
         SELECT j.known_at AS known_at, j.\"by\" AS \"by\", j.verdict AS what, l.name AS one, r.name AS other, j.why AS why \
         FROM judged j JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id \
         UNION ALL SELECT known_at, \"by\", CASE WHEN active THEN 'name' ELSE 'no_name' END, alias, entity, why \
         FROM aliases WHERE entity_id = {id} AND \"by\" NOT LIKE '%.csv' \
         ORDER BY known_at DESC LIMIT {limit}"
    );
    run_few(lake, &sql).await
}
