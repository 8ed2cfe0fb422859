//! What a column holds: found by reading its values, so that prices are compared as numbers and dates as days.
//!
//! To add a kind: a variant, how its values are read, and its comparisons in `comparisons.rs`.

use crowsnest_model::name::fold;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Names and titles.
    Text,
    /// Descriptions: too long to be compared letter by letter.
    LongText,
    /// Numbers, prices among them.
    Number,
    /// Years, compared by their difference.
    Year,
    /// Days since 1970-01-01.
    Date,
    /// Seconds.
    Duration,
    /// Addresses of pages, compared by site and by words.
    Url,
    /// Nothing in any record.
    Empty,
}

/// So many of the values that are there have to be readable as a kind.
const SHARE_MIN: f64 = 0.8;
const LONG_WORDS_MIN: f64 = 20.0;
/// Values that are looked at to find out a column's kind.
const VALUES_LOOKED_AT: usize = 20_000;

impl ColumnKind {
    /// The kind that most of a column's values are of.
    pub(crate) fn of(values: &[String]) -> Self {
        let step = (values.len() / VALUES_LOOKED_AT).max(1);
        let there: Vec<&str> =
            values.iter().step_by(step).map(|value| value.trim()).filter(|value| !value.is_empty()).collect();
        if there.is_empty() {
            return Self::Empty;
        }
        let share =
            |is_it: &dyn Fn(&str) -> bool| there.iter().filter(|v| is_it(v)).count() as f64 / there.len() as f64;
        for kind in [Self::Duration, Self::Year, Self::Date, Self::Number] {
            if share(&|value| kind.read(value).is_some()) >= SHARE_MIN {
                return kind;
            }
        }
        if share(&is_url) >= SHARE_MIN {
            return Self::Url;
        }
        let n_words: usize = there.iter().map(|value| value.split_whitespace().count()).sum();
        let is_long = n_words as f64 / there.len() as f64 > LONG_WORDS_MIN;
        if is_long { Self::LongText } else { Self::Text }
    }

    /// A value as a number of this kind; `None` if it is not of it, or the kind is text.
    pub(crate) fn read(self, value: &str) -> Option<f64> {
        let value = value.trim();
        match self {
            Self::Number => number(value),
            Self::Year => year(value),
            Self::Date => day(value).or_else(|| year(value).map(|year| days_from_civil(year as i64, 7, 1))),
            Self::Duration => seconds(value),
            Self::Text | Self::LongText | Self::Url | Self::Empty => None,
        }
    }

    /// Whether its values are compared as texts.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::LongText | Self::Url)
    }
}

fn is_url(value: &str) -> bool {
    (value.starts_with("http://") || value.starts_with("https://") || value.starts_with("www.")) && !value.contains(' ')
}

/// A number with at most a sign or a word of currency around it: `$ 1.29`, `1,299.00 USD`, `￥45`.
fn number(value: &str) -> Option<f64> {
    const AROUND_MAX: usize = 4;
    let start = value.find(|letter: char| letter.is_ascii_digit())?;
    let end = value.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let (before, digits, after) = (&value[..start], &value[start..end], &value[end..]);
    if before.trim().chars().count() > AROUND_MAX || after.trim().chars().count() > AROUND_MAX {
        return None;
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')) {
        return None;
    }
    let plain: String = digits.chars().filter(|letter| *letter != ',').collect();
    let found: f64 = plain.parse().ok()?;
    let sign = if before.trim_end().ends_with('-') { -1.0 } else { 1.0 };
    Some(sign * found)
}

fn year(value: &str) -> Option<f64> {
    let is_year = value.len() == 4 && (value.starts_with("19") || value.starts_with("20"));
    if is_year { value.parse::<u16>().ok().map(f64::from) } else { None }
}

