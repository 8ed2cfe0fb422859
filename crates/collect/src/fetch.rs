//! Fetching over HTTP, so that nothing that is fetched can do harm: addresses, redirects, sizes, times, packing.
//!
//! In: one [`HttpRequest`]. Out: its [`Answer`], or why there is none and whether trying again may help. Invariants:
//! - no connection to loopback, link-local, private and other addresses that are not the public network's, unless the
//!   source's file allows it; checked for every hop of a redirect, and on the very addresses that are connected to;
//! - no more bytes than the limit are held, packed or unpacked, and no longer than the limit is waited;
//! - secrets are put in here and nowhere else; no message, log line or stored address holds one;
//! - a header that shows who one is does not follow a redirect to another host.
//!
//! To add a rule for addresses: a line in `fetch/addresses.rs`.

mod addresses;
mod client;
mod masking;
mod pace;
mod robots;
mod sql;
mod tokens;
mod unpack;

pub use addresses::PublicOnly;
pub(crate) use client::{Answer, FetchError, Fetcher, Limits};
pub use masking::Secrets;
pub(crate) use sql::{Question, SQL_ROWS_MAX, rows_of_query};
