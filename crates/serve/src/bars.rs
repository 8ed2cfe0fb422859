//! Small bar charts as SVG, drawn on the server: how much there was each day or month.
//!
//! In: amounts by label, oldest first. Out: a [`Bars`] with every coordinate worked out, which `bars.html` places and
//! escapes. Beside it stands the same as a table, so that no number is to be had from a picture alone.

use crowsnest_lake::Language;

use crate::numbers;

// Edges of the plot in a drawing of 360 by 116, as `bars.html` has it.
const LEFT: f64 = 2.0;
const RIGHT: f64 = 358.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 96.0;
/// A bar that stands for something is at least so high.
const HEIGHT_MIN: f64 = 1.5;

/// An amount with the day or month that it is of, as ISO text.
pub(crate) struct Amount {
    pub(crate) period: String,
    pub(crate) value: f64,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) title: String,
}

/// A chart ready to be placed.
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) style: usize,
    /// The sum of all amounts.
    pub(crate) total: String,
    /// The largest amount, at the height of the line above the bars.
    pub(crate) most: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) bars: Vec<Bar>,
}

impl Bars {
    /// Draws amounts; `unit` is a currency, or empty for counts.
    pub(crate) fn new(title: &str, style: usize, unit: &str, amounts: &[Amount], language: Language) -> Self {
        let most = amounts.iter().map(|amount| amount.value).fold(0.0, f64::max);
        let total: f64 = amounts.iter().map(|amount| amount.value).sum();
        let step = (RIGHT - LEFT) / amounts.len().max(1) as f64;
        let mut bars = Vec::new();
        for (index, amount) in amounts.iter().enumerate().filter(|(_, amount)| amount.value > 0.0) {
            let height = ((BOTTOM - TOP) * amount.value / most).max(HEIGHT_MIN);
            let when = numbers::period(&amount.period, language);
            bars.push(Bar {
                x: format!("{:.2}", LEFT + step * index as f64),
                y: format!("{:.2}", BOTTOM - height),
                width: format!("{:.2}", (step - step.min(8.0) * 0.2).min(24.0)),
                height: format!("{height:.2}"),
                title: format!("{when}: {}", told(amount.value, unit, language)),
            });
        }
        let label =
            |amount: Option<&Amount>| amount.map_or_else(String::new, |it| numbers::period(&it.period, language));
        Self {
            title: title.to_owned(),
            style,
            total: told(total, unit, language),
            most: if most > 0.0 { told(most, unit, language) } else { String::new() },
            first: label(amounts.first()),
            last: label(amounts.last().filter(|_| amounts.len() > 1)),
            bars,
        }
    }
}

fn told(value: f64, unit: &str, language: Language) -> String {
    if unit.is_empty() { numbers::compact(value, language) } else { numbers::price(value, unit, language) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(values: &[f64]) -> Vec<Amount> {
        let amount =
            |(index, value): (usize, &f64)| Amount { period: format!("2024-12-{:02}", index + 1), value: *value };
        values.iter().enumerate().map(amount).collect()
    }

    #[test]
    fn the_largest_reaches_the_top_and_the_small_can_still_be_seen() {
        let drawn = Bars::new("x", 0, "", &amounts(&[1000.0, 0.0, 1.0]), Language::En);
        assert_eq!(drawn.bars.len(), 2, "nothing is no bar");
        assert_eq!((drawn.bars[0].y.as_str(), drawn.bars[0].height.as_str()), ("18.00", "78.00"));
        assert_eq!(drawn.bars[1].height, "1.50");
        assert_eq!((drawn.total.as_str(), drawn.most.as_str()), ("1,001", "1,000"));
        assert_eq!((drawn.first.as_str(), drawn.last.as_str()), ("1 Dec 2024", "3 Dec 2024"));
        assert_eq!(drawn.bars[1].title, "3 Dec 2024: 1");
    }

    #[test]
    fn nothing_can_be_drawn() {
        let drawn = Bars::new("x", 0, "USD", &[], Language::En);
        assert!(drawn.bars.is_empty() && drawn.most.is_empty());
        assert_eq!(drawn.total, "$0");
        assert!(Bars::new("x", 0, "", &amounts(&[0.0]), Language::ZhHans).bars.is_empty());
    }
}
