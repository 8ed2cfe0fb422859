//! The proleptic Gregorian calendar as arithmetic on day numbers (days since 1970-01-01).
//!
//! Here rather than through a date library because an import turns tens of millions of texts into day numbers and
//! back; the unit test checks every day of four centuries against jiff. Years are limited to 1–9999, which is what
//! ISO 8601 writes with four digits.
//!
//! Method: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `days_from_civil` and
//! `civil_from_days`, <https://howardhinnant.github.io/date_algorithms.html>.

/// First and last year that can be written with four digits.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A calendar date; not validated by itself, see [`day_number_checked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilDate {
    pub(crate) year: i32,
    /// 1–12.
    pub(crate) month: i32,
    /// 1–31.
    pub(crate) day: i32,
}

/// Days since 1970-01-01 of a date that is known to exist.
pub(crate) const fn day_number(year: i32, month: i32, day: i32) -> i32 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days since 1970-01-01, or `None` if there is no such date.
pub(crate) const fn day_number_checked(year: i32, month: i32, day: i32) -> Option<i32> {
    let is_year = year >= *YEARS.start() && year <= *YEARS.end();
    if !is_year || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(day_number(year, month, day))
}

/// The date of a day number.
pub(crate) const fn civil_date(day_number: i32) -> CivilDate {
    let shifted = day_number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    CivilDate { year, month, day }
}

/// Number of days of a month (1–12), 28–31.
pub(crate) const fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year(year) => 29,
        2 => 28,
        _ => 31,
    }
}

const fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Weekday of a day number: 0 is Monday, 6 is Sunday.
pub(crate) const fn weekday_from_monday(day_number: i32) -> i32 {
    // 1970-01-01 was a Thursday.
    (day_number + 3).rem_euclid(7)
}

/// Monday of the first ISO 8601 week of a year: the week that contains 4 January.
pub(crate) const fn first_iso_monday(year: i32) -> i32 {
    let fourth_of_january = day_number(year, 1, 4);
    fourth_of_january - weekday_from_monday(fourth_of_january)
}

/// ISO 8601 week-year and week number (1–53) of a day.
pub(crate) const fn iso_week(day_number: i32) -> (i32, i32) {
    let monday = day_number - weekday_from_monday(day_number);
    // The week belongs to the year in which its Thursday lies.
    let year = civil_date(monday + 3).year;
    (year, (monday - first_iso_monday(year)) / 7 + 1)
}

/// Number of ISO 8601 weeks of a year, 52 or 53.
pub(crate) const fn iso_weeks_in_year(year: i32) -> i32 {
    (first_iso_monday(year + 1) - first_iso_monday(year)) / 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Date, date};

    #[test]
    fn four_centuries_of_days_agree_with_jiff() {
        let mut expected: Date = date(1800, 1, 1);
        let mut number = day_number(1800, 1, 1);
        assert_eq!(day_number(1970, 1, 1), 0);
        while expected < date(2200, 1, 1) {
            let got = civil_date(number);
            assert_eq!(
                (got.year, got.month, got.day),
                (i32::from(expected.year()), i32::from(expected.month()), i32::from(expected.day()))
            );
            assert_eq!(day_number(got.year, got.month, got.day), number);
            let week = expected.iso_week_date();
            assert_eq!(iso_week(number), (i32::from(week.year()), i32::from(week.week())));
            expected = expected.tomorrow().unwrap();
            number += 1;
        }
    }

    #[test]
    fn impossible_dates_have_no_number() {
        assert_eq!(day_number_checked(2023, 2, 29), None);
        assert_eq!(day_number_checked(2024, 2, 29), Some(19_782));
        assert_eq!(day_number_checked(2024, 13, 1), None);
        assert_eq!(day_number_checked(0, 1, 1), None);
        assert_eq!(iso_weeks_in_year(2020), 53);
        assert_eq!(iso_weeks_in_year(2024), 52);
    }
}
