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
        let slope = |place: usize, score: f64| {
            let chance = probability(score);
            (chance - f64::from(u8::from(targets[place])), chance * (1.0 - chance))
        };
        Self::fit_to(columns, rows, (share / (1.0 - share)).ln(), &slope, settings, seed)
    }

    /// Fits trees to a number for each of `rows`, by least squares.
    pub fn fit_numbers(columns: &[Arc<Binned>], rows: &[u32], numbers: &[f32], settings: &Settings, seed: u64) -> Self {
        let sum: f64 = numbers.iter().map(|number| f64::from(*number)).sum();
        let slope = |place: usize, score: f64| (score - f64::from(numbers[place]), 1.0);
        Self::fit_to(columns, rows, sum / numbers.len().max(1) as f64, &slope, settings, seed)
    }

    /// Fits trees, each to the slopes of the loss and their own slopes at what those before it say.
    fn fit_to(
        columns: &[Arc<Binned>],
        rows: &[u32],
        start: f64,
        slope: &dyn Fn(usize, f64) -> (f64, f64),
        settings: &Settings,
        seed: u64,
    ) -> Self {
        let mut scores = vec![start; rows.len()];
        let mut slopes = vec![(0.0, 0.0); rows.len()];
        let mut random = Random::new(seed);
        let n_columns =
            ((columns.len() as f64 * settings.column_share).round() as usize).clamp(1, columns.len().max(1));
        let n_rows = ((rows.len() as f64 * settings.row_share).round() as usize).max(1);
        let mut trees = Vec::with_capacity(settings.n_trees);
        for _ in 0..settings.n_trees {
            slopes.iter_mut().zip(&scores).enumerate().for_each(|(place, (own, score))| *own = slope(place, *score));
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

    /// Adds the log-odds of the first rows to `scores`, one row a score: tree by tree, which is several times faster than row
    /// by row.
    pub fn add_log_odds(&self, columns: &[Arc<Binned>], scores: &mut [f64]) {
        scores.iter_mut().for_each(|score| *score += self.start);
        self.trees.iter().for_each(|tree| tree.add_values(columns, scores));
    }

    /// The trees as plain numbers, to be kept.
    pub fn write(&self, numbers: &mut Vec<f64>) {
        numbers.extend([self.start, self.trees.len() as f64]);
        self.trees.iter().for_each(|tree| tree.write(numbers));
    }

    /// Trees of numbers as [`Booster::write`] gave them, over so many columns; `None` where they are none.
    pub fn read(numbers: &mut impl Iterator<Item = f64>, n_columns: usize) -> Option<Self> {
        let start = numbers.next()?;
        let n_trees = numbers.next().filter(|n| (0.0..=1e6).contains(n))? as usize;
        let trees: Option<Vec<Tree>> = (0..n_trees).map(|_| Tree::read(numbers, n_columns)).collect();
        Some(Self { start, trees: trees? })
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
    fn numbers_are_fitted_by_least_squares() {
        // A step of 3 at 0.5 of the first column; the second says nothing.
        let first: Vec<f32> = (0..2000).map(|row| (row % 100) as f32 / 100.0).collect();
        let second: Vec<f32> = (0..2000).map(|row| (row % 7) as f32).collect();
        let targets: Vec<f32> = first.iter().map(|value| if *value < 0.5 { 1.0 } else { 4.0 }).collect();
        let columns = [first, second].map(|values| Arc::new(Binned::new(&values)));
        let rows: Vec<u32> = (0..2000).collect();
        let booster = Booster::fit_numbers(&columns, &rows, &targets, &SETTINGS, 1);
        let apart = (0..2000).map(|row| (booster.log_odds(&columns, row) - f64::from(targets[row])).abs());
        assert!(apart.fold(0.0, f64::max) < 0.05);
    }

    #[test]
    fn the_same_seed_gives_the_same_trees_and_parts_add_up() {
        let points = points();
        let fit = |seed| Booster::fit(&points.columns, &points.rows, &points.targets, &SETTINGS, seed);
        let (one, same, other) = (fit(1), fit(1), fit(2));
        let at = |booster: &Booster, row| booster.log_odds(&points.columns, row);
        assert!((0..50).all(|row| at(&one, row) == at(&same, row)));
        assert!((0..50).any(|row| at(&one, row) != at(&other, row)));
        let mut numbers = Vec::new();
        one.write(&mut numbers);
        let again = Booster::read(&mut numbers.iter().copied(), points.columns.len()).unwrap();
        assert!((0..50).all(|row| at(&one, row) == at(&again, row)));
        assert!(Booster::read(&mut numbers[..40].iter().copied(), points.columns.len()).is_none());
        assert!(Booster::read(&mut numbers.iter().copied(), 1).is_none(), "a column that is not there");
        let mut scores = vec![0.0; 50];
        one.add_log_odds(&points.columns, &mut scores);
        assert!((0..50).all(|row| (scores[row] - at(&one, row)).abs() < 1e-12));
        let mut parts = vec![0.0; points.columns.len()];
        one.add_parts(&points.columns, 3, &mut parts);
        let beginnings: f64 = one.trees.iter().map(Tree::beginning).sum();
        assert!((one.start + beginnings + parts.iter().sum::<f64>() - at(&one, 3)).abs() < 1e-9);
    }
}
