//! Who is who: mentions and the catalogue's aliases as entities, kept in memory for look-up, search and joins.
//!
//! A mention is by itself the entity of its kind and normalised name; an alias of the catalogue says that this is
//! another name of a canonical entity. Nothing is rewritten: take the alias away and the mention is itself again.
//! Registered as the tables `identities` (mention → entity), `entities`, and `same_subjects` (the mentions of a source
//! that are one entity, with the one of them that stands for all: a source that writes a name in two ways still has one
//! word on it).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use crowsnest_model::{
    Kind, initials_key, normalise, pinyin_key, search_key, split_legal_form, to_simplified, to_traditional,
};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use crate::coded::text_at;
use crate::{LakeError, Market, Result};

/// A language that names are shown in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Chinese in simplified characters.
    #[serde(rename = "zh-Hans")]
    ZhHans,
    /// Chinese in traditional characters.
    #[serde(rename = "zh-Hant")]
    ZhHant,
}

impl Language {
    /// From a tag such as `en`, `zh-Hans`, `zh-CN`, `zh-TW`; `None` for other languages.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase();
        let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| tag.starts_with(prefix));
        if is(&["zh-hant", "zh-tw", "zh-hk", "zh-mo"]) {
            return Some(Self::ZhHant);
        }
        if is(&["zh"]) {
            return Some(Self::ZhHans);
        }
        is(&["en"]).then_some(Self::En)
    }

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhHans => "zh-Hans",
            Self::ZhHant => "zh-Hant",
        }
    }
}

/// A product, company or segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its id: the hash of kind and canonical name.
    pub id: i64,
    /// What it is.
    pub kind: Kind,
    /// Name in English, or as written where none is known.
    pub name_en: String,
    /// Name in simplified Chinese, or as written.
    pub name_hans: String,
    /// Name in traditional Chinese, or as written.
    pub name_hant: String,
    /// The company it belongs to.
    pub owner: Option<i64>,
    /// How many sources' mentions are it.
    pub n_mentions: usize,
    /// Whether the catalogue names it.
    pub is_catalogued: bool,
    keys: Vec<String>,
    sounds: Vec<String>,
}

impl Entity {
    /// The name in a language.
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::En => &self.name_en,
            Language::ZhHans => &self.name_hans,
            Language::ZhHant => &self.name_hant,
        }
    }

    /// The id as 16 hexadecimal digits, as in addresses.
    pub fn hex(&self) -> String {
        entity_hex(self.id)
    }
}

/// An entity id as 16 hexadecimal digits.
pub fn entity_hex(id: i64) -> String {
    format!("{:016x}", id as u64)
}

fn parse_hex(text: &str) -> Option<i64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(|id| id as i64)).flatten()
}

/// Everyone in the market at one moment.
#[derive(Debug, Default)]
pub struct Identity {
    entities: HashMap<i64, Entity>,
    by_key: HashMap<String, Vec<i64>>,
    /// Companies by their names without legal forms.
    by_core: HashMap<String, Vec<i64>>,
    mention_ids: Vec<i64>,
    mention_entities: Vec<i64>,
    /// Mentions that another mention of the same source and entity stands for, and that other one.
    same_subjects: Vec<(i64, i64)>,
    default_language: Language,
}

impl Identity {
    pub(crate) async fn read(context: &SessionContext, market: &Market) -> Result<Self> {
        let mut identity = Self { default_language: market.config.language, ..Self::default() };
        let canonical = identity.read_aliases(context).await?;
        identity.read_mentions(context, &canonical).await?;
        identity.read_owners(context).await?;
        identity.finish();
        Ok(identity)
    }

