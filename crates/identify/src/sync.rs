//! The catalogue into the lake: rows for what is new, and rows that end what is no longer said.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int64Type;
use crowsnest_lake::{Lake, schema};
use crowsnest_model::tables::{ALIASES, RELATIONS};
use crowsnest_model::{Kind, entity_id, event_id, normalise};
use serde::Serialize;

use crate::catalogue::{Alias, Catalogue, CatalogueError, Owner};

/// What changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// Aliases that hold now and did not.
    pub n_aliases_added: usize,
    /// Aliases that held and no longer do.
    pub n_aliases_ended: usize,
    /// The same of owners.
    pub n_owners_added: usize,
    /// The same of owners.
    pub n_owners_ended: usize,
}

/// Takes over what the market's catalogue says; questions see it at once.
///
/// # Errors
/// [`CatalogueError::Faults`] where the files contradict themselves: nothing is changed then.
pub async fn sync_catalogue(lake: &Lake) -> Result<Synced, CatalogueError> {
    let catalogue = Catalogue::read(&lake.market().dir)?;
    lake.refresh().await?;
    let now = jiff::Timestamp::now().as_microsecond();
    let mut synced = Synced::default();

    let held = held_aliases(lake).await?;
    let wanted: HashMap<i64, &Alias> = catalogue.aliases.iter().map(|alias| (alias_key(alias), alias)).collect();
    let mut rows: Vec<(&Alias, bool)> =
        catalogue.aliases.iter().filter(|alias| !held.contains_key(&alias_key(alias))).map(|a| (a, true)).collect();
    synced.n_aliases_added = rows.len();
    rows.extend(held.iter().filter(|(key, _)| !wanted.contains_key(key)).map(|(_, alias)| (alias, false)));
    synced.n_aliases_ended = rows.len() - synced.n_aliases_added;
    if !rows.is_empty() {
        lake.append(&ALIASES, vec![alias_rows(&rows, now)?]).await?;
    }

    let held = held_owners(lake).await?;
    let wanted: HashMap<i64, &Owner> = catalogue.owners.iter().map(|owner| (owner_key(owner), owner)).collect();
    let mut rows: Vec<(&Owner, bool)> =
        catalogue.owners.iter().filter(|owner| !held.contains_key(&owner_key(owner))).map(|o| (o, true)).collect();
    synced.n_owners_added = rows.len();
    let ended: Vec<(&Owner, bool)> =
        held.iter().filter(|(key, _)| !wanted.contains_key(key)).map(|(_, owner)| (owner, false)).collect();
    synced.n_owners_ended = ended.len();
    // What ends comes first, so that a product that changes hands belongs to its new owner.
    let rows: Vec<(&Owner, bool)> = ended.into_iter().chain(rows.drain(..)).collect();
    if !rows.is_empty() {
        lake.append(&RELATIONS, vec![owner_rows(&rows, now)?]).await?;
    }
    lake.refresh().await?;
    Ok(synced)
}

fn alias_key(alias: &Alias) -> i64 {
    event_id(&[&alias.entity, alias.kind.as_str(), &alias.alias, &alias.language])
}

fn owner_key(owner: &Owner) -> i64 {
    event_id(&[&owner.owned, owner.owned_kind.as_str(), &owner.owner])
}

async fn held_aliases(lake: &Lake) -> Result<HashMap<i64, Alias>, CatalogueError> {
    let mut held = HashMap::new();
    let sql = "SELECT entity, kind, alias, language, \"by\", active FROM aliases ORDER BY known_at";
    for batch in lake.query(sql).await? {
        let active = batch.column(5).as_boolean();
        for row in 0..batch.num_rows() {
            let text = |index: usize| batch.column(index).as_string_view().value(row).to_owned();
            let Ok(kind) = text(1).parse::<Kind>() else { continue };
            let alias = Alias { entity: text(0), kind, alias: text(2), language: text(3), by: text(4), line: 0 };
            if active.value(row) {
                held.insert(alias_key(&alias), alias);
            } else {
                held.remove(&alias_key(&alias));
            }
        }
    }
    Ok(held)
}

async fn held_owners(lake: &Lake) -> Result<HashMap<i64, Owner>, CatalogueError> {
    let mut held = HashMap::new();
    let sql = "SELECT entity, owner, \"by\", active, entity_id FROM relations ORDER BY known_at, active";
    for batch in lake.query(sql).await? {
        let active = batch.column(3).as_boolean();
        let ids = batch.column(4).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let text = |index: usize| batch.column(index).as_string_view().value(row).to_owned();
            let is_company = ids.value(row) == entity_id(Kind::Company, &normalise(&text(0)));
            let owned_kind = if is_company { Kind::Company } else { Kind::Product };
            let owner = Owner { owned: text(0), owned_kind, owner: text(1), by: text(2) };
            if active.value(row) {
                held.insert(owner_key(&owner), owner);
            } else {
                held.remove(&owner_key(&owner));
            }
        }
    }
    Ok(held)
}

/// Rows get instants a microsecond apart, so that "the latest" keeps the order of the files.
fn instants(now: i64, n: usize) -> ArrayRef {
    let values = (0..n as i64).map(|offset| now + offset);
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn alias_rows(rows: &[(&Alias, bool)], now: i64) -> Result<RecordBatch, CatalogueError> {
    let ids = rows.iter().map(|(alias, active)| row_id(alias_key(alias), *active, now));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(alias, _)| alias.self_entity_id()))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(alias, _)| alias.entity_id()))),
        texts(rows.iter().map(|(alias, _)| alias.entity.as_str())),
        texts(rows.iter().map(|(alias, _)| alias.kind.as_str())),
        texts(rows.iter().map(|(alias, _)| alias.alias.as_str())),
        texts(rows.iter().map(|(alias, _)| alias.language.as_str())),
        Arc::new(rows.iter().map(|(_, active)| Some(*active)).collect::<BooleanArray>()),
        texts(rows.iter().map(|(alias, _)| alias.by.as_str())),
        instants(now, rows.len()),
    ];
    batch(&ALIASES, columns)
}

fn owner_rows(rows: &[(&Owner, bool)], now: i64) -> Result<RecordBatch, CatalogueError> {
    let ids = rows.iter().map(|(owner, active)| row_id(owner_key(owner), *active, now));
    let owned = rows.iter().map(|(owner, _)| entity_id(owner.owned_kind, &normalise(&owner.owned)));
    let owners = rows.iter().map(|(owner, _)| entity_id(Kind::Company, &normalise(&owner.owner)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        texts(rows.iter().map(|_| "owned_by")),
        Arc::new(Int64Array::from_iter_values(owned)),
        texts(rows.iter().map(|(owner, _)| owner.owned.as_str())),
        Arc::new(Int64Array::from_iter_values(owners)),
        texts(rows.iter().map(|(owner, _)| owner.owner.as_str())),
        Arc::new(rows.iter().map(|(_, active)| Some(*active)).collect::<BooleanArray>()),
        texts(rows.iter().map(|(owner, _)| owner.by.as_str())),
        instants(now, rows.len()),
    ];
    batch(&RELATIONS, columns)
}

fn row_id(key: i64, active: bool, now: i64) -> i64 {
    event_id(&[&key.to_string(), if active { "active" } else { "ended" }, &now.to_string()])
}

fn batch(table: &crowsnest_model::Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, CatalogueError> {
    Ok(RecordBatch::try_new(schema::arrow_schema(table), columns).map_err(crowsnest_lake::LakeError::from)?)
}
