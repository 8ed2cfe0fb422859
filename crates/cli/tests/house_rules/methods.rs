//! Every method by which figures are made from claims has a page in `docs/reference/methods`, in one shape.
//!
//! To add a method: a page with these headings, and its line in that folder's `README.md`.

use std::collections::BTreeMap;

use crate::expect_none;
use crate::sources;

/// What each page tells, in this order.
const HEADINGS: &[&str] =
    &["Definition", "Why it matters", "Example", "Source", "Configuration", "Exclusions", "Assumptions"];

const LIST: &str = "README.md";

fn check(pages: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let list = pages.get(LIST).map(String::as_str).unwrap_or_default();
    for (name, text) in pages.iter().filter(|(name, _)| *name != LIST) {
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        if found != HEADINGS {
            faults.push(format!("{name} has the headings {found:?}"));
        }
        if !text.starts_with("# ") {
            faults.push(format!("{name} does not begin with its title"));
        }
        let example = text.split("## Example").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or_default();
        if !example.contains(|letter: char| letter.is_ascii_digit()) {
            faults.push(format!("{name} has no numbers in its example"));
        }
        if !list.contains(&format!("({name})")) {
            faults.push(format!("{name} is not in {LIST}"));
        }
    }
    faults
}

#[test]
fn every_method_has_its_page() {
    let folder = sources::root().join("docs/reference/methods");
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        pages.insert(name, std::fs::read_to_string(path).unwrap());
    }
    assert!(pages.len() > 5, "only {} pages were found", pages.len());
    expect_none(check(&pages), "write the page in the shape of the others");
}

#[test]
fn each_of_these_rules_can_be_broken() {
    let whole = HEADINGS.iter().map(|heading| format!("## {heading}\n\n1\n\n")).collect::<String>();
    let pages = |name: &str, text: String| {
        BTreeMap::from([(LIST.to_owned(), "[Good](good.md)".to_owned()), (name.to_owned(), text)])
    };
    assert!(check(&pages("good.md", format!("# Good\n\n{whole}"))).is_empty());
    assert_eq!(check(&pages("other.md", format!("# Other\n\n{whole}"))).len(), 1);
    assert_eq!(check(&pages("good.md", whole.clone())).len(), 1);
    assert_eq!(check(&pages("good.md", format!("# Good\n\n{}", whole.replace("## Source\n", "")))).len(), 1);
    assert_eq!(check(&pages("good.md", format!("# Good\n\n{}", whole.replace('1', "one")))).len(), 1);
}
