//! Deliveries: messages that wait in the outbox of `state.db`, sent to the channels of `alerts.toml`.
//!
//! In: what rules and digests found. Out: mail, webhooks and the messages of chats, and a log of how each went. Besides the login by a
//! provider, this is the one place of this crate that connects outward, and never because a visitor asks: only for channels that the
//! market's own file names; beside them, the traces of the process go to the collector that its environment names ([`Traces`],
//! decision 33). Invariants (decision 20):
//! - no connection to addresses that are not the public network's, unless the channel's `allow_private` says so; checked on
//!   the very address that is connected to; no redirect is followed;
//! - HTTPS, STARTTLS or TLS, but for addresses that `allow_private` opens (HTTP) or this machine's own (mail);
//! - a message and an answer have a size limit, and each try a time limit;
//! - secrets are put in when a message is sent; no log, state or page holds one;
//! - what rests on sources that may not be passed on stays out, and the message says so;
//! - an event goes into one delivery a channel, and a delivery is sent until its receiver takes it, under the same id each
//!   time: a crash between sending and noting repeats that one at most.
//!
//! To add a form of channel: a file here with its options and how it writes a message, and a line in [`channel::FORMS`].

pub(crate) mod body;
pub(crate) mod channel;
mod dingtalk;
mod email;
mod feishu;
mod file;
mod ntfy;
pub(crate) mod outbox;
mod schedule;
mod signing;
mod slack;
mod telegram;
mod traces;
mod web;
mod webhook;
mod wecom;

pub use channel::check_channels;
pub use outbox::{Raised, Sent, raise_alerts, send_due, test_channel};
pub(crate) use schedule::keep_delivering;
pub use schedule::tell_due_digests;
pub use traces::Traces;
