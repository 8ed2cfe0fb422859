//! Every file `connectors/NAME/*.toml`: a run's requests, or one recorded answer, and what has to come of it. To add a
//! case, add a file; what is needed beside it (the body) stands in the same folder.
//!
//! `note`; `[options]` as in a source's file; for requests: `[window]` with `today`, and `since`, `until`, `cursor`,
//! `done`, and `requests`, each as `slot <- GET address`; for an answer: `[page]` with `body` (a file) or `text`, `slot`,
//! `url`, `media_type`, `status`, `fetched_at`, `context`, `links`, and `records` (JSON, fields in any order),
//! `problems` (`record, field: found; expected`), `next`, `cursor`, or `error` (a part of the message).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crowsnest_collect::connector::{HttpRequest, Page, Parsed, Request, Via, Window};
use crowsnest_collect::connectors::{CONNECTORS, connector};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    note: String,
    options: toml::Table,
    window: Option<WindowOfCase>,
    requests: Vec<String>,
    page: Option<PageOfCase>,
    records: Vec<String>,
    /// Only how many records there are, and the first of them in `records`.
    n_records: Option<usize>,
    problems: Vec<String>,
    next: Vec<String>,
    cursor: Option<String>,
    error: Option<String>,
    is_unchanged: bool,
    is_body: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WindowOfCase {
    today: String,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
    done: Vec<String>,
    is_again: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PageOfCase {
    body: Option<String>,
    text: Option<String>,
    slot: String,
    url: String,
    media_type: String,
    status: Option<u16>,
    fetched_at: Option<String>,
    context: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connectors")
}

#[test]
fn every_recorded_answer_gives_what_it_should() {
    let mut failures = Vec::new();
    let mut n_cases = 0;
    for folder in root().read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
            n_cases += 1;
            if let Err(failure) = check(&name, file) {
                failures.push(format!("{name}/{}: {failure}", file.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    assert!(n_cases >= CONNECTORS.len(), "{n_cases} cases");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_connector_has_a_recorded_answer_and_an_example_that_can_be_configured() {
    for entry in CONNECTORS {
        let name = entry.spec.name;
        let folder = root().join(name);
        let texts: Vec<String> = folder
            .read_dir()
            .map(|files| files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect())
            .unwrap_or_default();
        assert!(
            texts.iter().any(|text| text.contains("[page]")),
            "{name}: no case with a [page] in {}",
            folder.display()
        );
        assert!(texts.iter().any(|text| text.contains("[window]")), "{name}: no case with a [window]");
        let example: toml::Table = toml::from_str(entry.spec.example).unwrap();
        if let Err(fault) = entry.configure(&example) {
            panic!("{name}: its example: {fault}");
        }
        assert!(!entry.spec.checked.is_empty() && entry.spec.checked.contains("202"), "{name}: checked, when and how?");
        let mut wrong = example.clone();
        wrong.insert("no_such_option".into(), 1.into());
        let Err(fault) = entry.configure(&wrong) else { panic!("{name} takes options that it does not know") };
        assert!(fault.contains("no_such_option"), "{fault}");
    }
}

fn check(name: &str, file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let case: Case = toml::from_str(&text).map_err(|error| error.to_string())?;
    assert!(!case.note.is_empty(), "{}: a note says what it shows", file.display());
    let entry = connector(name).ok_or("there is no connector of that name")?;
    let configured = entry.configure(&case.options)?;
    if let Some(window) = &case.window {
        let found = configured.requests(&window.window());
        return match (found, &case.error) {
            (Ok(requests), None) => same("requests", &shown(&requests), &case.requests),
            (Err(message), Some(part)) if message.contains(part) => Ok(()),
            (found, error) => Err(format!("expected {error:?}, found {found:?}")),
        };
    }
    let page = case.page.as_ref().ok_or("neither [window] nor [page]")?;
    let body = match (&page.body, &page.text) {
        (Some(name), None) => std::fs::read(file.with_file_name(name)).map_err(|error| format!("{name}: {error}"))?,
        (None, Some(text)) => text.clone().into_bytes(),
        _ => return Err("[page] needs body or text".into()),
    };
    let fetched_at = page.fetched_at.as_deref().unwrap_or("2025-06-15T12:00:00Z").parse().unwrap();
    let parsed = configured.parse(&Page {
        body: &body,
        media_type: &page.media_type,
        url: &page.url,
        status: page.status.unwrap_or(200),
        links: &page.links,
        context: &page.context,
        slot: &page.slot,
        fetched_at,
    });
    match (parsed, &case.error) {
        (Ok(parsed), None) => compare(&case, parsed),
        (Err(message), Some(part)) if message.contains(part) => Ok(()),
        (Err(message), _) => Err(message),
        (Ok(_), Some(part)) => Err(format!("no error, expected {part:?}")),
    }
}

fn compare(case: &Case, parsed: Parsed) -> Result<(), String> {
    let found: Vec<String> =
        parsed.records.into_iter().map(|record| sorted(Value::Object(record)).to_string()).collect();
    let expected: Vec<String> = case
        .records
        .iter()
        .map(|text| serde_json::from_str(text).map(|value| sorted(value).to_string()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("records: {error}"))?;
    match case.n_records {
        Some(n) if n == found.len() => same("first records", &found[..expected.len().min(n)], &expected)?,
        Some(n) => return Err(format!("{} records, expected {n}", found.len())),
        None => same("records", &found, &expected)?,
    }
    let problems: Vec<String> = parsed
        .problems
        .iter()
        .map(|problem| format!("{}, {}: {}; {}", problem.record, problem.field, problem.found, problem.expected))
        .collect();
    same("problems", &problems, &case.problems)?;
    same("next", &shown(&parsed.next), &case.next)?;
    if parsed.cursor != case.cursor {
        return Err(format!("cursor {:?}, expected {:?}", parsed.cursor, case.cursor));
    }
    if (parsed.is_unchanged, parsed.is_body) != (case.is_unchanged, case.is_body) {
        return Err(format!("is_unchanged {}, is_body {}", parsed.is_unchanged, parsed.is_body));
    }
    Ok(())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> =
                fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        other => other,
    }
}

fn same(what: &str, found: &[String], expected: &[String]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} are\n  {}\nexpected\n  {}", found.join("\n  "), expected.join("\n  ")))
}

fn shown(requests: &[Request]) -> Vec<String> {
    requests
        .iter()
        .map(|request| {
            let once = if request.is_once { " (once)" } else { "" };
            let how = match &request.via {
                Via::Http(HttpRequest { url, body: None, headers, .. }) => format!("GET {url}{}", in_words(headers)),
                Via::Http(HttpRequest { url, body: Some(body), headers, .. }) => {
                    format!("POST {url}{} {body}", in_words(headers))
                }
                Via::Files { pattern } => format!("FILES {pattern}"),
                Via::Sql { database, query, .. } => format!("SQL {database} {query}"),
                Via::Table { address, condition, columns, format } => {
                    format!("TABLE {format} {address} [{}] {condition}", columns.join(","))
                }
            };
            format!("{}{once} <- {how}", request.slot)
        })
        .collect()
}

fn in_words(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!(" {{{name}: {value}}}")).collect()
}

impl WindowOfCase {
    fn window(&self) -> Window {
        let day = |text: &str| text.parse().unwrap();
        Window {
            since: self.since.as_deref().map(day),
            until: self.until.as_deref().map_or_else(|| day(&self.today), day),
            today: day(&self.today),
            cursor: self.cursor.clone(),
            done: self.done.iter().cloned().collect::<BTreeSet<_>>(),
            is_again: self.is_again,
        }
    }
}
