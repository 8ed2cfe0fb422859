//! Holidays of a calendar as events of a history: the part of each holiday that falls into a period.
//!
//! In: names of calendars (`china`, `west`), or CSV tables of one's own. Out: a series for each holiday. The dates are a table with a
//! source in each line, `data/holidays.tsv`. To add a calendar: its lines there.

use jiff::civil::Date;

use crate::history::{History, Named};

const TABLE: &str = include_str!("../data/holidays.tsv");

/// A holiday: its first day, of one year or of each, and how many days it has.
#[derive(Debug, Clone, PartialEq)]
struct Holiday {
    name: String,
    /// `2024-02-10`, or `10-01` for each year.
    first: String,
    n_days: i64,
}

/// Names of the calendars that there are.
pub(crate) fn calendars() -> Vec<&'static str> {
    let mut names: Vec<&str> = lines().filter_map(|line| line.split('\t').next()).collect();
    names.dedup();
    names
}

fn lines() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn built_in(calendar: &str) -> Vec<Holiday> {
    lines()
        .filter_map(|line| {
            let mut cells = line.split('\t');
            let (of, name, first, n_days) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
            let n_days = n_days.parse().ok()?;
            (of == calendar).then(|| Holiday { name: name.to_owned(), first: first.to_owned(), n_days })
        })
        .collect()
}

/// Holidays of a table with the columns holiday, first_day and days.
fn of_table(text: &str, place: &str) -> Result<Vec<Holiday>, Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| vec![format!("{place}: {error}")])?.clone();
    let column = |name: &str| {
        let place = headers.iter().position(|header| header == name);
        place.ok_or_else(|| {
            let names = headers.iter().collect::<Vec<_>>().join(", ");
            vec![format!("the table of holidays has no column {name:?}, only {names}")]
        })
    };
    let (name, first, days) = (column("holiday")?, column("first_day")?, column("days")?);
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (at, record) in reader.records().enumerate() {
        let line = at + 2;
        let Ok(record) = record else {
            faults.push(format!("{place}:{line}: the line has another number of cells than the first"));
            continue;
        };
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let holiday = Holiday {
            name: cell(name).to_owned(),
            first: cell(first).to_owned(),
            n_days: cell(days).parse().unwrap_or(0),
        };
        if holiday.name.is_empty() || !(1..=60).contains(&holiday.n_days) || first_day(&holiday, 2024).is_none() {
            faults.push(format!(
                "{place}:{line}: a holiday needs a name, a first_day such as 2024-02-10 or 10-01, and 1 to 60 days"
            ));
        }
        found.push(holiday);
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The first day in a year; the day itself where it names one.
fn first_day(holiday: &Holiday, year: i16) -> Option<Date> {
    if holiday.first.len() > 5 {
        holiday.first.parse().ok()
    } else {
        format!("{year:04}-{}", holiday.first).parse().ok()
    }
}

/// Adds the holidays of calendars to all groups; `read` gives the text of a table by its name.
///
/// # Errors
/// Calendars that nobody knows and tables that cannot be read, in words.
pub(crate) fn add(
    history: &mut History,
    asked: &[String],
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<(), Vec<String>> {
    let (mut holidays, mut faults) = (Vec::new(), Vec::new());
    for calendar in asked {
        let found = if calendar.ends_with(".csv") {
            read(calendar).map_err(|fault| vec![fault]).and_then(|text| of_table(&text, calendar))
        } else {
            Ok(built_in(calendar))
        };
        match found {
            Ok(found) if found.is_empty() => faults.push(format!(
                "there are no holidays of {calendar:?}: name one of {}, or a table NAME.csv",
                calendars().join(", ")
            )),
            Ok(found) => holidays.extend(found),
            Err(own) => faults.extend(own),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    for series in series(history, &holidays) {
        for group in &mut history.groups {
            if group.events.iter().all(|event| event.name != series.name) {
                group.events.push(series.clone());
            }
        }
    }
    Ok(())
}

/// One series for each holiday that falls into the history.
fn series(history: &History, holidays: &[Holiday]) -> Vec<Named> {
    let periods: Vec<Date> = history.periods.iter().filter_map(|day| day.parse().ok()).collect();
    let n_days = 365.25 / history.periods_per_year;
    let mut made: Vec<Named> = Vec::new();
    for holiday in holidays {
        let place = made.iter().position(|own| own.name == holiday.name).unwrap_or_else(|| {
            made.push(Named { name: holiday.name.clone(), values: vec![0.0; history.periods.len()] });
            made.len() - 1
        });
        for (at, first) in periods.iter().enumerate() {
            let past = |date: Date| first.until(date).map_or(0.0, |span| f64::from(span.get_days()));
            let mut years = vec![first.year(), first.year() + 1, first.year() - 1];
            years.truncate(if holiday.first.len() > 5 { 1 } else { 3 });
            for begin in years.into_iter().filter_map(|year| first_day(holiday, year)) {
                let (from, length) = (past(begin), holiday.n_days as f64);
                let shared = (from + length).min(n_days.round()) - from.max(0.0);
                if shared > 0.0 {
                    let value = &mut made[place].values[at];
                    *value = (*value + shared / length.min(n_days.round())).min(1.0);
                }
            }
        }
    }
    made.retain(|own| own.values.iter().any(|value| *value > 0.0));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(first: &str, n: i64) -> History {
        let first: Date = first.parse().unwrap();
        let mut history = crate::model::tests::history();
        history.periods =
            (0..n).map(|week| first.checked_add(jiff::Span::new().weeks(week)).unwrap().to_string()).collect();
        history
    }

    /// Spring Festival of 2024 is 10 to 16 February: two days of the week from the 5th, five of that from the 12th.
    #[test]
    fn a_holiday_over_two_weeks_falls_into_both() {
        let mut history = history("2024-01-01", 10);
        add(&mut history, &["china".to_owned()], |_| Err(String::new())).unwrap();
        let events = &history.groups[0].events;
        let spring = events.iter().find(|event| event.name == "Spring Festival").unwrap();
        let close = |left: f64, right: f64| (left - right).abs() < 1e-12;
        assert!(close(spring.values[5], 2.0 / 7.0) && close(spring.values[6], 5.0 / 7.0), "{:?}", spring.values);
        let new_year = events.iter().find(|event| event.name == "New Year").unwrap();
        assert!(close(new_year.values[0], 1.0) && new_year.values[1..].iter().all(|value| *value == 0.0));
        assert!(events.iter().all(|event| event.name != "National Day"), "it is not in this history");
    }

    #[test]
    fn a_week_over_the_turn_of_the_year_has_both_years_holidays() {
        let mut history = history("2024-12-30", 2);
        add(&mut history, &["west".to_owned()], |_| Err(String::new())).unwrap();
        assert!((history.groups[0].events[0].values[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn own_tables_are_read_or_told() {
        let mut one = history("2024-01-01", 10);
        let own = |_: &str| Ok("holiday,first_day,days\nFair,2024-01-10,2\n".to_owned());
        add(&mut one, &["own.csv".to_owned()], own).unwrap();
        assert!((one.groups[0].events[0].values[1] - 1.0).abs() < 1e-12);
        let wrong = |_: &str| Ok("holiday,first_day,days\nFair,soon,2\n".to_owned());
        assert!(add(&mut one, &["own.csv".to_owned()], wrong).unwrap_err()[0].contains("own.csv:2"));
        assert!(add(&mut one, &["moon".to_owned()], wrong).unwrap_err()[0].contains("china, west"));
    }
}
