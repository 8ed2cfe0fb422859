//! Symmetric positive definite matrices: factor, solve, inverse, determinant. Dense, row by row, for up to some hundred rows.
//!
//! Source: the Cholesky factorisation as in G. H. Golub, C. F. Van Loan, *Matrix computations* (4th ed., 2013), 4.2.

/// The lower triangle L of A = L Lᵀ.
#[derive(Debug, Clone)]
pub struct Cholesky {
    n: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors a matrix of `n` × `n` numbers, row by row; `None` if it is not positive definite.
    pub fn of(matrix: &[f64], n: usize) -> Option<Self> {
        let mut lower = matrix.to_vec();
        for row in 0..n {
            for column in 0..=row {
                let (before, of_row) = lower.split_at(row * n);
                let other = if column == row { &of_row[..column] } else { &before[column * n..column * n + column] };
                let sum = of_row[column] - dot(&of_row[..column], other);
                if column == row {
                    if sum <= 0.0 || !sum.is_finite() {
                        return None;
                    }
                    lower[row * n + row] = sum.sqrt();
                } else {
                    lower[row * n + column] = sum / before[column * n + column];
                }
            }
        }
        Some(Self { n, lower })
    }

    /// Factors a matrix after adding to its diagonal as little as makes it positive definite.
    pub fn of_nearly(matrix: &[f64], n: usize) -> Option<Self> {
        let largest = (0..n).map(|at| matrix[at * n + at].abs()).fold(0.0, f64::max).max(1e-12);
        let mut added = 0.0;
        for _ in 0..40 {
            let mut moved = matrix.to_vec();
            (0..n).for_each(|at| moved[at * n + at] += added);
            if let Some(factor) = Self::of(&moved, n) {
                return Some(factor);
            }
            added = if added == 0.0 { largest * 1e-10 } else { added * 4.0 };
        }
        None
    }

    /// ln |A|.
    pub fn log_determinant(&self) -> f64 {
        (0..self.n).map(|at| 2.0 * self.lower[at * self.n + at].ln()).sum()
    }

    /// x with A x = b, in place.
    pub fn solve(&self, b: &mut [f64]) {
        self.solve_lower(b);
        self.solve_upper(b);
    }

    /// x with L x = b, in place.
    pub fn solve_lower(&self, b: &mut [f64]) {
        let n = self.n;
        for row in 0..n {
            let sum = b[row] - dot(&self.lower[row * n..row * n + row], &b[..row]);
            b[row] = sum / self.lower[row * n + row];
        }
    }

    /// x with Lᵀ x = b, in place.
    pub fn solve_upper(&self, b: &mut [f64]) {
        let n = self.n;
        for row in (0..n).rev() {
            b[row] /= self.lower[row * n + row];
            let value = b[row];
            for (column, of_column) in b[..row].iter_mut().enumerate() {
                *of_column -= self.lower[row * n + column] * value;
            }
        }
    }

    /// L z.
    pub fn times(&self, z: &[f64]) -> Vec<f64> {
        (0..self.n).map(|row| dot(&self.lower[row * self.n..row * self.n + row + 1], &z[..=row])).collect()
    }

    /// Lᵀ z.
    pub fn times_upper(&self, z: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.n];
        for (row, value) in z.iter().enumerate().take(self.n) {
            for (column, of_column) in product.iter_mut().enumerate().take(row + 1) {
                *of_column += self.lower[row * self.n + column] * value;
            }
        }
        product
    }

    /// The diagonal of A⁻¹.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.n;
        let mut diagonal = vec![0.0; n];
        let mut column = vec![0.0; n];
        for at in 0..n {
            column[at..].fill(0.0);
            column[at] = 1.0 / self.lower[at * n + at];
            for row in at + 1..n {
                let sum = dot(&self.lower[row * n + at..row * n + row], &column[at..row]);
                column[row] = -sum / self.lower[row * n + row];
            }
            diagonal[at] = column[at..].iter().map(|own| own * own).sum();
        }
        diagonal
    }

    /// A⁻¹, row by row.
    pub fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let mut inverse = vec![0.0; n * n];
        for at in 0..n {
            let row = &mut inverse[at * n..(at + 1) * n];
            row[at] = 1.0;
            self.solve(row);
        }
        inverse
    }
}

/// The sum of products.
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (mut lefts, mut rights) = (left.chunks_exact(4), right.chunks_exact(4));
    for (left, right) in lefts.by_ref().zip(rights.by_ref()) {
        for at in 0..4 {
            sums[at] += left[at] * right[at];
        }
    }
    let rest: f64 = lefts.remainder().iter().zip(rights.remainder()).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_worked_by_hand() {
        // A = [[4, 2], [2, 3]]: L = [[2, 0], [1, √2]], |A| = 8, A⁻¹ = [[3, -2], [-2, 4]] / 8.
        let factor = Cholesky::of(&[4.0, 2.0, 2.0, 3.0], 2).unwrap();
        assert!((factor.log_determinant() - 8.0_f64.ln()).abs() < 1e-12);
        let mut x = [2.0, 1.0];
        factor.solve(&mut x);
        assert!((x[0] - 0.5).abs() < 1e-12 && x[1].abs() < 1e-12, "{x:?}");
        let diagonal = factor.inverse_diagonal();
        assert!((diagonal[0] - 0.375).abs() < 1e-12 && (diagonal[1] - 0.5).abs() < 1e-12, "{diagonal:?}");
        assert!((factor.inverse()[1] + 0.25).abs() < 1e-12);
        assert_eq!(factor.times(&[1.0, 0.0]), [2.0, 1.0]);
        assert!(Cholesky::of(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::of_nearly(&[1.0, 1.0, 1.0, 1.0], 2).is_some());
    }
}
