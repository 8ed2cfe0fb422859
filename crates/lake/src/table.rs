//! One Delta table of the lake: opening or making it, and what a moment of it looks like.

use std::sync::Arc;

use crowsnest_model::tables::Table;
use datafusion::common::Statistics;
use deltalake::kernel::Add;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder};
use url::Url;

use crate::by_name::ByName;
use crate::stores::{self, Settings};
use crate::{Result, schema, statistics};

/// A file of a table with what its log says of it.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// The log's own record of the file.
    pub(crate) add: Add,
    /// Row count and the bounds of its columns, in the table's column order.
    pub(crate) statistics: Arc<Statistics>,
}

/// A table at one version: what a query reads from start to end, whatever others commit meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct TableSnapshot {
    pub(crate) table: &'static Table,
    pub(crate) delta: DeltaTable,
    pub(crate) files: Arc<Vec<DataFile>>,
    /// The same rows in the order of whom they are about, where `optimize` made that.
    pub(crate) by_name: Option<Arc<ByName>>,
}

impl TableSnapshot {
    /// Opens a table below the lake's address at its latest version; makes it where it is missing, and adds the columns
    /// that a lake made by an older version lacks.
    pub(crate) async fn open(lake_url: &Url, table: &'static Table, settings: &Settings) -> Result<Self> {
        stores::register_for_tables();
        let url = table_url(lake_url, table.name)?;
        let mut delta = builder(&url, settings)?.build()?;
        if delta.verify_deltatable_existence().await? {
            delta.load().await?;
        } else {
            delta = create(&url, table, settings).await?;
        }
        Self::of(table, add_missing_columns(delta, table).await?).await
    }

    async fn of(table: &'static Table, delta: DeltaTable) -> Result<Self> {
        let state = delta.snapshot()?;
        let mut files = Vec::new();
        for view in state.log_data().iter() {
            let stats = view.stats();
            let file_statistics = statistics::parse(table, stats.as_deref(), view.size());
            let add = Add {
                path: view.path().into_owned(),
                partition_values: view.partition_values_map(),
                size: view.size(),
                modification_time: view.modification_time(),
                data_change: true,
                stats,
                tags: None,
                deletion_vector: None,
                base_row_id: None,
                default_row_commit_version: None,
                clustering_provider: None,
            };
            files.push(DataFile { add, statistics: Arc::new(file_statistics) });
        }
        files.sort_by(|left, right| left.add.path.cmp(&right.add.path));
        let by_name = ByName::read(table, &delta, &files).await;
        Ok(Self { table, delta, files: Arc::new(files), by_name })
    }

    /// The version that this is.
    pub(crate) fn version(&self) -> u64 {
        self.delta.version().unwrap_or_default()
    }

    /// The same table as it is now; cheap where nothing was committed since.
    pub(crate) async fn latest(&self) -> Result<Self> {
        let latest = self.delta.log_store().get_latest_version(self.version()).await?;
        if latest == self.version() {
            return Ok(self.clone());
        }
        let mut delta = self.delta.clone();
        delta.update_state().await?;
        Self::of(self.table, delta).await
    }

    /// The number of rows, from the log alone.
    pub(crate) fn n_rows(&self) -> usize {
        self.files.iter().filter_map(|file| file.statistics.num_rows.get_value().copied()).sum()
    }
}

fn table_url(lake_url: &Url, name: &str) -> Result<Url> {
    let mut url = lake_url.clone();
    let path = format!("{}/{name}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    if url.scheme() == "file"
        && let Ok(folder) = url.to_file_path()
    {
        crate::files::create_folder(&folder)?;
    }
    Ok(url)
}

fn builder(url: &Url, settings: &Settings) -> Result<DeltaTableBuilder> {
    let options = settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(DeltaTableBuilder::from_url(url.clone())?.with_storage_options(options))
}

async fn create(url: &Url, table: &'static Table, settings: &Settings) -> Result<DeltaTable> {
    let blank = builder(url, settings)?.build()?;
    let made = blank
        .create()
        .with_table_name(table.name)
        .with_comment(table.doc)
        .with_columns(schema::delta_fields(table.columns))
        .with_save_mode(SaveMode::Ignore)
        .await;
    match made {
        Ok(delta) => Ok(delta),
        // Another process made it in the same moment: theirs is as good.
        Err(error) => match builder(url, settings)?.load().await {
            Ok(delta) => Ok(delta),
            Err(_) => Err(error.into()),
        },
    }
}

async fn add_missing_columns(delta: DeltaTable, table: &'static Table) -> Result<DeltaTable> {
    let present = delta.snapshot()?.schema();
    let is_known = |name: &str| table.columns.iter().any(|column| column.name == name);
    let unknown: Vec<&str> =
        present.fields().map(|field| field.name().as_str()).filter(|name| !is_known(name)).collect();
    if !unknown.is_empty() {
        let columns = unknown.join(", ");
        tracing::warn!(
            table = table.name,
            columns,
            "a later version added columns, which stay empty in rows that this one adds"
        );
    }
    let missing: Vec<_> = table.columns.iter().filter(|column| present.field(column.name).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(delta);
    }
    tracing::info!(table = table.name, n_columns = missing.len(), "adding columns that this lake does not have yet");
    Ok(delta.add_columns().with_fields(schema::delta_fields(&missing)).await?)
}
