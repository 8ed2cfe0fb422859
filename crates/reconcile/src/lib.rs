//! Reconcile: many claims → one figure.
//!
//! In: `claims`, through the lake's views, with the entity of each mention. Out: the table `figures`, which no other step
//! writes: for each entity, metric, period and dimensions a value with its interval and the claims that it rests on.
//!
//! How: words of sources become panels of logarithms ([`panels`]); where sources overlap, their biases, drifts and breaks follow
//! from least squares (`bias`), and who repeats whom (`copies`); a smoother over time weighs what is said by how loud each
//! source is (`fit`, `noise`, `smoother`). [`evaluate`] holds figures against a known truth or against hidden claims.
//!
//! Invariants: a figure names its claims; a claim is never changed; periods of different grain and units are never mixed; the
//! interval covers as often as it says, and an evaluation shows it; the same claims give the same figures.
//!
//! Deliberately absent: a prior by the name of a source. What is known of a source is learnt from its claims.
//!
//! To add a thing that sources do wrong: what is learnt of it in a file of its own, one line in `fit`, and a world in [`worlds`]
//! that shows it.

mod adding_up;
mod anchor;
mod bias;
mod charts;
mod copies;
mod derived;
mod error;
pub mod evaluate;
mod figures;
pub mod fit;
mod folder;
mod growth;
mod held;
mod hidden;
mod lags;
mod learning;
mod loading;
mod noise;
mod normal_equations;
mod numbered;
mod outline;
mod overlaps;
pub mod panel;
pub mod panels;
mod rank_figures;
pub mod rank_volume;
mod request;
mod revisions;
mod robust;
mod smoother;
mod step;
mod tails;
mod voices;
pub mod worlds;
mod worth;

pub use bias::{Biases, Jump};
pub use copies::Copying;
pub use error::ReconcileError;
pub use request::{MetricReconciled, ReconcileRequest, Reconciled};
pub use revisions::{Revision, revisions};
pub use step::{STEP, reconcile, worth};
pub use tails::Tails;
pub use worth::Worth;
