//! Who may know whom: `model, learn ← lake ← collect | identify | reconcile | detect | grow ← run ← serve ← cli`, from
//! `cargo metadata`. Left knows nothing of right, and steps know nothing of each other.

use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::expect_none;

/// The crates in order; those of one row know nothing of each other.
const ROWS: &[&[&str]] = &[
    &["model", "learn"],
    &["lake"],
    &["collect", "identify", "reconcile", "detect", "grow"],
    &["run"],
    &["serve"],
    &["cli"],
];

/// Packages that only these of our crates may depend on.
const OWNED: &[(&str, &[&str])] = &[
    ("deltalake", &["lake"]),
    ("object_store", &["lake"]),
    ("rusqlite", &["lake"]),
    ("ballista", &["lake"]),
    // Sources are fetched, and messages delivered (decision 20).
    ("reqwest", &["collect", "serve"]),
    ("lettre", &["serve"]),
    ("axum", &["serve"]),
    ("clap", &["cli"]),
];

const PREFIX: &str = "crowsnest-";

/// One dependency, of any kind.
struct Edge {
    from: String,
    to: String,
    is_for_tests: bool,
}

fn row_of(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

fn check(edges: &[Edge]) -> Vec<String> {
    let mut faults = Vec::new();
    for Edge { from, to, is_for_tests } in edges {
        let Some(from) = from.strip_prefix(PREFIX) else { continue };
        if from == "bench" {
            continue;
        }
        let Some(from_row) = row_of(from) else {
            faults.push(format!("crate {from} has no place in the order"));
            continue;
        };
        if let Some(to) = to.strip_prefix(PREFIX) {
            let is_to_the_left = row_of(to).is_some_and(|to_row| to_row < from_row);
            if !is_to_the_left {
                faults.push(format!("{from} depends on {to}"));
            }
        }
        let owners = OWNED.iter().find(|(package, _)| package == to).map(|(_, owners)| *owners);
        if let Some(owners) = owners.filter(|owners| !owners.contains(&from) && !is_for_tests) {
            faults.push(format!("{from} depends on {to}, which is for {} only", owners.join(" and ")));
        }
    }
    faults
}

/// The packages that are built on this machine's platform; nothing else has to be downloaded for it.
pub(crate) fn metadata() -> Metadata {
    let rustc = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())).arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    MetadataCommand::new()
        .manifest_path(crate::sources::root().join("Cargo.toml"))
        .other_options(vec!["--filter-platform".into(), host])
        .exec()
        .unwrap()
}

#[test]
fn left_knows_nothing_of_right() {
    let metadata = metadata();
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                is_for_tests: dependency.kind == cargo_metadata::DependencyKind::Development,
            });
        }
    }
    assert!(edges.len() > 20, "only {} dependencies were found", edges.len());
    expect_none(check(&edges), "steps talk through tables; what two need belongs further left");
}

#[test]
fn each_of_these_rules_can_be_broken() {
    let edge = |from: &str, to: &str| Edge { from: from.into(), to: to.into(), is_for_tests: false };
    let bad = [
        edge("crowsnest-model", "crowsnest-lake"),
        edge("crowsnest-collect", "crowsnest-identify"),
        edge("crowsnest-serve", "crowsnest-cli"),
        edge("crowsnest-guess", "serde"),
        edge("crowsnest-detect", "deltalake"),
        edge("crowsnest-run", "lettre"),
        edge("crowsnest-run", "crowsnest-guess"),
    ];
    for edge in &bad {
        assert_eq!(check(std::slice::from_ref(edge)).len(), 1, "{} → {}", edge.from, edge.to);
    }
    assert!(check(&[edge("crowsnest-serve", "crowsnest-lake"), edge("crowsnest-lake", "deltalake")]).is_empty());
}

/// The crates that a build of the command is made of, by name and version.
fn crates_of(features: &[&str]) -> Vec<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "-p", "crowsnest-cli", "-e", "normal", "--prefix", "none"]).args(features);
    let output = cargo.current_dir(crate::sources::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn only_a_build_with_the_cluster_has_one() {
    let is_of_cluster = |line: &String| line.starts_with("ballista");
    assert!(crates_of(&["--features", "cluster"]).iter().any(is_of_cluster));
    assert!(!crates_of(&[]).iter().any(is_of_cluster));
}
