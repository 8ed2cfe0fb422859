//! What we build on is permissive: each package's licence against the list in `deny.toml`.

use serde::Deserialize;

use crate::{dependencies, expect_none, sources};

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

/// Whether an SPDX expression (`MIT OR Apache-2.0`, also the older `MIT/Apache-2.0`) can be satisfied.
fn is_satisfied(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let result = any_of(&words, &mut at, is_allowed);
    result && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = all_of(words, at, is_allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        result |= all_of(words, at, is_allowed);
    }
    result
}

fn all_of(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = one(words, at, is_allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        result &= one(words, at, is_allowed);
    }
    result
}

fn one(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let result = any_of(words, at, is_allowed);
        *at += 1;
        return result;
    }
    if words.get(*at) == Some(&"WITH") {
        let licence = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return is_allowed(&licence);
    }
    is_allowed(word)
}

#[test]
fn every_package_is_permissive() {
    let text = std::fs::read_to_string(sources::root().join("deny.toml")).unwrap();
    let Deny { licenses } = toml::from_str(&text).unwrap();
    let mut faults = Vec::new();
    for package in &dependencies::metadata().packages {
        let exception = licenses.exceptions.iter().find(|exception| exception.package == package.name.as_str());
        let is_allowed = |licence: &str| {
            let is_excepted = exception.is_some_and(|exception| exception.allow.iter().any(|name| name == licence));
            is_excepted || licenses.allow.iter().any(|name| name == licence)
        };
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_satisfied(licence, &is_allowed) {
            faults.push(format!("{} {} is under {licence}", package.name, package.version));
        }
    }
    expect_none(faults, "use another package, or write a decision and add the licence to deny.toml");
}

#[test]
fn expressions_are_understood() {
    let is_allowed = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    for good in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "MIT AND (GPL-2.0 OR ISC)", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_satisfied(good, &is_allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "none", "(GPL-2.0 OR GPL-3.0) AND MIT"] {
        assert!(!is_satisfied(bad, &is_allowed), "{bad}");
    }
}
