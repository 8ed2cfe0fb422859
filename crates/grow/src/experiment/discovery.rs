//! Several metrics at once: p-values adjusted so that few findings are false, or that none is.
//!
//! Y. Benjamini, Y. Hochberg, *Controlling the false discovery rate*, JRSS B 57 (1995); S. Holm, *A simple sequentially rejective
//! multiple test procedure* (1979); as `multipletests` of statsmodels with `fdr_bh` and `holm`.

/// p-values below 0.05 after this have at most one false finding in twenty (Benjamini and Hochberg).
pub fn false_discovery(p: &[f64]) -> Vec<f64> {
    let order = rising(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (rank, place) in order.iter().enumerate().rev() {
        least = least.min(p[*place] * p.len() as f64 / (rank + 1) as f64);
        adjusted[*place] = least;
    }
    adjusted
}

/// p-values below 0.05 after this have any false finding at most once in twenty times (Holm).
pub fn any_false(p: &[f64]) -> Vec<f64> {
    let order = rising(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut most = 0.0_f64;
    for (rank, place) in order.iter().enumerate() {
        most = most.max(p[*place] * (p.len() - rank) as f64).min(1.0);
        adjusted[*place] = most;
    }
    adjusted
}

fn rising(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|left, right| p[*left].total_cmp(&p[*right]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, and as statsmodels 0.15 gives them.
    #[test]
    fn four_metrics_worked_by_hand() {
        let p = [0.01, 0.04, 0.03, 0.005];
        let near = |found: Vec<f64>, wanted: [f64; 4]| {
            assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{found:?}");
        };
        near(false_discovery(&p), [0.02, 0.04, 0.04, 0.02]);
        near(any_false(&p), [0.03, 0.06, 0.06, 0.02]);
    }
}
