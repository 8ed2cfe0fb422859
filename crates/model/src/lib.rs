//! The words of Crowsnest as types: numbers, periods, money, names, metrics, identifiers and table descriptions.
//!
//! Text and bytes flow in, typed words flow out. Everything that crosses from one crate to another is said in the
//! words of this one, so that a number, a month or a company name means the same wherever it is read.
//!
//! Invariants:
//! - no I/O: tables that ship with the crate (`data/`) are compiled in; nothing is read, written or fetched;
//! - no clock: whatever depends on today takes it as an argument ([`PeriodContext`]);
//! - no engine: [`tables`] describes the lake's tables without knowing Arrow or DataFusion;
//! - no panic on any input: what isn't a number, a period or a unit is an error that says why and what to do;
//! - identifiers ([`ids`]) are stable for ever: golden tests hold their values.
//!
//! Deliberately absent: judging whether two names are the same product (`identify`), converting between vintages
//! or sources (`reconcile`), and fetching exchange rates (`collect`).
//!
//! To add a metric: one block in `data/metrics.toml`. To add a way of writing a number: a word in
//! `quantity/words.rs` and a case in `tests/cases/quantities.toml`. To add a way of writing a period: a pattern in
//! `period/written.rs` and a case in `tests/cases/periods.toml`. To add a currency's sign or name: a row in
//! `currency.rs`. To add a table or a column: `tables.rs`, with a migration in `lake` and an ADR.
//!
//! ```
//! use crowsnest_model::{Bound, Period, PeriodContext, normalise, parse_quantity};
//!
//! let quantity = parse_quantity("超过7116萬").unwrap();
//! assert_eq!((quantity.value, quantity.bound), (71_160_000.0, Bound::AtLeast));
//!
//! let period = Period::parse_written("2024年第四季度", &PeriodContext::default()).unwrap();
//! assert_eq!(period.to_string(), "2024-Q4");
//!
//! assert_eq!(normalise("Kimi 智慧助手"), normalise("kimi智慧助手"));
//! ```
#![deny(missing_docs)]

mod calendar;
pub mod currency;
pub mod fx;
pub mod ids;
pub mod kind;
pub mod metric;
pub mod name;
pub mod period;
pub mod quantity;
pub mod status;
pub mod tables;
pub mod unit;
mod word;

pub use currency::Currency;
pub use fx::{FxError, FxRate, FxTable};
pub use ids::{ClaimKey, claim_ref, entity_id, event_id, mention_id, parse_claim_ref};
pub use kind::Kind;
pub use metric::{Metric, MetricError, MetricKind, MetricRegistry, OverTime};
pub use name::{
    Name, Script, initials_key, normalise, normalise_into, pinyin_key, script_of, search_key, split_legal_form,
    to_simplified, to_traditional,
};
pub use period::{Grain, Period, PeriodContext, PeriodError, day_to_string, parse_day, parse_said};
pub use quantity::{Bound, Quantity, QuantityError, find_quantities, parse_plain_number, parse_quantity};
pub use status::Status;
pub use tables::{Column, ColumnType, TABLES, Table};
pub use unit::Unit;
pub use word::UnknownWord;
