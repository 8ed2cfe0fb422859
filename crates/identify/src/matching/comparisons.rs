//! Pairs to numbers with names in words: what a model weighs, and what an explanation tells.
//!
//! To add a comparison of texts: a line in `text_comparisons.rs`; of values: one in [`VALUE_COMPARISONS`].

use std::collections::HashMap;

use rayon::prelude::*;

use super::candidates::Candidate;
use super::meeting_values::FewValues;
use super::records::{Pair, Records};
use super::text_column::TextColumn;
use super::text_comparisons::{self, ACROSS_COMPARISONS, Across, TEXT_COMPARISONS};
use super::value::ColumnKind;

const VALUE_COMPARISONS: &[&str] = &["difference", "difference against the larger", "the same value"];
const ALL: &str = "all columns";

/// Numbers of pairs, one row each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matrix {
    pub(crate) n_columns: usize,
    pub(crate) values: Vec<f32>,
}

impl Matrix {
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }

    pub(crate) fn column(&self, column: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(column).step_by(self.n_columns.max(1)).copied()
    }

    #[cfg(test)]
    pub(crate) fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_columns).unwrap_or(0)
    }
}

enum Prepared {
    Text { column: Box<TextColumn>, across: Across, is_long: bool },
    Values(Vec<Option<f64>>),
}

/// Compares records of two sides, column by column and all together.
pub(crate) struct Comparer {
    n_left: usize,
    columns: Vec<Prepared>,
    all: TextColumn,
    /// The names of the comparisons, in the order of a row.
    pub(crate) names: Vec<String>,
    /// The columns with few different values.
    pub(crate) few_values: Vec<FewValues>,
    /// The words of all text columns are compared last; their first number in a row is here.
    all_start: usize,
}

impl std::fmt::Debug for Comparer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Comparer").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Comparer {
    /// Takes the columns apart; `kinds` has one for each.
    pub(crate) fn new(records: &Records, kinds: &[ColumnKind]) -> Self {
        let texts: Vec<&Vec<String>> =
            records.values.iter().zip(kinds).filter(|(_, kind)| kind.is_text()).map(|(values, _)| values).collect();
        let joined = |record: usize| texts.iter().map(|values| values[record].as_str()).collect::<Vec<_>>().join(" ");
        let all = TextColumn::new((0..records.n()).map(joined));
        let mut names = Vec::new();
        let (mut columns, mut few_values) = (Vec::new(), Vec::new());
        for ((name, values), kind) in records.columns.iter().zip(&records.values).zip(kinds) {
            let mut add = |list: &[&str]| names.extend(list.iter().map(|comparison| format!("{name}: {comparison}")));
            if kind.is_text() {
                add(TEXT_COMPARISONS);
                add(ACROSS_COMPARISONS);
                let column = TextColumn::new(values.iter().cloned());
                let across = Across::new(&column, &all);
                few_values.extend(FewValues::new(name, &column.joined));
                columns.push(Prepared::Text {
                    column: Box::new(column),
                    across,
                    is_long: *kind == ColumnKind::LongText,
                });
            } else if *kind != ColumnKind::Empty {
                add(VALUE_COMPARISONS);
                columns.push(Prepared::Values(values.iter().map(|value| kind.read(value)).collect()));
            }
        }
        let all_start = names.len();
        names.extend(TEXT_COMPARISONS.iter().map(|comparison| format!("{ALL}: {comparison}")));
        names.push(format!("{ALL}: blocking keys in common, by their rarity"));
        Self { n_left: records.n_left(), columns, all, names, few_values, all_start }
    }

    /// The cosine of all words, among the numbers of a row.
    pub(crate) fn place_of_cosine(&self) -> usize {
        self.all_start + 2
    }

    fn row(&self, pair: Pair, score: f32, out: &mut Vec<f32>) {
        let (left, right) = (pair.left as usize, self.n_left + pair.right as usize);
        for column in &self.columns {
            match column {
                Prepared::Text { column, across, is_long } => {
                    text_comparisons::compare(column, left, right, *is_long, out);
                    across.compare(column, &self.all, left, right, out);
                }
                Prepared::Values(values) => compare_values(values[left], values[right], out),
            }
        }
        text_comparisons::compare(&self.all, left, right, true, out);
        out.push(score);
    }

    /// The comparisons of all candidates.
    pub(crate) fn matrix(&self, candidates: &[Candidate]) -> Matrix {
        const PAIRS_OF_TASK: usize = 256;
        let rows = candidates.par_chunks(PAIRS_OF_TASK).map(|chunk| {
            let mut out = Vec::with_capacity(chunk.len() * self.names.len());
            for candidate in chunk {
                self.row(candidate.pair, candidate.score, &mut out);
            }
            out
        });
        let values = rows.collect::<Vec<_>>().concat();
        Matrix { n_columns: self.names.len(), values }
    }

    /// The different words of all columns that only one of two records has.
    pub(crate) fn telling_apart(&self, pair: Pair, mut visit: impl FnMut(u32)) {
        let (left, right) = (pair.left as usize, self.n_left + pair.right as usize);
        let (left, right) = (self.all.words.get(left), self.all.words.get(right));
        super::text_column::for_only(left, right, &mut visit);
        super::text_column::for_only(right, left, &mut visit);
    }

    /// The values that a pair has in a column with few of them; `None` unless both records have one.
    pub(crate) fn values_of(&self, column: &FewValues, pair: Pair) -> Option<(u16, u16)> {
        Some((column.of[pair.left as usize]?, column.of[self.n_left + pair.right as usize]?))
    }

    /// For each column with comparisons, how many records of both sides say the same as each record does; 0 where it says
    /// nothing. In the order in which the columns are compared.
    pub(crate) fn frequencies(&self) -> Vec<Vec<u32>> {
        let frequencies = self.columns.iter().map(|column| match column {
            Prepared::Text { column, .. } => {
                counted(column.joined.iter().map(|text| Some(text).filter(|t| !t.is_empty())))
            }
            Prepared::Values(values) => counted(values.iter().map(|value| value.map(f64::to_bits))),
        });
        frequencies.collect()
    }

    /// The text of a word of all columns.
    pub(crate) fn word(&self, id: u32) -> &str {
        self.all.word_pieces.text(id)
    }
}

