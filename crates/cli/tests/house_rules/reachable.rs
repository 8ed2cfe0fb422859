//! Every file below a `src` belongs to its crate: a file that no `mod` names is never compiled, so nothing finds out
//! that it no longer fits.

use std::collections::BTreeMap;

use crate::expect_none;
use crate::sources;

/// Files that are crates by themselves.
fn is_root(path: &str) -> bool {
    let Some((_, inside)) = path.split_once("/src/") else { return false };
    matches!(inside, "lib.rs" | "main.rs") || inside.strip_prefix("bin/").is_some_and(|name| !name.contains('/'))
}

/// The folder in which a file's modules are.
fn folder_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let own = name.trim_end_matches(".rs");
    if is_root(path) || own == "mod" { folder.to_owned() } else { format!("{folder}/{own}") }
}

/// Follows the `mod` lines of a file.
fn follow(path: &str, files: &BTreeMap<&str, &str>, reached: &mut Vec<String>) {
    let Some(text) = files.get(path) else { return };
    reached.push(path.to_owned());
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    follow_items(&file.items, &folder_of(path), files, reached);
}

fn follow_items(items: &[syn::Item], folder: &str, files: &BTreeMap<&str, &str>, reached: &mut Vec<String>) {
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        let name = module.ident.to_string();
        match &module.content {
            Some((_, items)) => follow_items(items, &format!("{folder}/{name}"), files, reached),
            None => {
                follow(&format!("{folder}/{name}.rs"), files, reached);
                follow(&format!("{folder}/{name}/mod.rs"), files, reached);
            }
        }
    }
}

fn unreached(files: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut reached = Vec::new();
    for path in files.keys().filter(|path| is_root(path)) {
        follow(path, files, &mut reached);
    }
    let lost = files.keys().filter(|path| path.contains("/src/") && !reached.iter().any(|known| known == *path));
    lost.map(|path| format!("{path} is in no mod")).collect()
}

#[test]
fn every_file_is_compiled() {
    let files = sources::all();
    let files = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    expect_none(unreached(&files), "name it in its parent with mod, or delete it");
}

#[test]
fn a_lost_file_is_noticed() {
    let mut files = BTreeMap::from([
        ("crates/a/src/lib.rs", "mod one;\nmod two;\nmod inner { mod deep; }"),
        ("crates/a/src/one.rs", "mod part;"),
        ("crates/a/src/one/part.rs", ""),
        ("crates/a/src/two/mod.rs", "#[cfg(test)]\nmod tests {}"),
        ("crates/a/src/inner/deep.rs", ""),
        ("crates/a/src/bin/tool.rs", ""),
        ("crates/a/tests/beside.rs", ""),
    ]);
    assert!(unreached(&files).is_empty(), "{:?}", unreached(&files));
    files.insert("crates/a/src/lost.rs", "");
    assert_eq!(unreached(&files), ["crates/a/src/lost.rs is in no mod"]);
}
