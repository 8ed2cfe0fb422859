//! What a source is worth: what it tells that no other does, how early, how well, and what figures would be without it.
//!
//! The last is found by doing it: the metric is reconciled once more with the source left out.

use serde::Serialize;

use crate::fit::{Estimate, Fitted, fit};
use crate::panel::Standing;
use crate::panels::MetricPanel;
use crate::robust::median;

/// What one source is worth on one metric. Shares are 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    /// Share of the figures that would not be there without it.
    pub figures_lost: f64,
    /// How much wider the others' intervals would be, in the middle: 0.1 is a tenth.
    pub wider_without: f64,
    /// How far they would move, in the middle, as a logarithm.
    pub moved_without: f64,
    /// Its price, in the words of its card.
    pub price: String,
    /// What follows, in words.
    pub recommendation: String,
}

/// The worth of each source of a panel; `said` is the day on which a word was said, `price` what a source's card says.
pub(crate) fn of_panel(
    panel: &MetricPanel,
    fitted: &Fitted,
    said: &dyn Fn(usize) -> f64,
    name: &dyn Fn(usize) -> (String, String),
    metric: &str,
) -> Vec<Worth> {
    let n_sources = panel.panel.n_sources;
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
        let logs = &fitted.biases.logs[source];
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
        worth.leave_out(panel, fitted, source as u16);
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
    fn leave_out(&mut self, panel: &MetricPanel, fitted: &Fitted, source: u16) {
        let without = fit(&panel.panel.without(source), &|_, _| 0.0);
        let (mut wider, mut moved, mut n_lost) = (Vec::new(), Vec::new(), 0.0);
        let key = |own: &Estimate| (own.series, own.time);
        for with in fitted.estimates.iter().filter(|own| own.n_sources > 0) {
            match without.estimates.binary_search_by_key(&key(with), key) {
                Ok(at) => {
                    let other = without.estimates[at];
                    wider.push((other.variance / with.variance).sqrt() - 1.0);
                    moved.push((other.log - with.log).abs());
                }
                Err(_) => n_lost += 1.0,
            }
        }
        let n = fitted.estimates.iter().filter(|own| own.n_sources > 0).count().max(1);
        self.figures_lost = n_lost / n as f64;
        self.wider_without = median(&mut wider).unwrap_or(0.0);
        self.moved_without = median(&mut moved).unwrap_or(0.0);
    }

    fn in_words(&self) -> String {
        const LITTLE_LOST: f64 = 0.03;
        const LITTLE_WIDER: f64 = 0.05;
        let when = match self.days_ahead {
            Some(days) if days <= -0.5 => format!(", {:.0} days earlier", -days),
            Some(days) if days >= 0.5 => format!(", {days:.0} days later"),
            _ => String::new(),
        };
        let kept = 100.0 * (1.0 - self.figures_lost);
        let wider = 100.0 * self.wider_without.max(0.0);
        let is_free = self.price.is_empty() || self.price == "free";
        if self.figures_lost < LITTLE_LOST && self.wider_without < LITTLE_WIDER {
            let verb = if is_free { "little depends on" } else { "drop" };
            return format!(
                "{verb} {}: the others give {kept:.0} % of the figures{when}, with intervals {wider:.0} % wider",
                self.source
            );
        }
        format!(
            "keep {}: without it {:.0} % of the figures go, and intervals are {wider:.0} % wider",
            self.source,
            100.0 * self.figures_lost
        )
    }
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
        assert!((worth[1].bias / worth[0].bias - 1.2).abs() < 0.05, "{worth:?}");
    }
}
