//! Reconcile: many claims → one figure. Nothing lives here yet.
//!
//! What will: for each entity, metric, period and dimensions one reconciled value with an interval and the claims that
//! it rests on; each source's bias and noise, where sources overlap; breaks, where a source changed how it counts; and
//! what a source is worth: what it tells that no other does, how early, how well.
//!
//! In: `claims`, `mentions`, `aliases`, through the lake's views. Out: the table `figures`, which no other step writes.
//!
//! Invariants to keep: a figure names its claims; a claim is never changed; periods of different grain are never mixed;
//! the interval covers as often as it says, and a backtest shows it.
