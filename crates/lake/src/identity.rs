//! Who is who: mentions as entities, at a moment, kept in memory for look-up, search and joins.
//!
//! A mention is by itself the entity of its kind and normalised name. The catalogue's aliases say which names are one
//! entity, and always win; then come people's judgements, then what was resolved from scores (`groups.rs`). Nothing is
//! rewritten: take a word away and the mention is what the others say.
//! Registered as the tables `identities` (mention → entity), `entities`, and `same_subjects` (the mentions of a source
//! that are one entity, with the one of them that stands for all: a source that writes a name in two ways still has one
//! word on it).

mod groups;
mod latest;
mod names;
mod reading;
mod relations;
mod searching;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use crowsnest_model::{Kind, normalise, search_key, split_legal_form};
use datafusion::prelude::SessionContext;

pub(crate) use self::names::parse_hex;
pub use self::names::{Entity, Language, entity_hex};
pub(crate) use self::reading::TABLES;
pub use self::relations::Relation;
use self::relations::Relations;
use self::searching::SearchText;
use crate::keyed::KeyedTable;
use crate::{LakeError, Result};

/// Everyone in the market at one moment.
#[derive(Debug, Default)]
pub struct Identity {
    entities: HashMap<i64, Entity>,
    by_key: HashMap<String, Vec<i64>>,
    /// Companies by their names without legal forms.
    by_core: HashMap<String, Vec<i64>>,
    /// Who each mention is: entity and mention, in that order.
    mentions_by_entity: Vec<(i64, i64)>,
    searched: SearchText,
    /// Mentions that another mention of the same source and entity stands for, and that other one.
    same_subjects: Vec<(i64, i64)>,
    default_language: Language,
    /// Names, by the identity they have by themselves, that the catalogue gives an entity.
    aliases: HashSet<i64>,
    /// Where a name's own identity, or an entity that joined another, is now.
    moved: HashMap<i64, i64>,
    relations: Relations,
    /// The moments at which something was said on who is who, in order.
    changes: Vec<i64>,
    born_at: Option<i64>,
}

impl Identity {
    /// An entity by its id as 16 hexadecimal digits.
    pub fn by_hex(&self, hex: &str) -> Option<&Entity> {
        self.entity(parse_hex(hex)?)
    }

    /// An entity by its id.
    pub fn entity(&self, id: i64) -> Option<&Entity> {
        self.entities.get(&id).or_else(|| self.entities.get(self.moved.get(&id)?))
    }

    /// The entity that a name is whose own identity is given.
    pub fn entity_of_name(&self, own: i64) -> i64 {
        self.moved.get(&own).copied().unwrap_or(own)
    }

    /// Whether the catalogue says whose name it is, given the identity that it has by itself.
    pub fn is_alias_of_catalogue(&self, own: i64) -> bool {
        self.aliases.contains(&own)
    }

    /// The moment at which something was said last before one, if identities were others then than they are now.
    ///
    /// Before the lake took in its first document nobody could say who is who: history that was filled in later is
    /// seen with the identities of today, as its claims are seen on the day on which they were said.
    pub(crate) fn changed_before(&self, moment: i64) -> Option<i64> {
        let is_before_birth = self.born_at.is_none_or(|born_at| moment < born_at);
        if is_before_birth || self.changes.last().is_none_or(|last| *last <= moment) {
            return None;
        }
        let n_before = self.changes.partition_point(|change| *change <= moment);
        Some(n_before.checked_sub(1).map_or(0, |place| self.changes[place]))
    }

