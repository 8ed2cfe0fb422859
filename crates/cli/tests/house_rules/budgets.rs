//! The four places where designs like this one rot, with a budget of lines for each.

use crate::expect_none;
use crate::sources;

/// What is watched, its files, and how many lines they may have together, tests not counted.
const BUDGETS: &[(&str, &[&str], usize)] = &[
    ("the list of commands", &["crates/cli/src/commands.rs"], 140),
    ("the wiring of the pages", &["crates/serve/src/router.rs", "crates/serve/src/routes.rs"], 200),
    ("the first page of the most used crate", &["crates/model/src/lib.rs"], 100),
];

/// Plans travel as SQL and function names. A codec of our own needs a decision first, and then a budget above.
const PLAN_CODEC: &[&str] = &["crates/lake/src/codec.rs", "crates/lake/src/plan_codec.rs"];

fn over(what: &str, n_lines: usize, n_lines_max: usize) -> Option<String> {
    (n_lines > n_lines_max).then(|| format!("{what} has {n_lines} lines, its budget is {n_lines_max}"))
}

#[test]
fn the_four_to_watch_keep_to_their_budgets() {
    let files = sources::all();
    let mut faults = Vec::new();
    for (what, paths, n_lines_max) in BUDGETS {
        let mut n_lines = 0;
        for path in *paths {
            match files.iter().find(|file| file.path == *path) {
                Some(file) => n_lines += sources::parse(path, &file.text).n_lines_without_tests,
                None => faults.push(format!("{what}: {path} is gone; name its successor in BUDGETS")),
            }
        }
        faults.extend(over(what, n_lines, *n_lines_max));
    }
    let codecs = files.iter().filter(|file| PLAN_CODEC.contains(&file.path.as_str()));
    faults.extend(codecs.map(|file| format!("{} has no budget", file.path)));
    expect_none(faults, "move the content to where it belongs; these places only list or wire");
}

#[test]
fn a_budget_can_be_overrun() {
    assert!(over("x", 121, 120).is_some());
    assert!(over("x", 120, 120).is_none());
}
