//! The market's names with what is told of each: ids, sources, developers, domains, owner.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::Kind;
use crowsnest_model::name::{NameShape, reading_key};
use futures::StreamExt as _;
use rayon::prelude::*;

use super::candidates::IdPair;
use super::comparisons::{Market, readings_of_rest};
use super::ids::{IdMap, IdSet};
use super::keys::{self, Keys};

/// One name: the identity that mentions of a kind and normalised name have by themselves.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) id: i64,
    pub(crate) kind: Kind,
    /// As the mention that was known first writes it.
    pub(crate) name: String,
    /// That mention.
    pub(crate) mention: i64,
    pub(crate) known_at: i64,
    pub(crate) n_mentions: usize,
    pub(crate) shape: NameShape,
    /// Sources and their ids for it.
    pub(crate) ids: Vec<(u32, String)>,
    pub(crate) sources: Vec<u32>,
    pub(crate) developers: Vec<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) owner: Option<i64>,
}

impl Default for Name {
    fn default() -> Self {
        Self {
            id: 0,
            kind: Kind::Product,
            name: String::new(),
            mention: 0,
            known_at: i64::MAX,
            n_mentions: 0,
            shape: NameShape::default(),
            ids: Vec::new(),
            sources: Vec::new(),
            developers: Vec::new(),
            domains: Vec::new(),
            owner: None,
        }
    }
}

/// Names by their places.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<Name>,
    places: IdMap<u32>,
    pub(crate) market: Market,
    pub(crate) source_names: Vec<String>,
}

const COLUMNS: &str = "mention_id, entity_id, kind, name, source, native_id, developer, domain, known_at";
/// Values of a kind that are kept of a name; one that has more is no single thing.
const VALUES_MAX: usize = 8;

impl Names {
    /// Reads the names that are wanted; sources are counted over all.
    pub(crate) async fn read(lake: &Lake, wanted: Option<&IdSet>) -> Result<Self, LakeError> {
        let mut names = Self::default();
        let mut sources: HashMap<String, u32> = HashMap::new();
        // Few developers have many names: the shape of each is made once.
        let mut developers: HashMap<String, String> = HashMap::new();
        names.count_sources(lake, &mut sources).await?;
        let sql = format!("SELECT {COLUMNS} FROM mentions");
        let mut stream = match wanted {
            Some(wanted) => lake.stream_of(&sql, "entity_id", wanted).await?,
            None => lake.stream(&sql).await?,
        };
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            let text = |column: usize, row: usize| {
                let texts = batch.column(column).as_string_view();
                if texts.is_valid(row) { texts.value(row) } else { "" }
            };
            let known_at = batch.column(8).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let id = ints(1).value(row);
                let source = sources.get(text(4, row)).copied().unwrap_or_default();
                let Ok(kind) = text(2, row).parse::<Kind>() else { continue };
                let developer = match developers.get(text(6, row)) {
                    Some(core) => core.clone(),
                    None => {
                        let core = NameShape::of(Kind::Company, text(6, row)).core;
                        developers.insert(text(6, row).to_owned(), core.clone());
                        core
                    }
                };
                let name = names.place(id, kind);
                name.take(ints(0).value(row), known_at.value(row), text(3, row));
                push_once(&mut name.sources, source);
                push_once_of(&mut name.ids, (source, text(5, row).to_lowercase()), |(_, id)| id.is_empty());
                push_once_of(&mut name.developers, developer, String::is_empty);
                push_once_of(&mut name.domains, text(7, row).to_lowercase(), String::is_empty);
            }
        }
        names.finish(lake);
        Ok(names)
    }

    /// Numbers the sources, and counts the names of each.
    async fn count_sources(&mut self, lake: &Lake, numbers: &mut HashMap<String, u32>) -> Result<(), LakeError> {
        let sql =
            "SELECT CAST(source AS VARCHAR) AS source, count(*) AS n FROM mentions GROUP BY source ORDER BY source";
        for batch in lake.query(sql).await? {
            let names = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
            let names = names.as_string::<i32>();
            let counts = batch.column(1).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                numbers.insert(names.value(row).to_owned(), self.source_names.len() as u32);
                self.source_names.push(names.value(row).to_owned());
                self.market.names_of_source.push(usize::try_from(counts.value(row)).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Notes of what pairs have more (腾讯 of 腾讯元宝) which is a company's name, by the keys that those have.
    pub(crate) async fn note_companies(
        &mut self,
        lake: &Lake,
        pairs: &[IdPair],
        keys: Option<&Keys>,
    ) -> Result<(), LakeError> {
        let key = |reading: &String| reading_key(Kind::Company, reading);
        let rests: HashSet<String> = pairs
            .par_iter()
            .filter_map(|(left, right)| Some((self.at(*left)?, self.at(*right)?)))
            .flat_map_iter(|(left, right)| readings_of_rest(&self.all[left].shape, &self.all[right].shape))
            .collect();
        let wanted: IdSet = rests.iter().map(key).collect();
        let known = match keys {
            Some(keys) => keys.existing(lake, &wanted).await?,
            None => keys::existing(lake, &wanted).await?,
        };
        self.market.company_readings = rests.into_iter().filter(|reading| known.contains(&key(reading))).collect();
        Ok(())
    }

    fn place(&mut self, id: i64, kind: Kind) -> &mut Name {
        let all = &mut self.all;
        let place = *self.places.entry(id).or_insert_with(|| {
            all.push(Name { id, kind, ..Name::default() });
            all.len() as u32 - 1
        });
        &mut all[place as usize]
    }

    fn finish(&mut self, lake: &Lake) {
        let identity = lake.identity();
        self.all.par_sort_unstable_by_key(|name| name.id);
        self.all.par_iter_mut().for_each(|name| {
            name.shape = NameShape::of(name.kind, &name.name);
            name.ids.sort_unstable();
            name.owner = identity.entity(identity.entity_of_name(name.id)).and_then(|entity| entity.owner);
        });
        self.places = self.all.iter().enumerate().map(|(place, name)| (name.id, place as u32)).collect();
    }

    pub(crate) fn at(&self, id: i64) -> Option<usize> {
        self.places.get(&id).map(|place| *place as usize)
    }
}

impl Name {
    fn take(&mut self, mention: i64, known_at: i64, name: &str) {
        self.n_mentions += 1;
        if (known_at, mention) < (self.known_at, self.mention) || self.name.is_empty() {
            (self.known_at, self.mention) = (known_at, mention);
            self.name.clear();
            self.name.push_str(name);
        }
    }
}

fn push_once<T: PartialEq>(values: &mut Vec<T>, value: T) {
    if values.len() < VALUES_MAX && !values.contains(&value) {
        values.push(value);
    }
}

fn push_once_of<T: PartialEq>(values: &mut Vec<T>, value: T, is_nothing: impl Fn(&T) -> bool) {
    if !is_nothing(&value) {
        push_once(values, value);
    }
}
