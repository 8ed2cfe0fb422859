//! Where plans run: in this process, or on a cluster. Nothing else of the lake knows the difference.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::displayable;
use datafusion::prelude::DataFrame;

use crate::Result;

/// Runs plans. To stop one, drop its stream.
#[async_trait]
pub(crate) trait Runner: std::fmt::Debug + Send + Sync {
    /// The rows of a plan, in its order.
    async fn run(&self, frame: DataFrame) -> Result<SendableRecordBatchStream>;

    /// Where a plan would run, why there, and its steps; nothing is run.
    async fn explain(&self, frame: DataFrame) -> Result<String>;
}

/// This process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InProcess;

#[async_trait]
impl Runner for InProcess {
    async fn run(&self, frame: DataFrame) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(frame.execute_stream()).await?)
    }

    async fn explain(&self, frame: DataFrame) -> Result<String> {
        let plan = frame.create_physical_plan().await?;
        Ok(format!("runs in this process\n\n{}", displayable(plan.as_ref()).indent(false)))
    }
}

/// A question that runs on the cluster.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Job {
    /// The scheduler's name for it.
    pub id: String,
    /// Stages that are done.
    pub n_stages_done: usize,
    /// When it was sent: microseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// How often it was begun anew because an executor was lost.
    pub n_retries: usize,
}

/// The questions of this process that run on the cluster. Clones see the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<BTreeMap<String, Job>>>);

impl Jobs {
    pub(crate) fn all(&self) -> Vec<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn put(&self, job: Job) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id.clone(), job);
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
