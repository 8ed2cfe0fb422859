//! From blocks to rows, and from rows to claims and events: pure, no files, no clock.
//!
//! Every format gives the same [`Row`]: its number in the document and its fields as text. `claims` and `events` turn
//! a row into Arrow columns or say what is wrong with it ([`Fault`]).

pub(crate) mod claims;
pub(crate) mod columns;
pub(crate) mod constants;
pub(crate) mod delimited;
pub(crate) mod events;
pub(crate) mod json;
pub(crate) mod memo;
pub(crate) mod mentions;
pub(crate) mod row;
pub(crate) mod said;
mod short_text;

pub(crate) use row::{Fault, Item, Row};
