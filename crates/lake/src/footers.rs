//! What Parquet files say of themselves, kept between questions: footers, the bounds of their pages, and the filters
//! (Bloom filters) that tell which ids a row group has not.
//!
//! Left to itself, the engine reads a file's footer anew for each question, and the places and bounds of its pages once
//! more for each that leaves pages out: with many files, that is most of what a question about one name costs. A file is
//! never changed and its name never used twice, so what was read once holds. The runtime's cache has the bound on memory.
//! Filters are small and many, and the engine asks for them one by one: here all of a file are read at once.
//! On a cluster, executors read footers through a cache of their own, and filters one by one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::ParquetMetaData;

/// Makes readers of the files of one store.
#[derive(Debug)]
pub(crate) struct Footers {
    readers: CachedParquetFileReaderFactory,
    store: ObjectStoreUrl,
    /// Whether the bounds of pages are read with the footer: worth it for a question that leaves some out.
    has_filter: bool,
}

impl Footers {
    pub(crate) fn new(session: &dyn Session, store: &ObjectStoreUrl, has_filter: bool) -> Result<Self> {
        let runtime = session.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(runtime.object_store(store)?, cache);
        Ok(Self { readers, store: store.clone(), has_filter })
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
        let name = format!("{}{}", self.store.as_str(), file.object_meta.location);
        let reader = self.readers.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(if self.has_filter { Box::new(WithPages { reader, name, filters: Vec::new() }) } else { reader })
    }
}

/// Reads the bounds of pages with the footer, although the engine asks for them later, and filters all at once.
struct WithPages {
    reader: Box<dyn AsyncFileReader + Send>,
    name: String,
    /// Where filters are in the file.
    filters: Vec<Range<u64>>,
}

impl AsyncFileReader for WithPages {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let Some(place) = self.filters.iter().position(|filter| *filter == range) else {
            return self.reader.get_bytes(range);
        };
        if let Some(filters) = Filters::kept(&self.name) {
            return std::future::ready(Ok(filters[place].clone())).boxed();
        }
        async move {
            let filters = self.reader.get_byte_ranges(self.filters.clone()).await?;
            let wanted = filters[place].clone();
            Filters::keep(&self.name, filters);
            Ok(wanted)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            // Options would say that the engine wants no bounds yet; without any, the cache decides, and keeps them.
            let metadata = self.reader.get_metadata(None).await?;
            self.filters = filters_in(&metadata);
            Ok(metadata)
        }
        .boxed()
    }
}

fn filters_in(metadata: &ParquetMetaData) -> Vec<Range<u64>> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let place = |start: i64, n_bytes: i32| {
        let start = u64::try_from(start).ok()?;
        Some(start..start + u64::try_from(n_bytes).ok()?)
    };
    columns.filter_map(|column| place(column.bloom_filter_offset()?, column.bloom_filter_length()?)).collect()
}

/// Filters of files, by the files' names.
#[derive(Default)]
struct Filters {
    of_files: HashMap<String, Arc<Vec<Bytes>>>,
    n_bytes: usize,
}

/// Bytes of filters that a process keeps; beyond that it begins anew.
const FILTER_BYTES_MAX: usize = 64 << 20;

static FILTERS: LazyLock<Mutex<Filters>> = LazyLock::new(Mutex::default);

impl Filters {
    fn kept(file: &str) -> Option<Arc<Vec<Bytes>>> {
        FILTERS.lock().unwrap_or_else(PoisonError::into_inner).of_files.get(file).cloned()
    }

    fn keep(file: &str, filters: Vec<Bytes>) {
        let n_bytes = filters.iter().map(Bytes::len).sum::<usize>();
        // A piece of a longer read would keep all of it.
        let filters = filters.iter().map(|filter| Bytes::copy_from_slice(filter)).collect();
        let mut all = FILTERS.lock().unwrap_or_else(PoisonError::into_inner);
        if all.n_bytes + n_bytes > FILTER_BYTES_MAX {
            *all = Self::default();
        }
        if n_bytes <= FILTER_BYTES_MAX && all.of_files.insert(file.to_owned(), Arc::new(filters)).is_none() {
            all.n_bytes += n_bytes;
        }
    }
}
