//! Weighted least squares with a prior, by its normal equations: small and dense.

/// A symmetric system that observations are added to one at a time.
#[derive(Debug, Clone)]
pub(crate) struct NormalEquations {
    n: usize,
    matrix: Vec<f64>,
    right: Vec<f64>,
    /// Weighted sum of squares of what was observed.
    squares: f64,
}

/// What solves a system.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    /// One value for each unknown.
    pub(crate) values: Vec<f64>,
    /// Covariance of the unknowns, row by row.
    pub(crate) covariance: Vec<f64>,
    /// The weighted sum of squares that is left, that of the prior included.
    pub(crate) misfit: f64,
}

impl NormalEquations {
    /// Unknowns that are zero, each give or take one over the root of its precision.
    pub(crate) fn new(precisions: &[f64]) -> Self {
        let n = precisions.len();
        let mut matrix = vec![0.0; n * n];
        for (place, precision) in precisions.iter().enumerate() {
            matrix[place * n + place] = *precision;
        }
        Self { n, matrix, right: vec![0.0; n], squares: 0.0 }
    }

    /// Adds that the sum of `unknown × factor` was seen to be `value`, with a weight of one over its variance.
    pub(crate) fn add(&mut self, row: &[(usize, f64)], value: f64, weight: f64) {
        for (left, by_left) in row {
            self.right[*left] += weight * by_left * value;
            for (right, by_right) in row {
                self.matrix[left * self.n + right] += weight * by_left * by_right;
            }
        }
        self.squares += weight * value * value;
    }

    /// Solves by Cholesky's decomposition; the prior keeps it positive definite.
    pub(crate) fn solve(&self) -> Solution {
        let covariance = inverse(&self.matrix, self.n);
        let values: Vec<f64> = (0..self.n)
            .map(|row| (0..self.n).map(|column| covariance[row * self.n + column] * self.right[column]).sum())
            .collect();
        let explained: f64 = values.iter().zip(&self.right).map(|(value, right)| value * right).sum();
        Solution { values, covariance, misfit: (self.squares - explained).max(0.0) }
    }
}

/// The inverse of a symmetric positive definite matrix, row by row.
fn inverse(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut lower = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row * n + k] * lower[column * n + k]).sum();
            let left = matrix[row * n + column] - known;
            lower[row * n + column] =
                if row == column { left.max(1e-12).sqrt() } else { left / lower[column * n + column] };
        }
    }
    let mut inverted = vec![0.0; n * n];
    let mut solved = vec![0.0; n];
    for unit in 0..n {
        for row in 0..n {
            let known: f64 = (0..row).map(|k| lower[row * n + k] * solved[k]).sum();
            solved[row] = (f64::from(u8::from(row == unit)) - known) / lower[row * n + row];
        }
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|k| lower[k * n + row] * solved[k]).sum();
            solved[row] = (solved[row] - known) / lower[row * n + row];
        }
        for row in 0..n {
            inverted[row * n + unit] = solved[row];
        }
    }
    inverted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_unknowns_by_hand() {
        // x = 1 with weight 1, x + y = 3 with weight 1, no prior to speak of: x = 1, y = 2.
        let mut equations = NormalEquations::new(&[1e-9, 1e-9]);
        equations.add(&[(0, 1.0)], 1.0, 1.0);
        equations.add(&[(0, 1.0), (1, 1.0)], 3.0, 1.0);
        let solution = equations.solve();
        assert!((solution.values[0] - 1.0).abs() < 1e-6 && (solution.values[1] - 2.0).abs() < 1e-6);
        // The matrix is [[2, 1], [1, 1]], its inverse [[1, -1], [-1, 2]].
        assert!((solution.covariance[3] - 2.0).abs() < 1e-6 && solution.misfit < 1e-6);
    }
}
