//! A list as a panel of products and periods, as it was known at an origin.
//!
//! In: [`History`]. Out: for each period and product the logarithm of its level, the same less the market's own movement,
//! its place and the list's floor. [`Panel::advance`] moves the panel on by one period in time proportional to what is new
//! (and to what it restates).
//!
//! The market index is the running sum of the median change of products that are there in successive periods; it takes
//! out breaks that hit the whole market. Invariant: period `t` holds nothing that was not known by its end.

use crate::history::History;

/// One list as known at an origin. Matrices are period by period: `t * n_series + series`.
#[derive(Debug, Clone)]
pub struct Panel {
    n_series: usize,
    /// Log levels; not a number where the list does not have the product.
    level: Vec<f32>,
    /// Log levels less the market index.
    adjusted: Vec<f32>,
    /// Places by level, from 1; 0 where the list does not have the product.
    rank: Vec<u32>,
    /// The market index of each period.
    index: Vec<f32>,
    /// The lowest adjusted level of each period.
    floor: Vec<f32>,
    /// Products in each period.
    n_listed: Vec<u32>,
    /// The first period of each product, or the number of periods where it was never there.
    first: Vec<u32>,
    n_seen: usize,
}

impl Panel {
    /// A panel without periods.
    pub fn new(n_series: usize) -> Self {
        Self {
            n_series,
            level: Vec::new(),
            adjusted: Vec::new(),
            rank: Vec::new(),
            index: Vec::new(),
            floor: Vec::new(),
            n_listed: Vec::new(),
            first: vec![u32::MAX; n_series],
            n_seen: 0,
        }
    }

    /// The panel as it was known at the end of period `last`.
    pub fn as_of(history: &History, last: usize) -> Self {
        let mut panel = Self::new(history.n_series());
        (0..=last).for_each(|_| panel.advance(history));
        panel
    }

    /// Takes in what became known up to the end of the next period.
    pub fn advance(&mut self, history: &History) {
        let origin = self.n_periods();
        let n = self.n_series;
        self.level.resize((origin + 1) * n, f32::NAN);
        self.adjusted.resize((origin + 1) * n, f32::NAN);
        self.rank.resize((origin + 1) * n, 0);
        self.index.push(0.0);
        self.floor.push(f32::NAN);
        self.n_listed.push(0);
        let mut is_touched = vec![false; origin + 1];
        is_touched[origin] = true;
        while let Some(said) = history.said.get(self.n_seen).filter(|said| said.seen as usize <= origin) {
            self.level[said.period as usize * n + said.series as usize] = said.level;
            is_touched[said.period as usize] = true;
            if !said.level.is_nan() {
                let first = &mut self.first[said.series as usize];
                *first = (*first).min(said.period);
            }
            self.n_seen += 1;
        }
        let from = is_touched.iter().position(|is_touched| *is_touched).unwrap_or(origin);
        for (period, is_touched) in is_touched.into_iter().enumerate().skip(from) {
            self.settle(period, is_touched);
        }
    }

    /// Works out a period's index, adjusted levels, floor and places.
    fn settle(&mut self, period: usize, is_touched: bool) {
        let n = self.n_series;
        let before = period.checked_sub(1).map_or(0.0, |before| self.index[before] + self.median_change(period));
        self.index[period] = before;
        let own = period * n..(period + 1) * n;
        let mut floor = f32::INFINITY;
        for (adjusted, level) in self.adjusted[own.clone()].iter_mut().zip(&self.level[own.clone()]) {
            *adjusted = level - before;
            floor = floor.min(*adjusted);
        }
        self.floor[period] = floor;
        if !is_touched {
            return;
        }
        let levels = &self.level[own.clone()];
        let mut listed: Vec<u32> = (0..n as u32).filter(|series| !levels[*series as usize].is_nan()).collect();
        listed.sort_unstable_by(|a, b| levels[*b as usize].total_cmp(&levels[*a as usize]).then(a.cmp(b)));
        self.n_listed[period] = listed.len() as u32;
        let ranks = &mut self.rank[own];
        ranks.fill(0);
        for (place, series) in listed.iter().enumerate() {
            ranks[*series as usize] = place as u32 + 1;
        }
    }

    /// The median change of products that are there in this period and the one before; 0 where there are none.
    fn median_change(&self, period: usize) -> f32 {
        let n = self.n_series;
        let (before, now) = self.level[(period - 1) * n..(period + 1) * n].split_at(n);
        let mut changes: Vec<f32> = now.iter().zip(before).map(|(now, before)| now - before).collect();
        changes.retain(|change| !change.is_nan());
        median(&mut changes).unwrap_or(0.0)
    }

    /// Number of products, those not there included.
    pub fn n_series(&self) -> usize {
        self.n_series
    }

    /// Number of periods known.
    pub fn n_periods(&self) -> usize {
        self.index.len()
    }

    /// A product's log level less the market index; not a number where the list does not have it.
    pub fn at(&self, series: usize, period: usize) -> f32 {
        self.adjusted[period * self.n_series + series]
    }

