//! The names of a market: what its sources write, and what its catalogue says.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Int64Type;
use crowsnest_lake::{Lake, LakeError};

use super::lookup::KnownName;

/// Every name of every entity, once, ordered by entity and name.
///
/// # Errors
/// Those of the lake.
pub async fn known_names(lake: &Lake) -> Result<Vec<KnownName>, LakeError> {
    let mut names: BTreeSet<(i64, String)> = BTreeSet::new();
    let mentions = "SELECT DISTINCT i.entity_id, CAST(m.name AS VARCHAR) AS name FROM mentions m \
                    JOIN identities i ON i.mention_id = m.mention_id";
    names.extend(rows(lake, mentions).await?.into_iter().map(|(entity, name, _)| (entity, name)));
    // What was said last of a name holds.
    let aliases = "SELECT entity_id, CAST(alias AS VARCHAR) AS name, active FROM aliases ORDER BY known_at";
    let latest: BTreeMap<(i64, String), bool> =
        rows(lake, aliases).await?.into_iter().map(|(entity, name, is_active)| ((entity, name), is_active)).collect();
    names.extend(latest.into_iter().filter(|(_, is_active)| *is_active).map(|(name, _)| name));
    let identity = lake.identity();
    for entity in identity.entities() {
        names.insert((entity.id, entity.name_en.clone()));
        names.insert((entity.id, entity.name_hans.clone()));
    }
    // What was merged into another entity goes by that one's id.
    let of = |id: i64| identity.entity(id).map_or(id, |entity| entity.id);
    let names: BTreeSet<(i64, String)> = names.into_iter().map(|(entity, name)| (of(entity), name)).collect();
    Ok(names.into_iter().map(|(entity, name)| KnownName { entity, name }).collect())
}

async fn rows(lake: &Lake, sql: &str) -> Result<Vec<(i64, String, bool)>, LakeError> {
    let mut found = Vec::new();
    for batch in lake.query(sql).await? {
        let entities = batch.column(0).as_primitive::<Int64Type>();
        let names = arrow::compute::cast(batch.column(1), &arrow::datatypes::DataType::Utf8)?;
        let names = names.as_string::<i32>();
        for row in 0..batch.num_rows() {
            let is_active = batch.columns().get(2).is_none_or(|column| column.as_boolean().value(row));
            if !names.is_null(row) {
                found.push((entities.value(row), names.value(row).to_owned(), is_active));
            }
        }
    }
    Ok(found)
}
