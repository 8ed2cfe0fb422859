//! What the step is asked for, and what it tells of what it did.

use serde::Serialize;

/// What is to be reconciled.
#[derive(Debug, Clone, Default)]
pub struct ReconcileRequest {
    /// Only this metric.
    pub metric: Option<String>,
    /// Only claims known by then, in microseconds since 1970-01-01 UTC.
    pub as_of: Option<i64>,
    /// Metrics on which nothing new is known too: for after names were brought together.
    pub is_whole: bool,
    /// The moment now, for figures that are made anew without new claims.
    pub now: i64,
}

/// What was done with one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MetricReconciled {
    /// The metric.
    pub metric: String,
    /// Claims in force.
    pub n_claims: usize,
    /// Those of them with values of zero or below, which are left out: they have no logarithm.
    pub n_not_positive: usize,
    /// Sources that they come from.
    pub n_sources: usize,
    /// Figures that were made.
    pub n_figures: usize,
    /// Figures that are new or have moved.
    pub n_added: usize,
    /// Figures that nothing in force tells of any more.
    pub n_withdrawn: usize,
    /// Whether only what new claims are about was looked at, with what had been learnt before.
    pub is_partial: bool,
    /// Breaks that were found, in words.
    pub breaks: Vec<String>,
    /// Sources that repeat others, in words.
    pub copies: Vec<String>,
    /// Sources whose values are those of an earlier period, in words.
    pub lags: Vec<String>,
    /// Whether official or confirmed claims fix the scale of all its figures.
    pub is_scale_pinned: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reconciled {
    /// By metric.
    pub metrics: Vec<MetricReconciled>,
    /// Metrics on which nothing new is known.
    pub n_skipped: usize,
    /// Figures that are new or have moved.
    pub n_added: usize,
    /// Figures that are as they were.
    pub n_unchanged: usize,
    /// Figures that nothing in force tells of any more.
    pub n_withdrawn: usize,
}
