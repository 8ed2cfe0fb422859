//! A pair among its rivals: the other candidates of its left record, and those of its right one.
//!
//! A likeness says little by itself where everything is alike; that no other candidate comes near says much. Rivals are
//! our own candidates over all records, whoever labelled what.

use super::candidates::Candidate;

/// What a score is among its rivals, in words; `{}` is the score's name.
pub(crate) const RIVAL_COMPARISONS: &[&str] = &[
    "place among those of the left record",
    "ahead of the next of the left record",
    "above the mean of the left record",
    "place among those of the right record",
    "ahead of the next of the right record",
    "above the mean of the right record",
];

/// The candidates by their left and by their right records.
#[derive(Debug)]
pub(crate) struct Rivals {
    /// For each side: candidates grouped by record, and where the groups end.
    sides: [(Vec<u32>, Vec<u32>); 2],
}

impl Rivals {
    pub(crate) fn new(candidates: &[Candidate]) -> Self {
        let grouped = |record_of: &dyn Fn(&Candidate) -> u32| {
            let mut order: Vec<u32> = (0..candidates.len() as u32).collect();
            order.sort_by_key(|place| record_of(&candidates[*place as usize]));
            let record = |place: u32| record_of(&candidates[place as usize]);
            let mut end = 0;
            let groups = order.chunk_by(|a, b| record(*a) == record(*b));
            let ends = groups.map(|group| {
                end += group.len() as u32;
                end
            });
            let ends = ends.collect();
            (order, ends)
        };
        Self { sides: [grouped(&|candidate| candidate.pair.left), grouped(&|candidate| candidate.pair.right)] }
    }

    fn groups(&self, side: usize) -> impl Iterator<Item = &[u32]> {
        let (order, ends) = &self.sides[side];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &order[start as usize..*end as usize])
    }

    /// The comparisons of a score, one column for each of [`RIVAL_COMPARISONS`].
    pub(crate) fn compare(&self, scores: &[f32]) -> Vec<Vec<f32>> {
        let mut columns = vec![vec![0.0; scores.len()]; RIVAL_COMPARISONS.len()];
        for side in 0..2 {
            for group in self.groups(side) {
                let mut ordered = group.to_vec();
                ordered.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
                let mean =
                    group.iter().map(|place| f64::from(scores[*place as usize])).sum::<f64>() / group.len() as f64;
                for (rank, place) in ordered.iter().enumerate() {
                    let place = *place as usize;
                    let next = if rank == 0 { ordered.get(1) } else { ordered.first() };
                    let ahead = next.map_or(f32::NAN, |next| scores[place] - scores[*next as usize]);
                    columns[side * 3][place] = rank as f32;
                    columns[side * 3 + 1][place] = ahead;
                    columns[side * 3 + 2][place] = scores[place] - mean as f32;
                }
            }
        }
        columns
    }

    /// The share that each candidate has of the odds of its record's candidates, with one for "none of them"; for the
    /// left record, and for the right one.
    pub(crate) fn shares(&self, log_odds: &[f32]) -> [Vec<f32>; 2] {
        const LIMIT: f32 = 30.0;
        let odds: Vec<f64> = log_odds.iter().map(|s| f64::from(s.clamp(-LIMIT, LIMIT)).exp()).collect();
        [0, 1].map(|side| {
            let mut shares = vec![0.0; odds.len()];
            for group in self.groups(side) {
                let all: f64 = group.iter().map(|place| odds[*place as usize]).sum();
                for place in group {
                    shares[*place as usize] = (odds[*place as usize] / (all + 1.0)) as f32;
                }
            }
            shares
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::records::Pair;

    #[test]
    fn places_and_leads_are_of_both_sides() {
        let candidate = |left, right| Candidate { pair: Pair { left, right }, score: 0.0 };
        let rivals = Rivals::new(&[candidate(0, 0), candidate(0, 1), candidate(1, 1)]);
        let columns = rivals.compare(&[0.9, 0.5, 0.7]);
        assert_eq!(columns[0], [0.0, 1.0, 0.0]);
        assert!((columns[1][0] - 0.4).abs() < 1e-6 && (columns[1][1] + 0.4).abs() < 1e-6 && columns[1][2].is_nan());
        assert_eq!(columns[3], [0.0, 1.0, 0.0]);
        assert!((columns[4][1] + 0.2).abs() < 1e-6 && columns[4][0].is_nan());
        let [left, right] = rivals.shares(&[0.0, 0.0, 0.0]);
        assert!((left[0] - 1.0 / 3.0).abs() < 1e-6 && (left[2] - 0.5).abs() < 1e-6 && (right[0] - 0.5).abs() < 1e-6);
    }
}