/// `4:58`, `1:02:33`.
fn seconds(value: &str) -> Option<f64> {
    let parts: Vec<&str> = value.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let mut total = 0.0;
    for (place, part) in parts.iter().enumerate() {
        let is_short = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        let found: u32 = if is_short { part.parse().ok()? } else { return None };
        if place > 0 && (part.len() != 2 || found > 59) {
            return None;
        }
        total = total * 60.0 + f64::from(found);
    }
    Some(total)
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Days since 1970-01-01 of `18-May-15`, `May 18 , 2015`, `2015-05-18`, `18.5.2015`, `2015年5月18日`.
fn day(value: &str) -> Option<f64> {
    let folded = fold(value);
    let pieces: Vec<&str> =
        folded.split(|letter: char| !letter.is_alphanumeric()).filter(|piece| !piece.is_empty()).collect();
    let pieces: Vec<&str> = match pieces.as_slice() {
        [one] => one.split(['年', '月', '日']).filter(|piece| !piece.is_empty()).collect(),
        [_, _, _] => pieces,
        _ => return None,
    };
    let [first, second, third] = pieces.as_slice() else { return None };
    let month_of = |piece: &str| {
        let start = piece.get(..3)?;
        let is_word = piece.chars().all(char::is_alphabetic);
        MONTHS.iter().position(|month| is_word && *month == start).map(|place| place as i64 + 1)
    };
    let number_of = |piece: &str| piece.parse::<i64>().ok();
    let (year, month, day) = if let Some(month) = month_of(first) {
        (full_year(third)?, month, number_of(second)?)
    } else if let Some(month) = month_of(second) {
        (full_year(third)?, month, number_of(first)?)
    } else if first.len() == 4 {
        (number_of(first)?, number_of(second)?, number_of(third)?)
    } else if third.len() == 4 {
        let (one, two) = (number_of(first)?, number_of(second)?);
        // Day before month where that is possible, as most of the world writes it.
        if two > 12 { (number_of(third)?, one, two) } else { (number_of(third)?, two, one) }
    } else {
        return None;
    };
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day) && (1000..3000).contains(&year);
    is_day.then(|| days_from_civil(year, month, day))
}

fn full_year(piece: &str) -> Option<i64> {
    let year: i64 = piece.parse().ok()?;
    match (piece.len(), year) {
        (2, 0..=49) => Some(2000 + year),
        (2, _) => Some(1900 + year),
        (4, _) => Some(year),
        _ => None,
    }
}

/// Days since 1970-01-01 (H. Hinnant, *chrono-compatible low-level date algorithms*).
fn days_from_civil(year: i64, month: i64, day: i64) -> f64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!(number("$ 1.29"), Some(1.29));
        assert_eq!(number("1,299.00 USD"), Some(1299.0));
        assert_eq!(number("Album Only"), None);
        assert_eq!(number("kx-ts208w"), None);
        assert_eq!(seconds("4:58"), Some(298.0));
        assert_eq!(seconds("1:02:33"), Some(3753.0));
        assert_eq!(seconds("4:98"), None);
        // 2015-05-18 is day 16,573 since 1970-01-01.
        for written in ["18-May-15", "May 18 , 2015", "2015-05-18", "18.5.2015", "2015年5月18日", "5/18/2015"] {
            assert_eq!(ColumnKind::Date.read(written), Some(16_573.0), "{written}");
        }
    }

    #[test]
    fn a_column_is_what_most_of_its_values_are() {
        let kind = |values: &[&str]| ColumnKind::of(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(kind(&["", " "]), ColumnKind::Empty);
        assert_eq!(kind(&["1.5", "", "$ 2"]), ColumnKind::Number);
        assert_eq!(kind(&["2001", "1999"]), ColumnKind::Year);
        assert_eq!(kind(&["4:58", "3:10"]), ColumnKind::Duration);
        assert_eq!(kind(&["https://a.example/x", "www.b.example"]), ColumnKind::Url);
        assert_eq!(kind(&["1.5", "豆包"]), ColumnKind::Text);
        assert_eq!(kind(&[&"word ".repeat(30)]), ColumnKind::LongText);
    }
}
