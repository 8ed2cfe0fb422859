//! What reviewers teach: boosted trees over the comparisons of the pairs that people judged, calibrated.
//!
//! The weights know what names are like anywhere; a market's reviewers know what counts in theirs. Once they have judged
//! enough pairs of each sort, trees learn from these, and each pair's log-odds come from trees that had not seen its names.
//! They take the place of the weights only if they judge unseen pairs better than these do (log loss), so that few or careless
//! judgements do no harm. Learnt anew for each resolution: judgements are few, and one may have been taken back.

use std::sync::Arc;

use crowsnest_lake::{Lake, LakeError};
use crowsnest_learn::boosting::{Binned, Booster, Settings, probability};
use crowsnest_learn::calibration::Calibration;

use super::NameScorer;
use super::candidates::IdPair;
use super::comparisons::{COMPARISONS, Pattern};
use super::held::Held;
use super::ids::IdSet;
use super::names::{Name, Names};
use super::scoring::{Compared, compared};
use super::weights::Weights;

/// Judged pairs of each sort that trees need.
const JUDGED_MIN: usize = 60;
const N_FOLDS: u64 = 5;
/// Few judgements bear few and careful trees.
const SETTINGS: Settings = Settings {
    n_trees: 120,
    learning_rate: 0.05,
    n_leaves_max: 6,
    rows_of_leaf_min: 5,
    weight_of_leaf_min: 1e-3,
    l2: 3.0,
    column_share: 0.7,
    row_share: 0.8,
};

/// Trees that reviewers taught.
#[derive(Debug)]
pub(crate) struct Taught {
    columns: Vec<Arc<Binned>>,
    booster: Booster,
    curve: Calibration,
}

impl Taught {
    /// Learns from what people judged; `None` where that is too little, or no better than the weights.
    pub(crate) async fn learn(
        lake: &Lake,
        held: &Held,
        scorer: Option<&NameScorer>,
    ) -> Result<Option<Self>, LakeError> {
        if held.same.len() < JUDGED_MIN || held.different.len() < JUDGED_MIN {
            return Ok(None);
        }
        let pairs: Vec<IdPair> = held.same.iter().chain(&held.different).copied().collect();
        let wanted: IdSet = pairs.iter().flat_map(|(left, right)| [*left, *right]).collect();
        let mut names = Names::read(lake, Some(&wanted)).await?;
        names.note_companies(lake, &pairs, None).await?;
        let places: Vec<((u32, u32), bool)> = pairs
            .iter()
            .enumerate()
            .filter_map(|(place, (left, right))| {
                let (left, right) = (names.at(*left)? as u32, names.at(*right)? as u32);
                Some(((left, right), place < held.same.len()))
            })
            .collect();
        let compared = compared(&names, scorer, &places.iter().map(|(pair, _)| *pair).collect::<Vec<_>>());
        let rows: Vec<Vec<f32>> = compared.iter().map(|pair| row_of(&names, pair)).collect();
        let is_same: Vec<bool> = places.iter().map(|(_, is_same)| *is_same).collect();
        let folds: Vec<u64> = places.iter().map(|((left, _), _)| fold_of(names.all[*left as usize].id)).collect();
        let weights = held.weights.clone().unwrap_or_else(Weights::known);
        let theirs: Vec<f64> = compared.iter().map(|pair| weights.sum_with(pair.pattern, pair.by_names)).collect();
        Ok(Self::of(&rows, &is_same, &folds, &theirs))
    }

    fn of(rows: &[Vec<f32>], is_same: &[bool], folds: &[u64], theirs: &[f64]) -> Option<Self> {
        let n_columns = rows.first()?.len();
        let columns: Vec<Arc<Binned>> = (0..n_columns)
            .map(|column| Arc::new(Binned::new(&rows.iter().map(|row| row[column]).collect::<Vec<f32>>())))
            .collect();
        let fit = |places: &[u32]| {
            let targets: Vec<bool> = places.iter().map(|place| is_same[*place as usize]).collect();
            Booster::fit(&columns, places, &targets, &SETTINGS, 1)
        };
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let mut unseen = vec![(0.0, false); rows.len()];
        for fold in 0..N_FOLDS {
            let others: Vec<u32> = all.iter().copied().filter(|place| folds[*place as usize] != fold).collect();
            let booster = fit(&others);
            for place in (0..rows.len()).filter(|place| folds[*place] == fold) {
                unseen[place] = (booster.log_odds(&columns, place), is_same[place]);
            }
        }
        let curve = Calibration::fit(&unseen);
        let theirs: Vec<(f64, bool)> = theirs.iter().copied().zip(is_same.iter().copied()).collect();
        let is_better = loss(&unseen, curve) < loss(&theirs, Calibration::fit(&theirs));
        if !is_better {
            return None;
        }
        let booster = fit(&all);
        Some(Self { booster, columns, curve })
    }

