//! The flow is in order: what a step reads, an earlier one has written, and no two write the same.

use crowsnest_run::{FLOW, Step};

use crate::expect_none;

fn check(flow: &[&Step], tables: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut written: Vec<(&str, &str)> = Vec::new();
    for step in flow {
        for table in step.reads.iter().chain(step.writes) {
            if !tables.contains(table) {
                faults.push(format!("step {} names {table}, which is no table of the lake", step.name));
            }
        }
        for table in step.reads {
            if !written.iter().any(|(had, _)| had == table) {
                faults.push(format!("step {} reads {table}, which no earlier step writes", step.name));
            }
        }
        for table in step.writes {
            if let Some((_, other)) = written.iter().find(|(had, _)| had == table) {
                faults.push(format!("steps {other} and {} both write {table}", step.name));
            }
            written.push((table, step.name));
        }
    }
    faults
}

#[test]
fn the_flow_is_in_order() {
    let tables: Vec<&str> = crowsnest_model::TABLES.iter().map(|table| table.name).collect();
    assert!(!FLOW.is_empty());
    expect_none(check(FLOW, &tables), "put the step where its tables are there, or write another table");
}

#[test]
fn each_of_these_rules_can_be_broken() {
    static FIRST: Step = Step { name: "first", doc: "", reads: &["claims"], writes: &["claims"] };
    static SECOND: Step = Step { name: "second", doc: "", reads: &[], writes: &["claims", "guesses"] };
    let faults = check(&[&FIRST, &SECOND], &["claims"]);
    assert_eq!(
        faults,
        [
            "step first reads claims, which no earlier step writes",
            "step second names guesses, which is no table of the lake",
            "steps first and second both write claims",
        ]
    );
}
