//! `cluster`: which questions of this process run on the cluster, and how far they are.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::{Answer, Lake, Result};

/// One row per question, the oldest first.
///
/// # Errors
/// None that the lake could cause.
pub fn cluster(lake: &Lake) -> Result<Answer> {
    let mut jobs = lake.jobs();
    jobs.sort_by_key(|job| job.started_at);
    let counts = |of: fn(&crate::Job) -> usize| -> ArrayRef {
        Arc::new(jobs.iter().map(|job| i64::try_from(of(job)).ok()).collect::<Int64Array>())
    };
    let ids: StringArray = jobs.iter().map(|job| Some(job.id.as_str())).collect();
    let began: TimestampMicrosecondArray = jobs.iter().map(|job| Some(job.started_at)).collect();
    let rows = RecordBatch::try_from_iter([
        ("job", Arc::new(ids) as ArrayRef),
        ("n_stages_done", counts(|job| job.n_stages_done)),
        ("n_retries", counts(|job| job.n_retries)),
        ("started_at", Arc::new(began.with_timezone("UTC")) as ArrayRef),
    ])?;
    let config = &lake.market().config;
    Ok(Answer::of_rows(rows)
        .with_fact("cluster", config.cluster.clone())
        .with_fact("from_rows", config.cluster_from_rows)
        .with_fact("partitions", config.cluster_partitions))
}
