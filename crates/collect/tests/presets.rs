//! Every preset: its sample, read by its mapping, gives what `NAME.expected.toml` says. To add one, see `presets.rs`.
//!
//! `note`; `claims` and `events` as one line each, in the order of the file; `n_rejects` and `n_blank`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::AsArray as _;
use crowsnest_collect::connector::{Page, Window};
use crowsnest_collect::connectors::connector;
use crowsnest_collect::presets::{PRESETS, Preset, PresetContent, preset};
use crowsnest_collect::{ImportRequest, NoProgress, import};
use crowsnest_lake::{Lake, LakeOptions, Market};
use serde::Deserialize;

/// 2025-06-15T12:00:00Z.
const NOW: i64 = 1_749_988_800_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    note: String,
    claims: Vec<String>,
    events: Vec<String>,
    n_rejects: u64,
    n_blank: u64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("presets")
}

#[test]
fn presets_say_what_was_verified_and_stand_in_order() {
    assert!(PRESETS.is_sorted_by_key(|preset| preset.name));
    let n_files = folder().read_dir().unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().to_string_lossy().into_owned();
        name.ends_with(".toml") && !name.ends_with(".expected.toml")
    });
    assert_eq!(n_files.count(), PRESETS.len(), "a preset without a line in PRESETS");
    for one in PRESETS {
        let content = one.content().unwrap();
        assert!(
            content.verified.contains("2026-") && content.verified.contains("ot "),
            "{}: and what was not?",
            one.name
        );
        assert!(content.licence.contains("redistribution") && !content.redistribute, "{}", one.name);
        assert!(content.homepage.starts_with("https://"), "{}", one.name);
        assert!(!content.title.is_empty() && !content.export.is_empty(), "{}", one.name);
    }
    assert_eq!(preset("crunchbase_funding").unwrap().content().unwrap().vendor, "Crunchbase");
    assert_eq!(preset("nobody"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn samples() {
    let mut failures = Vec::new();
    for one in PRESETS {
        if let Err(failure) = check(one).await {
            failures.push(format!("{}: {failure}", one.name));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn check(preset: &Preset) -> Result<(), String> {
    let content = preset.content()?;
    let expected = std::fs::read_to_string(folder().join(format!("{}.expected.toml", preset.name))).unwrap();
    let expected: Expected = toml::from_str(&expected).map_err(|error| error.to_string())?;
    if expected.note.is_empty() {
        return Err("expected.toml has no note".into());
    }
    let market = tempfile::tempdir().unwrap();
    let lake = Lake::open(Market::create(market.path(), "test").unwrap(), LakeOptions::default()).await.unwrap();
    let sample = records(&content, &sample_of(preset), market.path())?;
    let map = market.path().join("map.toml");
    std::fs::write(&map, &content.map).unwrap();
    let mut request = ImportRequest::new([sample.display().to_string()], NOW);
    request.source = Some(content.vendor);
    request.mapping = Some(map);
    let report = import(&lake, request, &NoProgress).await.map_err(|error| error.to_string())?;
    if (report.n_rejects, report.n_blank) != (expected.n_rejects, expected.n_blank) {
        return Err(format!("{} rejects, {} blank: {:?}", report.n_rejects, report.n_blank, report.first_rejects));
    }
    compare("claims", &expected.claims, &lines(&lake, CLAIMS).await)?;
    compare("events", &expected.events, &lines(&lake, EVENTS).await)
}

fn sample_of(preset: &Preset) -> PathBuf {
    let start = format!("{}.sample", preset.name);
    let mut files = folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&start)).unwrap()
}

/// The file to import: the sample itself, or the records that the connector finds in it.
fn records(content: &PresetContent, sample: &Path, folder: &Path) -> Result<PathBuf, String> {
    let Some(source) = &content.source else { return Ok(sample.to_path_buf()) };
    let configured = connector(&source.connector).ok_or("no such connector")?.configure(&source.options)?;
    let day = "2025-06-15".parse().unwrap();
    let window =
        Window { since: None, until: day, today: day, cursor: None, done: Default::default(), is_again: false };
    if configured.requests(&window)?.is_empty() {
        return Err("its options give no request".into());
    }
    let none = BTreeMap::new();
    let parsed = configured.parse(&Page {
        body: &std::fs::read(sample).unwrap(),
        media_type: "application/json",
        url: "https://api.example.org",
        status: 200,
        links: &none,
        context: &none,
        slot: "all",
        fetched_at: jiff::Timestamp::from_microsecond(NOW).unwrap(),
    })?;
    let path = folder.join("records.ndjson");
    let lines: Vec<String> =
        parsed.records.into_iter().map(|record| serde_json::Value::from(record).to_string()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    Ok(path)
}

const CLAIMS: &str = "SELECT c.subject || ' [' || coalesce(m.native_id, '') || '] ' || c.metric || ' ' || c.period || ' ' \
        || c.region || '/' || c.platform || '/' || c.segment || ' = ' \
        || CASE WHEN c.value = floor(c.value) THEN cast(cast(c.value AS BIGINT) AS VARCHAR) ELSE cast(c.value AS VARCHAR) END \
        || ' ' || c.unit || ' ' || c.status || ' (' || c.source || ')' AS line \
    FROM claims c JOIN mentions m ON m.mention_id = c.mention_id ORDER BY c.record, c.metric, c.subject, c.period_start";

const EVENTS: &str = "SELECT e.event || ' ' || e.subject || ' [' || coalesce(m.native_id, '') || '] ' || e.status || ' ' \
        || coalesce(e.round, '') || ' ' || coalesce(e.counterparty, '') || ' (' || e.source || ')' \
        || coalesce(' ' || e.happened_on, '') \
        || coalesce(' ' || cast(cast(e.amount AS BIGINT) AS VARCHAR) || ' ' || e.currency, '') AS line \
    FROM events e JOIN mentions m ON m.mention_id = e.mention_id ORDER BY e.record";

fn compare(what: &str, expected: &[String], found: &[String]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected:#?}\n  found {found:#?}"))
}

async fn lines(lake: &Lake, sql: &str) -> Vec<String> {
    lake.refresh().await.unwrap();
    let mut lines = Vec::new();
    for batch in lake.query(sql).await.unwrap() {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        lines.extend(column.as_string::<i32>().iter().map(|line| line.unwrap().to_owned()));
    }
    lines
}
