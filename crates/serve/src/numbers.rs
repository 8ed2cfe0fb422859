//! Numbers, money, periods and days as people of each language write them: 71.2M, 7116万, 7116萬.
//!
//! In: plain values and canonical ISO text. Out: text for people. Deliberately absent: any arithmetic on figures.
//! The exact value is always at hand too ([`exact`]), because a rounded number is not one to copy.

use crowsnest_lake::Language;
use jiff::tz::Offset;

const MINUS: char = '\u{2212}';

/// A value in as few characters as tell it: 3 significant digits with K, M, B, T in English; 4 with 万, 亿 in Chinese.
///
/// Values below 10,000 are written out, with at most two decimals.
pub(crate) fn compact(value: f64, language: Language) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let (steps, n_digits): (&[(f64, &str)], i32) = match language {
        Language::En => (&[(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")], 3),
        Language::ZhHans => (&[(1e12, "万亿"), (1e8, "亿"), (1e4, "万")], 4),
        Language::ZhHant => (&[(1e12, "萬億"), (1e8, "億"), (1e4, "萬")], 4),
    };
    if value.abs() < 9_999.5 {
        let n_decimals = if value.abs() >= 100.0 { 1 } else { 2 };
        return signed(value, &trimmed(value.abs(), n_decimals));
    }
    let rounded = round_to_digits(value.abs(), n_digits);
    let (step, word) = steps.iter().find(|(step, _)| rounded >= *step).copied().unwrap_or((1.0, ""));
    let scaled = rounded / step;
    let n_decimals = (n_digits - 1 - scaled.log10().floor() as i32).max(0);
    // 7116万, not 7,116万: in Chinese the unit already groups the digits.
    signed(value, &format!("{}{word}", trimmed(scaled, n_decimals as usize).replace(',', "")))
}

/// All digits, in groups of three, with at most four decimals: `71,160,000`.
pub(crate) fn exact(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    signed(value, &trimmed(value.abs(), 4))
}

/// A whole number in groups of three.
pub(crate) fn count(n: i64) -> String {
    exact(n as f64)
}

/// A value with its unit where the unit is part of the number: money, shares, places in a ranking.
///
/// Counts (users, projects …) are left bare: the table or chart they stand in names the unit once.
pub(crate) fn with_unit(value: f64, unit: &str, language: Language) -> String {
    match unit {
        "ratio" => percent(value),
        "rank" if language == Language::En => format!("#{}", exact(value)),
        "rank" => format!("第{}名", exact(value)),
        _ => match currency_words(unit, language) {
            Some((before, after)) => match compact(value, language).strip_prefix(MINUS) {
                Some(digits) => format!("{MINUS}{before}{digits}{after}"),
                None => format!("{before}{}{after}", compact(value, language)),
            },
            None => compact(value, language),
        },
    }
}

/// What something cost: `$0.60`, `$19`, `$0.0012`; large sums as [`with_unit`] has them.
pub(crate) fn price(amount: f64, currency: &str, language: Language) -> String {
    let size = amount.abs();
    if !size.is_finite() || size >= 9_999.5 || size.fract() == 0.0 {
        return with_unit(amount, currency, language);
    }
    let mut digits = trimmed(size, if size < 0.1 { 4 } else { 2 });
    if digits.rfind('.').is_some_and(|at| digits.len() - at == 2) {
        digits.push('0');
    }
    let (before, after) = currency_words(currency, language).unwrap_or_default();
    signed(amount, &format!("{before}{digits}{after}"))
}

/// A figure with the bound its writing implies: `≈ 187M`, `≥ 230`, `100M–999M`.
pub(crate) fn bounded(
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    bound: &str,
    unit: &str,
    language: Language,
) -> String {
    let plain = |value| with_unit(value, unit, language);
    match (bound, low, high) {
        ("approximate", _, _) => format!("≈ {}", plain(value)),
        ("at_least", low, _) => format!("≥ {}", plain(low.unwrap_or(value))),
        ("at_most", _, high) => format!("≤ {}", plain(high.unwrap_or(value))),
        ("range", Some(low), Some(high)) => format!("{}–{}", plain(low), plain(high)),
        _ => plain(value),
    }
}

/// A fraction as per cent: 0.223 is `22.3%`, 0.0004 is `0.04%`.
pub(crate) fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "–".into();
    }
    let value = fraction * 100.0;
    let n_decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 0.095 || size == 0.0 => 1,
        _ => 3,
    };
    signed(value, &format!("{}%", trimmed(value.abs(), n_decimals)))
}

/// A change as per cent, always with its sign: `+12.3%`, `−4%`.
pub(crate) fn change(fraction: f64) -> String {
    let text = percent(fraction);
    if fraction > 0.0 { format!("+{text}") } else { text }
}

