//! Records to candidates: pairs that are worth comparing, by blocking keys, as one plan of the engine.
//!
//! Keys are whole names, words (neighbours joined, model codes, pinyin) and character grams of all text columns. Of each
//! record the rarest keys of a kind are taken; a key that pairs too many is not joined by, and of whole names that are
//! too many only neighbours are paired, so that a hundred thousand equal names cost what other names cost. What is kept
//! has to be among the best twenty of both its records, by the cosine of the keys' rarities.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int8Array, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Float64Type, UInt32Type};
use crowsnest_lake::{LakeError, Scratch};
use futures::StreamExt as _;

use super::records::{Pair, Records};
use super::value::ColumnKind;

/// Most candidates of a record.
pub const CANDIDATES_MAX: usize = 20;
/// Most pairs that one key may give: a block of three hundred on each side.
const PAIRS_OF_KEY_MAX: usize = 90_000;
/// Keys of a kind that are taken of a record, the rarest first.
const KEYS_OF_KIND_MAX: usize = 50;
const ROWS_OF_BATCH: usize = 8192;

/// A pair worth comparing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) pair: Pair,
    /// Cosine of the rarities of their keys, from 0 to 1.
    pub(crate) score: f32,
}

/// The candidates of all records, sorted by their places.
pub(crate) async fn candidates(
    scratch: &Scratch,
    records: &Records,
    kinds: &[ColumnKind],
) -> Result<Vec<Candidate>, LakeError> {
    scratch.add("texts", texts(records, kinds)?)?;
    let mut stream = scratch.stream(&plan(records.n())).await?;
    let mut found = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(LakeError::from)?;
        let left = batch.column(0).as_primitive::<UInt32Type>();
        let right = batch.column(1).as_primitive::<UInt32Type>();
        let scores = batch.column(2).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let pair = Pair { left: left.value(row), right: right.value(row) };
            found.push(Candidate { pair, score: scores.value(row) as f32 });
        }
    }
    found.sort_unstable_by_key(|candidate| candidate.pair);
    Ok(found)
}

/// A row for each text: `side` (0 left, 1 right), `record`, `text`.
fn texts(records: &Records, kinds: &[ColumnKind]) -> Result<Vec<RecordBatch>, LakeError> {
    let n_left = records.n_left();
    let mut batches = Vec::new();
    let columns = records.values.iter().zip(kinds).filter(|(_, kind)| kind.is_text());
    for (values, _) in columns {
        for (number, chunk) in values.chunks(ROWS_OF_BATCH).enumerate() {
            let rows = (0..chunk.len()).map(|row| number * ROWS_OF_BATCH + row);
            let sides = Int8Array::from_iter_values(rows.clone().map(|row| i8::from(row >= n_left)));
            let places = rows.map(|row| (if row >= n_left { row - n_left } else { row }) as u32);
            batches.push(batch(sides, UInt32Array::from_iter_values(places), StringArray::from_iter_values(chunk))?);
        }
    }
    if batches.is_empty() {
        let none = StringArray::from(Vec::<&str>::new());
        batches.push(batch(Int8Array::from(Vec::<i8>::new()), UInt32Array::from(Vec::<u32>::new()), none)?);
    }
    Ok(batches)
}

