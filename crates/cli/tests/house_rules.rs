//! The rules of the house, as tests: who may know whom, who may do what, how long things may get, and that the
//! reference pages say what the code does.
//!
//! Each rule is a function from what was read (sources, `cargo metadata`, the flow) to a list of faults. Beside the
//! test that runs it over the project stands one that feeds it a bad example: a rule that cannot fail is no rule.
//!
//! To add a rule: a file in `house_rules/`, a `mod` here. Lists of exceptions may only shrink.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot read the project should stop")]

#[path = "house_rules/budgets.rs"]
mod budgets;
#[path = "house_rules/connectors.rs"]
mod connectors;
#[path = "house_rules/dependencies.rs"]
mod dependencies;
#[path = "house_rules/flow.rs"]
mod flow;
#[path = "house_rules/licences.rs"]
mod licences;
#[path = "house_rules/methods.rs"]
mod methods;
#[path = "house_rules/names.rs"]
mod names;
#[path = "house_rules/reachable.rs"]
mod reachable;
#[path = "house_rules/reference.rs"]
mod reference;
#[path = "house_rules/shape.rs"]
mod shape;
#[path = "house_rules/sources.rs"]
mod sources;

/// Fails with all faults, one a line, and what to do about them.
fn expect_none(faults: Vec<String>, remedy: &str) {
    assert!(faults.is_empty(), "{} faults:\n  {}\nhint: {remedy}", faults.len(), faults.join("\n  "));
}
