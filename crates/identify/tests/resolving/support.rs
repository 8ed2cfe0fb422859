//! Makes markets of mentions: one a line, `kind|name|source[|native_id[|developer[|domain]]]`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Int64Type};
use crowsnest_identify::resolving::{ResolveOptions, Resolved, resolve};
use crowsnest_lake::{Lake, LakeOptions, Market, files, schema};
use crowsnest_model::tables::{DOCUMENTS, MENTIONS};
use crowsnest_model::{Kind, entity_id, mention_id, normalise};

pub(crate) struct Fixture {
    pub(crate) lake: Lake,
    pub(crate) folder: tempfile::TempDir,
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(|text| Some(text).filter(|text| !text.is_empty())).collect::<StringArray>())
}

pub(crate) fn mention(line: &[&str]) -> i64 {
    let kind: Kind = line[0].parse().unwrap();
    let id = line.get(3).copied().filter(|id| !id.is_empty());
    mention_id(line[2], kind, id, &normalise(line[1]))
}

pub(crate) fn batch(lines: &[String], known_at: i64) -> RecordBatch {
    let lines: Vec<Vec<&str>> = lines.iter().map(|line| line.split('|').collect()).collect();
    let n = lines.len();
    let column = |place: usize| texts(lines.iter().map(move |line| line.get(place).copied().unwrap_or_default()));
    let keys: Vec<String> = lines.iter().map(|line| normalise(line[1])).collect();
    let own = lines.iter().zip(&keys).map(|(line, key)| entity_id(line[0].parse().unwrap(), key));
    let names: ArrayRef = Arc::new(lines.iter().map(|line| Some(line[1])).collect::<StringArray>());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(lines.iter().map(|line| mention(line)))),
        column(2),
        column(0),
        names,
        column(3),
        Arc::new(keys.iter().map(|key| Some(key.as_str())).collect::<StringArray>()),
        Arc::new(Int64Array::from_iter_values(own)),
        new_null_array(&DataType::Utf8, n),
        new_null_array(&DataType::Utf8, n),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values((0..n as i64).map(|row| known_at + row)).with_timezone("UTC"),
        ),
        texts(std::iter::repeat_n("00", n)),
        column(4),
        column(5),
    ];
    RecordBatch::try_new(schema::arrow_schema(&MENTIONS), columns).unwrap()
}

/// A day on which the lake took in its first document.
pub(crate) const BORN_AT: i64 = 1_700_000_000_000_000;

async fn be_born(lake: &Lake) {
    let columns: Vec<ArrayRef> = DOCUMENTS
        .columns
        .iter()
        .map(|column| match column.name {
            "known_at" => Arc::new(TimestampMicrosecondArray::from(vec![BORN_AT]).with_timezone("UTC")) as ArrayRef,
            name if name.starts_with("n_") => Arc::new(Int64Array::from(vec![1])),
            name if !column.nullable => texts([name].into_iter()),
            _ => new_null_array(&schema::arrow_type(column.column_type), 1),
        })
        .collect();
    let rows = RecordBatch::try_new(schema::arrow_schema(&DOCUMENTS), columns).unwrap();
    lake.append(&DOCUMENTS, vec![rows]).await.unwrap();
}

impl Fixture {
    pub(crate) async fn new(lines: &str) -> Self {
        Self::of(lines.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()).await
    }

    pub(crate) async fn of(lines: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("market"), "test").unwrap();
        let lake = Lake::open(market, LakeOptions { memory_bytes: 512 << 20, n_threads: 2 }).await.unwrap();
        be_born(&lake).await;
        let fixture = Self { lake, folder };
        fixture.tell(&lines).await;
        fixture
    }

    pub(crate) async fn tell(&self, lines: &[String]) {
        self.lake.append(&MENTIONS, vec![batch(lines, BORN_AT)]).await.unwrap();
        self.lake.refresh().await.unwrap();
    }

    pub(crate) fn write_catalogue(&self, name: &str, text: &str) {
        let path = self.folder.path().join("market/catalogue").join(name);
        files::write_whole(&path, text.as_bytes()).unwrap();
    }

    pub(crate) async fn resolve(&self) -> Resolved {
        let resolved = resolve(&self.lake, &ResolveOptions::default()).await.unwrap();
        self.lake.refresh().await.unwrap();
        resolved
    }

    pub(crate) fn are_one(&self, left: &str, right: &str) -> bool {
        let identity = self.lake.identity();
        identity.find(left, None).unwrap().id == identity.find(right, None).unwrap().id
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let batches = self.lake.query(sql).await.unwrap();
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    }
}
