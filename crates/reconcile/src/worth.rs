//! What a source is worth: what it tells that no other does, how early, how well, and what figures would be without it.
//!
//! The last is found by doing it: the metric, or a sample of a large one, is reconciled once more with the source left out.

use serde::{Deserialize, Serialize};

use crate::fit::{Estimate, Fitted, fit};
use crate::panel::{Panel, Standing};
use crate::panels::MetricPanel;
use crate::robust::median;

/// What one source is worth on one metric. Shares are 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Worth {
    /// The source.
    pub source: String,
    /// What it tells of.
    pub metric: String,
    /// Its claims in force.
    pub n_claims: usize,
    /// Share of them that no other source has.
    pub only_share: f64,
    /// Days by which it is ahead of the next best where there is one; negative where it is behind.
    pub days_ahead: Option<f64>,
    /// The factor by which it counts.
    pub bias: f64,
    /// Standard deviation of the logarithm of its errors.
    pub noise: f64,
    /// Share of all figures that would not be there without it.
    pub figures_lost: f64,
    /// The same of the figures that it tells of.
    pub own_lost: f64,
    /// How much wider the others' intervals would be, in the middle: 0.1 is a tenth.
    pub wider_without: f64,
    /// How far they would move, in the middle, as a logarithm.
    pub moved_without: f64,
    /// Its price, in the words of its card.
    pub price: String,
    /// The price, as far as it begins with a number, over the figures that are not there or wider by a tenth without it.
    pub price_per_figure: Option<f64>,
    /// What follows, in words.
    pub recommendation: String,
}

/// What figures would be without a source is found on about so many observations.
const SAMPLE_OBSERVATIONS: usize = 40_000;

/// The worth of each source of a panel; `said` is the day on which a word was said, `price` what a source's card says.
pub(crate) fn of_panel(
    panel: &MetricPanel,
    fitted: &Fitted,
    said: &dyn Fn(usize) -> f64,
    name: &dyn Fn(usize) -> (String, String),
    metric: &str,
) -> Vec<Worth> {
    let n_sources = panel.panel.n_sources;
    let sample = panel.panel.sample(SAMPLE_OBSERVATIONS, &|series| u64::from(series));
    let of_sample = fit(&sample, &|_, _| 0.0);
    let mut told = vec![Told::default(); n_sources];
    let mut at = 0;
    for cell in panel.panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        for (place, seen) in cell.iter().enumerate().filter(|(_, seen)| seen.standing != Standing::Widens) {
            let others = (0..cell.len()).filter(|other| *other != place && cell[*other].standing != Standing::Widens);
            let next = others.map(|other| said(panel.words[at + other])).min_by(f64::total_cmp);
            let own = &mut told[usize::from(seen.source)];
            own.n += 1;
            match next {
                Some(next) => own.ahead.push(next - said(panel.words[at + place])),
                None => own.n_only += 1,
            }
        }
        at += cell.len();
    }
    let mut found = Vec::new();
    for (source, told) in told.iter_mut().enumerate().filter(|(_, told)| told.n > 0) {
        let (name, price) = name(source);
        let logs = &fitted.model.biases.logs[source];
        let mut worth = Worth {
            source: name,
            metric: metric.to_owned(),
            n_claims: told.n,
            only_share: told.n_only as f64 / told.n as f64,
            days_ahead: median(&mut told.ahead),
            bias: logs.last().copied().unwrap_or(0.0).exp(),
            noise: fitted.noises[source].noise,
            price,
            ..Worth::default()
        };
        worth.leave_out(&sample, &of_sample, source as u16);
        worth.recommendation = worth.in_words();
        found.push(worth);
    }
    found
}

#[derive(Debug, Clone, Default)]
struct Told {
    n: usize,
    n_only: usize,
    ahead: Vec<f64>,
}

impl Worth {
    fn leave_out(&mut self, panel: &Panel, fitted: &Fitted, source: u16) {
        const WIDER_BY_MUCH: f64 = 0.1;
        let without = fit(&panel.without(source), &|_, _| 0.0);
        let (mut wider, mut moved) = (Vec::new(), Vec::new());
        let (mut n, mut n_own, mut n_lost, mut n_own_lost, mut n_useful) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let told = told_by(panel, source);
        let key = |own: &Estimate| (own.series, own.time);
        for with in fitted.estimates.iter().filter(|own| own.n_sources > 0) {
            let is_own = told.binary_search(&key(with)).is_ok();
            n += 1.0;
            n_own += f64::from(u8::from(is_own));
            match without.estimates.binary_search_by_key(&key(with), key) {
                Ok(at) => {
                    let other = without.estimates[at];
                    let by = (other.variance / with.variance).sqrt() - 1.0;
                    moved.push((other.log - with.log).abs());
                    n_useful += f64::from(u8::from(by > WIDER_BY_MUCH));
                    wider.push(by);
                }
                Err(_) => {
                    n_lost += 1.0;
                    n_useful += 1.0;
                    n_own_lost += f64::from(u8::from(is_own));
                }
            }
        }
        self.figures_lost = n_lost / f64::max(n, 1.0);
        self.own_lost = n_own_lost / f64::max(n_own, 1.0);
        self.wider_without = median(&mut wider).unwrap_or(0.0);
        self.moved_without = median(&mut moved).unwrap_or(0.0);
        self.price_per_figure = amount_of(&self.price).filter(|_| n_useful > 0.0).map(|price| price / n_useful);
    }

