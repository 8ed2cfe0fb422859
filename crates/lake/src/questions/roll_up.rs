//! `league` rolled up: figures of products as their companies', or as their groups', as of the period's last day.
//!
//! Nothing counts twice. Where something has a figure of its own, that is its figure, and those of what belongs to it are in
//! it; only otherwise are they added up. The same holds for versions of a product; of a product and its successor the
//! successor's figure counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use crowsnest_model::{Kind, Period};
use serde::{Deserialize, Serialize};

use super::league::{self, LeagueQuestion};
use super::rows;
use crate::identity::{Identity, parse_hex};
use crate::own_rows::{self, Holds};
use crate::{Answer, Lake, LakeError, Result};

/// How far figures are rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RollUp {
    /// To the company that something belongs to.
    Company,
    /// To the company at the end of the chain of owners.
    Group,
}

#[derive(Debug, Deserialize)]
struct Figure {
    entity: String,
    value: f64,
    converted: Option<f64>,
    unit: String,
}

const FIELDS: &[(&str, Holds)] = &[
    ("rank", Holds::Count),
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("kind", Holds::Text),
    ("value", Holds::Number),
    ("unit", Holds::Text),
    ("share", Holds::Number),
    ("previous_value", Holds::Number),
    ("change", Holds::Number),
    ("change_percent", Holds::Number),
    ("is_own", Holds::Flag),
    ("n_parts", Holds::Count),
    ("parts", Holds::Text),
];

#[derive(Debug, Serialize)]
struct Row {
    rank: usize,
    name: String,
    entity: String,
    kind: &'static str,
    value: f64,
    unit: String,
    share: Option<f64>,
    previous_value: Option<f64>,
    change: Option<f64>,
    change_percent: Option<f64>,
    is_own: bool,
    n_parts: usize,
    parts: String,
}

/// What a company or group comes to.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sum {
    value: f64,
    is_own: bool,
    /// Whose figures are in it.
    parts: Vec<i64>,
}

/// The league of companies or groups.
pub(super) async fn rolled(lake: &Lake, question: &LeagueQuestion, to: RollUp) -> Result<Answer> {
    let metric = rows::known_metric(lake, &question.metric)?;
    if !league::is_additive(metric) || question.by_source {
        return Err(LakeError::bad_question(
            format!("{} of several products cannot be added up", question.metric),
            "ask without --by company or --by group",
        ));
    }
    let period = rows::known_period(lake, &question.period)?;
    let plain = LeagueQuestion { roll_up: None, limit: None, ..question.clone() };
    let mut answer = Box::pin(league::league(lake, &plain)).await?;
    let figures: Vec<Figure> = answer.rows_as()?;
    let unit = one_unit(&figures);
    let (sums, mut notes) = sums(lake, &figures, &period, to);
    let before = before(lake, &plain, &answer, &period, to).await?;
    let identity = lake.identity();
    let language = rows::language(lake, question.language);
    let total: f64 = sums.values().map(|sum| sum.value).sum();
    let mut found: Vec<(i64, Sum)> = sums.into_iter().collect();
    found.sort_by(|(one, left), (other, right)| right.value.total_cmp(&left.value).then(one.cmp(other)));
    let n_unowned =
        found.iter().filter(|(id, _)| identity.entity(*id).is_some_and(|e| e.kind != Kind::Company)).count();
    if n_unowned > 0 {
        notes.push(format!("{n_unowned} products have no known owner on that day and stand for themselves"));
    }
    let name_of = |id: i64| identity.entity(id).map_or_else(String::new, |entity| entity.name(language).to_owned());
    let made = found.iter().enumerate().map(|(place, (id, sum))| {
        let previous = before.get(id).map(|sum| sum.value);
        Row {
            rank: place + 1,
            name: name_of(*id),
            entity: crate::entity_hex(*id),
            kind: identity.entity(*id).map_or("product", |entity| entity.kind.as_str()),
            value: sum.value,
            unit: unit.clone(),
            share: (total != 0.0).then_some(sum.value / total),
            previous_value: previous,
            change: previous.map(|previous| sum.value - previous),
            change_percent: previous.filter(|p| *p != 0.0).map(|previous| (sum.value - previous) / previous),
            is_own: sum.is_own,
            n_parts: sum.parts.len(),
            parts: sum.parts.iter().map(|part| name_of(*part)).collect::<Vec<_>>().join(", "),
        }
    });
    let made: Vec<Row> = made.take(question.limit.unwrap_or(usize::MAX)).collect();
    answer.notes.extend(notes);
    if metric.unit == "users" {
        answer.notes.push("people who use several products of a company are counted with each".to_owned());
    }
    let mut rolled = own_rows::answer(FIELDS, &made)?;
    (rolled.facts, rolled.notes) = (answer.facts, answer.notes);
    if let Some(totals) = rolled.facts.get_mut("totals").and_then(serde_json::Value::as_object_mut) {
        totals.insert("summed".to_owned(), total.into());
        totals.remove("gap");
    }
    for of_products in ["entries", "entry_entities", "exits", "exit_entities", "concentration"] {
        rolled.facts.remove(of_products);
    }
    Ok(rolled
        .with_fact("n_rows", found.len())
        .with_fact("rolled_up_to", if to == RollUp::Company { "company" } else { "group" }))
}

