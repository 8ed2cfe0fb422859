//! The read-out of an experiment from a table of units: what was drawn, every metric, everything at once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::assignment::{MISMATCH_P, ratio_check};
use super::compare::{Difference, Sums, means, without_before};
use super::discovery::false_discovery;
use super::sequential;
use crate::error::GrowError;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct ReadoutRequest {
    /// Column of variants.
    pub variant: String,
    /// The variant that others are compared with; the first in the table if nothing is said.
    pub control: Option<String>,
    /// Columns of metrics; `a/b` is the ratio of two sums.
    pub metrics: Vec<String>,
    /// Column of what units did before, by metric: taken out (CUPED).
    pub before: BTreeMap<String, String>,
    /// Shares that were drawn, by variant in rising order of names; equal if nothing is said.
    pub shares: Vec<f64>,
    /// Probability of a finding where there is nothing.
    pub alpha: f64,
    /// Units that are expected at the end; the intervals then hold at every look before. None: this is the only look.
    pub n_planned: Option<f64>,
}

/// A read-out.
#[derive(Debug, Clone, Serialize)]
pub struct Readout {
    /// Variants with their units.
    pub variants: Vec<(String, u64)>,
    /// Probability of these counts by chance.
    pub ratio_p: Option<f64>,
    /// Whether the counts were drawn as said.
    pub is_as_drawn: bool,
    /// Findings by metric and variant.
    pub findings: Vec<Finding>,
    /// What should be known, in words.
    pub notes: Vec<String>,
}

/// One metric of one variant against the control.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Metric.
    pub metric: String,
    /// Variant.
    pub variant: String,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
    /// p after all metrics and variants are taken together (false-discovery rate).
    pub adjusted_p: f64,
    /// Whether it counts as found.
    pub is_found: bool,
}

type Columns = BTreeMap<String, Vec<(f64, f64, f64)>>;

/// Reads a table.
///
/// # Errors
/// Columns that are not there, cells that are no numbers, fewer than two variants or two units of one.
pub fn read(text: &str, request: &ReadoutRequest) -> Result<Readout, GrowError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers: Vec<String> = reader.headers().map_err(fault)?.iter().map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(fault)?;
    let place = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .ok_or_else(|| GrowError::Experiment(format!("there is no column {name:?}, only {}", headers.join(", "))))
    };
    let variant = place(&request.variant)?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row[variant].to_owned()).or_default() += 1);
    if counts.len() < 2 || counts.values().any(|count| *count < 2) {
        return Err(GrowError::Experiment(format!(
            "it takes two variants with two units each, and there are {counts:?}"
        )));
    }
    let control = match &request.control {
        Some(name) if counts.contains_key(name) => name.clone(),
        Some(name) => return Err(GrowError::Experiment(format!("there is no variant {name:?}"))),
        None => rows.first().map(|row| row[variant].to_owned()).unwrap_or_default(),
    };
    let mut findings = Vec::new();
    for metric in &request.metrics {
        let (above, below) =
            metric.split_once('/').map_or((metric.as_str(), None), |(above, below)| (above, Some(below)));
        let above = place(above.trim())?;
        let below = below.map(|name| place(name.trim())).transpose()?;
        let before = request.before.get(metric).map(|name| place(name)).transpose()?;
        let columns = columns(&rows, variant, above, below, before)?;
        for (name, units) in columns.iter().filter(|(name, _)| **name != control) {
            let difference = compare(&columns[&control], units, (below.is_some(), before.is_some()), request);
            let (metric, variant) = (metric.clone(), name.clone());
            findings.push(Finding { metric, variant, adjusted_p: difference.p, is_found: false, difference });
        }
    }
    adjust(&mut findings, request.alpha);
    Ok(told(counts, findings, request))
}

fn fault(error: csv::Error) -> GrowError {
    GrowError::Experiment(error.to_string())
}

fn columns(
    rows: &[csv::StringRecord],
    variant: usize,
    above: usize,
    below: Option<usize>,
    before: Option<usize>,
) -> Result<Columns, GrowError> {
    let mut columns = Columns::new();
    for (at, row) in rows.iter().enumerate() {
        let number = |place: usize| {
            let cell = &row[place];
            cell.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| {
                GrowError::Experiment(format!("line {}, column {}: {cell:?} is no number", at + 2, place + 1))
            })
        };
        let unit = (
            number(above)?,
            below.map(&number).transpose()?.unwrap_or(1.0),
            before.map(&number).transpose()?.unwrap_or(0.0),
        );
        columns.entry(row[variant].to_owned()).or_default().push(unit);
    }
    Ok(columns)
}

