//! The ways out for programs: the SQL port, the HTTP API and the agents' tools, over a small market with a source that may
//! not be passed on; and what is kept of plans, on their pages and over the API. What real clients make of them is checked by clients/checks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod agents;
mod api;
mod compare;
mod languages;
mod plans;
mod sql_port;
mod support;
mod users;