    /// Every relation that was ever told and not taken back, in no order.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.all()
    }

    /// The relations of an entity, in the order in which they were told.
    pub fn relations_of(&self, entity: i64) -> &[Relation] {
        self.relations.of(entity)
    }

    /// What an entity is a version of, or followed, on a day (since 1970-01-01).
    pub fn other_on(&self, entity: i64, relation: &str, day: i32) -> Option<i64> {
        self.relations.other_on(entity, relation, day)
    }

    /// An entity's owner on a day, that company's owner and so on; the last is the group.
    pub fn owners_on(&self, entity: i64, day: i32) -> Vec<i64> {
        self.relations.chain_on(entity, day)
    }

    /// The number of entities.
    pub fn n_entities(&self) -> usize {
        self.entities.len()
    }

    /// Whether some source writes the name of an entity in more than one way.
    pub(crate) fn has_same_subjects(&self) -> bool {
        !self.same_subjects.is_empty()
    }

    /// All entities, in no order.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    /// What belongs to a company, by name.
    pub fn owned_by(&self, owner: i64) -> Vec<&Entity> {
        let mut owned: Vec<&Entity> = self.entities.values().filter(|entity| entity.owner == Some(owner)).collect();
        owned.sort_by(|left, right| left.name_en.cmp(&right.name_en));
        owned
    }

    /// The entity with an id of 16 hexadecimal digits, or of that name in any script (products before companies before
    /// segments), or else of that pinyin.
    ///
    /// # Errors
    /// [`LakeError::UnknownName`] with close names.
    pub fn find(&self, name: &str, kind: Option<Kind>) -> Result<&Entity> {
        if let Some(entity) = self.by_hex(name) {
            return Ok(entity);
        }
        let key = normalise(name);
        let candidates = self.by_key.get(&key).map(Vec::as_slice).unwrap_or_default();
        let is_wanted = |entity: &&Entity| kind.is_none_or(|kind| entity.kind == kind);
        let best = candidates
            .iter()
            .filter_map(|id| self.entities.get(id))
            .filter(is_wanted)
            .min_by_key(|entity| (entity.n_mentions == 0, kind_order(entity.kind), entity.id));
        if let Some(entity) = best {
            return Ok(entity);
        }
        if let Some(entity) = self.company_by_core(name, kind) {
            return Ok(entity);
        }
        let close = self.search(name, kind, 5);
        match close.first() {
            Some((score, entity)) if *score <= 1 => Ok(entity),
            _ => Err(LakeError::UnknownName {
                name: name.to_owned(),
                close: close.iter().map(|(_, entity)| entity.name(self.default_language).to_owned()).collect(),
            }),
        }
    }

    /// The company of that name when legal forms (`Inc.`, `有限公司`) are left out on both sides, if there is just one.
    fn company_by_core(&self, name: &str, kind: Option<Kind>) -> Option<&Entity> {
        if kind.is_some_and(|kind| kind != Kind::Company) {
            return None;
        }
        let ids = self.by_core.get(&split_legal_form(name).core)?;
        match ids.as_slice() {
            [only] => self.entities.get(only),
            _ => None,
        }
    }

    /// Entities whose name, pinyin or initials match, best first, with a score: 0 the name itself, 1 its pinyin,
    /// 2 a beginning, 3 a beginning of the pinyin or the initials, 4 a part, 5 a part of the pinyin.
    pub fn search(&self, text: &str, kind: Option<Kind>, limit: usize) -> Vec<(u8, &Entity)> {
        let wanted = search_key(text);
        if wanted.is_empty() {
            return Vec::new();
        }
        let named = self.searched.having(&wanted);
        let mut found: Vec<(u8, &Entity)> = named
            .iter()
            .filter_map(|id| self.entities.get(id))
            .filter(|entity| kind.is_none_or(|kind| entity.kind == kind))
            .filter_map(|entity| Some((entity.score(&wanted)?, entity)))
            .collect();
        found.sort_by(|(left_score, left), (right_score, right)| {
            let rank = |score: &u8, entity: &Entity| {
                (*score, !entity.is_catalogued, usize::MAX - entity.n_mentions, entity.name_en.len())
            };
            rank(left_score, left).cmp(&rank(right_score, right)).then_with(|| left.name_en.cmp(&right.name_en))
        });
        found.truncate(limit);
        found
    }

    /// The mentions that are an entity, in any source.
    pub(crate) fn mentions_of(&self, entity_id: i64) -> Vec<i64> {
        let own = &self.mentions_by_entity;
        let begin = own.partition_point(|(entity, _)| *entity < entity_id);
        own[begin..].iter().take_while(|(entity, _)| *entity == entity_id).map(|(_, mention)| *mention).collect()
    }

    /// The mentions that are any of these entities, in the order of their ids.
    pub(crate) fn mentions_of_any(&self, entity_ids: &HashSet<i64>) -> Vec<i64> {
        let mut found: Vec<i64> = entity_ids.iter().flat_map(|entity| self.mentions_of(*entity)).collect();
        found.sort_unstable();
        found
    }

    pub(crate) fn register(&self, context: &SessionContext) -> Result<()> {
        let column = |of: &dyn Fn(&(i64, i64)) -> i64| -> ArrayRef {
            Arc::new(self.mentions_by_entity.iter().map(|pair| Some(of(pair))).collect::<Int64Array>())
        };
        let identities = RecordBatch::try_from_iter([
            ("mention_id", column(&|(_, mention)| *mention)),
            ("entity_id", column(&|(entity, _)| *entity)),
        ])?;
        let entities = self.entities_batch()?;
        let same_subjects = RecordBatch::try_from_iter([
            (
                "same_mention_id",
                Arc::new(self.same_subjects.iter().map(|(own, _)| Some(*own)).collect::<Int64Array>()) as ArrayRef,
            ),
            (
                "first_mention_id",
                Arc::new(self.same_subjects.iter().map(|(_, first)| Some(*first)).collect::<Int64Array>()) as ArrayRef,
            ),
        ])?;
        let tables: [(&str, RecordBatch, &[&'static str]); 3] = [
            ("identities", identities, &["mention_id", "entity_id"]),
            ("entities", entities, &["entity_id"]),
            ("same_subjects", same_subjects, &[]),
        ];
        for (name, batch, keys) in tables {
            context.register_table(name, Arc::new(KeyedTable::new(batch, keys)?))?;
        }
        Ok(())
    }

    fn entities_batch(&self) -> Result<RecordBatch> {
        let mut sorted: Vec<&Entity> = self.entities.values().collect();
        sorted.sort_by_key(|entity| entity.id);
        let texts = |of: &dyn Fn(&Entity) -> Option<String>| -> ArrayRef {
            Arc::new(sorted.iter().map(|entity| of(entity)).collect::<StringArray>())
        };
        let ids: Int64Array = sorted.iter().map(|entity| Some(entity.id)).collect();
        let owners: Int64Array = sorted.iter().map(|entity| entity.owner).collect();
        let language = self.default_language;
        let owner_name = |entity: &Entity| Some(self.entities.get(&entity.owner?)?.name(language).to_owned());
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("entity_id", Arc::new(ids) as ArrayRef, false),
            ("entity", texts(&|entity| Some(entity.hex())), false),
            ("kind", texts(&|entity| Some(entity.kind.as_str().to_owned())), false),
            ("name", texts(&|entity| Some(entity.name(language).to_owned())), false),
            ("name_en", texts(&|entity| Some(entity.name_en.clone())), false),
            ("name_hans", texts(&|entity| Some(entity.name_hans.clone())), false),
            ("name_hant", texts(&|entity| Some(entity.name_hant.clone())), false),
            ("company_id", Arc::new(owners) as ArrayRef, true),
            ("company", texts(&owner_name), true),
        ])?)
    }
}

fn kind_order(kind: Kind) -> u8 {
    match kind {
        Kind::Product => 0,
        Kind::Company => 1,
        Kind::Segment => 2,
    }
}
