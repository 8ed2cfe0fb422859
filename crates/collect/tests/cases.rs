//! Every folder of `cases/`: an input, perhaps a mapping, and what has to come of it. To add one, add a folder.
//!
//! `expected.toml`: `note`, the request's `source`, `encoding`, `today`; `claims` and `events` as one line each, in the
//! order of the file; `rejects` with `record`, `column` and a part of what they say; `error` as a part of the message;
//! `notes` as parts of them; `is_inferred` to import with the mapping that `--infer` writes for the input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};

use crowsnest_collect::{ImportError, ImportReport, ImportRequest, LookOptions, NoProgress, import, infer};
use crowsnest_lake::{Lake, LakeOptions, Market};
use serde::Deserialize;

/// 2025-06-15T12:00:00Z.
const NOW: i64 = 1_749_988_800_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    note: String,
    source: Option<String>,
    encoding: Option<String>,
    today: Option<String>,
    claims: Vec<String>,
    events: Vec<String>,
    rejects: Vec<ExpectedReject>,
    n_rejects: Option<u64>,
    n_blank: u64,
    n_known: u64,
    error: Option<String>,
    notes: Vec<String>,
    is_inferred: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedReject {
    record: u64,
    column: String,
    says: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = root.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 50);
    let mut failures = Vec::new();
    for folder in folders {
        if let Err(failure) = check(&folder).await {
            failures.push(format!("{}: {failure}", folder.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn check(folder: &Path) -> Result<(), String> {
    let expected: Expected = toml::from_str(&std::fs::read_to_string(folder.join("expected.toml")).unwrap())
        .map_err(|error| error.to_string())?;
    if expected.note.is_empty() {
        return Err("expected.toml has no note".into());
    }
    let market = tempfile::tempdir().unwrap();
    let lake = Lake::open(Market::create(market.path(), "test").unwrap(), LakeOptions::default()).await.unwrap();
    let input = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let input =
        input.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("input")).unwrap();
    let mut request = ImportRequest::new([input.display().to_string()], NOW);
    request.source = expected.source.clone();
    request.encoding = expected.encoding.clone();
    request.mapping = Some(folder.join("map.toml")).filter(|path| path.is_file());
    request.today = expected.today.as_deref().map(|day| crowsnest_model::parse_day(day).unwrap());
    if expected.is_inferred {
        let metrics = &lake.market().metrics;
        let text = infer(&input.display().to_string(), LookOptions::default(), metrics).await.unwrap();
        let path = market.path().join("inferred.toml");
        std::fs::write(&path, text).unwrap();
        request.mapping = Some(path);
    }
    let outcome = import(&lake, request, &NoProgress).await;
    compare_outcome(&expected, outcome)?;
    compare("claims", &expected.claims, &claims(&lake).await)?;
    compare("events", &expected.events, &events(&lake).await)
}

fn compare_outcome(expected: &Expected, outcome: Result<ImportReport, ImportError>) -> Result<(), String> {
    let report = match (outcome, &expected.error) {
        (Err(error), Some(part)) if error.to_string().contains(part) => return Ok(()),
        (Err(error), _) => return Err(format!("failed: {error}")),
        (Ok(_), Some(part)) => return Err(format!("expected an error with {part:?}")),
        (Ok(report), None) => report,
    };
    let is_counted_once = report.n_records == report.n_claims + report.n_events + report.n_rejects + report.n_blank;
    if !is_counted_once {
        return Err(format!("records are lost or counted twice: {report:?}"));
    }
    let n_rejects = expected.n_rejects.unwrap_or(expected.rejects.len() as u64);
    if (report.n_rejects, report.n_blank, report.n_known) != (n_rejects, expected.n_blank, expected.n_known) {
        return Err(format!("other counts: {report:#?}"));
    }
    for note in &expected.notes {
        if !report.files[0].notes.iter().any(|found| found.contains(note)) {
            return Err(format!("expected note {note:?}, found {:?}", report.files[0].notes));
        }
    }
    for (expected, found) in expected.rejects.iter().zip(&report.first_rejects) {
        let said = format!("{} {} {}", found.found, found.expected, found.remedy);
        let is_same =
            expected.record == found.record && expected.column == found.column && said.contains(&expected.says);
        if !is_same {
            return Err(format!("expected reject {expected:?}, found {found:?}"));
        }
    }
    Ok(())
}

fn compare(what: &str, expected: &[String], found: &[String]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected:#?}\n  found {found:#?}"))
}

async fn claims(lake: &Lake) -> Vec<String> {
    let sql = "SELECT subject || ' ' || metric || ' ' || period || ' = ' || value_text || ' ' || unit || ' (' || source || ')' \
                   || CASE WHEN bound = 'exact' THEN '' ELSE ' ' || bound || ' ' || coalesce(low_text, '') || '..' \
                   || coalesce(high_text, '') END AS line \
               FROM (SELECT *, CASE WHEN value = floor(value) THEN cast(cast(value AS BIGINT) AS VARCHAR) \
                                    ELSE cast(value AS VARCHAR) END AS value_text, \
                            cast(cast(low AS BIGINT) AS VARCHAR) AS low_text, \
                            cast(cast(high AS BIGINT) AS VARCHAR) AS high_text FROM claims) AS said \
               ORDER BY record, metric, period_start";
    lines(lake, sql).await
}

async fn events(lake: &Lake) -> Vec<String> {
    let sql = "SELECT event || ' ' || subject || ' ' || status || ' ' || coalesce(counterparty, '') || ' (' || source || ')' \
                   || coalesce(' ' || happened_on, '') \
                   || coalesce(' ' || cast(cast(amount AS BIGINT) AS VARCHAR) || ' ' || currency, '') AS line \
               FROM events ORDER BY record";
    lines(lake, sql).await
}

async fn lines(lake: &Lake, sql: &str) -> Vec<String> {
    use arrow::array::AsArray as _;
    lake.refresh().await.unwrap();
    let mut lines = Vec::new();
    for batch in lake.query(sql).await.unwrap() {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        lines.extend(column.as_string::<i32>().iter().map(|line| line.unwrap().to_owned()));
    }
    lines
}
