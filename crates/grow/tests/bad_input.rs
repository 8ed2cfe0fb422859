//! Bad input, as cases: `tests/cases/*.toml`. Each makes a table of weeks, a file for `grow`, and says what has to be told.
//!
//! A case has `weeks`, `[[columns]]` (name, kind: `noise`, `constant`, `copy`, `outcome`; level; of), `missing` weeks, the text of
//! the `file`, and what is expected: `error`, `note`, `status`, `reason`, and for a channel its `verdict`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

use std::path::Path;

use crowsnest_grow::{GrowError, GrowFile, PlanReport, plan, read_file, read_history};

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    weeks: usize,
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    missing: Vec<usize>,
    /// A cell that is replaced: week, column, text.
    #[serde(default)]
    cells: Vec<(usize, String, String)>,
    file: String,
    #[serde(default)]
    expected: Expected,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    kind: String,
    #[serde(default)]
    level: f64,
    #[serde(default)]
    of: String,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    error: Option<String>,
    note: Option<String>,
    status: Option<String>,
    reason: Option<String>,
    channel: Option<String>,
    verdict: Option<String>,
    because: Option<String>,
}

fn table(case: &Case) -> String {
    let mut random = crowsnest_learn::random::Random::new(5);
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for column in &case.columns {
        let values = match column.kind.as_str() {
            "noise" => (0..case.weeks).map(|_| column.level * (0.5 * random.normal()).exp()).collect(),
            "constant" => vec![column.level; case.weeks],
            "copy" => columns
                .iter()
                .find(|(name, _)| *name == column.of)
                .unwrap()
                .1
                .iter()
                .map(|own| own * column.level)
                .collect(),
            "outcome" => {
                let first = &columns[0].1;
                first.iter().map(|spend| column.level + 2.0 * spend.sqrt() * 10.0 + 20.0 * random.normal()).collect()
            }
            other => panic!("{other:?} is no kind"),
        };
        columns.push((column.name.clone(), values));
    }
    let mut text = format!("date,{}\n", columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(","));
    let first: jiff::civil::Date = "2023-01-02".parse().unwrap();
    for week in (0..case.weeks).filter(|week| !case.missing.contains(week)) {
        let day = first.checked_add(jiff::Span::new().weeks(week as i64)).unwrap();
        text.push_str(&day.to_string());
        for (name, values) in &columns {
            let replaced = case.cells.iter().find(|cell| cell.0 == week && cell.1 == *name);
            let cell = replaced.map_or_else(|| values[week].to_string(), |cell| cell.2.clone());
            text.push_str(&format!(",{cell}"));
        }
        text.push('\n');
    }
    text
}

fn run(path: &Path, case: &Case) -> Result<(GrowFile, Vec<String>, PlanReport), GrowError> {
    std::fs::write(path.with_file_name("weekly.csv"), table(case)).unwrap();
    std::fs::write(path, &case.file).unwrap();
    let file = read_file(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let history = runtime.block_on(read_history(path, &file, None))?;
    let notes = history.notes.clone();
    let report = plan(&history, &file, None)?;
    Ok((file, notes, report))
}

fn check(name: &str, case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let found = run(&folder.path().join("grow.toml"), case);
    let expected = &case.expected;
    if let Some(error) = &expected.error {
        let found = found.expect_err(name);
        assert!(found.to_string().contains(error.as_str()), "{name}: {found}");
        assert!(found.hint().is_some(), "{name}: {found}");
        return;
    }
    let (file, notes, report) = found.unwrap_or_else(|error| panic!("{name}: {error}"));
    if let Some(note) = &expected.note {
        assert!(notes.iter().any(|own| own.contains(note.as_str())), "{name}: {notes:?}");
    }
    assert_eq!(report.status, expected.status.as_deref().unwrap_or("planned"), "{name}: {:?}", report.reason);
    if let Some(reason) = &expected.reason {
        assert!(report.reason.as_ref().is_some_and(|own| own.contains(reason.as_str())), "{name}: {:?}", report.reason);
    }
    let budget = file.plan.as_ref().unwrap().budget;
    assert!(report.spent <= budget * (1.0 + 1e-9), "{name}: {} of {budget}", report.spent);
    assert!(report.value <= report.upper_bound * (1.0 + 1e-9), "{name}");
    if let Some(channel) = &expected.channel {
        let own = report.fit.channels.iter().find(|own| own.channel == *channel).unwrap();
        let verdict = serde_json::to_value(own.verdict).unwrap();
        assert_eq!(verdict.as_str(), expected.verdict.as_deref(), "{name}: {}", own.reason);
        let because = expected.because.as_deref().unwrap_or_default();
        assert!(own.reason.contains(because), "{name}: {}", own.reason);
        assert!(own.experiment.is_some(), "{name}: the experiment that would tell is missing");
    }
}

#[test]
fn bad_input_is_told_and_the_nearest_plan_made() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut n_cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&path.file_stem().unwrap().to_string_lossy(), &case);
        n_cases += 1;
    }
    assert!(n_cases >= 12, "{n_cases}");
}
