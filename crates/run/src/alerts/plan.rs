//! `[[digest]]` of `alerts.toml`: digests that are made and sent by themselves, each day or week at a time of day.
//!
//! In: the table. Out: a [`DigestPlan`], and of it the last moment that was due ([`DigestPlan::last_due`]).

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};
use serde::Deserialize;
use toml::{Table, Value};

use super::file::{Reading, one_line};
use crowsnest_lake::Language;

/// A digest that is sent by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestPlan {
    /// Its name.
    pub name: String,
    /// Whether it comes each week, on Mondays, instead of each day.
    pub is_weekly: bool,
    /// The time of day.
    pub at: Time,
    /// Where that time of day is.
    pub time_zone: TimeZone,
    /// Only what this watch-list means.
    pub watch: Option<String>,
    /// Language; the file's where not said.
    pub language: Option<Language>,
    /// Channels that it is sent to; all where empty.
    pub channels: Vec<String>,
}

impl DigestPlan {
    /// The last moment at or before `now` at which it was due; both in microseconds since 1970-01-01 UTC.
    pub fn last_due(&self, now: i64) -> Option<i64> {
        let here = Timestamp::from_microsecond(now).ok()?.to_zoned_datetime(self.time_zone.clone());
        let days_back = if self.is_weekly { 7 } else { 1 };
        (0..=days_back).find_map(|back| {
            let day = here.date().checked_sub(back.days()).ok()?;
            let is_day = !self.is_weekly || day.weekday() == Weekday::Monday;
            let due: ZonedDateTime = day.to_datetime(self.at).to_zoned_datetime(self.time_zone.clone()).ok()?;
            let at = due.timestamp().as_microsecond();
            (is_day && at <= now).then_some(at)
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default = "default_every")]
    every: String,
    #[serde(default = "default_at")]
    at: String,
    time_zone: Option<String>,
    watch: Option<String>,
    language: Option<Language>,
    #[serde(default)]
    channels: Vec<String>,
}

fn default_every() -> String {
    "day".into()
}

fn default_at() -> String {
    "07:00".into()
}

/// Reads one table; faults are noted in `reading`.
pub(super) fn read_digest(reading: &mut Reading<'_>, nth: usize, table: Table) -> Option<DigestPlan> {
    let named = table.get("name").and_then(Value::as_str).map(|name| format!("digest {name:?}"));
    let place = named.unwrap_or_else(|| format!("digest {nth}"));
    let written: Written = match Value::Table(table).try_into() {
        Ok(written) => written,
        Err(error) => return reading.refuse(&place, &one_line(&error)),
    };
    reading.check_names(&place, &written.channels, written.watch.as_ref());
    let mut fault = |message: String| reading.faults.push(format!("{place}: {message}"));
    if !matches!(written.every.as_str(), "day" | "week") {
        fault(format!("every {:?} is neither day nor week", written.every));
    }
    let at = Time::strptime("%H:%M", &written.at);
    if at.is_err() {
        fault(format!("at {:?} is no time: write for example \"07:30\"", written.at));
    }
    let time_zone = match written.time_zone.as_deref() {
        None => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    };
    if time_zone.is_none() {
        let name = written.time_zone.unwrap_or_default();
        fault(format!("time_zone {name:?} is not known: write for example \"Asia/Shanghai\""));
    }
    Some(DigestPlan {
        name: written.name,
        is_weekly: written.every == "week",
        at: at.ok()?,
        time_zone: time_zone?,
        watch: written.watch,
        language: written.language,
        channels: written.channels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(is_weekly: bool) -> DigestPlan {
        DigestPlan {
            name: "m".into(),
            is_weekly,
            at: Time::constant(7, 30, 0, 0),
            time_zone: TimeZone::get("Asia/Shanghai").unwrap(),
            watch: None,
            language: None,
            channels: Vec::new(),
        }
    }

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn it_is_due_at_its_time_of_day_where_its_readers_are() {
        // 07:30 in Shanghai is 23:30 UTC of the day before; 2 March 2026 is a Monday.
        let due = |now: &str, is_weekly: bool| plan(is_weekly).last_due(micros(now)).unwrap();
        assert_eq!(due("2026-03-03T23:29:59Z", false), micros("2026-03-02T23:30:00Z"));
        assert_eq!(due("2026-03-03T23:30:00Z", false), micros("2026-03-03T23:30:00Z"));
        assert_eq!(due("2026-03-03T23:30:00Z", true), micros("2026-03-01T23:30:00Z"));
        assert_eq!(due("2026-03-01T23:29:00Z", true), micros("2026-02-22T23:30:00Z"));
    }
}
