//! Detect: figures → signals. Which products are about to break out, how sure that is, and how often it was right.
//!
//! In: the claims in force, as known at an origin, through one seam ([`lists`]). Out: backtests ([`backtesting`]), and the
//! table `signals` ([`step`]), which no other step writes.
//!
//! How it goes: a list's claims become a [`history`], that a [`panel`] of products and periods as known at an origin; what a
//! product ([`features`]) and its families ([`families`]) look like there ([`walk`]) goes into the model ([`breakout`], where
//! little is known [`prior`]); what came of
//! it ([`outcome`]) is learnt from and measured ([`measures`]), beside plain [`baselines`] ([`backtest`]). Of each series by
//! itself: [`change_point`], [`anomaly`], [`phase`], [`forecast`]; all of it becomes rows in [`detecting`].
//!
//! Invariants: a signal uses only what was known at its time; a jump of the whole market is no product's breakout;
//! probabilities are calibrated on outcomes that had settled, of origins that the model had not seen then.
//!
//! To add a number that breakouts are told by: a line in [`features::OWN`]. To add a baseline: one in
//! [`baselines::RANKINGS`]. To add a detector: a file with its arithmetic, and its rows in [`detecting`].

pub mod anomaly;
pub mod backtest;
pub mod backtesting;
pub mod baselines;
pub mod breakout;
pub mod change_point;
pub mod co_movement;
pub mod detecting;
pub mod diagrams;
mod error;
pub mod families;
pub mod features;
pub mod forecast;
pub mod forecaster;
pub mod history;
pub mod kept;
pub mod lists;
pub mod logistic;
pub mod look_alikes;
pub mod measures;
pub mod outcome;
pub mod panel;
pub mod phase;
pub mod prior;
pub mod reasons;
pub mod signals;
pub mod step;
pub mod walk;

pub use backtesting::{BacktestReport, BacktestRequest, OriginReport, backtest, keep};
pub use error::DetectError;
pub use step::{CallRequest, Called, DetectReport, STEP, call, detect};
