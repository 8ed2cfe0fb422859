//! Collecting from a server that this test plays: what comes in, what does not, and what is left after a fault.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "collecting/budgets.rs"]
mod budgets;
#[path = "collecting/exactly_once.rs"]
mod exactly_once;
#[path = "collecting/fetching.rs"]
mod fetching;
#[path = "collecting/hostile.rs"]
mod hostile;
#[path = "collecting/market.rs"]
mod market;
#[path = "collecting/quarantine.rs"]
mod quarantine;
#[path = "collecting/server.rs"]
mod server;
