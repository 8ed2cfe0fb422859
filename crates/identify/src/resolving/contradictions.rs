//! What was said of names and cannot all be true: judgements that contradict each other or the catalogue, owners in a
//! circle, versions of themselves. Each with who said what; nothing is changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crowsnest_lake::{Lake, LakeError};
use serde::Serialize;

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Contradiction {
    /// `judgements`, `catalogue`, `owners` or `relations`.
    pub sort: &'static str,
    /// What contradicts what, with who said it.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// All of them, sorted. Time as long as there are judgements and relations.
///
/// # Errors
/// Those of the lake.
pub async fn contradictions(lake: &Lake) -> Result<Vec<Contradiction>, LakeError> {
    let mut found = BTreeSet::new();
    of_judgements(lake, &mut found).await?;
    of_relations(lake, &mut found);
    Ok(found.into_iter().collect())
}

struct Judged {
    names: [(i64, String); 2],
    verdict: String,
    by: String,
}

async fn judged(lake: &Lake) -> Result<Vec<Judged>, LakeError> {
    let sql = "SELECT l.entity_id, l.name, r.entity_id, r.name, j.verdict, j.\"by\" FROM judgements j \
         JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id \
         WHERE l.entity_id <> r.entity_id ORDER BY j.known_at";
    let mut latest: BTreeMap<(i64, i64), Judged> = BTreeMap::new();
    for batch in lake.query(sql).await? {
        let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let text = |column: usize, row: usize| batch.column(column).as_string_view().value(row).to_owned();
        for row in 0..batch.num_rows() {
            let (left, right) = (ints(0).value(row), ints(2).value(row));
            let names = [(left, text(1, row)), (right, text(3, row))];
            let judged = Judged { names, verdict: text(4, row), by: text(5, row) };
            latest.insert((left.min(right), left.max(right)), judged);
        }
    }
    Ok(latest.into_values().collect())
}

async fn of_judgements(lake: &Lake, found: &mut BTreeSet<Contradiction>) -> Result<(), LakeError> {
    let judged = judged(lake).await?;
    let identity = lake.identity();
    let mut parents: HashMap<i64, i64> = HashMap::new();
    fn root(parents: &HashMap<i64, i64>, mut at: i64) -> i64 {
        while let Some(parent) = parents.get(&at).filter(|parent| **parent != at) {
            at = *parent;
        }
        at
    }
    for pair in judged.iter().filter(|pair| pair.verdict == "same") {
        let [left, right] = [0, 1].map(|side: usize| root(&parents, pair.names[side].0));
        if left != right {
            parents.insert(left.max(right), left.min(right));
        }
        let entities = [0, 1].map(|side: usize| identity.entity(identity.entity_of_name(pair.names[side].0)));
        if let [Some(one), Some(other)] = entities
            && one.id != other.id
            && one.is_catalogued
            && other.is_catalogued
        {
            found.insert(Contradiction {
                sort: "catalogue",
                what: format!(
                    "{} judged {:?} and {:?} the same; the catalogue says {} and {}",
                    pair.by, pair.names[0].1, pair.names[1].1, one.name_en, other.name_en
                ),
                remedy: "the catalogue holds: change it, or take the judgement back".into(),
            });
        }
    }
    for pair in judged.iter().filter(|pair| pair.verdict == "different") {
        let [(left, left_name), (right, right_name)] = &pair.names;
        if root(&parents, *left) == root(&parents, *right) {
            found.insert(Contradiction {
                sort: "judgements",
                what: format!(
                    "{} judged {left_name:?} and {right_name:?} different; by way of others they were judged the same",
                    pair.by
                ),
                remedy: "they are held apart: take one of the judgements back".into(),
            });
        } else if identity.entity_of_name(*left) == identity.entity_of_name(*right) {
            found.insert(Contradiction {
                sort: "catalogue",
                what: format!(
                    "{} judged {left_name:?} and {right_name:?} different; the catalogue says that they are one",
                    pair.by
                ),
                remedy: "the catalogue holds: take the alias out of it, or the judgement back".into(),
            });
        }
    }
    Ok(())
}

/// Circles of one relation, each told once, from its smallest id on.
fn of_relations(lake: &Lake, found: &mut BTreeSet<Contradiction>) {
    let identity = lake.identity();
    let mut next: BTreeMap<(&str, i64), BTreeSet<i64>> = BTreeMap::new();
    for told in identity.relations() {
        next.entry((told.relation.as_str(), told.entity_id)).or_default().insert(told.other_id);
    }
    let name = |id: i64| identity.entity(id).map_or_else(|| format!("{id:016x}"), |entity| entity.name_en.clone());
    let mut done: BTreeSet<(&str, i64)> = BTreeSet::new();
    for (relation, start) in next.keys() {
        let mut path: Vec<i64> = Vec::new();
        let mut at = *start;
        // The first of several others is followed: a circle through another is met from its own start.
        while !done.contains(&(*relation, at)) {
            if let Some(place) = path.iter().position(|id| *id == at) {
                let names: Vec<String> = path[place..].iter().chain([&at]).map(|id| name(*id)).collect();
                found.insert(Contradiction {
                    sort: if *relation == "owned_by" { "owners" } else { "relations" },
                    what: format!("{} goes in a circle: {}", relation.replace('_', " "), names.join(" → ")),
                    remedy: "take one of these out of the catalogue, or end it with `crowsnest own --end`".into(),
                });
                break;
            }
            path.push(at);
            let Some(other) = next.get(&(*relation, at)).and_then(|others| others.first()) else { break };
            at = *other;
        }
        done.extend(path.into_iter().map(|id| (*relation, id)));
    }
}
