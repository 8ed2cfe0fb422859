//! Mentions: from a name as a source writes it to its id, computed once per name.

use std::sync::{Arc, Mutex, PoisonError};

use crowsnest_model::{Kind, entity_id, initials_key, mention_id, normalise, pinyin_key};
use hashbrown::HashSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::columns::{MentionColumns, MentionRow};
use super::short_text::TextMap;

/// Beyond this many names, the memory of names starts over; ids stay the same, they only cost again.
const NAMES_MAX: usize = 1_000_000;

/// Which mentions need not be written any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenMentions {
    /// Written by any worker of the import, or of the document.
    here: Arc<Mutex<HashSet<i64>>>,
    before: MentionsInTable,
}

impl SeenMentions {
    pub(crate) fn beside(before: MentionsInTable) -> Self {
        Self { before, ..Self::default() }
    }

    fn is_new(&self, id: i64) -> bool {
        !self.before.has(id) && self.here.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }
}

/// Mentions of which this process knows that the table has them; not all that it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct MentionsInTable(Arc<Mutex<HashSet<i64>>>);

impl MentionsInTable {
    fn has(&self, id: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    pub(crate) fn add(&self, ids: impl IntoIterator<Item = i64>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(ids);
        if known.len() > NAMES_MAX {
            known.clear();
        }
    }
}

/// A name as a row gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) source: &'a str,
    pub(crate) kind: Kind,
    pub(crate) subject: &'a str,
    /// The source's own id, empty if it has none.
    pub(crate) native_id: &'a str,
    /// Who makes it and its web domain, as the row that first names it tells; empty if it does not.
    pub(crate) developer: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) known_at: i64,
}

/// Ids of the names met so far, and the rows of those that are new.
#[derive(Debug)]
pub(crate) struct Mentions {
    /// By 64 bits of hash over all of a name, as many as its id has.
    known: IdTable,
    /// Hashes of the sources' names.
    sources: TextMap<u64>,
    seen: SeenMentions,
    pub(crate) columns: MentionColumns,
}

/// Hashes and ids side by side, so that finding one of hundreds of thousands is one look into memory, which is most of
/// what it costs: `HashMap` takes two, and an import of 20 million claims two seconds longer.
#[derive(Debug)]
struct IdTable {
    /// A power of two of places; a hash stands at its own or after it. [`IdTable::FREE`] is no hash.
    places: Vec<(u64, i64)>,
    n_taken: usize,
}

impl Default for IdTable {
    fn default() -> Self {
        Self { places: vec![(Self::FREE, 0); Self::N_PLACES_MIN], n_taken: 0 }
    }
}

impl IdTable {
    const FREE: u64 = 0;
    const N_PLACES_MIN: usize = 1024;

    #[inline]
    fn place_of(&self, hash: u64) -> usize {
        let last = self.places.len() - 1;
        let mut place = hash as usize & last;
        while self.places[place].0 != hash && self.places[place].0 != Self::FREE {
            place = (place + 1) & last;
        }
        place
    }

    #[inline]
    fn get(&self, hash: u64) -> Option<i64> {
        let (found, id) = self.places[self.place_of(hash.max(1))];
        (found != Self::FREE).then_some(id)
    }

    fn insert(&mut self, hash: u64, id: i64) {
        if self.n_taken >= NAMES_MAX {
            *self = Self::default();
        }
        if self.n_taken * 2 >= self.places.len() {
            let larger = vec![(Self::FREE, 0); self.places.len() * 2];
            for (hash, id) in std::mem::replace(&mut self.places, larger) {
                if hash != Self::FREE {
                    let place = self.place_of(hash);
                    self.places[place] = (hash, id);
                }
            }
        }
        let place = self.place_of(hash.max(1));
        self.places[place] = (hash.max(1), id);
        self.n_taken += 1;
    }
}

impl Mentions {
    pub(crate) fn new(seen: SeenMentions, room: usize) -> Self {
        Self { known: IdTable::default(), sources: TextMap::default(), seen, columns: MentionColumns::with_room(room) }
    }

    /// The mention's id.
    pub(crate) fn id(&mut self, named: Named<'_>) -> i64 {
        let source = match self.sources.get(named.source) {
            Some(source) => *source,
            None => {
                let hash = xxh3_64(named.source.as_bytes());
                self.sources.insert(named.source, hash);
                hash
            }
        };
        let own_id = if named.native_id.is_empty() { 0 } else { xxh3_64(named.native_id.as_bytes()) };
        let seed = source.rotate_left(named.kind as u32 + 1) ^ own_id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = xxh3_64_with_seed(named.subject.as_bytes(), seed);
        if let Some(id) = self.known.get(key) {
            return id;
        }
        let id = self.meet(named);
        self.known.insert(key, id);
        id
    }

    fn meet(&mut self, named: Named<'_>) -> i64 {
        let name_key = normalise(named.subject);
        let native_id = Some(named.native_id).filter(|id| !id.is_empty());
        let id = mention_id(named.source, named.kind, native_id, &name_key);
        if self.seen.is_new(id) {
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
                developer: named.developer,
                domain: named.domain.strip_prefix("www.").unwrap_or(named.domain),
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
    fn the_table_keeps_every_id_and_starts_over_when_full() {
        let mut table = IdTable::default();
        let hash = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0xFFFF_FFFF_0000_0FFF;
        for n in 0..10_000 {
            assert_eq!(table.get(hash(n)), None);
            table.insert(hash(n), n as i64);
        }
        assert!((0..10_000).all(|n| table.get(hash(n)) == Some(n as i64)));
        for n in 10_000..=NAMES_MAX as u64 {
            table.insert(xxh3_64(&n.to_le_bytes()), 1);
        }
        assert!(table.n_taken <= NAMES_MAX && table.get(hash(1)).is_none());
    }

    #[test]
    fn a_name_is_written_once_and_keeps_its_id() {
        let seen = SeenMentions::default();
        let (mut left, mut right) = (Mentions::new(seen.clone(), 8), Mentions::new(seen, 8));
        let named =
            |subject, kind| Named { source: "s", kind, subject, native_id: "", developer: "", domain: "", known_at: 0 };
        let id = left.id(named("豆包", Kind::Product));
        assert_eq!(left.id(named("豆包", Kind::Product)), id);
        assert_eq!(right.id(named("豆包", Kind::Product)), id);
        assert_ne!(right.id(named("豆包", Kind::Company)), id);
        assert_eq!((left.columns.n_rows(), right.columns.n_rows()), (1, 1));
        let in_table = MentionsInTable::default();
        in_table.add([id]);
        let mut later = Mentions::new(SeenMentions::beside(in_table), 8);
        assert_eq!(later.id(named("豆包", Kind::Product)), id);
        assert_eq!(later.columns.n_rows(), 0);
    }
}
