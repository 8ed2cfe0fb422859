//! What the outcome would be without any channel: columns of numbers, period by period, and how far their coefficients may go.
//!
//! Level, slope, bends of the trend at knots, waves of the year (Fourier), days of the week where periods are days, controls,
//! events, and what came over from before the first period. Coefficients are normal with variances that are fixed or follow how freely trend and season move.

use crate::history::{History, Named};
use crate::settings::ModelSettings;

/// Columns and what follows from them alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Background {
    pub(crate) n_columns: usize,
    /// Row after row, as they are.
    pub(crate) rows: Vec<f64>,
    /// Row after row, weighted and without echo: what is fitted.
    fitted: Vec<f64>,
    /// Sums of products of the fitted columns.
    pub(crate) products: Vec<f64>,
    /// Spread of each coefficient, times its freedom where it has one.
    scales: Vec<f64>,
    /// 0 for bends of the trend, 1 for waves of the year.
    pub(crate) freedoms: Vec<Option<usize>>,
    /// What each column belongs to: base, trend, season, a control's or an event's name.
    pub(crate) parts: Vec<String>,
}

/// Parts that are there always.
pub(crate) const BASE: &str = "base";
pub(crate) const TREND: &str = "trend";
pub(crate) const SEASON: &str = "season";

struct Columns {
    columns: Vec<Vec<f64>>,
    scales: Vec<f64>,
    freedoms: Vec<Option<usize>>,
    parts: Vec<String>,
}

impl Columns {
    fn add(&mut self, part: &str, scale: f64, freedom: Option<usize>, values: Vec<f64>) {
        self.columns.push(values);
        self.scales.push(scale);
        self.freedoms.push(freedom);
        self.parts.push(part.to_owned());
    }
}

impl Background {
    /// The columns of a group's history; `n_more` periods can be had later from [`Background::future`].
    pub(crate) fn of(history: &History, group: usize, settings: &ModelSettings, weights: &[f64]) -> Self {
        let n = history.periods.len();
        let columns = columns_of(history, group, settings, n);
        let n_columns = columns.columns.len();
        let mut rows = Vec::with_capacity(n * n_columns);
        for at in 0..n {
            rows.extend(columns.columns.iter().map(|column| column[at]));
        }
        let mut made = Self {
            n_columns,
            rows,
            fitted: Vec::new(),
            products: Vec::new(),
            scales: columns.scales,
            freedoms: columns.freedoms,
            parts: columns.parts,
        };
        made.take_out_echo(0.0, weights);
        made
    }

    /// Fits weighted rows less `echo` times the row before.
    pub(crate) fn take_out_echo(&mut self, echo: f64, weights: &[f64]) {
        let n = self.n_columns;
        self.fitted = vec![0.0; self.rows.len()];
        for (at, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let echo = if at > 0 && weights[at - 1] > 0.0 { echo } else { 0.0 };
            for column in 0..n {
                let before = if at > 0 { self.rows[(at - 1) * n + column] } else { 0.0 };
                self.fitted[at * n + column] = weight * (self.rows[at * n + column] - echo * before);
            }
        }
        self.products = vec![0.0; n * n];
        for row in self.fitted.chunks(n.max(1)) {
            for (left, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                self.products[left * n..(left + 1) * n]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, right)| *sum += value * right);
            }
        }
    }

    /// The variance of each coefficient, given how freely trend and season move.
    pub(crate) fn variances(&self, freedoms: [f64; 2]) -> Vec<f64> {
        self.scales
            .iter()
            .zip(&self.freedoms)
            .map(|(scale, freedom)| (scale * freedom.map_or(1.0, |at| freedoms[at])).powi(2).max(1e-14))
            .collect()
    }

    /// The sums of products of the fitted columns with numbers of each period.
    pub(crate) fn project(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_columns];
        for (row, value) in self.fitted.chunks(self.n_columns.max(1)).zip(values) {
            sums.iter_mut().zip(row).for_each(|(sum, own)| *sum += own * value);
        }
        sums
    }

    /// What the fitted columns leave of numbers of each period.
    pub(crate) fn residual(&self, values: &[f64], coefficients: &[f64]) -> Vec<f64> {
        self.fitted
            .chunks(self.n_columns.max(1))
            .zip(values)
            .map(|(row, value)| value - crowsnest_learn::positive::dot(row, coefficients))
            .collect()
    }

    /// Each period's sum of the columns of one part, or of all of them.
    pub(crate) fn part(&self, coefficients: &[f64], part: Option<&str>) -> Vec<f64> {
        let n = self.n_columns.max(1);
        self.rows
            .chunks(n)
            .map(|row| {
                (0..row.len())
                    .filter(|at| part.is_none_or(|part| self.parts[*at] == part))
                    .map(|at| row[at] * coefficients[at])
                    .sum()
            })
            .collect()
    }
}

fn columns_of(history: &History, at: usize, settings: &ModelSettings, n: usize) -> Columns {
    let group = &history.groups[at];
    let mut made = Columns { columns: Vec::new(), scales: Vec::new(), freedoms: Vec::new(), parts: Vec::new() };
    let over = |at: usize| at as f64 / (n.max(2) - 1) as f64;
    made.add(BASE, 10.0, None, vec![1.0; n]);
    if settings.trend {
        made.add(TREND, 1.5, None, (0..n).map(|at| over(at) - 0.5).collect());
        let n_knots = (n as f64 / history.periods_per_year * 3.0).round().clamp(2.0, 25.0) as usize;
        for knot in 1..=n_knots {
            let from = knot as f64 / (n_knots + 1) as f64;
            let values = (0..n).map(|at| (over(at) - from).max(0.0)).collect();
            made.add(TREND, 6.0, Some(0), values);
        }
    }
    let n_waves = if (n as f64) < history.periods_per_year { settings.n_waves.min(1) } else { settings.n_waves };
    for wave in 1..=n_waves {
        let scale = 1.0 / (1.0 + (wave as f64 - 1.0) / 3.0);
        let turn = |at: usize| {
            std::f64::consts::TAU * wave as f64 * (history.start_of_year + at as f64 / history.periods_per_year)
        };
        if wave as f64 * 2.0 <= history.periods_per_year {
            made.add(SEASON, scale, Some(1), (0..n).map(|at| turn(at).sin()).collect());
            made.add(SEASON, scale, Some(1), (0..n).map(|at| turn(at).cos()).collect());
        }
    }
    if history.periods_per_year > 300.0 {
        for weekday in 0..6 {
            made.add(SEASON, 1.0, None, (0..n).map(|at| f64::from(u8::from(at % 7 == weekday))).collect());
        }
    }
    // What was carried over from before the first period, by channels that are not observed there.
    made.add(BASE, 0.5, None, (0..n).map(|at| (-(at as f64) / 2.5).exp()).collect());
    for control in &group.controls {
        if let Some(values) = standardised(control) {
            made.add(&control.name, 1.0, None, values);
        }
    }
    for event in &group.events {
        made.add(&event.name, 2.0, None, event.values.clone());
    }
    made
}

/// Less the mean, by the spread; nothing where all are alike.
fn standardised(control: &Named) -> Option<Vec<f64>> {
    let n = control.values.len() as f64;
    let mean = control.values.iter().sum::<f64>() / n;
    let spread = (control.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    (spread > 1e-12 * (1.0 + mean.abs())).then(|| control.values.iter().map(|value| (value - mean) / spread).collect())
}
