//! From the tables to who is who, at a moment: the catalogue's rows, people's judgements and resolutions known by then.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use crowsnest_model::{Kind, split_legal_form};
use datafusion::prelude::SessionContext;
use rayon::prelude::*;

use super::groups::Words;
use super::relations::{Relation, Relations};
use super::searching::SearchText;
use super::{Entity, Identity};
use crate::coded::text_at;
use crate::sql::instant;
use crate::{Market, Result};

/// Tables that say who is who.
pub(crate) const TABLES: [&str; 5] = ["mentions", "aliases", "relations", "judgements", "memberships"];

struct Reader<'a> {
    context: &'a SessionContext,
    /// Condition on when a row was known.
    known: String,
    identity: Identity,
    words: Words,
    changes: BTreeSet<i64>,
    /// What people call an entity: id, name, language, in the order in which they said so.
    called: Vec<(i64, String, String)>,
    /// Mentions of one name that somebody judged to be two things.
    split_off: HashSet<i64>,
}

impl Identity {
    /// Everyone, as known at a moment; `None` is now.
    pub(crate) async fn read(context: &SessionContext, market: &Market, as_of: Option<i64>) -> Result<Self> {
        let identity = Self { default_language: market.config.language, ..Self::default() };
        let known = as_of.map_or_else(|| "TRUE".to_owned(), |micros| format!("known_at <= {}", instant(micros)));
        let mut reader = Reader {
            context,
            known,
            identity,
            words: Words::default(),
            changes: BTreeSet::new(),
            called: Vec::new(),
            split_off: HashSet::new(),
        };
        reader.aliases().await?;
        reader.memberships().await?;
        let mentions = reader.rows("SELECT mention_id, entity_id, kind, name, source FROM mentions").await?;
        reader.judgements(&mentions).await?;
        let groups = reader.words.groups();
        reader.identity.aliases = reader.words.catalogue.iter().flat_map(|(own, entity)| [*own, *entity]).collect();
        reader.mentions(&mentions, &groups);
        reader.identity.moved = groups;
        reader.relations(as_of).await?;
        reader.identity.born_at = reader.born_at().await?;
        reader.name_entities();
        let mut identity = reader.identity;
        identity.changes = reader.changes.into_iter().collect();
        identity.finish();
        Ok(identity)
    }
}

