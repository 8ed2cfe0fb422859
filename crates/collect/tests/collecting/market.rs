//! A market with sources that a test writes, and what has come into it.

use std::path::Path;
use std::sync::Arc;

use arrow::util::display::array_value_to_string;
use crowsnest_collect::{Clock, CollectRequest, Collector, SourceReport};
use crowsnest_lake::{Lake, LakeOptions, Market};

/// A market in a folder of its own.
pub(crate) struct Played {
    pub(crate) folder: tempfile::TempDir,
}

impl Played {
    /// With source files of these names and texts.
    pub(crate) fn new(sources: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Market::create(&folder.path().join("m"), "m").unwrap();
        let played = Self { folder };
        for (name, text) in sources {
            played.write(name, text);
        }
        played
    }

    pub(crate) fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("m")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join("sources").join(format!("{name}.toml")), text).unwrap();
    }

    /// A secret in the market's secrets file.
    pub(crate) fn keep_secret(&self, name: &str, value: &str) {
        std::fs::write(self.dir().join("secrets.toml"), format!("{name} = \"{value}\"\n")).unwrap();
        let config = std::fs::read_to_string(self.dir().join("crowsnest.toml")).unwrap();
        std::fs::write(self.dir().join("crowsnest.toml"), format!("secrets = \"secrets.toml\"\n{config}")).unwrap();
    }

    pub(crate) async fn lake(&self) -> Lake {
        open(&self.dir()).await
    }

    /// Collects all sources, as a process of its own would.
    pub(crate) async fn collect(&self) -> Vec<SourceReport> {
        self.collect_with(CollectRequest::default(), Clock::default()).await
    }

    pub(crate) async fn collect_with(&self, request: CollectRequest, clock: Clock) -> Vec<SourceReport> {
        let lake = self.lake().await;
        let collector = Collector::new(lake, clock, Arc::new(|_| {}));
        let run = format!("test-{}", clock.now_micros());
        Box::pin(collector.collect(&CollectRequest { run, ..request })).await.unwrap()
    }

    /// The rows of a query, a line each.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let lake = self.lake().await;
        let mut lines = Vec::new();
        for batch in lake.query(sql).await.unwrap() {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
                lines.push(cells.collect::<Vec<_>>().join(" "));
            }
        }
        lines
    }

    /// What is in force, as `subject metric period value`.
    pub(crate) async fn in_force(&self) -> Vec<String> {
        self.rows("SELECT subject, metric, period, value FROM claims_in_force ORDER BY 1, 2, 3").await
    }
}

pub(crate) async fn open(dir: &Path) -> Lake {
    let market = Market::open(dir).unwrap();
    Box::pin(Lake::open(market, LakeOptions { memory_bytes: 256 << 20, n_threads: 2 })).await.unwrap()
}

/// A source file of connector `http_json` that maps `name`, `users` and `month`.
pub(crate) fn json_source(url: &str, more: &str) -> String {
    format!(
        "name = \"Played\"\n{more}\n[collect]\nconnector = \"http_json\"\nallow_private_addresses = true\n\
         requests_per_minute = 600000\nretry_max = 2\n[options]\nurl = \"{url}\"\nrecords = \".rows[]\"\n\
         [map.columns]\nsubject = \"name\"\nvalue = \"users\"\nperiod = \"month\"\n[map.constants]\nmetric = \"mau\"\n"
    )
}

/// An answer that such a source reads.
pub(crate) fn rows_text(rows: &[(&str, &str, f64)]) -> String {
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|(name, month, users)| serde_json::json!({"name": name, "month": month, "users": users}))
        .collect();
    serde_json::json!({ "rows": rows }).to_string()
}
