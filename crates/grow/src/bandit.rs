//! Bandits: day-to-day traffic goes where it brings most, while what is not known yet is still tried.
//!
//! In: arms, rewards as they come, late or not. Out: for each visitor an arm and the probability that it was given with
//! ([`policy`]); and from such a log, what any other way of choosing would have brought ([`judgement`]). Bandits of a market are
//! files ([`file`]) that a server answers for ([`served`]) by what their log says ([`live`]); [`evaluation`] judges other shares on
//! that log.
//!
//! Invariants: every logged probability is exactly the one that was drawn with, and never below the floor while an arm is on;
//! a reward counts once, for the choice that it belongs to.

pub mod evaluation;
pub mod file;
pub mod judgement;
pub mod live;
pub mod policy;
pub mod report;
pub mod served;
