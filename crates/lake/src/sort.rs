//! The order of rows in a table's files: by the table's `partition_by` and `sort_by` columns, packed into one number.
//!
//! Sorting one 128-bit number per row is several times faster than comparing columns, and an order that is only nearly
//! complete loses nothing: it serves pruning, never correctness.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use crowsnest_model::tables::{ColumnType, Table};
use rayon::prelude::*;
use std::collections::BTreeMap;

use crate::coded;

/// A row's place: batch, then row within it.
pub(crate) type Place = (u32, u32);

/// Of more different texts in a column, the last ones are not told from each other.
pub(crate) const TEXTS_MAX: usize = u16::MAX as usize;

/// The places of all rows, as they stand.
pub(crate) fn all_places(batches: &[RecordBatch]) -> Vec<Place> {
    let of_batch =
        |(batch, rows): (usize, &RecordBatch)| (0..rows.num_rows()).map(move |row| (batch as u32, row as u32));
    batches.iter().enumerate().flat_map(of_batch).collect()
}

/// The given places in the table's order.
pub(crate) fn in_order(table: &Table, batches: &[RecordBatch], places: Vec<Place>) -> Vec<Place> {
    in_order_of(table.partition_by.iter().chain(table.sort_by), table, batches, places)
}

/// The given places in the order of these columns, as far as they fit into the packed number.
pub(crate) fn in_order_of<'n>(
    names: impl Iterator<Item = &'n &'n str>,
    table: &Table,
    batches: &[RecordBatch],
    places: Vec<Place>,
) -> Vec<Place> {
    let packers = packers(names, table, batches);
    if packers.is_empty() {
        return places;
    }
    let keys: Vec<Vec<u128>> = batches.par_iter().map(|batch| keys_of(batch, &packers)).collect();
    let mut keyed: Vec<(u128, Place)> =
        places.into_par_iter().map(|place| (keys[place.0 as usize][place.1 as usize], place)).collect();
    drop(keys);
    keyed.par_sort_unstable();
    keyed.into_par_iter().map(|(_, place)| place).collect()
}

/// How one column takes part in the packed number.
struct Packer {
    index: usize,
    bits: u32,
    ranks: Option<BTreeMap<String, u128>>,
}

fn packers<'n>(names: impl Iterator<Item = &'n &'n str>, table: &Table, batches: &[RecordBatch]) -> Vec<Packer> {
    let mut found = Vec::new();
    let mut bits_left = 128;
    for name in names {
        let Some(index) = table.columns.iter().position(|column| column.name == *name) else { continue };
        let bits = match table.columns[index].column_type {
            ColumnType::Int64 | ColumnType::Instant => 64,
            ColumnType::Day => 32,
            ColumnType::Text => 16,
            ColumnType::Float64 | ColumnType::Boolean => continue,
        };
        if bits > bits_left {
            break;
        }
        bits_left -= bits;
        let is_text = table.columns[index].column_type == ColumnType::Text;
        found.push(Packer { index, bits, ranks: is_text.then(|| ranks(index, batches)) });
    }
    found
}

fn ranks(index: usize, batches: &[RecordBatch]) -> BTreeMap<String, u128> {
    let mut ranks = BTreeMap::new();
    for batch in batches {
        let column = batch.column(index);
        let texts = coded::codes_of(column.as_ref()).map_or_else(|| column.as_string::<i32>(), |(_, texts)| texts);
        let mut last = None;
        for text in texts.iter().flatten() {
            if last != Some(text) && !ranks.contains_key(text) {
                ranks.insert(text.to_owned(), 0);
            }
            last = Some(text);
        }
    }
    for (rank, slot) in ranks.values_mut().enumerate() {
        *slot = (rank as u128).min(u128::from(u16::MAX));
    }
    ranks
}

fn keys_of(batch: &RecordBatch, packers: &[Packer]) -> Vec<u128> {
    let mut keys = vec![0u128; batch.num_rows()];
    for packer in packers {
        let column = batch.column(packer.index);
        let values = packed_values(column.as_ref(), packer);
        for (key, value) in keys.iter_mut().zip(values) {
            *key = (*key << packer.bits) | value;
        }
    }
    keys
}

/// Signed numbers are shifted so that their unsigned order is their order; nulls come first.
fn packed_values(column: &dyn Array, packer: &Packer) -> Vec<u128> {
    use arrow_schema::DataType;
    let flip = |value: i64| u128::from((value as u64) ^ (1 << 63));
    match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().iter().map(|v| v.map_or(0, flip)).collect(),
        DataType::Timestamp(_, _) => {
            column.as_primitive::<TimestampMicrosecondType>().iter().map(|v| v.map_or(0, flip)).collect()
        }
        DataType::Date32 => column
            .as_primitive::<Date32Type>()
            .iter()
            .map(|value| value.map_or(0, |day| u128::from((day as u32) ^ (1 << 31))))
            .collect(),
        _ => text_ranks(column, packer),
    }
}

fn text_ranks(column: &dyn Array, packer: &Packer) -> Vec<u128> {
    let Some(ranks) = &packer.ranks else { return vec![0; column.len()] };
    if let Some((coded, texts)) = coded::codes_of(column) {
        let of_code: Vec<u128> =
            texts.iter().map(|text| text.and_then(|text| ranks.get(text)).copied().unwrap_or(0)).collect();
        return coded.keys().iter().map(|key| key.map_or(0, |key| of_code[key as usize])).collect();
    }
    let mut last: Option<(&str, u128)> = None;
    let mut packed = Vec::with_capacity(column.len());
    for value in column.as_string::<i32>() {
        let rank = match (value, last) {
            (None, _) => 0,
            (Some(text), Some((had, rank))) if had == text => rank,
            (Some(text), _) => {
                let rank = ranks.get(text).copied().unwrap_or(0);
                last = Some((text, rank));
                rank
            }
        };
        packed.push(rank);
    }
    packed
}