fn batch(sides: Int8Array, places: UInt32Array, texts: StringArray) -> Result<RecordBatch, LakeError> {
    let columns: [(&str, ArrayRef); 3] =
        [("side", Arc::new(sides)), ("record", Arc::new(places)), ("text", Arc::new(texts))];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// The plan: keys, their rarities, pairs by key, the best of each record.
///
/// The rarity of a key is ln(1 + records / those that have it), in thousandths: sums of whole numbers are the same in
/// whichever order they are added up.
fn plan(n_records: usize) -> String {
    let mut keys = String::new();
    for kind in ["word", "gram"] {
        let union = if keys.is_empty() { "" } else { " UNION ALL " };
        let unnested = format!("unnest(match_keys(text, '{kind}')) AS key FROM texts");
        let _ = write!(
            keys,
            "{union}SELECT DISTINCT side, record, '{kind}' AS kind, key FROM (SELECT side, record, {unnested})"
        );
    }
    let slice = CANDIDATES_MAX / 2;
    format!(
        "WITH keys AS ({keys}),
        sizes AS (
            SELECT key, count(*) AS n, sum(CASE WHEN side = 0 THEN 1 ELSE 0 END) AS n_left FROM keys GROUP BY key),
        weighed AS (
            SELECT side, record, kind, keys.key, n, n_left, CAST(round(1000 * ln(1.0 + {n_records}.0 / n)) AS BIGINT) AS weight
            FROM keys JOIN sizes ON keys.key = sizes.key),
        lengths AS (SELECT side, record, sqrt(sum(weight * weight)) AS length FROM weighed GROUP BY side, record),
        ordered AS (
            SELECT side, record, key, weight,
                   row_number() OVER (PARTITION BY side, record, kind ORDER BY n, key) AS place
            FROM weighed WHERE n_left > 0 AND n > n_left AND n_left * (n - n_left) <= {PAIRS_OF_KEY_MAX}),
        rare AS (SELECT side, record, key, weight FROM ordered WHERE place <= {KEYS_OF_KIND_MAX}),
        by_key AS (
            SELECT l.record AS left_record, r.record AS right_record, sum(l.weight * r.weight) AS product
            FROM (SELECT * FROM rare WHERE side = 0) l JOIN (SELECT * FROM rare WHERE side = 1) r ON l.key = r.key
            GROUP BY l.record, r.record),
        names AS (
            SELECT side, record, key, row_number() OVER (PARTITION BY side, key ORDER BY record) / {slice} AS slice
            FROM (SELECT DISTINCT side, record, unnest(match_keys(text, 'name')) AS key FROM texts)),
        by_name AS (
            SELECT DISTINCT l.record AS left_record, r.record AS right_record
            FROM (SELECT * FROM names WHERE side = 0) l JOIN (SELECT * FROM names WHERE side = 1) r
                 ON l.key = r.key AND l.slice = r.slice),
        scored AS (
            SELECT left_record, right_record, product / (l.length * r.length) AS score
            FROM by_key
                 JOIN lengths l ON l.side = 0 AND l.record = left_record
                 JOIN lengths r ON r.side = 1 AND r.record = right_record
            UNION ALL
            SELECT left_record, right_record, 0.0 AS score FROM by_name),
        pairs AS (SELECT left_record, right_record, max(score) AS score FROM scored GROUP BY left_record, right_record),
        ranked AS (
            SELECT *, row_number() OVER (PARTITION BY left_record ORDER BY score DESC, right_record) AS left_place,
                   row_number() OVER (PARTITION BY right_record ORDER BY score DESC, left_record) AS right_place
            FROM pairs)
        SELECT left_record, right_record, score FROM ranked
        WHERE left_place <= {CANDIDATES_MAX} AND right_place <= {CANDIDATES_MAX}"
    )
}

#[cfg(test)]
mod tests {
    use crowsnest_lake::LakeOptions;

    use super::*;

    async fn found(left: Vec<String>, right: Vec<String>) -> Vec<Candidate> {
        let ids = |names: &[String]| (0..names.len()).map(|place| place.to_string()).collect();
        let (left_ids, right_ids) = (ids(&left), ids(&right));
        let values = vec![[left, right].concat()];
        let records = Records { columns: vec!["name".into()], values, left_ids, right_ids };
        let scratch = Scratch::new(LakeOptions { memory_bytes: 512 << 20, n_threads: 2 }).unwrap();
        candidates(&scratch, &records, &[ColumnKind::Text]).await.unwrap()
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn names_meet_across_scripts_and_mistakes() {
        let left = names(&["豆包", "Chat GPT", "零一萬物", "Mircosoft Office", "Kimi", ""]);
        let right = names(&["Doubao", "ChatGPT", "零一万物", "microsoft office", "通义千问", "😀"]);
        let found = found(left, right).await;
        for place in 0..4 {
            let pair = Pair { left: place, right: place };
            assert!(found.iter().any(|candidate| candidate.pair == pair), "{place}: {found:?}");
        }
        assert!(found.iter().all(|candidate| candidate.pair.left < 4), "{found:?}");
    }

    #[tokio::test]
    async fn a_block_of_equal_names_stays_bounded() {
        let n = 100_000;
        let found = found(vec!["ChatGPT".to_owned(); n], vec!["ChatGPT".to_owned(); n]).await;
        assert!(found.len() <= n * CANDIDATES_MAX && found.len() >= n, "{}", found.len());
    }

    #[tokio::test]
    async fn what_is_odd_does_no_harm() {
        let odd = names(&["", " ", "😀😀", "שלום עולם", "مرحبا بالعالم", &"x".repeat(10_000), &"a b ".repeat(5_000)]);
        let found = found(odd.clone(), odd).await;
        assert!((3..7).all(|place| found.iter().any(|c| c.pair == Pair { left: place, right: place })), "{found:?}");
    }
}