    /// What follows. A source is not to be dropped for saying little: what counts is whether others say it too.
    fn in_words(&self) -> String {
        const LITTLE_LOST: f64 = 0.05;
        const LITTLE_WIDER: f64 = 0.05;
        let name = &self.source;
        let wider = 100.0 * self.wider_without.max(0.0);
        let (own, all) = (100.0 * self.own_lost, 100.0 * self.figures_lost);
        if self.own_lost >= LITTLE_LOST {
            return format!("keep {name}: {own:.0} % of its figures are found nowhere else, {all:.1} % of all");
        }
        if self.wider_without >= LITTLE_WIDER {
            return format!("keep {name}: without it intervals are {wider:.0} % wider");
        }
        let when = match self.days_ahead {
            Some(days) if days <= -0.5 => format!("{:.0} days earlier", -days),
            Some(days) if days >= 0.5 => format!("{days:.0} days later"),
            _ => "at the same time".to_owned(),
        };
        let kept = 100.0 - own;
        let is_free = self.price.is_empty() || self.price == "free";
        let verb = if is_free { "little depends on" } else { "drop" };
        format!("{verb} {name}: the others give {kept:.0} % of its figures {when}, with intervals {wider:.0} % wider")
    }
}

/// The series and times that a source tells of, in order.
fn told_by(panel: &Panel, source: u16) -> Vec<(u32, u32)> {
    let own = panel.observations.iter().filter(|seen| seen.source == source && seen.standing != Standing::Widens);
    own.map(|seen| (seen.series, seen.time)).collect()
}

/// The first number of a price: 9000 of `9,000 EUR a year`; `None` where there is none above zero.
fn amount_of(price: &str) -> Option<f64> {
    let from = price.find(|letter: char| letter.is_ascii_digit())?;
    let digits = price[from..].chars().take_while(|letter| letter.is_ascii_digit() || matches!(letter, ',' | '.'));
    let digits: String = digits.filter(|letter| *letter != ',').collect();
    digits.trim_end_matches('.').parse().ok().filter(|amount: &f64| *amount > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panels::{Word, panels};
    use crowsnest_model::Period;

    #[test]
    fn who_tells_what_others_tell_earlier_can_be_dropped() {
        let mut words = Vec::new();
        for subject in 0..30 {
            for month in 1..=9 {
                let period = Period::parse(&format!("2024-0{month}")).unwrap();
                let truth = 1000.0 * f64::from(subject + 1);
                for (source, factor, said) in [(0, 1.0, 10), (1, 1.2, 12)] {
                    let noise = 1.0 + 0.01 * f64::from((subject * 5 + month * (source + 3)) % 7) - 0.03;
                    let value = truth * factor * noise;
                    words.push(Word {
                        subject,
                        metric: 0,
                        unit: 0,
                        period,
                        source,
                        value,
                        said,
                        standing: Some(Standing::Counts),
                    });
                }
            }
        }
        let panel = &panels(&words).panels[0];
        let fitted = fit(&panel.panel, &|_, _| 0.0);
        let price = |source: usize| (["A", "B"][source].to_owned(), "9,000 EUR a year".to_owned());
        let worth = of_panel(panel, &fitted, &|word| words[word].said as f64, &price, "mau");
        assert_eq!((worth[1].n_claims, worth[1].only_share, worth[1].days_ahead), (270, 0.0, Some(-2.0)));
        assert_eq!((worth[0].days_ahead, worth[0].figures_lost), (Some(2.0), 0.0));
        assert_eq!(worth[0].price_per_figure.is_some(), worth[0].wider_without > 0.0, "{worth:?}");
        assert!((worth[1].bias / worth[0].bias - 1.2).abs() < 0.05, "{worth:?}");
    }

    #[test]
    fn who_tells_a_little_that_nobody_else_tells_is_kept() {
        let worth =
            Worth { source: "C".into(), figures_lost: 0.004, own_lost: 1.0, price: "5 EUR".into(), ..Worth::default() };
        assert_eq!(worth.in_words(), "keep C: 100 % of its figures are found nowhere else, 0.4 % of all");
        let worth = Worth { source: "C".into(), days_ahead: Some(-2.0), price: "5 EUR".into(), ..Worth::default() };
        assert_eq!(
            worth.in_words(),
            "drop C: the others give 100 % of its figures 2 days earlier, with intervals 0 % wider"
        );
        assert_eq!(
            (amount_of("9,000 EUR a year"), amount_of("free"), amount_of("about ¥0")),
            (Some(9000.0), None, None)
        );
    }
}
