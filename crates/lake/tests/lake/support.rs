//! Makes markets and rows for the tests: a claim is a line of text.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use crowsnest_lake::{Lake, LakeOptions, Market, schema};
use crowsnest_model::tables::{ALIASES, CLAIMS, MENTIONS};
use crowsnest_model::{Bound, ClaimKey, Kind, Period, Status, entity_id, mention_id, normalise, parse_day};

pub(crate) const DAY_US: i64 = 86_400_000_000;

/// A claim: `source kind subject metric period value status known_on [unit [region/platform/segment]]`.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) source: String,
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) value: f64,
    pub(crate) status: Status,
    pub(crate) known_on: String,
    pub(crate) unit: String,
    pub(crate) slice: [String; 3],
}

/// Parses a line, its words separated by spaces; users and `cn/app/all` where it says nothing else.
pub(crate) fn said(line: &str) -> Said {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [source, kind, subject, metric, period, value, status, known_on, ref more @ ..] = parts[..] else {
        panic!("at least eight words expected: {line}")
    };
    let slice: Vec<&str> = more.get(1).copied().unwrap_or("cn/app/all").split('/').collect();
    Said {
        source: source.into(),
        kind: kind.parse().unwrap(),
        subject: subject.into(),
        metric: metric.into(),
        period: period.into(),
        value: value.parse().unwrap(),
        status: status.parse().unwrap(),
        known_on: known_on.into(),
        unit: more.first().copied().unwrap_or("users").into(),
        slice: [slice[0].into(), slice[1].into(), slice[2].into()],
    }
}

pub(crate) fn all(lines: &str) -> Vec<Said> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(said).collect()
}

fn mention(said: &Said) -> i64 {
    mention_id(&said.source, said.kind, None, &normalise(&said.subject))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn instants(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn known_at(said: &Said) -> i64 {
    i64::from(parse_day(&said.known_on).unwrap()) * DAY_US
}

pub(crate) fn claim_rows(rows: &[Said]) -> RecordBatch {
    let n = rows.len();
    let periods: Vec<Period> = rows.iter().map(|row| Period::parse(&row.period).unwrap()).collect();
    let constant = |text: &'static str| texts(std::iter::repeat_n(text, n));
    let mut scratch = Vec::new();
    let ids: Vec<i64> = rows
        .iter()
        .zip(&periods)
        .map(|(row, period)| {
            ClaimKey {
                mention_id: mention(row),
                metric: &row.metric,
                period: *period,
                region: &row.slice[0],
                platform: &row.slice[1],
                segment: &row.slice[2],
                value: row.value,
                low: None,
                high: None,
                bound: Bound::Exact,
                unit: &row.unit,
                status: row.status,
                said_at: Some(known_at(row)),
            }
            .id(&mut scratch)
        })
        .collect();
    let period_texts: Vec<String> = periods.iter().map(ToString::to_string).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(mention))),
        texts(rows.iter().map(|row| row.subject.as_str())),
        texts(rows.iter().map(|row| row.kind.as_str())),
        texts(rows.iter().map(|row| row.metric.as_str())),
        texts(period_texts.iter().map(String::as_str)),
        Arc::new(Date32Array::from_iter_values(periods.iter().map(Period::start_day))),
        Arc::new(Date32Array::from_iter_values(periods.iter().map(Period::end_day))),
        texts(periods.iter().map(|period| period.grain().as_str())),
        texts(rows.iter().map(|row| row.slice[0].as_str())),
        texts(rows.iter().map(|row| row.slice[1].as_str())),
        texts(rows.iter().map(|row| row.slice[2].as_str())),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.value))),
        Arc::new(Float64Array::new_null(n)),
        Arc::new(Float64Array::new_null(n)),
        constant("exact"),
        texts(rows.iter().map(|row| row.unit.as_str())),
        Arc::new(StringArray::new_null(n)),
        texts(rows.iter().map(|row| row.status.as_str())),
        texts(rows.iter().map(|row| row.source.as_str())),
        instants(rows.iter().map(known_at)),
        instants(rows.iter().map(known_at)),
        instants(std::iter::repeat_n(1, n)),
        constant("00"),
        Arc::new(Int64Array::from_iter_values(1..=n as i64)),
        Arc::new(StringArray::new_null(n)),
    ];
    RecordBatch::try_new(schema::arrow_schema(&CLAIMS), columns).unwrap()
}

