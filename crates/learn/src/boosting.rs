//! Gradient boosting for yes or no: trees over binned numbers, each fitted to what those before it got wrong.
//!
//! Logistic loss with second derivatives, histograms, leaf-wise growth, L2 on leaves, rows and columns sampled by a seed,
//! missing values sent to the better side: as LightGBM does it (Ke et al., *LightGBM: a highly efficient gradient boosting
//! decision tree*, NeurIPS 2017). The same numbers and seed give the same trees on every machine. A test holds it to
//! LightGBM's own predictions; `bench/lightgbm_figures.py` makes those anew.
//!
//! Our own because the crates that are there are a release candidate (perpetual), without a clear licence (forust), old
//! (gbdt) or build C++ (lightgbm3).

mod bins;
mod text;
mod tree;

use std::sync::Arc;

pub use bins::Binned;
use tree::{Grower, Tree};

use crate::random::Random;

/// How trees are grown.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many, one after another.
    pub n_trees: usize,
    /// Share of each tree that is added, 0 to 1.
    pub learning_rate: f64,
    /// Leaves of a tree at most.
    pub n_leaves_max: usize,
    /// Rows in a leaf at least.
    pub rows_of_leaf_min: u32,
    /// Least sum of second derivatives in a leaf.
    pub weight_of_leaf_min: f64,
    /// Added to a leaf's second derivatives: what few rows say counts less.
    pub l2: f64,
    /// Share of the columns that a tree may use.
    pub column_share: f64,
    /// Share of the rows that a tree is fitted to.
    pub row_share: f64,
}

/// Trees that add up to log-odds.
#[derive(Debug, Clone)]
pub struct Booster {
    start: f64,
    trees: Vec<Tree>,
}

impl Booster {
    /// Fits trees to some rows of binned columns; `targets` says yes or no for each of `rows`.
    pub fn fit(columns: &[Arc<Binned>], rows: &[u32], targets: &[bool], settings: &Settings, seed: u64) -> Self {
        let n_yes = targets.iter().filter(|target| **target).count() as f64;
        let share = (n_yes / targets.len().max(1) as f64).clamp(1e-6, 1.0 - 1e-6);
        let start = (share / (1.0 - share)).ln();
        let mut scores = vec![start; rows.len()];
        let mut slopes = vec![(0.0, 0.0); rows.len()];
        let mut random = Random::new(seed);
        let n_columns =
            ((columns.len() as f64 * settings.column_share).round() as usize).clamp(1, columns.len().max(1));
        let n_rows = ((rows.len() as f64 * settings.row_share).round() as usize).max(1);
        let mut trees = Vec::with_capacity(settings.n_trees);
        for _ in 0..settings.n_trees {
            for ((slope, score), target) in slopes.iter_mut().zip(&scores).zip(targets) {
                let chance = probability(*score);
                *slope = (chance - f64::from(u8::from(*target)), chance * (1.0 - chance));
            }
            let used = random.choose(n_columns, columns.len());
            let places = random.choose(n_rows, rows.len());
            let tree = Grower::new(columns, &used, rows, &slopes, settings).grow(places);
            for (score, row) in scores.iter_mut().zip(rows) {
                *score += tree.value(columns, *row as usize);
            }
            trees.push(tree);
        }
        Self { start, trees }
    }

    /// The log-odds of a row.
    pub fn log_odds(&self, columns: &[Arc<Binned>], row: usize) -> f64 {
        self.start + self.trees.iter().map(|tree| tree.value(columns, row)).sum::<f64>()
    }

    /// Adds to `parts` what each column moved the log-odds of a row by, along the trees' paths (A. Saabas, *Interpreting
    /// random forests*, 2014).
    pub fn add_parts(&self, columns: &[Arc<Binned>], row: usize, parts: &mut [f64]) {
        for tree in &self.trees {
            tree.add_parts(columns, row, parts);
        }
    }
}

/// The probability of log-odds.
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        n_trees: 250,
        learning_rate: 0.05,
        n_leaves_max: 15,
        rows_of_leaf_min: 5,
        weight_of_leaf_min: 1e-3,
        l2: 1.0,
        column_share: 0.5,
        row_share: 0.8,
    };

    /// Points with their classes, and LightGBM's probabilities of those that were held out: `bench/lightgbm_figures.py`.
    const POINTS: &str = include_str!("../tests/cases/lightgbm_points.csv");

    struct Points {
        columns: Vec<Arc<Binned>>,
        rows: Vec<u32>,
        targets: Vec<bool>,
        held_out: Vec<(usize, f64)>,
    }

    fn points() -> Points {
        let mut values: Vec<Vec<f32>> = Vec::new();
        let (mut rows, mut targets, mut held_out) = (Vec::new(), Vec::new(), Vec::new());
        for (row, line) in POINTS.lines().skip(1).enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            let [numbers @ .., target, theirs] = cells.as_slice() else { panic!("{line}") };
            values.resize(numbers.len(), Vec::new());
            for (column, number) in values.iter_mut().zip(numbers) {
                column.push(number.parse().unwrap_or(f32::NAN));
            }
            match theirs.parse() {
                Ok(theirs) => held_out.push((row, theirs)),
                Err(_) => {
                    rows.push(row as u32);
                    targets.push(*target == "1");
                }
            }
        }
        let columns = values.iter().map(|values| Arc::new(Binned::new(values))).collect();
        Points { columns, rows, targets, held_out }
    }

    #[test]
    fn it_says_what_lightgbm_says() {
        let points = points();
        let whole = Settings { n_trees: 100, column_share: 1.0, row_share: 1.0, ..SETTINGS };
        // LightGBM guesses a leaf's rows from its weight: only the weight bounds leaves alike.
        let settings = Settings { rows_of_leaf_min: 1, weight_of_leaf_min: 1.0, ..whole };
        let booster = Booster::fit(&points.columns, &points.rows, &points.targets, &settings, 1);
        let apart = points
            .held_out
            .iter()
            .map(|(row, theirs)| (probability(booster.log_odds(&points.columns, *row)) - theirs).abs());
        let apart: Vec<f64> = apart.collect();
        let mean = apart.iter().sum::<f64>() / apart.len() as f64;
        assert!(apart.len() > 300 && mean < 0.01, "{mean} of {}", apart.len());
    }

    #[test]
    fn the_same_seed_gives_the_same_trees_and_parts_add_up() {
        let points = points();
        let fit = |seed| Booster::fit(&points.columns, &points.rows, &points.targets, &SETTINGS, seed);
        let (one, same, other) = (fit(1), fit(1), fit(2));
        let at = |booster: &Booster, row| booster.log_odds(&points.columns, row);
        assert!((0..50).all(|row| at(&one, row) == at(&same, row)));
        assert!((0..50).any(|row| at(&one, row) != at(&other, row)));
        let mut parts = vec![0.0; points.columns.len()];
        one.add_parts(&points.columns, 3, &mut parts);
        let beginnings: f64 = one.trees.iter().map(Tree::beginning).sum();
        assert!((one.start + beginnings + parts.iter().sum::<f64>() - at(&one, 3)).abs() < 1e-9);
    }
}
