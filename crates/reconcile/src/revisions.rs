//! How much a source's first word usually changes: first against last, for everything that it said more than once.

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Float64Type, Int64Type};
use crowsnest_lake::{Lake, sql};
use serde::Serialize;

use crate::error::ReconcileError;
use crate::loading::text_column;

/// How one source revises one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Revision {
    /// The source.
    pub source: String,
    /// The metric.
    pub metric: String,
    /// Things that it tells of: a product's value for one period and set of dimensions.
    pub n_things: i64,
    /// Those whose value it has changed.
    pub n_changed: i64,
    /// Median of the last value over the first, of those changed, less 1: 0.02 is 2 % up.
    pub change: Option<f64>,
    /// Median of how far that is up or down.
    pub change_either_way: Option<f64>,
    /// Median days from the first word to the last, of those changed.
    pub days: Option<f64>,
}

/// How sources revise, by source and metric, as far as it was known at a moment (microseconds since 1970-01-01 UTC).
///
/// # Errors
/// Those of the lake.
pub async fn revisions(lake: &Lake, metric: Option<&str>, as_of: Option<i64>) -> Result<Vec<Revision>, ReconcileError> {
    let known = as_of.map_or("TRUE".to_owned(), |as_of| format!("known_at <= {}", sql::instant(as_of)));
    let wanted = metric.map_or("TRUE".to_owned(), |metric| format!("metric = {}", sql::quoted(metric)));
    let query = format!(
        "SELECT source, metric, count(*) AS n_things, \
                sum(CASE WHEN first_word <> last_word THEN 1 ELSE 0 END) AS n_changed, \
                median(CASE WHEN first_word <> last_word THEN last_word / first_word - 1 END) AS change, \
                median(CASE WHEN first_word <> last_word THEN abs(last_word / first_word - 1) END) AS change_either_way, \
                median(CASE WHEN first_word <> last_word THEN days END) AS days \
         FROM (SELECT source, metric, \
                      first_value(value ORDER BY known_at, claim_id) AS first_word, \
                      last_value(value ORDER BY known_at, claim_id) AS last_word, \
                      (CAST(max(known_at) AS BIGINT) - CAST(min(known_at) AS BIGINT)) / 86400000000.0 AS days \
               FROM claims_of_subjects \
               WHERE {known} AND {wanted} AND value > 0 AND status NOT IN ('denied', 'withdrawn') \
               GROUP BY source, metric, subject_id, period_start, period_end, region, platform, segment, unit) \
         GROUP BY source, metric ORDER BY n_changed DESC, source, metric"
    );
    let mut found = Vec::new();
    for batch in lake.query(&query).await? {
        let (sources, metrics) = (text_column(&batch, 0)?, text_column(&batch, 1)?);
        let count = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let number = |column: usize, row: usize| {
            let column = batch.column(column).as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        for row in 0..batch.num_rows() {
            found.push(Revision {
                source: sources.value(row).to_owned(),
                metric: metrics.value(row).to_owned(),
                n_things: count(2).value(row),
                n_changed: count(3).value(row),
                change: number(4, row),
                change_either_way: number(5, row),
                days: number(6, row),
            });
        }
    }
    Ok(found)
}
