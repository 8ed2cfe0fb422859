//! Grow: signals and own results → plans. Nothing lives here yet.
//!
//! What will: response curves of channels (carry-over and saturation) with their uncertainty, the allocation of a budget
//! over products and channels, bandits for what can be tried quickly, and the read-out of experiments.
//!
//! In: the tables `figures` and `signals`. Out: the table `plans`, which no other step writes.
//!
//! Invariants to keep: a plan tells its expected effect with an interval; an experiment that was run outweighs a curve
//! that was fitted; nothing is spent by this crate: it only says where to.
