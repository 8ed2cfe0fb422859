//! Detect: figures → signals. Nothing lives here yet.
//!
//! What will: breakouts (the probability that a product multiplies within a horizon, calibrated), change points,
//! anomalies, forecasts, and the backtests that show how often each was right.
//!
//! In: the table `figures`. Out: the table `signals`, which no other step writes. One file per idea (`breakout.rs`,
//! `change_point.rs`, …), one line each in the list of detectors.
//!
//! Invariants to keep: a signal uses only what was known at its time; a jump of the whole market, or of one source, is
//! not a product's breakout; probabilities are calibrated on past periods that were not looked at while fitting.
