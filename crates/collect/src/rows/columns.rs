//! Columns of the lake's tables while rows are read, and the Arrow batches they become.
//!
//! A text column that holds one value throughout (the platform, the status, often the source) is kept as that value
//! and becomes a slice of one shared array: an import of millions of rows then neither copies nor holds it per row.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, Date32Builder, Float64Builder, Int64Builder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use crowsnest_lake::schema;
use crowsnest_model::{Table, tables};
use hashbrown::HashMap;

/// Columns are finished when they have this many rows.
pub(crate) const COLUMNS_ROWS_MAX: usize = 65_536;

/// Arrays of one text throughout, kept for reuse; several columns and batches share them.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    known: HashMap<String, StringArray>,
}

impl Repeated {
    const KNOWN_MAX: usize = 256;
    const ROWS_MIN: usize = COLUMNS_ROWS_MAX;
    const SHORT_BYTES_MAX: usize = 128;

    /// `n_rows` times the same text.
    pub(crate) fn text(&mut self, text: &str, n_rows: usize) -> ArrayRef {
        if let Some(array) = self.known.get(text).filter(|array| array.len() >= n_rows) {
            return Arc::new(array.slice(0, n_rows));
        }
        let is_short = text.len() <= Self::SHORT_BYTES_MAX;
        let n_made = if is_short { n_rows.max(Self::ROWS_MIN) } else { n_rows };
        let array: StringArray = std::iter::repeat_n(Some(text), n_made).collect();
        if self.known.len() >= Self::KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(text.to_owned(), array.clone());
        Arc::new(array.slice(0, n_rows))
    }
}

/// A text column under construction. The empty text is null.
#[derive(Debug, Default)]
pub(crate) enum TextColumn {
    /// No rows yet.
    #[default]
    Empty,
    /// So many rows of one text so far.
    Same { text: String, n_rows: usize },
    /// Texts that differ.
    Varied(StringBuilder),
}

impl TextColumn {
    pub(crate) fn push(&mut self, text: &str) {
        match self {
            Self::Varied(builder) => append(builder, text),
            Self::Same { text: same, n_rows } if same == text => *n_rows += 1,
            Self::Same { text: same, n_rows } => {
                let mut builder = StringBuilder::with_capacity(n_rows.next_power_of_two() * 2, 1024);
                for _ in 0..*n_rows {
                    append(&mut builder, same);
                }
                append(&mut builder, text);
                *self = Self::Varied(builder);
            }
            Self::Empty => *self = Self::Same { text: text.to_owned(), n_rows: 1 },
        }
    }

    /// Bytes that are held for this column alone.
    fn n_bytes(&self) -> usize {
        const OFFSET_BYTES: usize = 4;
        match self {
            Self::Empty | Self::Same { .. } => 0,
            Self::Varied(builder) => builder.values_slice().len() + OFFSET_BYTES * builder.offsets_slice().len(),
        }
    }

    fn finish(&mut self, repeated: &mut Repeated) -> ArrayRef {
        match std::mem::take(self) {
            Self::Empty => Arc::new(StringArray::new_null(0)),
            Self::Same { text, n_rows } if text.is_empty() => new_null_array(&DataType::Utf8, n_rows),
            Self::Same { text, n_rows } => repeated.text(&text, n_rows),
            Self::Varied(mut builder) => Arc::new(builder.finish()),
        }
    }
}

fn append(builder: &mut StringBuilder, text: &str) {
    if text.is_empty() {
        builder.append_null();
    } else {
        builder.append_value(text);
    }
}

/// Finished columns of a table, all but `document`, which is known only when the whole file has been read.
#[derive(Debug)]
pub(crate) struct Columns {
    table: &'static Table,
    pub(crate) n_rows: usize,
    /// Bytes held for these columns alone, without what is shared.
    pub(crate) n_bytes: usize,
    arrays: Vec<(&'static str, ArrayRef)>,
}

impl Columns {
    /// The batch, with the document that all its rows come from.
    pub(crate) fn into_batch(self, document: &str, repeated: &mut Repeated) -> Result<RecordBatch, ArrowError> {
        let schema: SchemaRef = schema::arrow_schema(self.table);
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let found = self.arrays.iter().find(|(name, _)| *name == field.name());
            arrays.push(match found {
                Some((_, array)) => Arc::clone(array),
                None if field.name() == "document" => repeated.text(document, self.n_rows),
                None => new_null_array(field.data_type(), self.n_rows),
            });
        }
        RecordBatch::try_new(schema, arrays)
    }
}

fn instants() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
}

