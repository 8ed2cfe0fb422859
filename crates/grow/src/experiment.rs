//! Experiments: how large, who gets what, whether it went as drawn, what it says.
//!
//! In: numbers or a table of units. Out: sizes and power (`size`), assignment by hash and its check (`assignment`), differences
//! with intervals (`compare`), tests that may be looked at at any time (`sequential`), several metrics at once (`discovery`),
//! regions against a made-up twin (`geo`), and the read-out of a whole table (`readout`).
//!
//! Invariants: the same unit always gets the same variant; an interval that may be looked at any time is never narrower than one
//! that may be looked at once; figures equal those of statsmodels on the same numbers (tests hold them).

pub mod assignment;
pub mod compare;
pub mod discovery;
pub mod geo;
pub mod readout;
pub mod sequential;
pub mod size;