fn compare(
    control: &[(f64, f64, f64)],
    units: &[(f64, f64, f64)],
    (is_ratio, has_before): (bool, bool),
    request: &ReadoutRequest,
) -> Difference {
    let sums = |units: &[(f64, f64, f64)]| {
        let values: Vec<f64> = units.iter().map(|unit| unit.0).collect();
        let others: Vec<f64> = units.iter().map(|unit| if is_ratio { unit.1 } else { unit.2 }).collect();
        Sums::of(&values, &others)
    };
    let (mut first, mut second) = (sums(control), sums(units));
    if is_ratio {
        (first, second) = (first.as_ratio(), second.as_ratio());
    } else if has_before {
        (first, second) = without_before(&first, &second);
    }
    match request.n_planned {
        Some(n_planned) => sequential::read(&first, &second, request.alpha, n_planned).difference,
        None => means(&first, &second, request.alpha),
    }
}

fn adjust(findings: &mut [Finding], alpha: f64) {
    let p: Vec<f64> = findings.iter().map(|finding| finding.difference.p).collect();
    for (finding, adjusted) in findings.iter_mut().zip(false_discovery(&p)) {
        finding.adjusted_p = adjusted;
        finding.is_found = adjusted < alpha;
    }
}

fn told(counts: BTreeMap<String, u64>, findings: Vec<Finding>, request: &ReadoutRequest) -> Readout {
    let variants: Vec<(String, u64)> = counts.into_iter().collect();
    let units: Vec<u64> = variants.iter().map(|(_, count)| *count).collect();
    let shares = if request.shares.is_empty() { vec![1.0; units.len()] } else { request.shares.clone() };
    let ratio_p = ratio_check(&units, &shares);
    let is_as_drawn = ratio_p.is_none_or(|p| p >= MISMATCH_P);
    let mut notes = Vec::new();
    if !is_as_drawn {
        notes.push(
            "the variants do not have the shares that were drawn: find out why before believing any difference"
                .to_owned(),
        );
    }
    if ratio_p.is_none() {
        notes.push("the shares that were drawn do not fit the variants: name one for each".to_owned());
    }
    for metric in request.before.keys() {
        if !request.metrics.contains(metric) {
            notes.push(format!("what units did before is given for {metric}, which is none of the metrics: not used"));
        } else if metric.contains('/') {
            notes.push(format!("{metric} is a ratio: what units did before is not taken out of it"));
        }
    }
    Readout { variants, ratio_p, is_as_drawn, findings, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ReadoutRequest {
        ReadoutRequest {
            variant: "variant".into(),
            control: None,
            metrics: vec!["revenue".into(), "clicks/views".into()],
            before: BTreeMap::new(),
            shares: Vec::new(),
            alpha: 0.05,
            n_planned: None,
        }
    }

    #[test]
    fn a_table_is_read_and_its_faults_are_told() {
        let text = "variant,revenue,clicks,views\na,1,1,2\na,2,2,4\na,3,3,9\nb,4,2,3\nb,5,2,4\nb,6,1,2\n";
        let found = read(text, &request()).unwrap();
        assert_eq!(found.variants, [("a".to_owned(), 3), ("b".to_owned(), 3)]);
        assert_eq!(found.findings[0].difference.difference, 3.0);
        assert!((found.findings[1].difference.first - 0.4).abs() < 1e-12);
        assert!(found.is_as_drawn);
        assert!(found.notes.is_empty(), "{:?}", found.notes);
        let before = ["revenue", "clicks/views", "rating"].map(|name| (name.to_owned(), "views".to_owned())).into();
        let noted = read(text, &ReadoutRequest { before, ..request() }).unwrap();
        assert_eq!(
            noted.findings[1].difference, found.findings[1].difference,
            "a ratio is left as it is, and that is told"
        );
        assert_eq!(noted.notes.len(), 2, "{:?}", noted.notes);
        assert!(noted.notes.iter().any(|note| note.contains("clicks/views is a ratio")), "{:?}", noted.notes);
        assert!(noted.notes.iter().any(|note| note.contains("rating, which is none")), "{:?}", noted.notes);
        let missing = ReadoutRequest { metrics: vec!["none".into()], ..request() };
        assert!(read(text, &missing).unwrap_err().to_string().contains("no column"));
        assert!(read("variant,revenue\na,1\nb,x\n", &request()).is_err());
        assert!(
            read("variant,revenue,clicks,views\na,1,1,1\na,2,x,1\nb,1,1,1\nb,1,1,1\n", &request())
                .unwrap_err()
                .to_string()
                .contains("line 3")
        );
    }
}
