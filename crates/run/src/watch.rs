//! Watch-lists: files `watch/NAME.toml` of a market, each with the products, companies and segments that somebody follows.
//!
//! In: the market's folder. Out: [`WatchList`]s, and which entities each means ([`WatchList::watched`]): a company stands for
//! its products too. Names are looked up as everywhere; one that nobody has is told, and is no error: it may come.

use std::collections::BTreeSet;

use crowsnest_lake::{Identity, Lake, LakeError, Market, files};
use crowsnest_model::Kind;
use serde::{Deserialize, Serialize};

use crate::happening::Happening;

const FOLDER: &str = "watch";

/// What somebody follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchList {
    /// Name of the file, without its ending.
    #[serde(skip_deserializing)]
    pub name: String,
    /// What people read.
    pub title: String,
    /// Names of products, in any script.
    pub products: Vec<String>,
    /// Names of companies; their products are watched too.
    pub companies: Vec<String>,
    /// Segments: figures of these segments are watched, whoever's they are.
    pub segments: Vec<String>,
}

/// Whom a watch-list means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// Entities, 16 hexadecimal digits each.
    pub entities: BTreeSet<String>,
    /// Those of them that the list names; the others are products of its companies.
    pub named: BTreeSet<String>,
    /// Segments.
    pub segments: BTreeSet<String>,
    /// Names that nobody has yet.
    pub unknown: Vec<String>,
}

impl Watched {
    /// Whether something happened to one of them. What happens to a source concerns everybody.
    pub fn has(&self, happening: &Happening) -> bool {
        let is_watched = |entity: &String| self.entities.contains(entity);
        let is_segment = happening.segment.as_ref().is_some_and(|segment| self.segments.contains(segment));
        is_segment || happening.entity.as_ref().is_none_or(is_watched)
    }
}

impl WatchList {
    /// Whom it means, as identities are now.
    pub fn watched(&self, identity: &Identity) -> Watched {
        let mut watched = Watched { segments: self.segments.iter().cloned().collect(), ..Watched::default() };
        let lists =
            [(Kind::Product, &self.products), (Kind::Company, &self.companies), (Kind::Segment, &self.segments)];
        for (kind, name) in lists.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*kind, name))) {
            match identity.find(name, Some(kind)) {
                Ok(entity) => {
                    watched.named.insert(entity.hex());
                    watched.entities.insert(entity.hex());
                    watched.entities.extend(identity.owned_by(entity.id).into_iter().map(|owned| owned.hex()));
                }
                Err(_) if kind == Kind::Segment => {}
                Err(_) => watched.unknown.push(name.clone()),
            }
        }
        watched
    }
}

/// The market's watch-lists, by name.
///
/// # Errors
/// [`LakeError::Config`] where a file is wrong.
pub fn watch_lists(market: &Market) -> Result<Vec<WatchList>, LakeError> {
    let mut lists = Vec::new();
    for path in files::list(&market.dir.join(FOLDER), "toml")? {
        let list: WatchList = toml::from_str(&files::read_text(&path)?)
            .map_err(|error| LakeError::Config { path: path.clone(), message: error.to_string() })?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if list.products.is_empty() && list.companies.is_empty() && list.segments.is_empty() {
            let message = "it names nobody: give it products, companies or segments".to_owned();
            return Err(LakeError::Config { path, message });
        }
        lists.push(WatchList { name, ..list });
    }
    Ok(lists)
}

/// The watch-list of that name.
///
/// # Errors
/// [`LakeError::BadQuestion`] where there is none, with those that there are; [`LakeError::Config`] where a file is wrong.
pub fn watch_list(lake: &Lake, name: &str) -> Result<WatchList, LakeError> {
    let lists = watch_lists(lake.market())?;
    let names: Vec<String> = lists.iter().map(|list| list.name.clone()).collect();
    lists.into_iter().find(|list| list.name == name).ok_or_else(|| LakeError::BadQuestion {
        message: format!("there is no watch-list {name:?}"),
        hint: match names.is_empty() {
            true => "make one: watch/NAME.toml with products, companies or segments".to_owned(),
            false => format!("there is {}", names.join(", ")),
        },
    })
}
