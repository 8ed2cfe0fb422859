//! The catalogue into the lake: rows for what is new, and rows that end what is no longer said.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use crowsnest_lake::{Lake, schema};
use crowsnest_model::tables::{ALIASES, JUDGEMENTS, RELATIONS};
use crowsnest_model::{Kind, entity_id, event_id, normalise};
use serde::Serialize;

use crate::catalogue::{Alias, Catalogue, CatalogueError, Different, Owner};
use crate::resolving::rows::{self, JudgementRow};

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
    /// The same of names that are said not to be the same.
    pub n_different_added: usize,
    /// The same.
    pub n_different_ended: usize,
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
    (synced.n_different_added, synced.n_different_ended) = sync_different(lake, &catalogue.different, now).await?;
    lake.refresh().await?;
    Ok(synced)
}

fn alias_key(alias: &Alias) -> i64 {
    event_id(&[&alias.entity, alias.kind.as_str(), &alias.alias, &alias.language])
}

fn owner_key(owner: &Owner) -> i64 {
    let mut parts = vec![owner.owned.clone(), owner.owned_kind.as_str().to_owned(), owner.owner.clone()];
    let is_plain = owner.relation == "owned_by"
        && owner.valid_from.is_none()
        && owner.valid_until.is_none()
        && owner.source.is_empty();
    if !is_plain {
        let day = |day: Option<i32>| day.map_or_else(String::new, |day| day.to_string());
        parts.extend([owner.relation.clone(), day(owner.valid_from), day(owner.valid_until), owner.source.clone()]);
    }
    event_id(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn held_aliases(lake: &Lake) -> Result<HashMap<i64, Alias>, CatalogueError> {
    let mut held = HashMap::new();
    let sql = "SELECT entity, kind, alias, language, \"by\", active FROM aliases ORDER BY known_at";
    for batch in lake.query(sql).await? {
        let active = batch.column(5).as_boolean();
        for row in (0..batch.num_rows()).filter(|row| is_of_catalogue(&batch, 4, *row)) {
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
    let sql = "SELECT entity, owner, \"by\", why, relation, active, entity_id, owner_id, valid_from, valid_until \
               FROM relations ORDER BY known_at, active";
    for batch in lake.query(sql).await? {
        let active = batch.column(5).as_boolean();
        for row in (0..batch.num_rows()).filter(|row| is_of_catalogue(&batch, 2, *row)) {
            let owner = held_owner(&batch, row);
            if active.value(row) {
                held.insert(owner_key(&owner), owner);
            } else {
                held.remove(&owner_key(&owner));
            }
        }
    }
    Ok(held)
}

fn held_owner(batch: &RecordBatch, row: usize) -> Owner {
    let text = |index: usize| {
        let texts = batch.column(index).as_string_view();
        if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() }
    };
    let kind = |id_column: usize, name: &str| {
        let id = batch.column(id_column).as_primitive::<Int64Type>().value(row);
        if id == entity_id(Kind::Company, &normalise(name)) { Kind::Company } else { Kind::Product }
    };
    let day = |column: usize| {
        let days = batch.column(column).as_primitive::<Date32Type>();
        days.is_valid(row).then(|| days.value(row))
    };
    let (owned, owner) = (text(0), text(1));
    Owner {
        owned_kind: kind(6, &owned),
        owner_kind: kind(7, &owner),
        owned,
        owner,
        by: text(2),
        source: text(3),
        relation: text(4),
        valid_from: day(8),
        valid_until: day(9),
    }
}

/// What people decide is not the catalogue's to end.
fn is_of_catalogue(batch: &RecordBatch, column: usize, row: usize) -> bool {
    batch.column(column).as_string_view().value(row).ends_with(".csv")
}

/// Judgements on names that the catalogue says are not the same, between the mentions of both that were known first; those
/// of names that nobody writes yet wait until somebody does.
async fn sync_different(lake: &Lake, different: &[Different], now: i64) -> Result<(usize, usize), CatalogueError> {
    let mut held: HashMap<(i64, i64), String> = HashMap::new();
    let sql = "SELECT \"left\", \"right\", verdict, \"by\" FROM judgements ORDER BY known_at";
    for batch in lake.query(sql).await? {
        let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| is_of_catalogue(&batch, 3, *row)) {
            let verdict = batch.column(2).as_string_view().value(row).to_owned();
            held.insert((ints(0).value(row), ints(1).value(row)), verdict);
        }
    }
    held.retain(|_, verdict| verdict == "different");
    if held.is_empty() && different.is_empty() {
        return Ok((0, 0));
    }
    let mut wanted: HashMap<(i64, i64), &Different> = HashMap::new();
    for pair in different {
        let own = |name: &str| entity_id(pair.kind, &normalise(name));
        let (name, other) = (first_mention(lake, own(&pair.name)).await?, first_mention(lake, own(&pair.other)).await?);
        if let (Some(name), Some(other)) = (name, other) {
            wanted.insert((name, other), pair);
        }
    }
    let row = |(left, right): (i64, i64), verdict: &str, by: &str| JudgementRow {
        left,
        right,
        verdict: verdict.to_owned(),
        by: by.to_owned(),
        why: String::new(),
    };
    let added: Vec<JudgementRow> = wanted
        .iter()
        .filter(|(pair, _)| !held.contains_key(*pair))
        .map(|(pair, of)| row(*pair, "different", &of.by))
        .collect();
    let ended: Vec<JudgementRow> = held
        .keys()
        .filter(|pair| !wanted.contains_key(*pair))
        .map(|pair| row(*pair, "withdrawn", "catalogue.csv"))
        .collect();
    let n = (added.len(), ended.len());
    let mut rows: Vec<JudgementRow> = added.into_iter().chain(ended).collect();
    rows.sort_by_key(|row| (row.left, row.right));
    if !rows.is_empty() {
        lake.append(&JUDGEMENTS, vec![rows::judgements(&rows, now)?]).await?;
    }
    Ok(n)
}

async fn first_mention(lake: &Lake, own: i64) -> Result<Option<i64>, CatalogueError> {
    let sql = format!("SELECT mention_id FROM mentions WHERE entity_id = {own} ORDER BY known_at, mention_id LIMIT 1");
    let batches = lake.query(&sql).await?;
    let found = batches.iter().find(|batch| batch.num_rows() > 0);
    Ok(found.map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)))
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
        new_null_array(&DataType::Utf8, rows.len()),
    ];
    batch(&ALIASES, columns)
}

