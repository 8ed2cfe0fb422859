//! How things look: a page at the top of each file, functions that fit a screen, files that hold one idea.

use crate::expect_none;
use crate::sources::{self, SourceFile};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// Functions that are longer, with their length. This list may only shrink.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Files that are longer, with their length. This list may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];

fn check(file: &SourceFile, long_functions: &[(&str, &str, usize)], long_files: &[(&str, usize)]) -> Vec<String> {
    let mut faults = Vec::new();
    let path = &file.path;
    if !file.text.starts_with("//! ") {
        faults.push(format!("{path} does not begin with a page (//!): what it is for, what flows in and out"));
    }
    if file.is_beside {
        return faults;
    }
    let parsed = sources::parse(path, &file.text);
    for function in &parsed.functions {
        let listed = long_functions.iter().find(|(file, name, _)| file == path && *name == function.name);
        let allowed = listed.map_or(FUNCTION_LINES_MAX, |(_, _, n_lines)| *n_lines);
        if function.n_lines > allowed {
            faults.push(format!("{path}: fn {} has {} lines, at most {allowed}", function.name, function.n_lines));
        }
        if listed.is_some() && function.n_lines <= FUNCTION_LINES_MAX {
            faults.push(format!("{path}: fn {} is short now: take it off the list", function.name));
        }
    }
    let n_lines = parsed.n_lines_without_tests;
    let listed = long_files.iter().find(|(file, _)| file == path);
    let allowed = listed.map_or(FILE_LINES_MAX, |(_, n_lines)| *n_lines);
    if n_lines > allowed {
        faults.push(format!("{path} has {n_lines} lines without its tests, at most {allowed}"));
    }
    if listed.is_some() && n_lines <= FILE_LINES_MAX {
        faults.push(format!("{path} is short now: take it off the list"));
    }
    faults
}

#[test]
fn files_have_a_page_and_functions_fit_a_screen() {
    let files = sources::all();
    let faults = files.iter().flat_map(|file| check(file, LONG_FUNCTIONS, LONG_FILES)).collect();
    expect_none(faults, "split it where a name for the part suggests itself; don't lengthen the lists");
}

#[test]
fn exceptions_name_what_exists() {
    let files = sources::all();
    let is_there = |path: &str| files.iter().any(|file| file.path == path);
    let listed = LONG_FUNCTIONS.iter().map(|(path, _, _)| *path).chain(LONG_FILES.iter().map(|(path, _)| *path));
    let faults = listed.filter(|path| !is_there(path)).map(|path| format!("{path} is on a list and gone")).collect();
    expect_none(faults, "take it off the list");
}

#[test]
fn each_of_these_rules_can_be_broken() {
    let file = |text: String| SourceFile {
        path: "crates/lake/src/bad.rs".into(),
        crate_name: "lake".into(),
        is_beside: false,
        text,
    };
    let filler = "    x();\n".repeat(FUNCTION_LINES_MAX);
    let long_function = file(format!("//! Page.\nfn long() {{\n{filler}}}\n"));
    let faults = check(&long_function, &[], &[]);
    assert_eq!(faults, ["crates/lake/src/bad.rs: fn long has 72 lines, at most 70"]);
    assert!(check(&long_function, &[("crates/lake/src/bad.rs", "long", 72)], &[]).is_empty());
    assert_eq!(check(&long_function, &[("crates/lake/src/bad.rs", "long", 71)], &[]).len(), 1);

    assert_eq!(check(&file("fn pageless() {}\n".into()), &[], &[]).len(), 1);
    let long_file = file(format!("//! Page.\n{}", "const X: u8 = 1;\n".repeat(FILE_LINES_MAX)));
    assert_eq!(check(&long_file, &[], &[]).len(), 1);
    let tested =
        file(format!("//! Page.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "const X: u8 = 1;\n".repeat(FILE_LINES_MAX)));
    assert!(check(&tested, &[], &[]).is_empty());
    let short = file("//! Page.\nfn short() {}\n".into());
    assert_eq!(check(&short, &[("crates/lake/src/bad.rs", "short", 90)], &[("crates/lake/src/bad.rs", 700)]).len(), 2);
}
