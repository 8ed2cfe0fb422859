//! The ways out for programs: the SQL port, the HTTP API and the agents' tools, over a small market with a source that may
//! not be passed on. What real clients make of them is checked by clients/checks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod agents;
mod api;
mod compare;
mod sql_port;
mod support;
mod users;
