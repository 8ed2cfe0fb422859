//! Learn: the mathematics that several steps learn with. Numbers in, numbers out.
//!
//! In: columns of numbers and what they turned out to be. Out: fitted models, probabilities, and how good both are.
//! Invariants: no I/O, no clock, no tables, no words of the market; the same numbers and seed give the same result on every
//! machine.
//!
//! It exists because steps know nothing of each other (decision 15): what two of them need is here. To add a method: one
//! file, with its source, and a test that holds it to a kept peer or a case worked by hand.

pub mod boosting;
pub mod calibration;
pub mod descent;
pub mod distributions;
pub mod positive;
pub mod random;
pub mod sampling;
