//! Trees as text, so that what was learnt can be kept in a file and read in an instant.
//!
//! The numbers of [`Booster::write`], a line for each tree: its nodes, each as `column bin missing left right value` or, for a
//! leaf, its value, joined by `;`. Values have six digits.

use std::fmt::Write as _;

use super::Booster;
use super::tree::NONE;

/// Numbers of a node: column, bin, missing, left, right, value.
const OF_NODE: usize = 6;

impl Booster {
    /// The trees as lines; the first is what is said before any tree.
    pub fn to_text(&self) -> String {
        let mut text = format!("{:.6}", self.start);
        for tree in &self.trees {
            let mut numbers = Vec::new();
            tree.write(&mut numbers);
            let mut separator = '\n';
            for node in numbers.get(1..).unwrap_or_default().chunks_exact(OF_NODE) {
                let [column, bin, missing, left, right, value] = node else { continue };
                // Writing to a text cannot fail.
                let _ = if *left == f64::from(NONE) {
                    write!(text, "{separator}{value:.6}")
                } else {
                    write!(text, "{separator}{column} {bin} {missing} {left} {right} {value:.6}")
                };
                separator = ';';
            }
        }
        text.push('\n');
        text
    }

    /// Reads what [`Booster::to_text`] wrote; `None` where that is no such text, or asks of other columns than there are.
    pub fn parse(text: &str, n_columns: usize) -> Option<Self> {
        let mut lines = text.lines();
        let mut numbers: Vec<f64> = vec![lines.next()?.parse().ok()?, lines.clone().count() as f64];
        for line in lines {
            numbers.push(line.split(';').count() as f64);
            for node in line.split(';') {
                let of_node: Vec<f64> = node.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
                match of_node[..] {
                    [value] => numbers.extend([0.0, 0.0, 0.0, f64::from(NONE), f64::from(NONE), value]),
                    [_, _, _, _, _, _] => numbers.extend(of_node),
                    _ => return None,
                }
            }
        }
        Self::read(&mut numbers.into_iter(), n_columns)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::boosting::{Binned, Booster, Settings};

    #[test]
    fn what_is_written_is_read_and_what_is_broken_is_not() {
        let settings = Settings {
            n_trees: 20,
            learning_rate: 0.1,
            n_leaves_max: 6,
            rows_of_leaf_min: 1,
            weight_of_leaf_min: 1e-3,
            l2: 1.0,
            column_share: 1.0,
            row_share: 1.0,
        };
        let values: Vec<f32> = (0..60).map(|n| if n % 7 == 0 { f32::NAN } else { n as f32 }).collect();
        let columns = vec![Arc::new(Binned::new(&values))];
        let rows: Vec<u32> = (0..60).collect();
        let targets: Vec<bool> = (0..60).map(|n| n % 3 == 0 || n > 40).collect();
        let booster = Booster::fit(&columns, &rows, &targets, &settings, 1);
        let text = booster.to_text();
        let read = Booster::parse(&text, 1).unwrap();
        assert!((0..60).all(|row| (read.log_odds(&columns, row) - booster.log_odds(&columns, row)).abs() < 1e-4));
        assert_eq!(read.to_text(), text);
        for broken in
            ["", "x", "0.5\n1 2 3", "0.5\n3 1 0 1 2 0.1;0.1;0.2", "0.5\n0 1 0 0 0 0.1", "0.5\n0 1 0 7 8 0.1;0.1;0.1"]
        {
            assert!(Booster::parse(broken, 1).is_none(), "{broken:?}");
        }
        let bins = Binned::of_bounds(columns[0].bounds().to_vec());
        assert!(
            (0..60)
                .all(|row| booster.log_odds(&[Arc::new(bins.with(&values))], row) == booster.log_odds(&columns, row))
        );
    }
}