    /// All products' log levels in a period, not adjusted.
    pub fn levels(&self, period: usize) -> &[f32] {
        &self.level[period * self.n_series..(period + 1) * self.n_series]
    }

    /// Whether the list has the product.
    pub fn has(&self, series: usize, period: usize) -> bool {
        self.rank(series, period) > 0
    }

    /// A product's place, from 1; 0 where the list does not have it.
    pub fn rank(&self, series: usize, period: usize) -> u32 {
        self.rank[period * self.n_series + series]
    }

    /// The lowest adjusted level of a period.
    pub fn floor(&self, period: usize) -> f32 {
        self.floor[period]
    }

    /// The market index: the sum of median changes up to a period.
    pub fn index(&self, period: usize) -> f32 {
        self.index[period]
    }

    /// How many products a period has.
    pub fn n_listed(&self, period: usize) -> usize {
        self.n_listed[period] as usize
    }

    /// The first period in which the list had the product.
    pub fn first(&self, series: usize) -> Option<usize> {
        Some(self.first[series] as usize).filter(|first| *first < self.n_periods())
    }

    /// The first period of a product whose coming is known: it was not there from the beginning, and it entered above where
    /// the list had ended before. One that is seen because the list grew longer is of unknown age.
    pub fn entered(&self, series: usize) -> Option<usize> {
        let first = self.first(series)?;
        let before = first.checked_sub(1)?;
        (self.rank(series, first) as usize <= self.n_listed(before)).then_some(first)
    }

    /// The median of a product's adjusted levels in some periods; `None` where it was in none of them.
    pub fn median_of(&self, series: usize, periods: std::ops::Range<usize>) -> Option<f32> {
        let mut levels: Vec<f32> = periods.filter(|t| *t < self.n_periods()).map(|t| self.at(series, t)).collect();
        levels.retain(|level| !level.is_nan());
        median(&mut levels)
    }
}

/// The middle value, or the mean of the middle two; reorders the numbers, which must be numbers.
pub(crate) fn median(numbers: &mut [f32]) -> Option<f32> {
    if numbers.is_empty() {
        return None;
    }
    let middle = numbers.len() / 2;
    let is_even = numbers.len().is_multiple_of(2);
    let (lower, upper, _) = numbers.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = *upper;
    if !is_even {
        return Some(upper);
    }
    let below = lower.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Some((below + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Said;

    fn said(series: u32, period: u32, seen: u32, value: f32) -> Said {
        Said { series, period, seen, level: value.ln() }
    }

    fn history(said: Vec<Said>) -> History {
        let days = [0, 31];
        let periods = days.map(|day| crowsnest_model::Period::containing(day, crowsnest_model::Grain::Month)).to_vec();
        History { names: ["a", "b", "c"].map(str::to_owned).to_vec(), periods, said, n_left_out: 0, last_known_at: 0 }
    }

    #[test]
    fn the_market_moves_everything_and_is_taken_out() {
        // All three double, the third six-fold: the market's doubling is no growth, the third's three-fold is.
        let rows = [(0, 10.0, 20.0), (1, 20.0, 40.0), (2, 5.0, 30.0)];
        let mut all: Vec<Said> = rows.iter().map(|(series, before, _)| said(*series, 0, 0, *before)).collect();
        all.extend(rows.iter().map(|(series, _, now)| said(*series, 1, 1, *now)));
        let panel = Panel::as_of(&history(all), 1);
        let growth = |series| panel.at(series, 1) - panel.at(series, 0);
        assert!(growth(0).abs() < 1e-6 && (growth(2) - 3_f32.ln()).abs() < 1e-6);
        assert_eq!((panel.rank(1, 1), panel.rank(2, 1), panel.rank(0, 1)), (1, 2, 3));
        assert!((panel.floor(1) - 10_f32.ln()).abs() < 1e-6);
        assert_eq!(panel.entered(0), None, "there from the beginning");
    }

    #[test]
    fn who_is_seen_because_the_list_grew_longer_did_not_enter() {
        let all = vec![said(0, 0, 0, 10.0), said(0, 1, 1, 10.0), said(1, 1, 1, 90.0), said(2, 1, 1, 5.0)];
        let panel = Panel::as_of(&history(all), 1);
        assert_eq!((panel.entered(1), panel.entered(2)), (Some(1), None));
    }

    #[test]
    fn a_restatement_changes_what_is_known_from_then_on_only() {
        let all = vec![said(0, 0, 0, 10.0), said(1, 0, 0, 10.0), said(0, 0, 1, 40.0), said(0, 1, 1, 40.0)];
        let history = history(all);
        assert!((Panel::as_of(&history, 0).at(0, 0) - 10_f32.ln()).abs() < 1e-6);
        let later = Panel::as_of(&history, 1);
        assert!((later.at(0, 0) - 40_f32.ln()).abs() < 1e-6);
        assert!(later.at(1, 1).is_nan() && later.rank(1, 1) == 0 && later.first(2).is_none());
    }

    #[test]
    fn medians_by_hand() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
