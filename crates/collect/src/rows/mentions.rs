//! Mentions: from a name as a source writes it to its id, computed once per name.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use crowsnest_model::{Kind, entity_id, initials_key, mention_id, normalise, pinyin_key};
use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};

use super::columns::{MentionColumns, MentionRow};

/// Beyond this many names, the memory of names starts over; ids stay the same, they only cost again.
const NAMES_MAX: usize = 1_000_000;

/// Which mentions have been written by any worker of the import.
pub(crate) type SeenMentions = Arc<Mutex<HashSet<i64>>>;

/// A name as a row gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) source: &'a str,
    pub(crate) kind: Kind,
    pub(crate) subject: &'a str,
    /// The source's own id, empty if it has none.
    pub(crate) native_id: &'a str,
    pub(crate) known_at: i64,
}

#[derive(Debug)]
struct Known {
    source: u32,
    kind: Kind,
    native_id: Box<str>,
    subject: Box<str>,
    id: i64,
}

/// Ids of the names met so far, and the rows of those that are new.
#[derive(Debug)]
pub(crate) struct Mentions {
    hasher: DefaultHashBuilder,
    sources: HashMap<Box<str>, u32>,
    known: HashTable<Known>,
    seen: SeenMentions,
    pub(crate) columns: MentionColumns,
}

impl Mentions {
    pub(crate) fn new(seen: SeenMentions) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            sources: HashMap::new(),
            known: HashTable::new(),
            seen,
            columns: MentionColumns::default(),
        }
    }

    /// The mention's id.
    pub(crate) fn id(&mut self, named: Named<'_>) -> i64 {
        let source = match self.sources.get(named.source) {
            Some(source) => *source,
            None => {
                let source = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
                self.sources.insert(named.source.into(), source);
                source
            }
        };
        let hash = self.hasher.hash_one((source, named.kind, named.native_id, named.subject));
        let is_same = |known: &Known| {
            known.source == source
                && known.kind == named.kind
                && *known.native_id == *named.native_id
                && *known.subject == *named.subject
        };
        if let Some(known) = self.known.find(hash, is_same) {
            return known.id;
        }
        let id = self.meet(named);
        if self.known.len() >= NAMES_MAX {
            self.known.clear();
        }
        let entry =
            Known { source, kind: named.kind, native_id: named.native_id.into(), subject: named.subject.into(), id };
        let hasher = &self.hasher;
        self.known.insert_unique(hash, entry, |known| {
            hasher.hash_one((known.source, known.kind, &*known.native_id, &*known.subject))
        });
        id
    }

    fn meet(&mut self, named: Named<'_>) -> i64 {
        let name_key = normalise(named.subject);
        let native_id = Some(named.native_id).filter(|id| !id.is_empty());
        let id = mention_id(named.source, named.kind, native_id, &name_key);
        let is_new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        if is_new {
            self.columns.push(&MentionRow {
                mention_id: id,
                source: named.source,
                kind: named.kind.as_str(),
                name: named.subject,
                native_id: named.native_id,
                entity_id: entity_id(named.kind, &name_key),
                pinyin: pinyin_key(named.subject).as_deref().unwrap_or_default(),
                initials: initials_key(named.subject).as_deref().unwrap_or_default(),
                name_key: &name_key,
                known_at: named.known_at,
            });
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_once_and_keeps_its_id() {
        let seen = SeenMentions::default();
        let (mut left, mut right) = (Mentions::new(Arc::clone(&seen)), Mentions::new(seen));
        let named = |subject, kind| Named { source: "s", kind, subject, native_id: "", known_at: 0 };
        let id = left.id(named("豆包", Kind::Product));
        assert_eq!(left.id(named("豆包", Kind::Product)), id);
        assert_eq!(right.id(named("豆包", Kind::Product)), id);
        assert_ne!(right.id(named("豆包", Kind::Company)), id);
        assert_eq!((left.columns.n_rows(), right.columns.n_rows()), (1, 1));
    }
}