/// What the companies came to in the period before, in the same slice.
async fn before(
    lake: &Lake,
    plain: &LeagueQuestion,
    answer: &Answer,
    period: &Period,
    to: RollUp,
) -> Result<BTreeMap<i64, Sum>> {
    let Some(previous) = period.previous() else { return Ok(BTreeMap::new()) };
    let fact = |name: &str| answer.facts.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let question = LeagueQuestion {
        period: previous.to_string(),
        region: fact("region"),
        platform: fact("platform"),
        segment: fact("segment"),
        ..plain.clone()
    };
    match Box::pin(league::league(lake, &question)).await {
        Ok(answer) => Ok(sums(lake, &answer.rows_as::<Figure>()?, &previous, to).0),
        Err(LakeError::BadQuestion { .. }) => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn one_unit(figures: &[Figure]) -> String {
    let first = figures.first().map_or_else(String::new, |figure| figure.unit.clone());
    if figures.iter().all(|figure| figure.unit == first) { first } else { String::new() }
}

fn sums(lake: &Lake, figures: &[Figure], period: &Period, to: RollUp) -> (BTreeMap<i64, Sum>, Vec<String>) {
    let identity = lake.identity();
    let is_mixed = figures.iter().any(|figure| figure.unit != figures[0].unit);
    let values = figures.iter().filter_map(|figure| {
        let id = parse_hex(&figure.entity)?;
        Some((id, if is_mixed { figure.converted? } else { figure.value }))
    });
    let mut values: BTreeMap<i64, f64> = values.collect();
    let day = period.end_day() - 1;
    let followed: Vec<i64> = values
        .keys()
        .filter_map(|id| identity.other_on(*id, "successor_of", day).filter(|before| before != id))
        .filter(|before| values.contains_key(before))
        .collect();
    let mut notes = Vec::new();
    for before in followed {
        values.remove(&before);
        if let Some(entity) = identity.entity(before) {
            notes.push(format!("{} was followed by another, whose figure counts", entity.name_en));
        }
    }
    (roll(&values, &|id| parent(&identity, id, day, to)), notes)
}

/// What an entity's figure goes into.
fn parent(identity: &Identity, id: i64, day: i32, to: RollUp) -> Option<i64> {
    let is_company = identity.entity(id).is_some_and(|entity| entity.kind == Kind::Company);
    if is_company && to == RollUp::Company {
        return None;
    }
    identity.other_on(id, "version_of", day).or_else(|| identity.owners_on(id, day).first().copied())
}

/// Sums of the roots that values go into. A circle of parents ends where it closes.
fn roll(values: &BTreeMap<i64, f64>, parent: &dyn Fn(i64) -> Option<i64>) -> BTreeMap<i64, Sum> {
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut parents: HashMap<i64, Option<i64>> = HashMap::new();
    for (id, value) in values {
        let mut seen = HashSet::from([*id]);
        let mut root = *id;
        let mut is_within_another = false;
        let mut up = *parents.entry(root).or_insert_with(|| parent(root));
        while let Some(next) = up.filter(|next| seen.insert(*next)) {
            is_within_another |= values.contains_key(&next);
            root = next;
            up = *parents.entry(root).or_insert_with(|| parent(root));
        }
        if is_within_another {
            continue;
        }
        let sum = sums.entry(root).or_default();
        sum.value += value;
        sum.is_own = root == *id;
        sum.parts.push(*id);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_twice() {
        // 1 and 2 belong to 10; 3 is a version of 1; 11 belongs to 10 and has a figure of its own that holds 4's.
        let parents = BTreeMap::from([(1, 10), (2, 10), (3, 1), (4, 11), (11, 10), (20, 21), (21, 20)]);
        let parent = |id: i64| parents.get(&id).copied();
        let values = BTreeMap::from([(1, 100.0), (2, 50.0), (3, 30.0), (4, 5.0), (11, 7.0), (5, 9.0), (20, 1.0)]);
        let sums = roll(&values, &parent);
        assert_eq!(sums[&10], Sum { value: 157.0, is_own: false, parts: vec![1, 2, 11] });
        assert_eq!(sums[&5], Sum { value: 9.0, is_own: true, parts: vec![5] });
        // A circle loses no figure and ends.
        assert_eq!(sums[&21].value, 1.0);
        assert_eq!(sums.len(), 3);
        // A group with a figure of its own is that figure.
        let whole = roll(&BTreeMap::from([(1, 100.0), (10, 120.0)]), &parent);
        assert_eq!(whole, BTreeMap::from([(10, Sum { value: 120.0, is_own: true, parts: vec![10] })]));
    }
}