    /// Gives the catalogue's map from an alias's own identity to the canonical one.
    async fn read_aliases(&mut self, context: &SessionContext) -> Result<HashMap<i64, i64>> {
        let sql =
            "SELECT self_entity_id, entity_id, entity, kind, alias, language, active FROM aliases ORDER BY known_at";
        let mut latest: indexed::Latest<(i64, String), AliasRow> = indexed::Latest::default();
        for batch in context.sql(sql).await?.collect().await? {
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
                };
                latest.put((own.value(row), format!("{}\u{1f}{}", alias.alias, alias.language)), alias);
            }
        }
        let mut map = HashMap::new();
        for ((own, _), row) in latest.into_iter().filter(|(_, row)| row.is_active) {
            map.insert(own, row.canonical);
            let Ok(kind) = row.kind.parse::<Kind>() else { continue };
            let entity =
                self.entities.entry(row.canonical).or_insert_with(|| Entity::named(row.canonical, kind, &row.entity));
            entity.is_catalogued = true;
            entity.learn(&row.alias, &row.language);
        }
        Ok(map)
    }

    async fn read_mentions(&mut self, context: &SessionContext, canonical: &HashMap<i64, i64>) -> Result<()> {
        let sql = "SELECT mention_id, entity_id, kind, name, source FROM mentions ORDER BY known_at, mention_id";
        let mut sources: HashMap<String, u32> = HashMap::new();
        let mut first_mentions: HashMap<(i64, u32), i64> = HashMap::new();
        for batch in context.sql(sql).await?.collect().await? {
            let (mentions, own) = (ints(&batch, 0), ints(&batch, 1));
            for row in 0..batch.num_rows() {
                let own_id = own.value(row);
                let id = canonical.get(&own_id).copied().unwrap_or(own_id);
                let mention = mentions.value(row);
                self.mention_ids.push(mention);
                self.mention_entities.push(id);
                let source = number_of(&mut sources, text(&batch, 4, row));
                let first = *first_mentions.entry((id, source)).or_insert(mention);
                if first != mention {
                    self.same_subjects.push((mention, first));
                }
                let Ok(kind) = text(&batch, 2, row).parse::<Kind>() else { continue };
                let name = text(&batch, 3, row);
                let entity = self.entities.entry(id).or_insert_with(|| Entity::of_mention(id, kind, name));
                entity.n_mentions += 1;
            }
        }
        Ok(())
    }

    async fn read_owners(&mut self, context: &SessionContext) -> Result<()> {
        let sql = "SELECT entity_id, owner_id, entity, owner, active FROM relations ORDER BY known_at";
        for batch in context.sql(sql).await?.collect().await? {
            let (owned, owner) = (ints(&batch, 0), ints(&batch, 1));
            let active = batch.column(4).as_boolean();
            for row in 0..batch.num_rows() {
                let owner_id = owner.value(row);
                self.entities
                    .entry(owner_id)
                    .or_insert_with(|| Entity::named(owner_id, Kind::Company, text(&batch, 3, row)));
                if let Some(entity) = self.entities.get_mut(&owned.value(row)) {
                    entity.owner = active.value(row).then_some(owner_id);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        for entity in self.entities.values_mut() {
            entity.finish();
            for key in &entity.keys {
                self.by_key.entry(key.clone()).or_default().push(entity.id);
            }
            if entity.kind == Kind::Company {
                let cores: BTreeSet<String> = entity.keys.iter().map(|key| split_legal_form(key).core).collect();
                for core in cores {
                    self.by_core.entry(core).or_default().push(entity.id);
                }
            }
        }
    }

    /// An entity by its id.
    pub fn entity(&self, id: i64) -> Option<&Entity> {
        self.entities.get(&id)
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
        if let Some(entity) = parse_hex(name).and_then(|id| self.entities.get(&id)) {
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
        let mut found: Vec<(u8, &Entity)> = self
            .entities
            .values()
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
        let all = self.mention_ids.iter().zip(&self.mention_entities);
        all.filter(|(_, entity)| **entity == entity_id).map(|(mention, _)| *mention).collect()
    }

    pub(crate) fn register(&self, context: &SessionContext) -> Result<()> {
        let identities = RecordBatch::try_from_iter([
            ("mention_id", Arc::new(Int64Array::from(self.mention_ids.clone())) as ArrayRef),
            ("entity_id", Arc::new(Int64Array::from(self.mention_entities.clone())) as ArrayRef),
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
        for (name, batch) in [("identities", identities), ("entities", entities), ("same_subjects", same_subjects)] {
            let table = MemTable::try_new(batch.schema(), vec![sliced(&batch)])?;
            context.register_table(name, Arc::new(table))?;
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

/// One batch in pieces that queries can share out.
fn sliced(batch: &RecordBatch) -> Vec<RecordBatch> {
    const ROWS: usize = 8192;
    (0..batch.num_rows().max(1))
        .step_by(ROWS)
        .map(|start| batch.slice(start, ROWS.min(batch.num_rows() - start)))
        .collect()
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

fn kind_order(kind: Kind) -> u8 {
    match kind {
        Kind::Product => 0,
        Kind::Company => 1,
        Kind::Segment => 2,
    }
}

struct AliasRow {
    canonical: i64,
    entity: String,
    kind: String,
    alias: String,
    language: String,
    is_active: bool,
}

impl Entity {
    fn named(id: i64, kind: Kind, name: &str) -> Self {
        Self {
            id,
            kind,
            name_en: name.to_owned(),
            name_hans: String::new(),
            name_hant: String::new(),
            owner: None,
            n_mentions: 0,
            is_catalogued: false,
            keys: vec![normalise(name)],
            sounds: Vec::new(),
        }
    }

    fn of_mention(id: i64, kind: Kind, name: &str) -> Self {
        let mut entity = Self::named(id, kind, name);
        entity.name_hans = to_simplified(name);
        entity.name_hant = to_traditional(name);
        entity
    }

    /// The first name that the catalogue gives in a language is the one shown.
    fn learn(&mut self, alias: &str, language: &str) {
        self.keys.push(normalise(alias));
        match language {
            "zh-Hans" if self.name_hans.is_empty() => self.name_hans = alias.to_owned(),
            "zh-Hant" if self.name_hant.is_empty() => self.name_hant = alias.to_owned(),
            "pinyin" => self.sounds.push(search_key(alias)),
            _ => {}
        }
    }

    fn finish(&mut self) {
        if self.name_hans.is_empty() {
            let from = if self.name_hant.is_empty() { &self.name_en } else { &self.name_hant };
            self.name_hans = to_simplified(from);
        }
        if self.name_hant.is_empty() {
            self.name_hant = to_traditional(&self.name_hans);
        }
        self.keys.sort_unstable();
        self.keys.dedup();
        for key in &self.keys {
            self.sounds.extend(pinyin_key(key));
            self.sounds.extend(initials_key(key));
        }
        self.sounds.sort_unstable();
        self.sounds.dedup();
    }

    fn score(&self, wanted: &str) -> Option<u8> {
        let mut best: Option<u8> = None;
        let mut offer = |score: u8| best = Some(best.map_or(score, |had| had.min(score)));
        for key in &self.keys {
            match key.find(wanted) {
                Some(0) if key.len() == wanted.len() => offer(0),
                Some(0) => offer(2),
                Some(_) => offer(4),
                None if key.contains(' ') && search_key(key).contains(wanted) => offer(4),
                None => {}
            }
        }
        for sound in &self.sounds {
            match sound.find(wanted) {
                Some(0) if sound.len() == wanted.len() => offer(1),
                Some(0) => offer(3),
                Some(_) if wanted.len() >= 3 => offer(5),
                _ => {}
            }
        }
        best
    }
}

fn ints(batch: &RecordBatch, index: usize) -> &Int64Array {
    batch.column(index).as_primitive::<Int64Type>()
}

fn text(batch: &RecordBatch, index: usize, row: usize) -> &str {
    text_at(batch.column(index).as_ref(), row).unwrap_or_default()
}

/// A map that remembers the order in which keys first came, so that the catalogue's order decides which name is shown.
mod indexed {
    use std::collections::HashMap;
    use std::hash::Hash;

    pub(super) struct Latest<K, V> {
        places: HashMap<K, usize>,
        entries: Vec<(K, V)>,
    }

    impl<K, V> Default for Latest<K, V> {
        fn default() -> Self {
            Self { places: HashMap::new(), entries: Vec::new() }
        }
    }

    impl<K: Eq + Hash + Clone, V> Latest<K, V> {
        pub(super) fn put(&mut self, key: K, value: V) {
            match self.places.get(&key) {
                Some(place) => self.entries[*place].1 = value,
                None => {
                    self.places.insert(key.clone(), self.entries.len());
                    self.entries.push((key, value));
                }
            }
        }

        pub(super) fn into_iter(self) -> impl Iterator<Item = (K, V)> {
            self.entries.into_iter()
        }
    }
}
