//! Bad input, as cases: `tests/cases/*.toml`. Each makes a table of weeks, a file for `grow`, and says what has to be told.
//!
//! A case has `weeks`, `[[columns]]` (name, kind: `noise`, `constant`, `copy`, `outcome`; level; of), `missing` weeks, the text of
//! the `file`, and what is expected: `error`, `note`, `status`, `reason`, for a channel its `verdict` and `spend`, for the fit its
//! `n_cells`, `sampler` and whether it has `evidence`. With `groups`, each has a row of its own a week; `is_long` makes a row for each
//! column of spend, all but the last.
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
    /// Groups, in a column `product`.
    #[serde(default)]
    groups: Vec<String>,
    /// A row for each week and channel, with columns `channel` and `spend`.
    #[serde(default)]
    is_long: bool,
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
    /// Money spent on the channel.
    spend: Option<f64>,
    /// Channels times groups.
    n_cells: Option<usize>,
    /// How unknowns were drawn; by `nuts` the chains are compared too.
    sampler: Option<String>,
    /// Whether both kinds of carry-over were weighed against each other.
    evidence: Option<bool>,
}

/// Columns of one group, by name.
fn columns(case: &Case, seed: u64) -> Vec<(String, Vec<f64>)> {
    let mut random = crowsnest_learn::random::Random::new(seed);
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
    columns
}

fn table(case: &Case) -> String {
    let names: Vec<&str> = case.columns.iter().map(|column| column.name.as_str()).collect();
    let outcome = names.last().unwrap();
    let header = match (case.is_long, case.groups.is_empty()) {
        (true, _) => format!("date,{outcome},channel,spend"),
        (false, true) => format!("date,{}", names.join(",")),
        (false, false) => format!("date,product,{}", names.join(",")),
    };
    let mut text = format!("{header}\n");
    let no_groups = [String::new()];
    let groups: &[String] = if case.groups.is_empty() { &no_groups } else { &case.groups };
    for (at, group) in groups.iter().enumerate() {
        let lead = if group.is_empty() { String::new() } else { format!(",{group}") };
        rows(case, &columns(case, 5 + at as u64), &lead, &mut text);
    }
    text
}

fn rows(case: &Case, columns: &[(String, Vec<f64>)], lead: &str, text: &mut String) {
    let first: jiff::civil::Date = "2023-01-02".parse().unwrap();
    for week in (0..case.weeks).filter(|week| !case.missing.contains(week)) {
        let day = first.checked_add(jiff::Span::new().weeks(week as i64)).unwrap();
        if case.is_long {
            let ((_, outcome), spends) = columns.split_last().unwrap();
            for (name, values) in spends {
                text.push_str(&format!("{day},{},{name},{}\n", outcome[week], values[week]));
            }
            continue;
        }
        text.push_str(&format!("{day}{lead}"));
        for (name, values) in columns {
            let replaced = case.cells.iter().find(|cell| cell.0 == week && cell.1 == *name);
            let cell = replaced.map_or_else(|| values[week].to_string(), |cell| cell.2.clone());
            text.push_str(&format!(",{cell}"));
        }
        text.push('\n');
    }
}

fn run(path: &Path, case: &Case) -> Result<(GrowFile, PlanReport), GrowError> {
    std::fs::write(path.with_file_name("weekly.csv"), table(case)).unwrap();
    std::fs::write(path, &case.file).unwrap();
    let file = read_file(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let history = runtime.block_on(read_history(path, &file, None))?;
    let report = plan(&history, &file, None)?;
    Ok((file, report))
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
    let (file, report) = found.unwrap_or_else(|error| panic!("{name}: {error}"));
    let notes = &report.fit.notes;
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
    check_fit(name, expected, &report);
}

fn check_fit(name: &str, expected: &Expected, report: &PlanReport) {
    let fit = &report.fit;
    if let Some(channel) = &expected.channel {
        let own = fit.channels.iter().find(|own| own.channel == *channel).unwrap();
        if let Some(expected) = &expected.verdict {
            let verdict = serde_json::to_value(own.verdict).unwrap();
            assert_eq!(verdict.as_str(), Some(expected.as_str()), "{name}: {}", own.reason);
            assert!(own.experiment.is_some(), "{name}: the experiment that would tell is missing");
        }
        let because = expected.because.as_deref().unwrap_or_default();
        assert!(own.reason.contains(because), "{name}: {}", own.reason);
        let spend = expected.spend.unwrap_or(own.spend);
        assert!((own.spend - spend).abs() <= 1e-9 * spend, "{name}: {} instead of {spend}", own.spend);
    }
    assert_eq!(fit.channels.len(), expected.n_cells.unwrap_or(fit.channels.len()), "{name}");
    if let Some(evidence) = expected.evidence {
        assert_eq!(fit.sampler.log_evidence_for_weibull.is_some_and(f64::is_finite), evidence, "{name}");
    }
    if let Some(sampler) = &expected.sampler {
        let method = serde_json::to_value(fit.sampler.method).unwrap();
        assert_eq!(method.as_str(), Some(sampler.as_str()), "{name}");
        let is_compared = fit.sampler.r_hat_max.is_some_and(|r_hat| r_hat.is_finite() && r_hat >= 0.9);
        assert_eq!(is_compared, sampler == "nuts", "{name}: {:?}", fit.sampler);
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

/// Two channels that always move together, of which an experiment says that one brings little: the history alone cannot know.
#[test]
fn a_lift_test_by_hand_narrows_a_return_and_moves_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/collinear.toml");
    let mut case: Case = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roi_of_tv = |case: &Case| {
        let (_, report) = run(&folder.path().join("grow.toml"), case).unwrap();
        report.fit.channels.iter().find(|own| own.channel == "tv").unwrap().roi.unwrap()
    };
    let alone = roi_of_tv(&case);
    case.file.push_str(
        "[[lift_tests]]\nchannel = \"tv\"\nspend_from = 0\nspend_to = 100\neffect = 20\nstandard_error = 2\n",
    );
    let told = roi_of_tv(&case);
    let off = |median: f64| (median / 0.2).ln().abs();
    assert!(off(told.q50) < 0.5 && off(told.q50) < 0.7 * off(alone.q50), "{alone:?} {told:?}");
    assert!(told.q95 - told.q05 < 0.5 * (alone.q95 - alone.q05), "{alone:?} {told:?}");
    assert!(told.q95 / told.q05 < 0.8 * (alone.q95 / alone.q05), "{alone:?} {told:?}");
}
