//! Collecting from a server that this test plays, from databases that it starts and from tables that others write: what
//! comes in, what does not, what is left after a fault, and what goes when its time is over.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "collecting/budgets.rs"]
mod budgets;
#[path = "collecting/database_servers.rs"]
mod database_servers;
#[path = "collecting/databases.rs"]
mod databases;
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
#[path = "collecting/retention.rs"]
mod retention;
#[path = "collecting/server.rs"]
mod server;
#[path = "collecting/tables.rs"]
mod tables;