pub(crate) fn mention_rows(rows: &[Said]) -> RecordBatch {
    let n = rows.len();
    let keys: Vec<String> = rows.iter().map(|row| normalise(&row.subject)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(mention))),
        texts(rows.iter().map(|row| row.source.as_str())),
        texts(rows.iter().map(|row| row.kind.as_str())),
        texts(rows.iter().map(|row| row.subject.as_str())),
        Arc::new(StringArray::new_null(n)),
        texts(keys.iter().map(String::as_str)),
        Arc::new(Int64Array::from_iter_values(rows.iter().zip(&keys).map(|(row, key)| entity_id(row.kind, key)))),
        Arc::new(StringArray::new_null(n)),
        Arc::new(StringArray::new_null(n)),
        instants(rows.iter().map(known_at)),
        texts(std::iter::repeat_n("00", n)),
        Arc::new(StringArray::new_null(n)),
        Arc::new(StringArray::new_null(n)),
    ];
    RecordBatch::try_new(schema::arrow_schema(&MENTIONS), columns).unwrap()
}

pub(crate) fn options() -> LakeOptions {
    LakeOptions { memory_bytes: 256 << 20, n_threads: 2 }
}

/// An empty market in a new folder.
pub(crate) async fn empty() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::create(&folder.path().join("market"), "test").unwrap();
    let lake = Lake::open(market, options()).await.unwrap();
    (folder, lake)
}

/// A market in which these things were said.
pub(crate) async fn market(lines: &str) -> (tempfile::TempDir, Lake) {
    let (folder, lake) = empty().await;
    tell(&lake, lines).await;
    (folder, lake)
}

pub(crate) async fn tell(lake: &Lake, lines: &str) {
    let rows = all(lines);
    lake.append(&MENTIONS, vec![mention_rows(&rows)]).await.unwrap();
    lake.append(&CLAIMS, vec![claim_rows(&rows)]).await.unwrap();
    lake.refresh().await.unwrap();
}

/// Says in the catalogue that a product has another name.
pub(crate) async fn alias(lake: &Lake, entity: &str, alias: &str) {
    let own = |name: &str| entity_id(Kind::Product, &normalise(name));
    let columns: Vec<ArrayRef> = ALIASES
        .columns
        .iter()
        .map(|column| match column.name {
            "alias_id" => Arc::new(Int64Array::from(vec![own(alias) ^ own(entity)])) as ArrayRef,
            "self_entity_id" => Arc::new(Int64Array::from(vec![own(alias)])),
            "entity_id" => Arc::new(Int64Array::from(vec![own(entity)])),
            "entity" => texts([entity].into_iter()),
            "kind" => texts(["product"].into_iter()),
            "alias" => texts([alias].into_iter()),
            "language" => texts(["zh-Hans"].into_iter()),
            "by" => texts(["test.csv"].into_iter()),
            "why" => Arc::new(StringArray::new_null(1)),
            "active" => Arc::new(BooleanArray::from(vec![true])),
            "known_at" => instants([1].into_iter()),
            other => panic!("a column of aliases that is not known here: {other}"),
        })
        .collect();
    let rows = RecordBatch::try_new(schema::arrow_schema(&ALIASES), columns).unwrap();
    lake.append(&ALIASES, vec![rows]).await.unwrap();
    lake.refresh().await.unwrap();
}

/// The single number that a query gives.
pub(crate) async fn number(lake: &Lake, sql: &str) -> i64 {
    use arrow::array::AsArray as _;
    let batches = lake.query(sql).await.unwrap();
    batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0)
}