fn owner_rows(rows: &[(&Owner, bool)], now: i64) -> Result<RecordBatch, CatalogueError> {
    let ids = rows.iter().map(|(owner, active)| row_id(owner_key(owner), *active, now));
    let owned = rows.iter().map(|(owner, _)| entity_id(owner.owned_kind, &normalise(&owner.owned)));
    let owners = rows.iter().map(|(owner, _)| entity_id(owner.owner_kind, &normalise(&owner.owner)));
    let source = |owner: &&Owner| Some(owner.source.clone()).filter(|source| !source.is_empty());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        texts(rows.iter().map(|(owner, _)| owner.relation.as_str())),
        Arc::new(Int64Array::from_iter_values(owned)),
        texts(rows.iter().map(|(owner, _)| owner.owned.as_str())),
        Arc::new(Int64Array::from_iter_values(owners)),
        texts(rows.iter().map(|(owner, _)| owner.owner.as_str())),
        Arc::new(rows.iter().map(|(_, active)| Some(*active)).collect::<BooleanArray>()),
        texts(rows.iter().map(|(owner, _)| owner.by.as_str())),
        instants(now, rows.len()),
        Arc::new(rows.iter().map(|(owner, _)| owner.valid_from).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|(owner, _)| owner.valid_until).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|(owner, _)| source(owner)).collect::<StringArray>()),
    ];
    batch(&RELATIONS, columns)
}

fn row_id(key: i64, active: bool, now: i64) -> i64 {
    event_id(&[&key.to_string(), if active { "active" } else { "ended" }, &now.to_string()])
}

fn batch(table: &crowsnest_model::Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, CatalogueError> {
    Ok(RecordBatch::try_new(schema::arrow_schema(table), columns).map_err(crowsnest_lake::LakeError::from)?)
}
