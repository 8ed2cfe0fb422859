//! Numbers as people read them in tables: `129,120,000`, `12.5%`, `≥ 230`. Other formats give them raw.

/// A whole number with thousands separators.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure: thousands separators, and as many decimals as it has, at most two from 1 up and four digits below.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let decimals = if value == value.trunc() {
        0
    } else if value.abs() >= 1.0 {
        2
    } else {
        // Infallible: a value below 1 has a small logarithm.
        (3 - value.abs().log10().floor() as i32).clamp(2, 12) as usize
    };
    let written = format!("{:.decimals$}", value.abs());
    let (whole, rest) = written.split_once('.').unwrap_or((&written, ""));
    let rest = rest.trim_end_matches('0');
    let sign = if value < 0.0 { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{rest}", grouped(whole))
}

/// A number to so many digits that count: 129,318,455 to three is 129,000,000.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10f64.powi(value.abs().log10().floor() as i32 + 1 - digits);
    (value / unit).round() * unit
}

/// A share (0 to 1) as a percentage.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        return "<0.1%".to_owned();
    }
    format!("{percent:.1}%")
}

/// A change (0.05 is 5 % more) with its sign.
pub(crate) fn change(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent.abs() >= 1000.0 {
        let sign = if percent < 0.0 { "-" } else { "+" };
        return format!("{sign}{}%", figure(percent.abs().round()));
    }
    format!("{percent:+.1}%")
}

/// A bar of at most ten cells, in eighths.
pub(crate) fn bar(part: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let n = (part.clamp(0.0, 1.0) * 80.0).round() as usize;
    format!("{}{}", "█".repeat(n / 8), EIGHTHS[n % 8])
}

/// A size in bytes.
pub(crate) fn bytes(n: u64) -> String {
    indicatif::BinaryBytes(n).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let cases = [
            (129_120_000.0, "129,120,000"),
            (0.0, "0"),
            (-1234.5, "-1,234.5"),
            (999.999, "1,000"),
            (0.312_345, "0.3123"),
            (1286.37, "1,286.37"),
            (100.0, "100"),
        ];
        for (value, written) in cases {
            assert_eq!(figure(value), written);
        }
        assert_eq!(figure(rounded(129_318_455.7, 3)), "129,000,000");
        assert_eq!((rounded(0.0, 3), figure(rounded(-0.012_345, 3))), (0.0, "-0.0123".to_owned()));
        assert_eq!(count(1_520), "1,520");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn shares_and_changes() {
        assert_eq!(percent(0.588), "58.8%");
        assert_eq!(percent(0.0001), "<0.1%");
        assert_eq!(change(-0.25), "-25.0%");
        assert_eq!(change(22.8), "+2,280%");
        assert_eq!(bar(0.5), "█████");
        assert_eq!(bar(0.05), "▌");
    }
}
