//! A table at one version as DataFusion sees it: a Parquet scan over the files of the log, with their statistics.
//!
//! Files whose bounds cannot hold a match are left out while planning. Nothing here is a plan node of our own: the scan
//! is DataFusion's `DataSourceExec`, so that it can travel to a cluster as it is.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, Statistics, ToDFSchema as _};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{ViewTable, provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use url::Url;

use crate::arranged;
use crate::by_name::ByName;
use crate::footers::Footers;
use crate::schema;
use crate::table::{DataFile, TableSnapshot};

/// The provider of one snapshot.
#[derive(Debug, Clone)]
pub(crate) struct LakeTable {
    schema: SchemaRef,
    root: Url,
    files: Arc<Vec<DataFile>>,
    by_name: Option<Arc<ByName>>,
    /// Whether rows are wanted in their order, month by month.
    is_in_order: bool,
}

impl LakeTable {
    pub(crate) fn new(snapshot: &TableSnapshot) -> Self {
        Self { by_name: snapshot.by_name.clone(), ..Self::with_files(snapshot, Arc::clone(&snapshot.files)) }
    }

    /// Only some of the snapshot's files, and these themselves.
    pub(crate) fn with_files(snapshot: &TableSnapshot, files: Arc<Vec<DataFile>>) -> Self {
        let (schema, root) = (schema::scan_schema(snapshot.table), snapshot.delta.table_url().clone());
        Self { schema, root, files, by_name: None, is_in_order: false }
    }

    fn predicate(&self, state: &dyn Session, filters: &[Expr]) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some(filter) = conjunction(filters.to_vec()) else { return Ok(None) };
        let df_schema: DFSchema = Arc::clone(&self.schema).to_dfschema()?;
        Ok(Some(state.create_physical_expr(filter, &df_schema)?))
    }

    /// Where a question about names finds its rows together, or the table's own files.
    fn files_for(&self, filters: &[Expr]) -> &[DataFile] {
        match &self.by_name {
            Some(by_name) if by_name.is_asked_by(filters) => &by_name.files,
            _ => &self.files,
        }
    }

    fn kept_files<'f>(&self, files: &'f [DataFile], predicate: Option<&Arc<dyn PhysicalExpr>>) -> Vec<&'f DataFile> {
        let all: Vec<&DataFile> = files.iter().collect();
        let Some(predicate) = predicate else { return all };
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema));
        let Ok(pruning) = builder.try_build(Arc::clone(predicate)) else { return all };
        let statistics: Vec<Arc<Statistics>> = all.iter().map(|file| Arc::clone(&file.statistics)).collect();
        let prunable = PrunableStatistics::new(statistics, Arc::clone(&self.schema));
        match pruning.prune(&prunable) {
            Ok(kept) => all.into_iter().zip(kept).filter_map(|(file, keep)| keep.then_some(file)).collect(),
            Err(_) => all,
        }
    }

    fn store_url(&self) -> Result<ObjectStoreUrl> {
        if self.root.scheme() == "file" {
            return Ok(ObjectStoreUrl::local_filesystem());
        }
        ObjectStoreUrl::parse(&self.root[..url::Position::BeforePath])
    }

    fn partitioned(&self, file: &DataFile) -> PartitionedFile {
        let prefix = percent_decoded(self.root.path());
        let path = format!("{}/{}", prefix.trim_matches('/'), file.add.path);
        PartitionedFile::new(path, u64::try_from(file.add.size).unwrap_or_default())
            .with_statistics(Arc::clone(&file.statistics))
    }
}

/// Files dealt out to at most `n_groups` groups.
fn in_turn<'f>(files: &[&'f DataFile], n_groups: usize) -> Vec<Vec<&'f DataFile>> {
    let n = n_groups.min(files.len());
    (0..n).map(|group| files.iter().skip(group).step_by(n).copied().collect()).collect()
}

/// The same plan, its tables read in the order of their rows: for a question that groups by metric and first day, whose groups
/// are then done one month after the other. Other questions are better off with files in any order.
///
/// # Errors
/// None that a plan over the lake's tables could cause.
pub(crate) fn in_order(plan: LogicalPlan) -> Result<LogicalPlan> {
    let done = plan.transform_up(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let Some(table) = provider.downcast_ref::<LakeTable>() else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        scan.source = provider_as_source(Arc::new(LakeTable { is_in_order: true, ..table.clone() }));
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(done.data)
}

fn percent_decoded(path: &str) -> String {
    match Url::parse(&format!("file://{path}")).ok().and_then(|url| url.to_file_path().ok()) {
        Some(decoded) => decoded.to_string_lossy().into_owned(),
        None => path.to_owned(),
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = self.predicate(state, filters)?;
        let kept = self.kept_files(self.files_for(filters), predicate.as_ref());
        if kept.is_empty() {
            let projected = datafusion::physical_plan::project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        let store = self.store_url()?;
        // The filter itself stays above the scan, and the engine pushes it into the reader: given here as well, it would be
        // there twice, and each file's bounds would be judged twice.
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(Footers::new(state, &store, predicate.is_some())?))
            .with_table_parquet_options(state.config_options().execution.parquet.clone().into_table_options());
        let n_groups = state.config_options().execution.target_partitions.max(1);
        let arranged = self.is_in_order.then(|| arranged::arrange(&self.schema, &kept, n_groups)).flatten();
        let (groups, ordering, partitioning) = match arranged {
            Some(found) => (found.runs, vec![found.ordering], Some(found.partitioning)),
            None => (in_turn(&kept, n_groups), Vec::new(), None),
        };
        let group =
            |files: Vec<&DataFile>| FileGroup::new(files.into_iter().map(|file| self.partitioned(file)).collect());
        let statistics: Vec<&Statistics> = kept.iter().map(|file| file.statistics.as_ref()).collect();
        let merged = Statistics::try_merge_iter(statistics, &self.schema)?.to_inexact();
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(groups.into_iter().map(group).collect())
            .with_output_ordering(ordering)
            .with_output_partitioning(partitioning)
            .with_statistics(merged)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| filters.is_empty()))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Some rows of a table, which is still a table to whoever lists what there is.
#[derive(Debug)]
pub(crate) struct Narrowed(ViewTable);

impl Narrowed {
    pub(crate) fn new(rows: ViewTable) -> Self {
        Self(rows)
    }
}

#[async_trait]
impl TableProvider for Narrowed {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.0.get_logical_plan()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}

trait IntoTableOptions {
    fn into_table_options(self) -> datafusion::common::config::TableParquetOptions;
}

impl IntoTableOptions for datafusion::common::config::ParquetOptions {
    fn into_table_options(self) -> datafusion::common::config::TableParquetOptions {
        datafusion::common::config::TableParquetOptions { global: self, ..Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Lake, LakeOptions, Market};

    #[tokio::test]
    async fn what_files_say_of_themselves_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("market"), "test").unwrap();
        let lake = Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
        lake.append(&crowsnest_model::tables::MENTIONS, vec![crate::maintain::tests::row(1)]).await.unwrap();
        lake.refresh().await.unwrap();
        for _ in 0..2 {
            let found = lake.query("SELECT name FROM mentions WHERE mention_id = 1").await.unwrap();
            assert_eq!(found[0].num_rows(), 1);
        }
        let cached = lake.engine().context.runtime_env().cache_manager.get_file_metadata_cache().list_entries();
        let of_pages: Vec<bool> =
            cached.values().map(|entry| entry.value.file_metadata.extra_info()["page_index"] == "true").collect();
        assert_eq!(of_pages, [true]);
        assert!(cached.values().all(|entry| entry.hits > 0), "read anew");
    }
}
