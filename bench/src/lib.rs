//! What the benchmark's binaries share: a market that never was, and sums to compare answers by.
//!
//! In: a number of rows and a seed. Out: the rows of a claims file ([`market`]), the same for everybody who asks with the
//! same two numbers. Invariants: nothing here reads a clock, a network or the machine's randomness.
//!
//! The measuring itself is `run.py`; it calls `generate`, `questions` and the `crowsnest` command as children.

pub mod grown;
pub mod market;
pub mod names;
pub mod noisy;
pub mod random;