/// A period of canonical ISO text as people say it: `Dec 2024`, `2024年12月`.
pub(crate) fn period(text: &str, language: Language) -> String {
    if let Some((from, to)) = text.split_once('/') {
        return format!("{} – {}", period(from, language), period(to, language));
    }
    let is_english = language == Language::En;
    let mut parts = text.splitn(3, '-');
    let (Some(year), second, third) = (parts.next(), parts.next(), parts.next()) else { return text.into() };
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.into();
    }
    let Some(second) = second else { return if is_english { year.into() } else { format!("{year}年") } };
    if let Some(quarter) = second.strip_prefix('Q') {
        return if is_english {
            format!("Q{quarter} {year}")
        } else {
            format!("{year}年{}", chinese_quarter(quarter))
        };
    }
    if let Some(half) = second.strip_prefix('H') {
        let word = if half == "1" { "上半年" } else { "下半年" };
        return if is_english { format!("H{half} {year}") } else { format!("{year}年{word}") };
    }
    if let Some(week) = second.strip_prefix('W') {
        let word = if language == Language::ZhHant { "週" } else { "周" };
        return if is_english { format!("week {week}, {year}") } else { format!("{year}年第{week}{word}") };
    }
    let Some(month) = second.parse::<usize>().ok().filter(|month| (1..=12).contains(month)) else {
        return text.into();
    };
    match (third, is_english) {
        (None, true) => format!("{} {year}", MONTHS[month - 1]),
        (None, false) => format!("{year}年{month}月"),
        (Some(day), true) => format!("{} {} {year}", day.trim_start_matches('0'), MONTHS[month - 1]),
        (Some(day), false) => format!("{year}年{month}月{}日", day.trim_start_matches('0')),
    }
}

/// The day of an instant in RFC 3339 text: `2025-03-04`.
pub(crate) fn day(instant: &str) -> &str {
    instant.get(..10).unwrap_or(instant)
}

