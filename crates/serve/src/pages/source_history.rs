//! What a source brought per day, and what it cost per month: charts, and the same as tables.

use std::collections::BTreeMap;

use crowsnest_lake::state::collecting::SourceRun;
use crowsnest_lake::{Lake, Language};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::ServeError;
use crate::bars::{Amount, Bars};
use crate::numbers;
use crate::words::say;

const N_DAYS_MIN: i32 = 14;
const N_DAYS_MAX: i32 = 90;
const N_MONTHS_MIN: usize = 6;
const N_MONTHS_MAX: usize = 12;

/// What all runs of a day brought.
#[derive(Default, Clone, Copy)]
struct Day {
    n_documents: u64,
    n_added: u64,
    n_rejects: u64,
}

/// A line of a table: the day or month, and its figures.
pub(crate) struct HistoryLine {
    pub(crate) when: String,
    pub(crate) figures: Vec<String>,
}

/// A source over time.
pub(crate) struct History {
    /// Of what there is anything.
    pub(crate) charts: Vec<Bars>,
    /// Days with runs, newest first.
    pub(crate) days: Vec<HistoryLine>,
    /// Months with calls or costs, newest first.
    pub(crate) months: Vec<HistoryLine>,
}

impl History {
    /// The history up to a moment of a source whose runs come newest first; days and months are UTC.
    pub(crate) fn new(
        lake: &Lake,
        source: &str,
        currency: &str,
        runs: &[SourceRun],
        now: i64,
        language: Language,
    ) -> Result<Self, ServeError> {
        let today = day_of(now);
        let days = days(runs, today);
        let months = months(lake, source, today)?;
        let mut charts = Vec::new();
        let mut chart = |key, style, unit: &str, amounts: Vec<Amount>| {
            if amounts.iter().any(|amount| amount.value > 0.0) {
                charts.push(Bars::new(say(language, key), style, unit, &amounts, language));
            }
        };
        let of_days = |of: fn(&Day) -> u64| days.iter().map(|(day, it)| amount(day, of(it) as f64)).collect();
        chart("source.added_per_day", 0, "", of_days(|day| day.n_added));
        chart("source.documents_per_day", 2, "", of_days(|day| day.n_documents));
        chart("source.rejects_per_day", 1, "", of_days(|day| day.n_rejects));
        let of_months = |of: fn(&Month) -> f64| -> Vec<Amount> {
            months.iter().map(|month| Amount { period: month.label.clone(), value: of(month) }).collect()
        };
        chart("source.calls_per_month", 5, "", of_months(|month| month.n_calls));
        chart("source.cost_per_month", 4, currency, of_months(|month| month.spent));
        let day_line = |(day, it): (&Date, &Day)| HistoryLine {
            when: day.to_string(),
            figures: [it.n_added, it.n_documents, it.n_rejects].map(|n| numbers::exact(n as f64)).to_vec(),
        };
        let has_any = |(_, day): &(&Date, &Day)| day.n_added + day.n_documents + day.n_rejects > 0;
        let month_line = |month: &Month| HistoryLine {
            when: month.label.clone(),
            figures: vec![numbers::exact(month.n_calls), numbers::price(month.spent, currency, language)],
        };
        let has_calls = |month: &&Month| month.n_calls > 0.0 || month.spent != 0.0;
        Ok(Self {
            charts,
            days: days.iter().rev().filter(has_any).map(day_line).collect(),
            months: months.iter().rev().filter(has_calls).map(month_line).collect(),
        })
    }
}

fn amount(day: &Date, value: f64) -> Amount {
    Amount { period: day.to_string(), value }
}

fn day_of(micros: i64) -> Date {
    Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap_or_default()).date()
}

/// Every day up to today since the first run, or as many as a chart holds.
fn days(runs: &[SourceRun], today: Date) -> BTreeMap<Date, Day> {
    let first = runs.iter().map(|run| day_of(run.started_at)).min().unwrap_or(today);
    let n_since_first = (today - first).get_days() + 1;
    let n_days = n_since_first.clamp(N_DAYS_MIN, N_DAYS_MAX);
    let mut days: BTreeMap<Date, Day> = (0..n_days).map(|n| (today.saturating_sub(n.days()), Day::default())).collect();
    for run in runs {
        if let Some(day) = days.get_mut(&day_of(run.started_at)) {
            day.n_documents += run.n_documents;
            day.n_added += run.n_added + run.n_events_added;
            day.n_rejects += run.n_rejects;
        }
    }
    days
}

struct Month {
    label: String,
    n_calls: f64,
    spent: f64,
}

/// The last months, oldest first: a year of them, or half of one where the ledger has no more.
fn months(lake: &Lake, source: &str, today: Date) -> Result<Vec<Month>, ServeError> {
    let mut months = Vec::new();
    let mut first = today.first_of_month();
    for _ in 0..N_MONTHS_MAX {
        let next = first.last_of_month().saturating_add(1.day());
        let spent = lake.state().spent(source, start_of(first), start_of(next))?;
        let label = first.strftime("%Y-%m").to_string();
        months.push(Month { label, n_calls: spent.n_calls as f64, spent: spent.amount });
        first = first.saturating_sub(1.month());
    }
    let is_empty = |month: &Month| month.n_calls == 0.0 && month.spent == 0.0;
    while months.len() > N_MONTHS_MIN && months.last().is_some_and(is_empty) {
        months.pop();
    }
    months.reverse();
    Ok(months)
}

fn start_of(day: Date) -> i64 {
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or_default().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_runs_are_days_too() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let run = |moment: &str, n_added| SourceRun { started_at: at(moment), n_added, ..SourceRun::default() };
        let today = day_of(at("2024-12-31T10:00:00Z"));
        let days = days(
            &[run("2024-12-31T06:00:00Z", 2), run("2024-12-29T23:59:59Z", 3), run("2024-12-29T00:00:00Z", 4)],
            today,
        );
        let added: Vec<u64> = days.values().rev().map(|day| day.n_added).take(4).collect();
        assert_eq!((days.len(), added), (14, vec![2, 0, 7, 0]));
        assert_eq!(super::days(&[run("2024-01-01T00:00:00Z", 1)], today).len(), 90);
        assert_eq!(super::days(&[], today).len(), 14);
    }
}
