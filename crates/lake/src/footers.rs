//! What Parquet files say of themselves, kept between questions: footers, and the bounds of their pages.
//!
//! Left to itself, the engine reads a file's footer anew for each question, and the places and bounds of its pages once
//! more for each that leaves pages out: with many files, that is most of what a question about one name costs. A file is
//! never changed and its name never used twice, so what was read once holds. The runtime's cache has the bound on memory.
//! On a cluster, executors read footers through a cache of their own.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::ParquetMetaData;

/// Makes readers of the files of one store.
#[derive(Debug)]
pub(crate) struct Footers {
    readers: CachedParquetFileReaderFactory,
    /// Whether the bounds of pages are read with the footer: worth it for a question that leaves some out.
    has_filter: bool,
}

impl Footers {
    pub(crate) fn new(session: &dyn Session, store: &ObjectStoreUrl, has_filter: bool) -> Result<Self> {
        let runtime = session.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        Ok(Self { readers: CachedParquetFileReaderFactory::new(runtime.object_store(store)?, cache), has_filter })
    }
}

impl ParquetFileReaderFactory for Footers {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let reader = self.readers.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(if self.has_filter { Box::new(WithPages(reader)) } else { reader })
    }
}

/// Reads the bounds of pages with the footer, although the engine asks for them later.
struct WithPages(Box<dyn AsyncFileReader + Send>);

impl AsyncFileReader for WithPages {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.0.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        self.0.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        // Options would say that the engine wants no bounds yet; without any, the cache decides, and keeps them.
        self.0.get_metadata(None)
    }
}
