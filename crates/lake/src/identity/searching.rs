//! Finding who may be meant by a text: all names and sounds of everyone in one text, gone through at once.
//!
//! In: entities whose keys are known. Out: of a text of letters and digits, those in one of whose names or sounds it stands. How well
//! it matches is for [`Entity::score`] to say; to ask that of all of a hundred thousand, for each letter typed, took longer
//! than all else that a search does.

use std::collections::HashMap;

use memchr::memmem;

use super::Entity;

/// Stands between names: neither a letter nor a digit, so that no text is found across it.
const BETWEEN: char = '\n';

/// The names and sounds of everyone.
#[derive(Debug, Default)]
pub(super) struct SearchText {
    text: String,
    /// Where each entity's names begin, and whose they are.
    starts: Vec<(usize, i64)>,
}

impl SearchText {
    pub(super) fn of(entities: &HashMap<i64, Entity>) -> Self {
        let mut made = Self { text: String::new(), starts: Vec::with_capacity(entities.len()) };
        for (id, entity) in entities {
            made.starts.push((made.text.len(), *id));
            for name in entity.spelt() {
                made.text.push_str(name);
                made.text.push(BETWEEN);
            }
        }
        made
    }

    /// The entities in one of whose names or sounds a text stands, each once, in no order.
    pub(super) fn having(&self, wanted: &str) -> Vec<i64> {
        let (mut found, mut next) = (Vec::new(), 0);
        for place in memmem::find_iter(self.text.as_bytes(), wanted.as_bytes()) {
            if place < next {
                continue;
            }
            let after = self.starts.partition_point(|(start, _)| *start <= place);
            found.push(self.starts[after - 1].1);
            next = self.starts.get(after).map_or(usize::MAX, |(start, _)| *start);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crowsnest_model::{Kind, search_key};

    use super::*;

    #[test]
    fn whoever_matches_is_found_once_and_nobody_else() {
        let names = ["Kimi", "Kimi Chat Kimi", "豆包", "ChatGPT", "Mikimi"];
        let entities: HashMap<i64, Entity> = (0..)
            .zip(names)
            .map(|(id, name)| {
                let mut entity = Entity::of_mention(id, Kind::Product, name);
                entity.finish();
                (id, entity)
            })
            .collect();
        let text = SearchText::of(&entities);
        for wanted in ["kimi", "chat", "doubao", "db", "豆", "imi", "kimichat", "nobody", "tk"] {
            let wanted = search_key(wanted);
            let mut found = text.having(&wanted);
            found.retain(|id| entities[id].score(&wanted).is_some());
            found.sort_unstable();
            let mut all: Vec<i64> = (0..5).filter(|id| entities[id].score(&wanted).is_some()).collect();
            all.sort_unstable();
            assert_eq!(found, all, "{wanted}");
        }
        assert_eq!(text.having("kimichat"), [1]);
        assert_eq!(text.having("nobody"), [0_i64; 0]);
    }
}
