//! A list as a panel of products and periods, as it was known at an origin.
//!
//! In: [`History`]. Out: for each period and product the logarithm of its level, the same less the market's own movement,
//! its place and the list's floor. [`Panel::advance`] moves the panel on by one period in time proportional to what is new
//! (and to what it restates).
//!
//! The market index is the running sum of the median change of products that are there in successive periods; it takes
//! out breaks that hit the whole market. Invariant: period `t` holds nothing that was not known by its end.

use crate::history::{History, Said};

/// Periods whose places are looked back on.
const RANKS_BACK: usize = 13;

/// One list as known at an origin. Matrices are period by period: `t * n_series + series`.
#[derive(Debug, Clone)]
pub struct Panel {
    n_series: usize,
    /// Log levels; not a number where the list does not have the product.
    level: Vec<f32>,
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
    /// The same of products whose coming is known.
    entered: Vec<u32>,
}

impl Panel {
    /// A panel without periods.
    pub fn new(n_series: usize) -> Self {
        Self {
            n_series,
            level: Vec::new(),
            rank: Vec::new(),
            index: Vec::new(),
            floor: Vec::new(),
            n_listed: Vec::new(),
            first: vec![u32::MAX; n_series],
            entered: vec![u32::MAX; n_series],
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
        self.take(history.said.get(origin).map_or(&[][..], Vec::as_slice));
    }

    /// Goes on by one period, and takes in what became known in it: of that period, and anew of earlier ones.
    pub fn take(&mut self, said: &[Said]) {
        let origin = self.n_periods();
        let n = self.n_series;
        self.level.resize((origin + 1) * n, f32::NAN);
        self.rank.resize((origin + 1) * n, 0);
        self.index.push(0.0);
        self.floor.push(f32::NAN);
        self.n_listed.push(0);
        let mut is_touched = vec![false; origin + 1];
        is_touched[origin] = true;
        for said in said {
            self.level[said.period as usize * n + said.series as usize] = said.level;
            is_touched[said.period as usize] = true;
            if !said.level.is_nan() {
                let first = &mut self.first[said.series as usize];
                *first = (*first).min(said.period);
            }
        }
        let from = is_touched.iter().position(|is_touched| *is_touched).unwrap_or(origin);
        for (period, is_touched) in is_touched.into_iter().enumerate().skip(from) {
            self.settle(period, is_touched);
        }
    }

    /// A panel that was kept: its levels, period by period, and what [`Panel::entries`] gave.
    pub fn of_levels(n_series: usize, level: Vec<f32>, entered: Vec<u32>) -> Self {
        let n_periods = level.len().checked_div(n_series).unwrap_or(0);
        let mut panel = Self { level, ..Self::new(n_series) };
        panel.rank = vec![0; panel.level.len()];
        panel.index = vec![0.0; n_periods];
        panel.floor = vec![f32::NAN; n_periods];
        panel.n_listed = vec![0; n_periods];
        for period in (0..n_periods).rev() {
            let own = &panel.level[period * n_series..(period + 1) * n_series];
            let there = panel.first.iter_mut().zip(own).filter(|(_, level)| !level.is_nan());
            there.for_each(|(first, _)| *first = period as u32);
        }
        for period in 0..n_periods {
            panel.settle(period, period + RANKS_BACK >= n_periods);
            let own = &panel.level[period * n_series..(period + 1) * n_series];
            panel.n_listed[period] = own.iter().filter(|level| !level.is_nan()).count() as u32;
        }
        panel.entered = entered;
        panel
    }

    /// All levels, period by period.
    pub fn all_levels(&self) -> &[f32] {
        &self.level
    }

    /// The periods in which products entered, where that is known; [`u32::MAX`] where not.
    pub fn entries(&self) -> &[u32] {
        &self.entered
    }

    /// Makes room for products that were not there before.
    #[must_use]
    pub fn with_products(self, n_series: usize) -> Self {
        if n_series <= self.n_series {
            return self;
        }
        let mut entered = self.entered;
        entered.resize(n_series, u32::MAX);
        let n = self.n_series;
        let wider = |own: &[f32]| own.iter().copied().chain(std::iter::repeat_n(f32::NAN, n_series - n)).collect();
        let rows: Vec<Vec<f32>> = self.level.chunks(n.max(1)).map(wider).collect();
        Self::of_levels(n_series, rows.concat(), entered)
    }

    /// Works out a period's index, floor and, where it was touched, places.
    fn settle(&mut self, period: usize, is_touched: bool) {
        let n = self.n_series;
        let index = period.checked_sub(1).map_or(0.0, |before| self.index[before] + self.median_change(period));
        self.index[period] = index;
        let own = period * n..(period + 1) * n;
        let floor = self.level[own.clone()].iter().copied().fold(f32::INFINITY, f32::min);
        self.floor[period] = floor - index;
        if !is_touched {
            return;
        }
        self.n_listed[period] = places(&self.level[own.clone()], &mut self.rank[own.clone()]) as u32;
        let n_before = period.checked_sub(1).map_or(0, |before| self.n_listed[before]);
        let first = self.first.iter().zip(&mut self.entered).zip(&self.rank[own]);
        for ((_, entered), rank) in first.filter(|((first, _), _)| **first == period as u32) {
            *entered = if *rank <= n_before { period as u32 } else { u32::MAX };
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
        self.level[period * self.n_series + series] - self.index[period]
    }

    /// All products' log levels in a period, not adjusted.
    pub fn levels(&self, period: usize) -> &[f32] {
        &self.level[period * self.n_series..(period + 1) * self.n_series]
    }

    /// Whether the list has the product.
    pub fn has(&self, series: usize, period: usize) -> bool {
        !self.level[period * self.n_series + series].is_nan()
    }

    /// A product's place, from 1; 0 where the list does not have it. Of a panel that was kept only the last year's.
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
        Some(self.entered[series] as usize).filter(|entered| *entered < self.n_periods())
    }

    /// The median of a product's adjusted levels in some periods; `None` where it was in none of them.
    pub fn median_of(&self, series: usize, periods: std::ops::Range<usize>) -> Option<f32> {
        let mut levels: Vec<f32> = periods.filter(|t| *t < self.n_periods()).map(|t| self.at(series, t)).collect();
        levels.retain(|level| !level.is_nan());
        median(&mut levels)
    }
}

/// Puts places by level, from 1, into `ranks`; ties by number of the product. Gives how many there are.
fn places(levels: &[f32], ranks: &mut [u32]) -> usize {
    // Numbers that sort as levels do, the highest first, with the product in their lower half: plain integers sort fast.
    let key = |(series, level): (usize, &f32)| {
        let bits = level.to_bits();
        let rising = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        u64::from(!rising) << 32 | series as u64
    };
    let mut listed: Vec<u64> = levels.iter().enumerate().filter(|(_, level)| !level.is_nan()).map(key).collect();
    listed.sort_unstable();
    ranks.fill(0);
    for (place, key) in listed.iter().enumerate() {
        ranks[(*key & u64::from(u32::MAX)) as usize] = place as u32 + 1;
    }
    listed.len()
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

    fn said(series: u32, period: u32, seen: usize, value: f32) -> (usize, Said) {
        (seen, Said { series, period, level: value.ln() })
    }

    fn history(all: Vec<(usize, Said)>) -> History {
        let mut said = vec![Vec::new(); 2];
        all.into_iter().for_each(|(seen, one)| said[seen].push(one));
        let days = [0, 31];
        let periods = days.map(|day| crowsnest_model::Period::containing(day, crowsnest_model::Grain::Month)).to_vec();
        History { names: ["a", "b", "c"].map(str::to_owned).to_vec(), periods, said, n_left_out: 0, last_known_at: 0 }
    }

    #[test]
    fn the_market_moves_everything_and_is_taken_out() {
        // All three double, the third six-fold: the market's doubling is no growth, the third's three-fold is.
        let rows = [(0, 10.0, 20.0), (1, 20.0, 40.0), (2, 5.0, 30.0)];
        let mut all: Vec<(usize, Said)> = rows.iter().map(|(series, before, _)| said(*series, 0, 0, *before)).collect();
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
    fn places_go_by_level_and_then_by_number() {
        let mut ranks = [9; 5];
        assert_eq!(places(&[-1.0, 2.0, f32::NAN, 2.0, -3.5], &mut ranks), 4);
        assert_eq!(ranks, [3, 1, 0, 2, 4]);
    }

    #[test]
    fn medians_by_hand() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
