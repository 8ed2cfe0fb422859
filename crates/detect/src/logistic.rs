//! Logistic regression on a few columns: the plainest model, beside which the others have to be worth their while.
//!
//! Newton's method with a ridge (A. E. Hoerl, R. W. Kennard, 1970) on standardised columns. A number that is not there
//! counts as the column's mean.

use crowsnest_learn::boosting::probability;

/// Ridge on the standardised weights.
const RIDGE: f64 = 1.0;
const STEPS_MAX: usize = 25;

/// Weights for columns that are brought to mean 0 and deviation 1.
#[derive(Debug, Clone)]
pub struct Logistic {
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// One for each column, and the shift last.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits weights to rows of numbers and what came of them; all rows are equally long.
    pub fn fit(rows: &[Vec<f32>], targets: &[bool]) -> Self {
        let n_columns = rows.first().map_or(0, Vec::len);
        let (means, deviations): (Vec<f64>, Vec<f64>) = (0..n_columns).map(|column| spread(rows, column)).unzip();
        let n_yes = targets.iter().filter(|target| **target).count() as f64;
        let share = ((n_yes + 0.5) / (targets.len() as f64 + 1.0)).clamp(1e-6, 1.0 - 1e-6);
        let mut own = Self { means, deviations, weights: vec![0.0; n_columns + 1] };
        own.weights[n_columns] = (share / (1.0 - share)).ln();
        for _ in 0..STEPS_MAX {
            let Some(step) = own.step(rows, targets) else { break };
            let largest = step.iter().fold(0.0_f64, |largest, one| largest.max(one.abs()));
            own.weights.iter_mut().zip(&step).for_each(|(weight, one)| *weight -= one.clamp(-2.0, 2.0));
            if largest < 1e-6 {
                break;
            }
        }
        own
    }

    /// The regression as plain numbers, to be kept: how many columns, then means, deviations and weights.
    pub fn write(&self, numbers: &mut Vec<f64>) {
        numbers.push(self.means.len() as f64);
        numbers.extend(self.means.iter().chain(&self.deviations).chain(&self.weights));
    }

    /// A regression of numbers as [`Logistic::write`] gave them; `None` where they are none.
    pub fn read(numbers: &mut impl Iterator<Item = f64>) -> Option<Self> {
        let n = numbers.next().filter(|n| (0.0..=1e4).contains(n))? as usize;
        let mut next = |n: usize| (0..n).map(|_| numbers.next()).collect::<Option<Vec<f64>>>();
        Some(Self { means: next(n)?, deviations: next(n)?, weights: next(n + 1)? })
    }

    /// The log-odds of a row.
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        let standardised = self.standardised(row);
        standardised.iter().zip(&self.weights).map(|(number, weight)| number * weight).sum()
    }

    /// What each number moves a row's log-odds by.
    pub fn parts(&self, row: &[f32]) -> Vec<f64> {
        let numbers = self.standardised(row).into_iter().zip(&self.weights).map(|(number, weight)| number * weight);
        numbers.take(self.means.len()).collect()
    }

    fn standardised(&self, row: &[f32]) -> Vec<f64> {
        let spreads = self.means.iter().zip(&self.deviations);
        let numbers =
            row.iter().zip(spreads).map(
                |(number, (mean, deviation))| {
                    if number.is_finite() { (f64::from(*number) - mean) / deviation } else { 0.0 }
                },
            );
        numbers.chain([1.0]).collect()
    }

    fn step(&self, rows: &[Vec<f32>], targets: &[bool]) -> Option<Vec<f64>> {
        let n = self.weights.len();
        let mut slope: Vec<f64> = self.weights.iter().map(|weight| RIDGE * weight).collect();
        let mut curve = vec![vec![0.0; n]; n];
        for (place, own) in curve.iter_mut().enumerate() {
            own[place] = RIDGE;
        }
        slope[n - 1] = 0.0;
        for (row, target) in rows.iter().zip(targets) {
            let numbers = self.standardised(row);
            let chance = probability(numbers.iter().zip(&self.weights).map(|(number, weight)| number * weight).sum());
            let apart = chance - f64::from(u8::from(*target));
            let weight = chance * (1.0 - chance);
            for (first, number) in numbers.iter().enumerate() {
                slope[first] += apart * number;
                for (second, other) in numbers.iter().enumerate().take(first + 1) {
                    curve[first][second] += weight * number * other;
                }
            }
        }
        solved(curve, slope)
    }
}

/// A column's mean and deviation over the rows that have a number there.
fn spread(rows: &[Vec<f32>], column: usize) -> (f64, f64) {
    let known: Vec<f64> = rows.iter().map(|row| f64::from(row[column])).filter(|number| number.is_finite()).collect();
    let n = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / n;
    let variance = known.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt().max(1e-9))
}

/// Solves a symmetric, positive system of which the lower half is given (Cholesky); `None` where it is not positive.
pub(crate) fn solved(mut lower: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for row in 0..n {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
            let left = lower[row][column] - known;
            if row == column {
                if left <= 0.0 {
                    return None;
                }
                lower[row][row] = left.sqrt();
            } else {
                lower[row][column] = left / lower[column][column];
            }
        }
        let known: f64 = (0..row).map(|k| lower[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / lower[row][row];
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| lower[k][row] * right[k]).sum();
        right[row] = (right[row] - known) / lower[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_by_hand() {
        // 4x + 2y = 10 and 2x + 3y = 9: x = 1.5, y = 2.
        let solved = solved(vec![vec![4.0, 0.0], vec![2.0, 3.0]], vec![10.0, 9.0]).unwrap();
        assert!((solved[0] - 1.5).abs() < 1e-12 && (solved[1] - 2.0).abs() < 1e-12);
        assert!(super::solved(vec![vec![0.0]], vec![1.0]).is_none());
    }

    #[test]
    fn odds_of_two_groups_are_found() {
        // 1 of 4 where the number is 0, 3 of 4 where it is 1; many of them, so that the ridge hardly matters.
        let rows: Vec<Vec<f32>> = (0..4000).map(|n| vec![(n % 2) as f32]).collect();
        let targets: Vec<bool> = (0..4000).map(|n| if n % 2 == 0 { n % 8 == 0 } else { n % 8 != 1 }).collect();
        let model = Logistic::fit(&rows, &targets);
        assert!((probability(model.log_odds(&[0.0])) - 0.25).abs() < 0.01);
        assert!((probability(model.log_odds(&[1.0])) - 0.75).abs() < 0.01);
        assert!((probability(model.log_odds(&[f32::NAN])) - 0.5).abs() < 0.01);
    }
}
