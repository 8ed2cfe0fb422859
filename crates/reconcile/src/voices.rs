//! One series as its voices tell it: sources that repeat each other speak with one voice, and biases are taken out.
//!
//! In: the observations of a series, in the order of time. Out: a [`Line`], with the voices that speak often first: those
//! have a state of their own in the smoother, for what they always add to this series.

use crate::bias::Biases;
use crate::panel::{Observation, Standing};
use crate::robust::median;
use crate::smoother::OWN_STATES_MAX;

/// What one voice says of one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Said {
    /// Period, counted from the line's first.
    pub(crate) time: u32,
    /// Place among the line's voices.
    pub(crate) place: u16,
    /// How many observations it is the mean of.
    pub(crate) n: u16,
    /// 0 for a value, 1 where the truth is not below it, -1 where it is not above.
    pub(crate) side: i8,
    /// Unbiased logarithm.
    pub(crate) log: f64,
}

/// One series as its voices tell it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) series: u32,
    pub(crate) first: usize,
    pub(crate) n_times: usize,
    /// Logarithm of its middle value, counted from that of the middle series.
    pub(crate) size: f64,
    /// The voices that speak, by number; those with a state of their own first.
    pub(crate) voices: Vec<usize>,
    pub(crate) n_states: usize,
    pub(crate) said: Vec<Said>,
    /// For each observation which of the above it is part of; `NO_PART` for those that move nothing.
    pub(crate) parts: Vec<u32>,
}

/// Observations that are part of nothing said.
pub(crate) const NO_PART: u32 = u32::MAX;

/// How observations become what voices say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaking<'a> {
    pub(crate) biases: &'a Biases,
    /// For each source the voice that it speaks with.
    pub(crate) groups: &'a [usize],
    pub(crate) n_sources: usize,
    /// Sizes are counted from here.
    pub(crate) middle_size: f64,
}

impl Speaking<'_> {
    /// An observation's logarithm without its source's bias.
    pub(crate) fn unbiased(&self, seen: &Observation) -> f64 {
        match seen.standing {
            Standing::Anchors => seen.log,
            _ => seen.log - self.biases.logs[usize::from(seen.source)][seen.time as usize],
        }
    }

    /// The voice that an observation may move a figure with.
    fn voice(&self, seen: &Observation) -> Option<(usize, i8)> {
        let own = usize::from(seen.source);
        let group = self.groups.get(own).copied().unwrap_or(own);
        match seen.standing {
            Standing::Counts => Some((group, 0)),
            Standing::AtLeast => Some((group, 1)),
            Standing::AtMost => Some((group, -1)),
            Standing::Anchors => Some((self.n_sources, 0)),
            Standing::Widens => None,
        }
    }

    /// The line of one series; `None` where nothing that is said of it may move a figure.
    pub(crate) fn line(&self, series: &[Observation]) -> Option<Line> {
        struct Cell {
            time: u32,
            voice: usize,
            side: i8,
            sum: f64,
            n: u16,
        }
        let mut cells: Vec<Cell> = Vec::with_capacity(series.len());
        let mut parts = Vec::with_capacity(series.len());
        for seen in series {
            let Some((voice, side)) = self.voice(seen) else {
                parts.push(NO_PART);
                continue;
            };
            let log = self.unbiased(seen);
            let same = |cell: &Cell| (cell.time, cell.voice, cell.side) == (seen.time, voice, side);
            let of_time = cells.iter().rev().take_while(|cell| cell.time == seen.time).count();
            let from = cells.len() - of_time;
            match cells[from..].iter().position(same) {
                Some(at) => {
                    let cell = &mut cells[from + at];
                    (cell.sum, cell.n) = (cell.sum + log, cell.n.saturating_add(1));
                    parts.push((from + at) as u32);
                }
                None => {
                    parts.push(cells.len() as u32);
                    cells.push(Cell { time: seen.time, voice, side, sum: log, n: 1 });
                }
            }
        }
        let (first, last) = (cells.first()?.time, cells.last()?.time);
        let (voices, n_states) = voices_of(cells.iter().map(|cell| cell.voice));
        let place = |voice: usize| voices.iter().position(|own| *own == voice).unwrap_or(0) as u16;
        let said: Vec<Said> = cells
            .iter()
            .map(|cell| Said {
                time: cell.time - first,
                place: place(cell.voice),
                n: cell.n,
                side: cell.side,
                log: cell.sum / f64::from(cell.n),
            })
            .collect();
        let size = median(&mut said.iter().map(|said| said.log).collect::<Vec<f64>>())? - self.middle_size;
        let (first, n_times) = (first as usize, (last - first + 1) as usize);
        Some(Line { series: series[0].series, first, n_times, size, voices, n_states, said, parts })
    }
}

/// The voices, those that speak most first, and how many of them get a state: a voice that speaks once needs none.
fn voices_of(spoken: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for voice in spoken {
        match counts.iter_mut().find(|own| own.1 == voice) {
            Some(own) => own.0 += 1,
            None => counts.push((1, voice)),
        }
    }
    counts.sort_unstable_by_key(|(n, voice)| (std::cmp::Reverse(*n), *voice));
    let n_states = counts.iter().take(OWN_STATES_MAX).take_while(|(n, _)| *n > 1).count();
    (counts.into_iter().map(|(_, voice)| voice).collect(), n_states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_repeat_each_other_are_one_voice_and_those_that_speak_once_have_no_state() {
        let biases = Biases { logs: vec![vec![0.0; 3], vec![1.0; 3], vec![0.0; 3]], ..Biases::default() };
        let speaking = Speaking { biases: &biases, groups: &[0, 0, 2], n_sources: 3, middle_size: 0.0 };
        let seen = |time: u32, source: u16, log: f64, standing: Standing| Observation {
            series: 7,
            time,
            source,
            log,
            standing,
        };
        let series = [
            seen(1, 0, 2.0, Standing::Counts),
            seen(1, 1, 5.0, Standing::Counts),
            seen(1, 2, 9.0, Standing::Widens),
            seen(2, 0, 2.0, Standing::Counts),
            seen(2, 2, 3.0, Standing::AtLeast),
        ];
        let line = speaking.line(&series).unwrap();
        assert_eq!((line.first, line.n_times, line.n_states), (1, 2, 1));
        assert_eq!(
            (line.voices.as_slice(), line.parts.as_slice()),
            ([0, 2].as_slice(), [0, 0, NO_PART, 1, 2].as_slice())
        );
        assert_eq!((line.said[0].log, line.said[0].n, line.said[2].side), (3.0, 2, 1));
        assert_eq!(speaking.line(&series[2..3]), None);
    }
}