impl Reader<'_> {
    async fn rows(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let order = if sql.contains("FROM mentions") { "known_at, mention_id" } else { "known_at" };
        let known = if sql.contains("FROM mentions") { "TRUE" } else { &self.known };
        Ok(self.context.sql(&format!("{sql} WHERE {known} ORDER BY {order}")).await?.collect().await?)
    }

    fn note_changes(&mut self, batch: &RecordBatch, column: usize) {
        let instants = batch.column(column).as_primitive::<TimestampMicrosecondType>();
        self.changes.extend(instants.values().iter().copied());
    }

    /// When the market's lake took in its first document: before that nobody could say who is who.
    async fn born_at(&self) -> Result<Option<i64>> {
        let batches = self.context.sql("SELECT min(known_at) FROM documents").await?.collect().await?;
        let first = batches.first().map(|batch| batch.column(0).as_primitive::<TimestampMicrosecondType>());
        Ok(first.and_then(|instants| instants.iter().next().flatten()))
    }

    async fn aliases(&mut self) -> Result<()> {
        let sql =
            "SELECT self_entity_id, entity_id, entity, kind, alias, language, active, \"by\", known_at FROM aliases";
        let mut latest: super::latest::Latest<(i64, String), AliasRow> = super::latest::Latest::default();
        for batch in self.rows(sql).await? {
            self.note_changes(&batch, 8);
            let (own, canonical) = (ints(&batch, 0), ints(&batch, 1));
            let active = batch.column(6).as_boolean();
            for row in 0..batch.num_rows() {
                let alias = AliasRow {
                    canonical: canonical.value(row),
                    entity: text(&batch, 2, row).into(),
                    kind: text(&batch, 3, row).into(),
                    alias: text(&batch, 4, row).into(),
                    language: text(&batch, 5, row).into(),
                    is_active: active.value(row),
                    is_of_catalogue: is_of_catalogue(text(&batch, 7, row)),
                };
                let sort = if alias.is_of_catalogue { "" } else { "\u{1f}person" };
                latest.put((own.value(row), format!("{}\u{1f}{}{sort}", alias.alias, alias.language)), alias);
            }
        }
        for ((own, _), row) in latest.into_iter().filter(|(_, row)| row.is_active) {
            if !row.is_of_catalogue {
                self.called.push((row.canonical, row.alias, row.language));
                continue;
            }
            self.words.catalogue.insert(own, row.canonical);
            let Ok(kind) = row.kind.parse::<Kind>() else { continue };
            let entities = &mut self.identity.entities;
            let entity =
                entities.entry(row.canonical).or_insert_with(|| Entity::named(row.canonical, kind, &row.entity));
            entity.is_catalogued = true;
            entity.learn(&row.alias, &row.language);
        }
        Ok(())
    }

    async fn memberships(&mut self) -> Result<()> {
        let sql = "SELECT member, entity_id, known_at FROM memberships";
        let mut latest: HashMap<i64, i64> = HashMap::new();
        for batch in self.rows(sql).await? {
            self.note_changes(&batch, 2);
            let (members, entities) = (ints(&batch, 0), ints(&batch, 1));
            latest.extend(members.values().iter().copied().zip(entities.values().iter().copied()));
        }
        let mut resolved: Vec<(i64, i64)> = latest.into_iter().filter(|(member, entity)| member != entity).collect();
        resolved.sort_unstable_by_key(|(member, entity)| (*entity, *member));
        self.words.resolved = resolved;
        Ok(())
    }

    async fn judgements(&mut self, mentions: &[RecordBatch]) -> Result<()> {
        let sql = "SELECT \"left\", \"right\", verdict, known_at FROM judgements";
        let mut latest: super::latest::Latest<(i64, i64), (i64, i64, String)> = super::latest::Latest::default();
        for batch in self.rows(sql).await? {
            self.note_changes(&batch, 3);
            let (left, right) = (ints(&batch, 0), ints(&batch, 1));
            for row in 0..batch.num_rows() {
                let (left, right) = (left.value(row), right.value(row));
                let verdict = text(&batch, 2, row).to_owned();
                latest.put((left.min(right), left.max(right)), (left, right, verdict));
            }
        }
        let judged: Vec<(i64, i64, String)> = latest.into_iter().map(|(_, judged)| judged).collect();
        if judged.is_empty() {
            return Ok(());
        }
        let wanted: HashSet<i64> = judged.iter().flat_map(|(left, right, _)| [*left, *right]).collect();
        let mut own: HashMap<i64, i64> = HashMap::new();
        for batch in mentions {
            let (ids, names) = (ints(batch, 0), ints(batch, 1));
            own.extend(
                ids.values().iter().copied().zip(names.values().iter().copied()).filter(|(id, _)| wanted.contains(id)),
            );
        }
        let is_split = |left: &i64, right: &i64| own.contains_key(left) && own.get(left) == own.get(right);
        for (left, right, verdict) in &judged {
            if verdict == "different" && is_split(left, right) {
                self.split_off.insert(*right);
            }
        }
        for (left, right, verdict) in judged {
            let node = |id: i64| if self.split_off.contains(&id) { Some(id) } else { own.get(&id).copied() };
            let (Some(left), Some(right)) = (node(left), node(right)) else { continue };
            match verdict.as_str() {
                "same" => self.words.same.push((left, right)),
                "different" => self.words.different.push((left, right)),
                _ => {}
            }
        }
        Ok(())
    }

    fn mentions(&mut self, mentions: &[RecordBatch], groups: &HashMap<i64, i64>) {
        let mut sources: HashMap<String, u32> = HashMap::new();
        let mut first_mentions: HashMap<(i64, u32), i64> = HashMap::new();
        let identity = &mut self.identity;
        for batch in mentions {
            let (mentions, own) = (ints(batch, 0), ints(batch, 1));
            for row in 0..batch.num_rows() {
                let mention = mentions.value(row);
                let own_id = if self.split_off.contains(&mention) { mention } else { own.value(row) };
                let id = groups.get(&own_id).copied().unwrap_or(own_id);
                identity.mentions_by_entity.push((id, mention));
                let source = number_of(&mut sources, text(batch, 4, row));
                let first = *first_mentions.entry((id, source)).or_insert(mention);
                if first != mention {
                    identity.same_subjects.push((mention, first));
                }
                let Ok(kind) = text(batch, 2, row).parse::<Kind>() else { continue };
                let name = text(batch, 3, row);
                match identity.entities.entry(id) {
                    std::collections::hash_map::Entry::Vacant(vacant) => {
                        vacant.insert(Entity::of_mention(id, kind, name)).n_mentions = 1;
                    }
                    std::collections::hash_map::Entry::Occupied(mut known) => {
                        known.get_mut().n_mentions += 1;
                        if groups.contains_key(&own_id) {
                            known.get_mut().also_called(name);
                        }
                    }
                }
            }
        }
    }

    async fn relations(&mut self, as_of: Option<i64>) -> Result<()> {
        /// Whose, to whom, which relation, since which day.
        type Tie = (i64, i64, String, Option<i32>);
        let sql = "SELECT entity_id, owner_id, entity, owner, relation, active, \"by\", why, valid_from, valid_until, known_at FROM relations";
        let mut latest: super::latest::Latest<Tie, (bool, Relation)> = super::latest::Latest::default();
        for batch in self.rows(sql).await? {
            self.note_changes(&batch, 10);
            let days = |column: usize, row: usize| {
                let days = batch.column(column).as_primitive::<Date32Type>();
                days.is_valid(row).then(|| days.value(row))
            };
            for row in 0..batch.num_rows() {
                let now = |id: i64| self.identity.moved.get(&id).copied().unwrap_or(id);
                let (entity_id, other_id) = (now(ints(&batch, 0).value(row)), now(ints(&batch, 1).value(row)));
                let relation = Relation {
                    relation: text(&batch, 4, row).to_owned(),
                    entity_id,
                    other_id,
                    valid_from: days(8, row),
                    valid_until: days(9, row),
                    by: text(&batch, 6, row).to_owned(),
                    why: text(&batch, 7, row).to_owned(),
                };
                let kind = if relation.relation == "owned_by" { Kind::Company } else { Kind::Product };
                let entities = &mut self.identity.entities;
                entities.entry(other_id).or_insert_with(|| Entity::named(other_id, kind, text(&batch, 3, row)));
                if relation.relation != "owned_by" {
                    entities.entry(entity_id).or_insert_with(|| Entity::named(entity_id, kind, text(&batch, 2, row)));
                }
                let key = (entity_id, other_id, relation.relation.clone(), relation.valid_from);
                latest.put_last(key, (batch.column(5).as_boolean().value(row), relation));
            }
        }
        let told = latest.into_iter().filter(|(_, (is_active, _))| *is_active).map(|(_, (_, relation))| relation);
        self.identity.relations = Relations::new(told.collect());
        let today = as_of.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond()).div_euclid(86_400_000_000) as i32;
        let Identity { entities, relations, .. } = &mut self.identity;
        for entity in entities.values_mut() {
            entity.owner = relations.other_on(entity.id, "owned_by", today);
        }
        Ok(())
    }

    /// What people call an entity counts where the catalogue is silent.
    fn name_entities(&mut self) {
        for (id, name, language) in std::mem::take(&mut self.called) {
            let id = self.identity.moved.get(&id).copied().unwrap_or(id);
            if let Some(entity) = self.identity.entities.get_mut(&id) {
                entity.be_called(&name, &language);
            }
        }
    }
}

