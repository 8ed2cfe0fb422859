//! Rules of kind `rank` and `share`: places of a ranking that are crossed, and shares that are lost, from the period before
//! the last to the last.
//!
//! A period that far fewer products have figures of than the one before is not looked at: it is not told in full yet, and
//! everybody would seem to have moved. False is what is taken back in the period after.

use std::collections::{BTreeMap, BTreeSet};

use crowsnest_lake::LakeError;
use crowsnest_lake::questions::{LeagueQuestion, ShareQuestion, cited, league, share};
use crowsnest_model::{Grain, Period, day_to_string};
use serde::Deserialize;

use super::budget::{PastAlarm, learn};
use super::{Aim, Found, Look, fixed_state, in_words, learnt_state};
use crate::happening::{Happening, What, id_of, micros};

/// The past that thresholds are learnt from.
const DAYS_BACK: i32 = 3 * 366;
/// A period is told in full where it has this share of the products of the one before.
const FULL_FROM: f64 = 0.6;
/// Products of a period that are looked at.
const N_SHARES: usize = 300;

#[derive(Debug, Clone, Deserialize)]
struct Row {
    period: String,
    rank: i64,
    name: String,
    entity: String,
    share: Option<f64>,
}

/// One period's products.
#[derive(Debug, Default)]
struct Table {
    period: String,
    by_entity: BTreeMap<String, Row>,
}

/// A crossing or a loss.
struct Change<'a> {
    row: &'a Row,
    before: Option<&'a Row>,
    size: f64,
    is_entering: bool,
}

pub(super) async fn crossings(
    look: &Look<'_>,
    metric: &str,
    grain: Grain,
    top: u32,
    aim: Aim,
) -> Result<Found, LakeError> {
    let tables = tables(look, metric, grain, (top as usize * 3).max(N_SHARES)).await?;
    let changes = |before, now| crossed(before, now, i64::from(top));
    let is_taken_back = |change: &Change<'_>, after: &Table| {
        let now = after.by_entity.get(&change.row.entity);
        now.is_some_and(|row| (row.rank <= i64::from(top)) != change.is_entering)
    };
    let found = found(&tables, aim, "places", 0.999, "crosses back in the period after", changes, is_taken_back);
    let make = |change: &Change<'_>| Happening {
        what: What::Rank,
        value: Some(change.row.rank as f64),
        before: change.before.map(|row| row.rank as f64),
        top: Some(top),
        ..of_row(change.row, metric)
    };
    tell(look, metric, &tables, found, make, &format!("rank {top}")).await
}

pub(super) async fn losses(look: &Look<'_>, metric: &str, grain: Grain, aim: Aim) -> Result<Found, LakeError> {
    let tables = tables(look, metric, grain, N_SHARES).await?;
    let is_taken_back = |change: &Change<'_>, after: &Table| {
        let share = after.by_entity.get(&change.row.entity).and_then(|row| row.share);
        let before = change.before.and_then(|row| row.share).unwrap_or_default();
        share.is_some_and(|share| share > before - change.size / 2.0)
    };
    let found = found(&tables, aim, "share", 0.001, "half of is regained in the period after", lost, is_taken_back);
    let make = |change: &Change<'_>| Happening {
        what: What::Share,
        value: change.row.share,
        before: change.before.and_then(|row| row.share),
        unit: Some("ratio".into()),
        ..of_row(change.row, metric)
    };
    tell(look, metric, &tables, found, make, "share").await
}

