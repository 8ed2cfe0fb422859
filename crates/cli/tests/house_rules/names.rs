//! Who may do what: names that only some crates may use.

use crate::expect_none;
use crate::sources::{self, SourceFile};

/// A name that is not for everybody. `*::` in front: wherever it stands in a path; else at its beginning.
struct Ban {
    name: &'static str,
    /// Crates that may use it; with a minus in front: all but these.
    only: &'static [&'static str],
    why: &'static str,
}

const LAKE: &str = "only the lake writes to disk, names its engines and builds sessions: use crowsnest_lake";
const OUTWARD: &str = "only collect connects outward, and serve for deliveries (decision 20), traces (decision 33) and the provider of a login (decision 29) alone";
const PURE: &str = "model does no I/O, reads no clock and knows no engine: take it as an argument";

const BANS: &[Ban] = &[
    Ban { name: "std::fs", only: &["lake"], why: LAKE },
    Ban { name: "tokio::fs", only: &["lake"], why: LAKE },
    Ban { name: "deltalake", only: &["lake"], why: LAKE },
    Ban { name: "object_store", only: &["lake"], why: LAKE },
    Ban { name: "rusqlite", only: &["lake"], why: LAKE },
    Ban { name: "ballista", only: &["lake"], why: LAKE },
    Ban { name: "*::SessionContext", only: &["lake"], why: LAKE },
    Ban { name: "*::TcpListener", only: &["serve"], why: "only serve opens ports" },
    Ban { name: "axum", only: &["serve"], why: "only serve speaks HTTP to visitors" },
    Ban { name: "reqwest", only: &["collect", "serve"], why: OUTWARD },
    Ban { name: "lettre", only: &["serve"], why: OUTWARD },
    Ban { name: "*::TcpStream", only: &["collect"], why: OUTWARD },
    Ban { name: "println", only: &["cli"], why: "only the command prints: return it" },
    Ban { name: "print", only: &["cli"], why: "only the command prints: return it" },
    Ban { name: "eprintln", only: &["cli"], why: "only the command prints: return it, or log it with tracing" },
    Ban { name: "eprint", only: &["cli"], why: "only the command prints: return it, or log it with tracing" },
    Ban { name: "*::Command::new", only: &["cli"], why: "only the command starts other programs" },
    Ban { name: "clap", only: &["cli"], why: "only the command parses arguments" },
    Ban { name: "std::net", only: &["-model"], why: PURE },
    Ban { name: "std::env", only: &["-model"], why: PURE },
    Ban { name: "std::process", only: &["-model"], why: PURE },
    Ban { name: "tokio", only: &["-model"], why: PURE },
    Ban { name: "datafusion", only: &["-model"], why: PURE },
    Ban { name: "arrow", only: &["-model"], why: PURE },
    Ban { name: "*::now", only: &["-model"], why: PURE },
];

impl Ban {
    fn allows(&self, crate_name: &str) -> bool {
        match self.only {
            [not] if not.starts_with('-') => &not[1..] != crate_name,
            allowed => allowed.contains(&crate_name),
        }
    }

    fn is_meant_by(&self, parts: &[String]) -> bool {
        let wanted: Vec<&str> = self.name.trim_start_matches("*::").split("::").collect();
        let is_at = |window: &[String]| window.iter().zip(&wanted).all(|(part, name)| part == name);
        let mut windows = parts.windows(wanted.len());
        if self.name.starts_with("*::") { windows.any(is_at) } else { windows.next().is_some_and(is_at) }
    }
}

/// What connects outward, and where alone in serve it may be named.
const OUTWARD_NAMES: &[&str] = &["reqwest", "lettre"];
/// Messages to channels, and the traces of the process.
const DELIVERIES: &str = "crates/serve/src/deliver/";
const PROVIDER: (&str, &str) = ("reqwest", "crates/serve/src/oidc/asking.rs");

fn check(file: &SourceFile) -> Vec<String> {
    let mut faults = Vec::new();
    if file.is_beside || file.crate_name == "bench" {
        return faults;
    }
    for name in sources::parse(&file.path, &file.text).names {
        let is_outward = OUTWARD_NAMES.contains(&name.parts[0].as_str());
        let is_for_login = (name.parts[0].as_str(), file.path.as_str()) == PROVIDER;
        if file.crate_name == "serve" && is_outward && !is_for_login && !file.path.starts_with(DELIVERIES) {
            faults.push(format!("{}:{} names {}: {OUTWARD}", file.path, name.line, name.parts.join("::")));
        }
        for ban in BANS.iter().filter(|ban| !ban.allows(&file.crate_name) && ban.is_meant_by(&name.parts)) {
            faults.push(format!("{}:{} names {}: {}", file.path, name.line, name.parts.join("::"), ban.why));
        }
    }
    faults
}

#[test]
fn each_crate_names_only_what_is_its_own() {
    let faults = sources::all().iter().flat_map(check).collect();
    expect_none(faults, "move the code to the crate whose task it is");
}

#[test]
fn pages_connect_to_nobody() {
    for (path, n_faults) in [
        ("crates/serve/src/pages/bad.rs", 2),
        ("crates/serve/src/deliver/good.rs", 0),
        ("crates/serve/src/oidc/asking.rs", 1),
        ("crates/serve/src/oidc/mod.rs", 2),
    ] {
        let text = "//! Page.\nuse reqwest::Client;\nfn send() {\n    lettre::x();\n}\n".to_owned();
        let file = SourceFile { path: path.into(), crate_name: "serve".into(), is_beside: false, text };
        assert_eq!(check(&file).len(), n_faults, "{path}");
    }
}

#[test]
fn every_ban_can_be_broken() {
    for ban in BANS {
        let culprit = if ban.only == ["-model"] || !ban.allows("model") { "model" } else { "lake" };
        let text = format!("//! Page.\nfn bad() {{\n    {}::x();\n}}\n", ban.name.replace("*::", "some::"));
        let file =
            SourceFile { path: "bad.rs".into(), crate_name: culprit.into(), is_beside: false, text: text.clone() };
        assert!(check(&file).iter().any(|fault| fault.ends_with(ban.why)), "{text}");
        let in_tests = format!("//! Page.\n#[cfg(test)]\nmod tests {{\n    fn bad() {{ {}::x(); }}\n}}\n", "std::fs");
        assert!(check(&SourceFile { text: in_tests, ..file }).is_empty());
    }
    let method = "//! Page.\nfn good() {\n    delta.object_store();\n}\n";
    let file = SourceFile { path: "good.rs".into(), crate_name: "run".into(), is_beside: false, text: method.into() };
    assert!(check(&file).is_empty());
}
