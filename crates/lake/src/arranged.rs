//! Files that follow each other, dealt out to threads so that no metric's month is in two of them.
//!
//! In: the files of a scan. Out: a run of them for each thread, in the order of their rows, with what the engine needs to know of
//! that: how rows are sorted, and where one run ends and the next begins. A question that groups by metric and month then ends
//! each month before it reads the next one, in the memory that a month takes, and no thread has to ask another.
//!
//! Invariant: said only of files that [`recut`] wrote; whether they follow each other is told by the log's bounds.

use arrow_schema::{SchemaRef, SortOptions};
use datafusion::common::{ScalarValue, SplitPoint};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, Partitioning, PhysicalSortExpr, RangePartitioning};
use std::sync::Arc;

use crate::maintain;
use crate::recut::{self, CUT_BY};
use crate::table::DataFile;

/// Where the longest run has more than this many times the rows of an even share, threads would wait for one of them.
const UNEVEN_MAX: f64 = 1.3;

/// A scan's files in runs.
pub(crate) struct Arranged<'f> {
    pub(crate) runs: Vec<Vec<&'f DataFile>>,
    pub(crate) ordering: LexOrdering,
    pub(crate) partitioning: Partitioning,
}

/// The lowest and the highest value of each column that rows are sorted by.
struct Span<'f> {
    file: &'f DataFile,
    low: Vec<ScalarValue>,
    high: Vec<ScalarValue>,
}

/// At most `n_runs` runs of these files; `None` where they do not follow each other, or cannot be shared out evenly.
pub(crate) fn arrange<'f>(schema: &SchemaRef, files: &[&'f DataFile], n_runs: usize) -> Option<Arranged<'f>> {
    let places: Vec<usize> = CUT_BY.iter().map(|name| schema.index_of(name).ok()).collect::<Option<_>>()?;
    let mut spans: Vec<Span<'f>> = files.iter().map(|file| span(file, &places)).collect::<Option<_>>()?;
    spans.sort_by(|left, right| left.low.partial_cmp(&right.low).unwrap_or(std::cmp::Ordering::Equal));
    let follow = |pair: &[Span<'_>]| pair[0].high.partial_cmp(&pair[1].low) == Some(std::cmp::Ordering::Less);
    if !spans.windows(2).all(follow) {
        return None;
    }
    let rows: Vec<usize> = spans.iter().map(|span| maintain::n_rows(span.file)).collect();
    let starts = starts(&rows, n_runs)?;
    let ends = starts.iter().skip(1).copied().chain([spans.len()]);
    let runs = starts.iter().zip(ends).map(|(start, end)| spans[*start..end].iter().map(|span| span.file).collect());
    let sorted = |(name, index): (&&str, &usize)| {
        PhysicalSortExpr::new(Arc::new(Column::new(name, *index)), SortOptions::new(false, false))
    };
    let ordering = LexOrdering::new(CUT_BY.iter().zip(&places).map(sorted))?;
    let splits = starts.iter().skip(1).map(|start| SplitPoint::new(spans[*start].low.clone())).collect();
    let range = RangePartitioning::try_new(ordering.clone(), splits).ok()?;
    Some(Arranged { runs: runs.collect(), ordering, partitioning: Partitioning::Range(range) })
}

fn span<'f>(file: &'f DataFile, places: &[usize]) -> Option<Span<'f>> {
    if !recut::is_cut(file) {
        return None;
    }
    let bounds = |place: &usize| {
        let column = file.statistics.column_statistics.get(*place)?;
        Some((column.min_value.get_value()?.clone(), column.max_value.get_value()?.clone()))
    };
    let (low, high) = places.iter().map(bounds).collect::<Option<_>>()?;
    Some(Span { file, low, high })
}

/// Where runs of about as many rows begin; `None` where they would be too uneven.
fn starts(rows: &[usize], n_runs: usize) -> Option<Vec<usize>> {
    let n_runs = n_runs.min(rows.len()).max(1);
    let share = rows.iter().sum::<usize>() as f64 / n_runs as f64;
    let (mut starts, mut n_before, mut longest, mut n_in_run) = (vec![0], 0.0, 0.0f64, 0.0);
    for (index, n) in rows.iter().enumerate() {
        let n = *n as f64;
        // The middle of a file tells to which run it belongs.
        if index > 0 && starts.len() < n_runs && n_before + n / 2.0 > share * starts.len() as f64 {
            starts.push(index);
            n_in_run = 0.0;
        }
        n_before += n;
        n_in_run += n;
        longest = longest.max(n_in_run);
    }
    (starts.len() == n_runs && longest <= UNEVEN_MAX * share).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_even_or_there_are_none() {
        assert_eq!(starts(&[5, 5, 5, 5], 2), Some(vec![0, 2]));
        assert_eq!(starts(&[1, 5, 4, 3, 3], 2), Some(vec![0, 3]));
        assert_eq!(starts(&[2, 2, 2], 1), Some(vec![0]));
        assert_eq!(starts(&[4, 4, 4], 2), None, "one thread would do twice what the other does");
        assert_eq!(starts(&[9, 1, 1], 3), None);
        assert_eq!(starts(&[7], 4), Some(vec![0]));
    }
}