/// The metric's periods in order, each with its products; empty where nothing is said of it.
async fn tables(look: &Look<'_>, metric: &str, grain: Grain, limit: usize) -> Result<Vec<Table>, LakeError> {
    let question = ShareQuestion {
        metric: metric.to_owned(),
        grain: Some(grain.to_string()),
        from: Some(day_to_string(look.today() - DAYS_BACK)),
        limit: Some(limit),
        as_of: look.as_of,
        language: look.language,
        ..ShareQuestion::default()
    };
    let rows: Vec<Row> = match share(look.lake, &question).await {
        Ok(answer) => answer.rows_as()?,
        Err(LakeError::BadQuestion { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        if tables.last().is_none_or(|table| table.period != row.period) {
            tables.push(Table { period: row.period.clone(), ..Table::default() });
        }
        if let Some(table) = tables.last_mut() {
            table.by_entity.insert(row.entity.clone(), row);
        }
    }
    Ok(tables)
}

/// Whether two periods can be compared: one follows the other, and is told in full.
fn follows(before: &Table, now: &Table) -> bool {
    let next = Period::parse(&before.period).ok().and_then(|period| period.next());
    let is_next = next.is_some_and(|period| period.to_string() == now.period);
    is_next && now.by_entity.len() as f64 >= FULL_FROM * before.by_entity.len() as f64
}

/// Who came into the first places, or left them and is still told of.
fn crossed<'a>(before: &'a Table, now: &'a Table, top: i64) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for row in now.by_entity.values() {
        let earlier = before.by_entity.get(&row.entity);
        let was_in = earlier.is_some_and(|row| row.rank <= top);
        let is_in = row.rank <= top;
        if was_in != is_in {
            let size = if is_in { top - row.rank + 1 } else { row.rank - top } as f64;
            changes.push(Change { row, before: earlier, size, is_entering: is_in });
        }
    }
    changes
}

/// Who lost share.
fn lost<'a>(before: &'a Table, now: &'a Table) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for row in now.by_entity.values() {
        let Some(earlier) = before.by_entity.get(&row.entity) else { continue };
        let (Some(had), Some(has)) = (earlier.share, row.share) else { continue };
        if had > has {
            changes.push(Change { row, before: Some(earlier), size: had - has, is_entering: false });
        }
    }
    changes
}

/// The changes of the last period that are large enough, and how the rule stands.
fn found<'a>(
    tables: &'a [Table],
    aim: Aim,
    measure: &str,
    floor: f64,
    what_is_false: &str,
    changes: impl Fn(&'a Table, &'a Table) -> Vec<Change<'a>>,
    is_taken_back: impl Fn(&Change<'_>, &Table) -> bool,
) -> (Vec<Change<'a>>, super::RuleState) {
    let state = match aim {
        Aim::Fixed(least) => fixed_state(least, measure),
        Aim::Budget(budget) => {
            let mut past = Vec::new();
            let mut n_days = 0;
            for window in tables.windows(3) {
                let [before, now, after] = window else { continue };
                if !follows(before, now) || !follows(now, after) {
                    continue;
                }
                n_days += Period::parse(&now.period).map_or(0, |period| period.end_day() - period.start_day());
                past.extend(
                    changes(before, now)
                        .iter()
                        .map(|change| PastAlarm { size: change.size, is_false: is_taken_back(change, after) }),
                );
            }
            let n_weeks = f64::from(n_days) / 7.0;
            let basis = in_words(budget, n_weeks, past.len(), what_is_false);
            learnt_state(learn(&past, n_weeks, budget, floor), n_weeks, measure, basis)
        }
    };
    let threshold = state.threshold.unwrap_or(f64::INFINITY);
    let is_enough = |size: f64| if matches!(aim, Aim::Fixed(_)) { size >= threshold - 1e-12 } else { size > threshold };
    let mut told = match tables {
        [.., before, now] if follows(before, now) => changes(before, now),
        _ => Vec::new(),
    };
    told.retain(|change| is_enough(change.size));
    told.sort_by(|left, right| right.size.total_cmp(&left.size).then(left.row.rank.cmp(&right.row.rank)));
    (told, state)
}

fn of_row(row: &Row, metric: &str) -> Happening {
    Happening {
        name: row.name.clone(),
        entity: Some(row.entity.clone()),
        metric: Some(metric.to_owned()),
        period: Some(row.period.clone()),
        ..Happening::default()
    }
}

#[derive(Debug, Deserialize)]
struct LeagueRow {
    entity: String,
    kind: String,
    source: String,
    claim: String,
}