    /// The log-odds of pairs.
    pub(crate) fn log_odds(&self, names: &Names, pairs: &[Compared]) -> Vec<f64> {
        let rows: Vec<Vec<f32>> = pairs.iter().map(|pair| row_of(names, pair)).collect();
        let column = |place: usize| rows.iter().map(|row| row[place]).collect::<Vec<f32>>();
        let columns: Vec<Arc<Binned>> =
            self.columns.iter().enumerate().map(|(place, bins)| Arc::new(bins.with(&column(place)))).collect();
        let odds = (0..rows.len()).map(|row| self.booster.log_odds(&columns, row));
        odds.map(|odds| self.curve.slope * odds + self.curve.shift).collect()
    }
}

/// Mean log loss.
fn loss(scored: &[(f64, bool)], curve: Calibration) -> f64 {
    let of = |(odds, is_same): &(f64, bool)| {
        let chance = probability(curve.slope * odds + curve.shift).clamp(1e-9, 1.0 - 1e-9);
        -(if *is_same { chance } else { 1.0 - chance }).ln()
    };
    scored.iter().map(of).sum::<f64>() / scored.len().max(1) as f64
}

fn fold_of(name: i64) -> u64 {
    ((name as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % N_FOLDS
}

/// The levels of a pair as numbers, what the model of names says, how alike its readings are, and how long.
fn row_of(names: &Names, pair: &Compared) -> Vec<f32> {
    let (one, other) = (&names.all[pair.left as usize], &names.all[pair.right as usize]);
    let mut row = levels(pair.pattern);
    row.push(pair.by_names.map_or(f32::NAN, |nats| nats as f32));
    row.push(likeness(one, other));
    let lengths = [one, other].map(|name| name.shape.core.chars().count() as f32);
    row.push(lengths[0].min(lengths[1]));
    row.push(lengths[0].max(lengths[1]));
    row
}

fn levels(pattern: Pattern) -> Vec<f32> {
    (0..COMPARISONS.len()).map(|place| pattern.level(place).map_or(f32::NAN, |level| level as f32)).collect()
}

fn likeness(one: &Name, other: &Name) -> f32 {
    match (one.shape.readings.first(), other.shape.readings.first()) {
        (Some(one), Some(other)) => strsim::jaro_winkler(one, other) as f32,
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_take_over_only_where_they_judge_better() {
        // Two comparisons, each there twice, as a tree sees some of them only: the same is what differs in both, or in none,
        // which no sum of weights can say. Some of the four are rarer, as anywhere: a tree finds no first split where all are
        // as frequent.
        const KINDS: [[f32; 2]; 10] = [
            [0.0, 0.0],
            [0.0, 1.0],
            [0.0, 0.0],
            [1.0, 0.0],
            [0.0, 1.0],
            [0.0, 0.0],
            [1.0, 1.0],
            [0.0, 1.0],
            [1.0, 0.0],
            [0.0, 0.0],
        ];
        let rows: Vec<Vec<f32>> = KINDS.iter().cycle().take(400).map(|kind| [*kind, *kind].concat()).collect();
        let is_same: Vec<bool> = rows.iter().map(|row| row[0] == row[1]).collect();
        let folds: Vec<u64> = (0..rows.len() as u64).map(|place| place / 10 % N_FOLDS).collect();
        let sums: Vec<f64> = rows.iter().map(|row| f64::from(row[0] + row[1])).collect();
        let taught = Taught::of(&rows, &is_same, &folds, &sums).unwrap();
        let columns: Vec<Arc<Binned>> = taught.columns.clone();
        assert!((0..40).all(|row| (taught.booster.log_odds(&columns, row) > 0.0) == is_same[row]));
        // Where the sums know it all, they stay.
        let sure: Vec<f64> = is_same.iter().map(|is_same| if *is_same { 9.0 } else { -9.0 }).collect();
        let noise: Vec<Vec<f32>> = (0..rows.len()).map(|place| vec![(place % 13) as f32]).collect();
        assert!(Taught::of(&noise, &is_same, &folds, &sure).is_none());
    }
}
