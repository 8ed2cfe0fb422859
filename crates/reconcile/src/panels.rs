//! Words of sources into panels: one for each metric, unit and grain.
//!
//! In: what each source said of whom, for which period, when. Out: panels of numbers, and which word each number came from.
//! A source's last word on a cell is in force; if that takes back or denies, the cell is empty. What is not above zero has
//! no logarithm and is counted, not guessed. Periods of different grain are never mixed; spans of days that are no calendar
//! period stand each for itself, for nothing says that they follow each other.

use std::collections::HashMap;

use crowsnest_model::{Grain, Period, Status};

use crate::lags;
use crate::panel::{Observation, Panel, Standing};

/// What one source said of one subject for one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word {
    /// Number of the subject with its dimensions.
    pub subject: u32,
    /// Number of the metric.
    pub metric: u32,
    /// Number of the unit.
    pub unit: u32,
    /// What it is for.
    pub period: Period,
    /// Number of the source.
    pub source: u32,
    /// The value.
    pub value: f64,
    /// When it was said, in any unit of time.
    pub said: i64,
    /// How firmly; `None` takes back what was said before.
    pub standing: Option<Standing>,
}

/// How a claim's status enters a figure; `None`: not at all, and what the source said before neither.
pub fn standing(status: Status) -> Option<Standing> {
    match status {
        Status::Official | Status::Confirmed => Some(Standing::Anchors),
        Status::Rumoured => Some(Standing::Widens),
        Status::Denied | Status::Withdrawn => None,
        Status::Reported | Status::Estimated => Some(Standing::Counts),
    }
}

/// The words on one metric in one unit and grain, as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPanel {
    /// Number of the metric.
    pub metric: u32,
    /// Number of the unit.
    pub unit: u32,
    /// Grain of the periods.
    pub grain: Grain,
    /// The period of each time; spans have one time and their periods in `spans`.
    pub periods: Vec<Period>,
    /// For each series its subject, and its period where it is a span.
    pub series: Vec<(u32, Option<Period>)>,
    /// For each subject, where it comes from the lake, the numbers of its entity and of its dimensions.
    pub(crate) subjects: Vec<(u32, u32)>,
    /// For each source of the panel its number among all.
    pub sources: Vec<u32>,
    /// The numbers.
    pub panel: Panel,
    /// For each observation which word it is.
    pub words: Vec<usize>,
    /// For each source by how many periods its values lag: observations are at the periods that they are true of.
    pub lags: Vec<u8>,
}

impl MetricPanel {
    /// The same panel with each source's values at the periods that they are true of; what would be before the first is left
    /// out.
    pub(crate) fn moved_by_lags(mut self) -> Self {
        let lags = if self.grain == Grain::Span { Vec::new() } else { lags::find(&self.panel) };
        if lags.iter().all(|lag| *lag == 0) {
            return self;
        }
        let moved = self.panel.observations.iter().zip(&self.words).filter_map(|(seen, word)| {
            let time = seen.time.checked_sub(u32::from(lags[usize::from(seen.source)]))?;
            Some((Observation { time, ..*seen }, *word))
        });
        let mut moved: Vec<(Observation, usize)> = moved.collect();
        moved.sort_by_key(|(seen, _)| (seen.series, seen.time, seen.source));
        (self.panel.observations, self.words) = moved.into_iter().unzip();
        self.lags = lags;
        self
    }

    /// The period of a series at a time.
    pub fn period(&self, series: u32, time: u32) -> Period {
        self.series[series as usize].1.unwrap_or(self.periods[time as usize])
    }
}

/// Panels, and what could not go into them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panels {
    /// In the order of metric, unit and grain.
    pub panels: Vec<MetricPanel>,
    /// Number of words in force with values of zero.
    pub n_zero: usize,
    /// The same below zero, or not finite.
    pub n_negative: usize,
    /// Number of words that a later one of the same source replaced.
    pub n_replaced: usize,
}

/// Makes panels of words.
pub fn panels(words: &[Word]) -> Panels {
    let mut order: Vec<usize> = (0..words.len()).collect();
    let panel = |word: &Word| (word.metric, word.unit, word.period.grain());
    let cell = |word: &Word| (panel(word), word.subject, word.period, word.source);
    order.sort_by_key(|at| (cell(&words[*at]), words[*at].said, *at));
    let mut made = Panels::default();
    for of_panel in order.chunk_by(|a, b| panel(&words[*a]) == panel(&words[*b])) {
        let mut in_force = Vec::new();
        for of_cell in of_panel.chunk_by(|a, b| cell(&words[*a]) == cell(&words[*b])) {
            made.n_replaced += of_cell.len() - 1;
            let last = of_cell[of_cell.len() - 1];
            if words[last].standing.is_none() {
                continue;
            }
            match words[last].value {
                0.0 => made.n_zero += 1,
                value if value > 0.0 && value.is_finite() => in_force.push(last),
                _ => made.n_negative += 1,
            }
        }
        if let Some(panel) = of_words(words, in_force) {
            made.panels.push(panel.moved_by_lags());
        }
    }
    made
}