/// Adds whose word each is and since when it is known, and leaves out what is no news.
async fn tell(
    look: &Look<'_>,
    metric: &str,
    tables: &[Table],
    (changes, state): (Vec<Change<'_>>, super::RuleState),
    make: impl Fn(&Change<'_>) -> Happening,
    rule: &str,
) -> Result<Found, LakeError> {
    let Some(last) = tables.last().filter(|_| !changes.is_empty()) else {
        return Ok(Found { happenings: Vec::new(), state });
    };
    let question = LeagueQuestion {
        metric: metric.to_owned(),
        period: last.period.clone(),
        as_of: look.as_of,
        language: look.language,
        ..LeagueQuestion::default()
    };
    let meant: BTreeSet<&str> = changes.iter().map(|change| change.row.entity.as_str()).collect();
    let rows: Vec<LeagueRow> = league(look.lake, &question).await?.rows_as()?;
    let rows: BTreeMap<&str, &LeagueRow> =
        rows.iter().map(|row| (row.entity.as_str(), row)).filter(|(entity, _)| meant.contains(entity)).collect();
    let claims: Vec<String> = rows.values().map(|row| row.claim.clone()).collect();
    let said = cited(look.lake, &claims).await?;
    let mut happenings = Vec::new();
    for change in &changes {
        let Some(row) = rows.get(change.row.entity.as_str()) else { continue };
        let known_at = said.get(&row.claim).map_or(0, |said| micros(&said.known_at));
        if known_at <= look.fresh_after {
            continue;
        }
        let mut one = make(change);
        one.id = id_of(&[rule, metric, &row.entity, &change.row.period]);
        one.kind = Some(row.kind.clone());
        one.sources = vec![row.source.clone()];
        one.claim = Some(row.claim.clone());
        one.known_at = known_at;
        happenings.push(one);
    }
    Ok(Found { happenings, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(period: &str, values: &[(&str, f64)]) -> Table {
        let total: f64 = values.iter().map(|(_, value)| value).sum();
        let mut sorted = values.to_vec();
        sorted.sort_by(|left, right| right.1.total_cmp(&left.1));
        let rows = sorted.iter().enumerate().map(|(place, (name, value))| Row {
            period: period.into(),
            rank: place as i64 + 1,
            name: (*name).into(),
            entity: (*name).into(),
            share: Some(value / total),
        });
        Table { period: period.into(), by_entity: rows.map(|row| (row.entity.clone(), row)).collect() }
    }

    fn names(changes: &[Change<'_>]) -> Vec<String> {
        changes
            .iter()
            .map(|change| format!("{}{}", change.row.name, if change.is_entering { "+" } else { "-" }))
            .collect()
    }

    #[test]
    fn places_are_crossed_by_those_who_are_still_told_of() {
        let before = table("2024-11", &[("a", 9.0), ("b", 8.0), ("c", 7.0), ("d", 6.0)]);
        let now = table("2024-12", &[("a", 9.0), ("c", 8.5), ("b", 3.0), ("e", 1.0)]);
        let changes = crossed(&before, &now, 2);
        assert_eq!(names(&changes), ["b-", "c+"]);
        assert!(changes.iter().all(|change| change.size == 1.0));
        assert!(follows(&before, &now));
        assert!(!follows(&now, &before));
        assert!(!follows(&before, &table("2024-12", &[("a", 1.0), ("b", 1.0)])), "half a period is no period");
    }

    #[test]
    fn a_budget_leaves_out_losses_as_small_as_those_that_came_back() {
        let tables = [
            table("2024-01", &[("a", 50.0), ("b", 50.0)]),
            table("2024-02", &[("a", 45.0), ("b", 55.0)]),
            table("2024-03", &[("a", 50.0), ("b", 50.0)]),
            table("2024-04", &[("a", 46.0), ("b", 54.0)]),
            table("2024-05", &[("a", 30.0), ("b", 70.0)]),
        ];
        let is_taken_back = |change: &Change<'_>, after: &Table| {
            after.by_entity[&change.row.entity].share.unwrap()
                > change.before.unwrap().share.unwrap() - change.size / 2.0
        };
        let (told, state) = found(&tables, Aim::Budget(0.0), "share", 0.001, "", lost, is_taken_back);
        assert!((state.threshold.unwrap() - 0.05).abs() < 1e-9, "{state:?}");
        assert_eq!(told.len(), 1);
        assert!((told[0].size - 0.16).abs() < 1e-9);
        let (told, _) = found(&tables, Aim::Fixed(0.2), "share", 0.001, "", lost, is_taken_back);
        assert!(told.is_empty());
    }
}