/// How often each value is there.
fn counted<T: Copy + Eq + std::hash::Hash>(values: impl Iterator<Item = Option<T>> + Clone) -> Vec<u32> {
    let mut counts: HashMap<T, u32> = HashMap::new();
    values.clone().flatten().for_each(|value| *counts.entry(value).or_default() += 1);
    values.map(|value| value.map_or(0, |value| counts[&value])).collect()
}

fn compare_values(left: Option<f64>, right: Option<f64>, out: &mut Vec<f32>) {
    let (Some(left), Some(right)) = (left, right) else {
        out.extend([f32::NAN; 3]);
        return;
    };
    let larger = left.abs().max(right.abs());
    let relative = if larger > 0.0 { (left - right) / larger } else { 0.0 };
    out.extend([(left - right) as f32, relative as f32, f32::from(u8::from((left - right).abs() < 1e-9))]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_number_for_each_name() {
        let values = vec![
            ["sony dsc-w150", "sony dscw150", "canon"].map(str::to_owned).to_vec(),
            ["$ 10", "8", ""].map(str::to_owned).to_vec(),
        ];
        let records = Records {
            columns: vec!["name".into(), "price".into()],
            values,
            left_ids: vec!["a".into()],
            right_ids: vec!["b".into(), "c".into()],
        };
        let comparer = Comparer::new(&records, &[ColumnKind::Text, ColumnKind::Number]);
        let candidate = |right| Candidate { pair: Pair { left: 0, right }, score: 0.5 };
        let matrix = comparer.matrix(&[candidate(0), candidate(1)]);
        assert_eq!((matrix.n_rows(), matrix.n_columns), (2, comparer.names.len()));
        let named = |row: usize, name: &str| matrix.row(row)[comparer.names.iter().position(|n| n == name).unwrap()];
        assert_eq!(named(0, "price: difference"), 2.0);
        assert!((named(0, "price: difference against the larger") - 0.2).abs() < 1e-6);
        assert!(named(1, "price: the same value").is_nan());
        assert!(
            (matrix.row(0)[comparer.place_of_cosine()] - named(0, "all columns: words in common, by their rarity"))
                .abs()
                < 1e-9
        );
        let mut words = Vec::new();
        comparer.telling_apart(candidate(1).pair, |id| words.push(comparer.word(id).to_owned()));
        words.sort();
        assert_eq!(words, ["canon", "dsc", "sony", "w150"]);
    }
}
