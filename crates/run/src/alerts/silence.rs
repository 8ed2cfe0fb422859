//! Rules of kind `silence`: sources that say nothing for longer than the aim.
//!
//! A source's usual gap is the median of the gaps between days on which it said something. By a budget a silence is
//! measured in usual gaps; each silence of the past that ended by itself was a false alarm.

use std::collections::BTreeMap;

use crowsnest_lake::LakeError;
use crowsnest_lake::questions::{RhythmQuestion, rhythm};
use serde::Deserialize;

use super::budget::{PastAlarm, learn};
use super::{Aim, DAY_MICROS, Found, Look, fixed_state, learnt_state};
use crate::happening::{Happening, What, id_of};
use crowsnest_model::day_to_string;

/// The past that is looked at; a source that is silent for longer has ended.
const DAYS_BACK: i64 = 400;
/// Days that a source has to have spoken on, to have a rhythm.
const N_DAYS_MIN: usize = 5;
/// Less than this many usual gaps is no silence, whatever the budget.
const TIMES_MIN: f64 = 2.0;
const WHOLE_WEEK: f64 = 7.0;

#[derive(Debug, Deserialize)]
struct Row {
    source: String,
    day: i64,
}

/// How a source speaks.
#[derive(Debug, Clone, PartialEq)]
struct Rhythm {
    gaps: Vec<f64>,
    usual: f64,
    last_day: i64,
    first_day: i64,
}

impl Rhythm {
    /// Of at least [`N_DAYS_MIN`] days, in order.
    fn of(days: &[i64]) -> Option<Self> {
        let (Some(first_day), Some(last_day)) = (days.first(), days.last()) else { return None };
        if days.len() < N_DAYS_MIN {
            return None;
        }
        let gaps: Vec<f64> = days.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Self { usual: sorted[sorted.len() / 2].max(1.0), gaps, last_day: *last_day, first_day: *first_day })
    }
}

async fn rhythms(look: &Look<'_>) -> Result<BTreeMap<String, Rhythm>, LakeError> {
    let question =
        RhythmQuestion { known_after: look.now - DAYS_BACK * DAY_MICROS, as_of: look.as_of.or(Some(look.now)) };
    let rows: Vec<Row> = rhythm(look.lake, &question).await?.rows_as()?;
    let mut days: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in rows {
        days.entry(row.source).or_default().push(row.day);
    }
    Ok(days.into_iter().filter_map(|(source, days)| Some((source, Rhythm::of(&days)?))).collect())
}

pub(super) async fn look_for(look: &Look<'_>, sources: &[String], aim: Aim) -> Result<Found, LakeError> {
    let mut rhythms = rhythms(look).await?;
    rhythms.retain(|source, _| sources.is_empty() || sources.contains(source));
    let state = match aim {
        Aim::Fixed(days) => fixed_state(days, "days"),
        Aim::Budget(budget) => {
            let gaps = rhythms.values().flat_map(|rhythm| rhythm.gaps.iter().map(|gap| gap / rhythm.usual));
            let past: Vec<PastAlarm> = gaps.map(|size| PastAlarm { size, is_false: true }).collect();
            let today = i64::from(look.today());
            let n_days = rhythms.values().map(|rhythm| today - rhythm.first_day).max().unwrap_or(0);
            let n_weeks = n_days as f64 / WHOLE_WEEK;
            let basis = super::in_words(budget, n_weeks, past.len(), "ended by itself");
            learnt_state(learn(&past, n_weeks, budget, TIMES_MIN), n_weeks, "times", basis)
        }
    };
    let threshold = state.threshold.unwrap_or(f64::INFINITY);
    let is_enough = |gap: f64, usual: f64| match aim {
        Aim::Fixed(days) => gap >= days,
        Aim::Budget(_) => gap / usual > threshold,
    };
    Ok(Found { happenings: silent(look, &rhythms, is_enough), state })
}

/// Sources that fell silent after a moment: for three times their usual gap and more than a week.
pub(crate) async fn silent_sources(look: &Look<'_>, since: i64) -> Result<Vec<Happening>, LakeError> {
    const TIMES: f64 = 3.0;
    let rhythms = rhythms(look).await?;
    let since_day = since.div_euclid(DAY_MICROS);
    let mut happenings = silent(look, &rhythms, |gap, usual| gap > WHOLE_WEEK && gap > TIMES * usual);
    happenings.retain(|one| {
        let Some(rhythm) = rhythms.get(&one.name) else { return false };
        let fell_silent = rhythm.last_day as f64 + WHOLE_WEEK.max(TIMES * rhythm.usual);
        fell_silent > since_day as f64 - 1.0
    });
    Ok(happenings)
}

fn silent(look: &Look<'_>, rhythms: &BTreeMap<String, Rhythm>, is_enough: impl Fn(f64, f64) -> bool) -> Vec<Happening> {
    let today = i64::from(look.today());
    let mut happenings = Vec::new();
    for (source, rhythm) in rhythms {
        let gap = (today - rhythm.last_day) as f64;
        if !is_enough(gap, rhythm.usual) {
            continue;
        }
        let last_day = day_to_string(i32::try_from(rhythm.last_day).unwrap_or_default());
        happenings.push(Happening {
            id: id_of(&["silence", source, &last_day]),
            what: What::Silence,
            name: source.clone(),
            period: Some(last_day),
            value: Some(gap),
            before: Some(rhythm.usual),
            unit: Some("days".into()),
            sources: vec![source.clone()],
            known_at: look.now,
            ..Happening::default()
        });
    }
    happenings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_needs_some_days() {
        assert_eq!(Rhythm::of(&[1, 2, 3, 4]), None);
        assert_eq!(Rhythm::of(&[]), None);
        let weekly = Rhythm::of(&[0, 7, 14, 21, 60]).unwrap();
        assert_eq!((weekly.usual, weekly.last_day), (7.0, 60));
        assert_eq!(weekly.gaps, [7.0, 7.0, 7.0, 39.0]);
    }
}