/// A moment to the minute, UTC: `2026-11-25 06:15`. Empty for moments beyond what calendars know.
pub(crate) fn minute(micros: i64) -> String {
    let Ok(moment) = jiff::Timestamp::from_microsecond(micros) else { return String::new() };
    Offset::UTC.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The unit's name beside a metric's: `users`, `CNY`; empty where the number itself tells (`ratio`, `rank`).
pub(crate) fn unit_label(unit: &str, language: Language) -> String {
    match unit {
        "ratio" | "rank" | "" => String::new(),
        _ if is_currency(unit) => unit.into(),
        _ => crate::words::say_word(language, "unit", unit),
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn chinese_quarter(quarter: &str) -> &'static str {
    match quarter {
        "1" => "第一季度",
        "2" => "第二季度",
        "3" => "第三季度",
        _ => "第四季度",
    }
}

fn is_currency(unit: &str) -> bool {
    unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn currency_words(unit: &str, language: Language) -> Option<(String, &'static str)> {
    if !is_currency(unit) {
        return None;
    }
    let chinese = |hans: &'static str, hant: &'static str| match language {
        Language::ZhHant => hant,
        _ => hans,
    };
    if language == Language::En {
        let sign = match unit {
            "CNY" => "¥",
            "USD" => "$",
            "EUR" => "€",
            "GBP" => "£",
            _ => return Some((format!("{unit} "), "")),
        };
        return Some((sign.into(), ""));
    }
    let word = match unit {
        "CNY" => "元",
        "USD" => "美元",
        "EUR" => chinese("欧元", "歐元"),
        "GBP" => chinese("英镑", "英鎊"),
        "JPY" => chinese("日元", "日圓"),
        "HKD" => "港元",
        "TWD" => chinese("新台币", "新台幣"),
        _ => return Some((format!("{unit} "), "")),
    };
    Some((String::new(), word))
}

fn signed(value: f64, digits: &str) -> String {
    let is_nothing = digits.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
    if value < 0.0 && !is_nothing { format!("{MINUS}{digits}") } else { digits.to_owned() }
}

fn round_to_digits(value: f64, n_digits: i32) -> f64 {
    let exponent = value.log10().floor() as i32 - (n_digits - 1);
    let scale = 10f64.powi(exponent);
    (value / scale).round() * scale
}

/// Fixed decimals without trailing zeros, whole part in groups of three.
fn trimmed(value: f64, n_decimals: usize) -> String {
    let text = format!("{value:.n_decimals$}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.trim_end_matches('0');
    let mut grouped = String::with_capacity(whole.len() * 4 / 3 + decimals.len() + 1);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !decimals.is_empty() {
        grouped.push('.');
        grouped.push_str(decimals);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{En, ZhHans, ZhHant};

    #[test]
    fn values_are_compact_in_each_language() {
        let cases = [
            (71_160_000.0, "71.2M", "7116万", "7116萬"),
            (129_120_000.0, "129M", "1.291亿", "1.291億"),
            (187_000_000.0, "187M", "1.87亿", "1.87億"),
            (1_520.0, "1,520", "1,520", "1,520"),
            (12_345.0, "12.3K", "1.235万", "1.235萬"),
            (999_950.0, "1M", "100万", "100萬"),
            (99_999_999.0, "100M", "1亿", "1億"),
            (3_300_000_000.0, "3.3B", "33亿", "33億"),
            (1.5e12, "1.5T", "1.5万亿", "1.5萬億"),
            (0.0, "0", "0", "0"),
            (-4_500_000.0, "−4.5M", "−450万", "−450萬"),
            (1287.45, "1,287.5", "1,287.5", "1,287.5"),
            (4.5, "4.5", "4.5", "4.5"),
            (9_999.7, "10K", "1万", "1萬"),
        ];
        for (value, en, hans, hant) in cases {
            assert_eq!(compact(value, En), en, "{value}");
            assert_eq!(compact(value, ZhHans), hans, "{value}");
            assert_eq!(compact(value, ZhHant), hant, "{value}");
        }
        assert_eq!(compact(f64::NAN, En), "–");
    }

    #[test]
    fn units_join_the_number_where_they_are_part_of_it() {
        assert_eq!(with_unit(129_120_000.0, "CNY", En), "¥129M");
        assert_eq!(with_unit(129_120_000.0, "CNY", ZhHant), "1.291億元");
        assert_eq!(with_unit(-3.3e9, "USD", En), "−$3.3B");
        assert_eq!(with_unit(3.3e9, "USD", ZhHans), "33亿美元");
        assert_eq!(with_unit(5e6, "SGD", En), "SGD 5M");
        assert_eq!(with_unit(1.4903, "ratio", En), "149%");
        assert_eq!(with_unit(0.0004, "ratio", En), "0.04%");
        assert_eq!(with_unit(3.0, "rank", En), "#3");
        assert_eq!(with_unit(3.0, "rank", ZhHans), "第3名");
        assert_eq!(with_unit(71_160_000.0, "users", En), "71.2M");
    }

    #[test]
    fn prices_have_their_cents() {
        assert_eq!(price(0.6, "USD", En), "$0.60");
        assert_eq!(price(19.0, "USD", En), "$19");
        assert_eq!(price(0.0012, "USD", En), "$0.0012");
        assert_eq!(price(0.05, "USD", En), "$0.05");
        assert_eq!(price(1234.5, "USD", ZhHans), "1,234.50美元");
        assert_eq!(price(-2.5, "USD", En), "−$2.50");
        assert_eq!(price(12_000_000.0, "USD", En), "$12M");
    }

    #[test]
    fn bounds_are_told() {
        assert_eq!(bounded(230.0, Some(230.0), None, "at_least", "projects", En), "≥ 230");
        assert_eq!(bounded(187e6, None, None, "approximate", "users", ZhHans), "≈ 1.87亿");
        assert_eq!(bounded(5e8, Some(1e8), Some(9.99e8), "range", "USD", En), "$100M–$999M");
        assert_eq!(bounded(5.0, None, None, "exact", "users", En), "5");
    }

    #[test]
    fn moments_are_told_to_the_minute() {
        assert_eq!(minute(1_733_379_300_999_999), "2024-12-05 06:15");
        assert_eq!(minute(i64::MAX), "");
    }

    #[test]
    fn changes_carry_their_sign() {
        assert_eq!(change(0.123), "+12.3%");
        assert_eq!(change(-0.04), "−4%");
        assert_eq!(change(0.0), "0%");
        assert_eq!(exact(71_160_000.0), "71,160,000");
        assert_eq!(exact(-0.00001), "0");
    }

    #[test]
    fn periods_read_as_people_say_them() {
        let cases = [
            ("2024-12", "Dec 2024", "2024年12月"),
            ("2024-Q4", "Q4 2024", "2024年第四季度"),
            ("2025-H1", "H1 2025", "2025年上半年"),
            ("2024-W05", "week 05, 2024", "2024年第05周"),
            ("2024", "2024", "2024年"),
            ("2024-12-05", "5 Dec 2024", "2024年12月5日"),
            ("2024-01-01/2024-06-15", "1 Jan 2024 – 15 Jun 2024", "2024年1月1日 – 2024年6月15日"),
            ("2024-13", "2024-13", "2024-13"),
            ("odd", "odd", "odd"),
        ];
        for (text, en, hans) in cases {
            assert_eq!(period(text, En), en);
            assert_eq!(period(text, ZhHans), hans);
        }
    }
}