impl Identity {
    fn finish(&mut self) {
        let cores: Vec<(i64, BTreeSet<String>)> = self
            .entities
            .par_iter_mut()
            .filter_map(|(id, entity)| {
                entity.finish();
                let is_company = entity.kind == Kind::Company;
                is_company.then(|| (*id, entity.keys.iter().map(|key| split_legal_form(key).core).collect()))
            })
            .collect();
        for entity in self.entities.values() {
            for key in &entity.keys {
                self.by_key.entry(key.clone()).or_default().push(entity.id);
            }
        }
        for (id, cores) in cores {
            for core in cores {
                self.by_core.entry(core).or_default().push(id);
            }
        }
        self.mentions_by_entity.par_sort_unstable();
        self.searched = SearchText::of(&self.entities);
    }
}

struct AliasRow {
    canonical: i64,
    entity: String,
    kind: String,
    alias: String,
    language: String,
    is_active: bool,
    is_of_catalogue: bool,
}

/// Whether a file of the catalogue says so, and not a person.
pub(crate) fn is_of_catalogue(by: &str) -> bool {
    by.ends_with(".csv")
}

/// The number of a text, given in the order of first appearance.
fn number_of(numbers: &mut HashMap<String, u32>, text: &str) -> u32 {
    if let Some(number) = numbers.get(text) {
        return *number;
    }
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    numbers.insert(text.to_owned(), next);
    next
}

fn ints(batch: &RecordBatch, index: usize) -> &Int64Array {
    batch.column(index).as_primitive::<Int64Type>()
}

fn text(batch: &RecordBatch, index: usize, row: usize) -> &str {
    text_at(batch.column(index).as_ref(), row).unwrap_or_default()
}