fn of_words(words: &[Word], in_force: Vec<usize>) -> Option<MetricPanel> {
    let first = words[*in_force.first()?];
    let grain = first.period.grain();
    let is_span = grain == Grain::Span;
    let periods = if is_span { vec![first.period] } else { times(in_force.iter().map(|at| words[*at].period)) };
    let mut series_numbers = HashMap::new();
    let mut series = Vec::new();
    let mut source_numbers = HashMap::new();
    let mut sources = Vec::new();
    let mut seen: Vec<(Observation, usize)> = Vec::with_capacity(in_force.len());
    for at in in_force {
        let word = &words[at];
        let key = (word.subject, is_span.then_some(word.period));
        let number = *series_numbers.entry(key).or_insert_with(|| {
            series.push(key);
            series.len() as u32 - 1
        });
        let source = *source_numbers.entry(word.source).or_insert_with(|| {
            sources.push(word.source);
            sources.len() as u16 - 1
        });
        let time = if is_span { 0 } else { periods.binary_search(&word.period).unwrap_or(0) as u32 };
        let standing = word.standing.unwrap_or_default();
        seen.push((Observation { series: number, time, source, log: word.value.ln(), standing }, at));
    }
    seen.sort_by_key(|(seen, _)| (seen.series, seen.time, seen.source));
    let (observations, places): (Vec<Observation>, Vec<usize>) = seen.into_iter().unzip();
    let panel = Panel::new(series.len(), periods.len(), sources.len(), observations);
    Some(MetricPanel {
        metric: first.metric,
        unit: first.unit,
        grain,
        periods,
        series,
        subjects: Vec::new(),
        sources,
        lags: vec![0; panel.n_sources],
        panel,
        words: places,
    })
}

/// All periods from the first to the last, so that a gap is as long as it is. Only those there are where that cannot be, and
/// where most are gaps, as with a list that is read on some days of each month: years of days would be filled in between.
pub(crate) fn times(periods: impl Iterator<Item = Period>) -> Vec<Period> {
    const TIMES_MAX: usize = 4000;
    const TIMES_OF_TOLD_MAX: usize = 4;
    let mut told: Vec<Period> = periods.collect();
    told.sort_unstable();
    told.dedup();
    let (Some(first), Some(last)) = (told.first().copied(), told.last().copied()) else { return told };
    let mut all = vec![first];
    while let Some(next) = all.last().and_then(Period::next).filter(|next| *next <= last && all.len() < TIMES_MAX) {
        all.push(next);
    }
    let is_whole = told.iter().all(|period| all.binary_search(period).is_ok());
    if is_whole && all.len() <= told.len() * TIMES_OF_TOLD_MAX { all } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(period: &str, source: u32, value: f64, said: i64, status: Status) -> Word {
        let period = Period::parse(period).unwrap();
        Word { subject: 7, metric: 0, unit: 0, period, source, value, said, standing: standing(status) }
    }

    #[test]
    fn the_last_word_of_each_source_is_in_force_and_gaps_keep_their_length() {
        let made = panels(&[
            word("2024-01", 3, 10.0, 5, Status::Reported),
            word("2024-01", 3, 12.0, 9, Status::Estimated),
            word("2024-04", 3, 14.0, 1, Status::Official),
            word("2024-01", 4, 11.0, 1, Status::Reported),
            word("2024-01", 4, 11.0, 2, Status::Withdrawn),
            word("2024-02", 3, 0.0, 1, Status::Reported),
            word("2024-02", 4, -3.0, 1, Status::Reported),
        ]);
        assert_eq!((made.n_zero, made.n_negative, made.n_replaced), (1, 1, 2));
        let panel = &made.panels[0];
        assert_eq!((panel.periods.len(), panel.words.as_slice()), (4, [1, 2].as_slice()));
        let seen = &panel.panel.observations;
        assert_eq!((seen[0].time, seen[1].time, seen[1].standing), (0, 3, Standing::Anchors));
        assert_eq!(panel.period(0, 3).to_string(), "2024-04");
    }

    #[test]
    fn days_that_are_mostly_gaps_are_not_filled_in() {
        let days = ["2018-01-09", "2018-06-01", "2026-04-01"];
        let made = panels(&days.map(|day| word(day, 0, 1.0, 1, Status::Reported)));
        assert_eq!(made.panels[0].periods.len(), 3);
    }

    #[test]
    fn grains_and_units_are_never_mixed() {
        let month = word("2024-01", 0, 1.0, 1, Status::Reported);
        let quarter = word("2024-Q1", 0, 3.0, 1, Status::Reported);
        let euros = Word { unit: 1, ..month };
        assert_eq!(panels(&[month, quarter, euros]).panels.len(), 3);
        let spans = panels(&[
            word("2024-01-01/2024-06-15", 0, 1.0, 1, Status::Reported),
            word("2024-01-01/2024-09-15", 0, 2.0, 1, Status::Reported),
        ]);
        assert_eq!(spans.panels[0].series.len(), 2, "spans stand for themselves");
    }
}