macro_rules! columns {
    (
        $(#[$doc:meta])*
        $name:ident of $table:expr, with $row:ident {
            $( $text:ident: text, )*
            -
            $( $other:ident: $builder:ty = $make:expr, $value:ty, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            n_rows: usize,
            $( $text: TextColumn, )*
            $( $other: $builder, )*
        }

        /// One row, in the words of the table. An empty text is null.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $row<'a> {
            $( pub(crate) $text: &'a str, )*
            $( pub(crate) $other: $value, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { n_rows: 0, $( $text: TextColumn::default(), )* $( $other: $make, )* }
            }
        }

        impl $name {
            pub(crate) fn n_rows(&self) -> usize {
                self.n_rows
            }

            pub(crate) fn push(&mut self, row: &$row<'_>) {
                self.n_rows += 1;
                $( self.$text.push(row.$text); )*
                $( self.$other.append_option(row.$other.into()); )*
            }

            /// The columns so far; what comes after begins anew.
            pub(crate) fn finish(&mut self, repeated: &mut Repeated) -> Columns {
                const NUMBERS: &[&str] = &[$( stringify!($other) ),*];
                const NUMBER_BYTES: usize = 8;
                let text_bytes = [$( self.$text.n_bytes() ),*];
                let n_bytes = text_bytes.iter().sum::<usize>() + NUMBERS.len() * NUMBER_BYTES * self.n_rows;
                let arrays: Vec<(&'static str, ArrayRef)> = vec![
                    $( (stringify!($text), self.$text.finish(repeated)), )*
                    $( (stringify!($other), Arc::new(self.$other.finish()) as ArrayRef), )*
                ];
                let n_rows = std::mem::take(&mut self.n_rows);
                $( self.$other = $make; )*
                Columns { table: $table, n_rows, n_bytes, arrays }
            }
        }
    };
}

columns! {
    /// Claims being read.
    ClaimColumns of &tables::CLAIMS, with ClaimRow {
        subject: text,
        kind: text,
        metric: text,
        period: text,
        grain: text,
        region: text,
        platform: text,
        segment: text,
        bound: text,
        unit: text,
        as_written: text,
        status: text,
        source: text,
        url: text,
        -
        claim_id: Int64Builder = Int64Builder::new(), i64,
        mention_id: Int64Builder = Int64Builder::new(), i64,
        period_start: Date32Builder = Date32Builder::new(), i32,
        period_end: Date32Builder = Date32Builder::new(), i32,
        value: Float64Builder = Float64Builder::new(), f64,
        low: Float64Builder = Float64Builder::new(), Option<f64>,
        high: Float64Builder = Float64Builder::new(), Option<f64>,
        said_at: TimestampMicrosecondBuilder = instants(), Option<i64>,
        known_at: TimestampMicrosecondBuilder = instants(), i64,
        recorded_at: TimestampMicrosecondBuilder = instants(), i64,
        record: Int64Builder = Int64Builder::new(), i64,
    }
}

columns! {
    /// Events being read.
    EventColumns of &tables::EVENTS, with EventRow {
        subject: text,
        kind: text,
        event: text,
        happened_on: text,
        counterparty: text,
        person: text,
        round: text,
        currency: text,
        valuation_currency: text,
        status: text,
        source: text,
        url: text,
        note: text,
        -
        event_id: Int64Builder = Int64Builder::new(), i64,
        mention_id: Int64Builder = Int64Builder::new(), i64,
        happened_start: Date32Builder = Date32Builder::new(), Option<i32>,
        happened_end: Date32Builder = Date32Builder::new(), Option<i32>,
        amount: Float64Builder = Float64Builder::new(), Option<f64>,
        valuation_low: Float64Builder = Float64Builder::new(), Option<f64>,
        valuation_high: Float64Builder = Float64Builder::new(), Option<f64>,
        said_at: TimestampMicrosecondBuilder = instants(), Option<i64>,
        known_at: TimestampMicrosecondBuilder = instants(), i64,
        recorded_at: TimestampMicrosecondBuilder = instants(), i64,
        record: Int64Builder = Int64Builder::new(), i64,
    }
}

columns! {
    /// Mentions met for the first time.
    MentionColumns of &tables::MENTIONS, with MentionRow {
        source: text,
        kind: text,
        name: text,
        native_id: text,
        name_key: text,
        pinyin: text,
        initials: text,
        -
        mention_id: Int64Builder = Int64Builder::new(), i64,
        entity_id: Int64Builder = Int64Builder::new(), i64,
        known_at: TimestampMicrosecondBuilder = instants(), i64,
    }
}

/// One row of the documents table.
pub(crate) fn document_batch(
    texts: &[(&str, &str)],
    numbers: &[(&str, i64)],
    known_at: i64,
) -> Result<RecordBatch, ArrowError> {
    let schema = schema::arrow_schema(&tables::DOCUMENTS);
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for field in schema.fields() {
        let text = texts.iter().find(|(name, _)| name == field.name());
        let number = numbers.iter().find(|(name, _)| name == field.name());
        arrays.push(match (text, number) {
            (Some((_, text)), _) => Arc::new(StringArray::from(vec![Some(*text).filter(|text| !text.is_empty())])),
            (_, Some((_, number))) => Arc::new(arrow::array::Int64Array::from(vec![*number])),
            _ if field.name() == "known_at" => {
                let mut builder = instants();
                builder.append_value(known_at);
                Arc::new(builder.finish())
            }
            _ => new_null_array(field.data_type(), 1),
        });
    }
    RecordBatch::try_new(schema, arrays)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;

    use super::*;

    #[test]
    fn every_column_of_the_tables_is_written() {
        let mut repeated = Repeated::default();
        for columns in [
            ClaimColumns::default().finish(&mut repeated),
            EventColumns::default().finish(&mut repeated),
            MentionColumns::default().finish(&mut repeated),
        ] {
            let mut written: Vec<&str> = columns.arrays.iter().map(|(name, _)| *name).chain(["document"]).collect();
            let mut expected: Vec<&str> = columns.table.columns.iter().map(|column| column.name).collect();
            written.sort_unstable();
            expected.sort_unstable();
            assert_eq!(written, expected);
            assert_eq!(columns.into_batch("", &mut repeated).unwrap().num_rows(), 0);
        }
    }

    #[test]
    fn a_text_throughout_and_texts_that_differ_read_back() {
        let mut repeated = Repeated::default();
        for texts in [vec!["a", "a", "a"], vec!["a", "", "b"], vec!["", "", ""], vec!["", "x"]] {
            let mut column = TextColumn::default();
            for text in &texts {
                column.push(text);
            }
            let array = column.finish(&mut repeated);
            let found: Vec<&str> = array.as_string::<i32>().iter().map(Option::unwrap_or_default).collect();
            assert_eq!(found, texts);
            assert_eq!(array.null_count(), texts.iter().filter(|text| text.is_empty()).count());
        }
    }
}
