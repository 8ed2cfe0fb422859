//! A session over tables that are in no lake: for steps that work on what they made themselves, or on somebody's files.
//!
//! In: batches, by name. Out: the rows of any SQL over them, with the lake's functions. Its memory is bounded like that
//! of questions; nothing of it outlives it.

use arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

use crate::engine::{self, LakeOptions};
use crate::stores::Settings;
use crate::{LakeError, Result, functions};

/// The session.
pub struct Scratch {
    context: SessionContext,
    n_threads: usize,
}

impl Scratch {
    /// A session without tables.
    ///
    /// # Errors
    /// Where the folder for what is spilled cannot be made.
    pub fn new(options: LakeOptions) -> Result<Self> {
        let runtime = engine::runtime(options, &Settings::default())?;
        let mut context = SessionContext::new_with_config_rt(engine::session_config(options.n_threads), runtime);
        functions::add_to(&mut context)?;
        Ok(Self { context, n_threads: options.n_threads.max(1) })
    }

    /// Adds a table; its batches are shared out to the threads.
    ///
    /// # Errors
    /// Where there is no batch, or they are of different schemas.
    pub fn add(&self, name: &str, batches: Vec<RecordBatch>) -> Result<()> {
        let Some(first) = batches.first() else {
            return Err(LakeError::bad_question(format!("the table {name} has no batch"), "give it an empty one"));
        };
        let schema = first.schema();
        let mut partitions = vec![Vec::new(); self.n_threads];
        for (place, batch) in batches.into_iter().enumerate() {
            partitions[place % self.n_threads].push(batch);
        }
        self.context.register_table(name, Arc::new(MemTable::try_new(schema, partitions)?))?;
        Ok(())
    }

    /// The rows of a query, as they come.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn stream(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(self.context.sql(sql)).await?.execute_stream().await?)
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(Box::pin(self.context.sql(sql)).await?.collect().await?)
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scratch").field("n_threads", &self.n_threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[tokio::test]
    async fn tables_of_its_own_join_by_their_keys() {
        let scratch = Scratch::new(LakeOptions { memory_bytes: 64 << 20, n_threads: 2 }).unwrap();
        let table = |name: &str| {
            let names = Arc::new(StringArray::from(vec![name, "Kimi"])) as arrow::array::ArrayRef;
            RecordBatch::try_from_iter([("name", names)]).unwrap()
        };
        scratch.add("left_names", vec![table("豆包")]).unwrap();
        scratch.add("right_names", vec![table("Doubao")]).unwrap();
        let sql = "WITH l AS (SELECT name, unnest(match_keys(name, 'word')) AS key FROM left_names),
                        r AS (SELECT name, unnest(match_keys(name, 'word')) AS key FROM right_names)
                   SELECT count(*) FROM l JOIN r USING (key)";
        let rows = scratch.query(sql).await.unwrap();
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 2);
        assert!(scratch.add("none", Vec::new()).is_err());
    }
}
