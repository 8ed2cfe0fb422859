//! Columns of the lake's tables while rows are read, and the Arrow batches they become.
//!
//! A text column that holds few different texts (the platform, the status, often the source) is kept as codes into
//! them, and one that holds a single text throughout shares its codes with all such columns: an import of millions of
//! rows then neither copies nor holds texts per row.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, Date32Builder, DictionaryArray, Float64Builder, Int32Array, Int64Builder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use crowsnest_lake::schema;
use crowsnest_model::{Table, tables};

use super::short_text::{ShortText, TextMap};

/// Columns are finished when they have this many rows. Room for them is made at once: a column that grows is copied
/// and its old places are given back again and again.
pub(crate) const COLUMNS_ROWS_MAX: usize = 65_536;
const TEXT_BYTES_PER_ROW: usize = 16;
/// Codes that are made at once where one text stands throughout.
const ZEROS_MIN: usize = 1024;

/// Arrays of one text throughout, kept for reuse; several columns and batches share them.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    zeros: Option<Int32Array>,
}

impl Repeated {
    /// `n_rows` times the same text, as codes.
    pub(crate) fn text(&mut self, text: &str, n_rows: usize) -> ArrayRef {
        let zeros = match &self.zeros {
            Some(zeros) if zeros.len() >= n_rows => zeros.slice(0, n_rows),
            _ => {
                let made = Int32Array::from(vec![0; n_rows.next_power_of_two().max(ZEROS_MIN)]);
                self.zeros.insert(made).slice(0, n_rows)
            }
        };
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
        // Infallible: there is one text, and every code is its.
        Arc::new(DictionaryArray::new(zeros, texts))
    }
}

/// A text column under construction. The empty text is null.
#[derive(Debug, Default)]
pub(crate) enum TextColumn {
    /// No rows yet.
    #[default]
    Empty,
    /// So many rows of one text so far.
    Same { text: String, short: Option<ShortText>, n_rows: usize },
    /// Texts that differ, but not many.
    Few(Codes),
    /// Texts that differ.
    Varied(StringBuilder),
}

/// Rows as codes into the texts met so far.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    codes: Vec<i32>,
    texts: Vec<String>,
    known: TextMap<i32>,
    n_null: usize,
}

impl Codes {
    /// More different texts than this, and coding them gains nothing.
    const TEXTS_MAX: usize = 2_048;
    const NULL: i32 = -1;

    /// Adds a row; `false` where there are too many texts for it.
    #[inline]
    fn push(&mut self, text: &str) -> bool {
        let code = match self.known.get(text) {
            Some(code) => *code,
            None if text.is_empty() => {
                self.n_null += 1;
                Self::NULL
            }
            None if self.texts.len() == Self::TEXTS_MAX => return false,
            None => self.learn(text),
        };
        self.codes.push(code);
        true
    }

    fn learn(&mut self, text: &str) -> i32 {
        let code = self.texts.len() as i32;
        self.texts.push(text.to_owned());
        self.known.insert(text, code);
        code
    }

    fn to_texts(&self, room: usize) -> StringBuilder {
        let mut builder = StringBuilder::with_capacity(room, room * TEXT_BYTES_PER_ROW);
        for code in &self.codes {
            append(&mut builder, self.texts.get(*code as usize).map_or("", String::as_str));
        }
        builder
    }

    fn finish(self) -> ArrayRef {
        let keys: Int32Array = if self.n_null == 0 {
            self.codes.into()
        } else {
            self.codes.into_iter().map(|code| (code != Self::NULL).then_some(code)).collect()
        };
        let texts: ArrayRef = Arc::new(StringArray::from(self.texts));
        // Infallible: codes are given with their texts.
        Arc::new(DictionaryArray::new(keys, texts))
    }
}

impl TextColumn {
    /// Adds a row to a column of which so many are expected.
    pub(crate) fn push(&mut self, text: &str, room: usize) {
        match self {
            Self::Varied(builder) => append(builder, text),
            Self::Few(codes) => {
                if !codes.push(text) {
                    let mut builder = codes.to_texts(room);
                    append(&mut builder, text);
                    *self = Self::Varied(builder);
                }
            }
            Self::Same { text: same, short, n_rows } if is_same(same, *short, text) => *n_rows += 1,
            Self::Same { text: same, n_rows, .. } => {
                let mut codes = Codes { codes: Vec::with_capacity(room), ..Codes::default() };
                (0..*n_rows).for_each(|_| _ = codes.push(same));
                codes.push(text);
                *self = Self::Few(codes);
            }
            Self::Empty => *self = Self::Same { text: text.to_owned(), short: ShortText::of(text), n_rows: 1 },
        }
    }

    /// Bytes that are held for this column alone.
    fn n_bytes(&self) -> usize {
        const OFFSET_BYTES: usize = 4;
        match self {
            Self::Empty | Self::Same { .. } => 0,
            Self::Few(codes) => OFFSET_BYTES * codes.codes.len(),
            Self::Varied(builder) => builder.values_slice().len() + OFFSET_BYTES * builder.offsets_slice().len(),
        }
    }

    fn finish(&mut self, repeated: &mut Repeated) -> ArrayRef {
        match std::mem::take(self) {
            Self::Empty => Arc::new(StringArray::new_null(0)),
            Self::Same { text, n_rows, .. } if text.is_empty() => new_null_array(&DataType::Utf8, n_rows),
            Self::Same { text, n_rows, .. } => repeated.text(&text, n_rows),
            Self::Few(codes) => codes.finish(),
            Self::Varied(mut builder) => Arc::new(builder.finish()),
        }
    }
}

#[inline]
fn is_same(same: &str, short: Option<ShortText>, text: &str) -> bool {
    match short {
        Some(short) => ShortText::of(text) == Some(short),
        None => same == text,
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
    /// The batch, with the document that all its rows come from; texts as texts.
    pub(crate) fn into_batch(self, document: &str, repeated: &mut Repeated) -> Result<RecordBatch, ArrowError> {
        let table = self.table;
        let coded = self.into_coded_batch(document, repeated)?;
        let schema = schema::arrow_schema(table);
        let columns = coded.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)
    }

    /// The same with texts as codes where they are few, which the lake takes too.
    pub(crate) fn into_coded_batch(self, document: &str, repeated: &mut Repeated) -> Result<RecordBatch, ArrowError> {
        let schema: SchemaRef = schema::arrow_schema(self.table);
        let mut arrays = Vec::with_capacity(schema.fields().len());
        let mut fields = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let found = self.arrays.iter().find(|(name, _)| *name == field.name());
            let array = match found {
                Some((_, array)) => Arc::clone(array),
                None if field.name() == "document" => repeated.text(document, self.n_rows),
                None => new_null_array(field.data_type(), self.n_rows),
            };
            fields.push(field.as_ref().clone().with_data_type(array.data_type().clone()));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

fn instants(room: usize) -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::with_capacity(room)
        .with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
}

macro_rules! columns {
    (
        $(#[$doc:meta])*
        $name:ident of $table:expr, with $row:ident {
            $( $text:ident: text, )*
            -
            $( $other:ident: $builder:ty = $make:path, $value:ty, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            n_rows: usize,
            room: usize,
            $( $text: TextColumn, )*
            $( $other: $builder, )*
        }

        /// One row, in the words of the table. An empty text is null.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $row<'a> {
            $( pub(crate) $text: &'a str, )*
            $( pub(crate) $other: $value, )*
        }

        impl $name {
            /// Columns of which so many rows are expected; more are taken too.
            pub(crate) fn with_room(room: usize) -> Self {
                Self { n_rows: 0, room, $( $text: TextColumn::default(), )* $( $other: $make(room), )* }
            }

            pub(crate) fn n_rows(&self) -> usize {
                self.n_rows
            }

            pub(crate) fn push(&mut self, row: &$row<'_>) {
                self.n_rows += 1;
                $( self.$text.push(row.$text, self.room); )*
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
                $( self.$other = $make(self.room); )*
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
        claim_id: Int64Builder = Int64Builder::with_capacity, i64,
        mention_id: Int64Builder = Int64Builder::with_capacity, i64,
        period_start: Date32Builder = Date32Builder::with_capacity, i32,
        period_end: Date32Builder = Date32Builder::with_capacity, i32,
        value: Float64Builder = Float64Builder::with_capacity, f64,
        low: Float64Builder = Float64Builder::with_capacity, Option<f64>,
        high: Float64Builder = Float64Builder::with_capacity, Option<f64>,
        said_at: TimestampMicrosecondBuilder = instants, Option<i64>,
        known_at: TimestampMicrosecondBuilder = instants, i64,
        recorded_at: TimestampMicrosecondBuilder = instants, i64,
        record: Int64Builder = Int64Builder::with_capacity, i64,
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
        event_id: Int64Builder = Int64Builder::with_capacity, i64,
        mention_id: Int64Builder = Int64Builder::with_capacity, i64,
        happened_start: Date32Builder = Date32Builder::with_capacity, Option<i32>,
        happened_end: Date32Builder = Date32Builder::with_capacity, Option<i32>,
        amount: Float64Builder = Float64Builder::with_capacity, Option<f64>,
        valuation_low: Float64Builder = Float64Builder::with_capacity, Option<f64>,
        valuation_high: Float64Builder = Float64Builder::with_capacity, Option<f64>,
        said_at: TimestampMicrosecondBuilder = instants, Option<i64>,
        known_at: TimestampMicrosecondBuilder = instants, i64,
        recorded_at: TimestampMicrosecondBuilder = instants, i64,
        record: Int64Builder = Int64Builder::with_capacity, i64,
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
        developer: text,
        domain: text,
        -
        mention_id: Int64Builder = Int64Builder::with_capacity, i64,
        entity_id: Int64Builder = Int64Builder::with_capacity, i64,
        known_at: TimestampMicrosecondBuilder = instants, i64,
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
                let mut builder = instants(1);
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
            ClaimColumns::with_room(8).finish(&mut repeated),
            EventColumns::with_room(8).finish(&mut repeated),
            MentionColumns::with_room(8).finish(&mut repeated),
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
    fn many_different_texts_are_kept_as_they_are() {
        let texts: Vec<String> = (0..Codes::TEXTS_MAX + 10).map(|n| format!("text {}", n % 3000)).collect();
        let mut column = TextColumn::default();
        texts.iter().for_each(|text| column.push(text, 8));
        let array = column.finish(&mut Repeated::default());
        let found: Vec<&str> = array.as_string::<i32>().iter().flatten().collect();
        assert_eq!(found, texts);
    }

    #[test]
    fn a_text_throughout_and_texts_that_differ_read_back() {
        let mut repeated = Repeated::default();
        for texts in [vec!["a", "a", "a"], vec!["a", "", "b"], vec!["", "", ""], vec!["", "x"]] {
            let mut column = TextColumn::default();
            for text in &texts {
                column.push(text, 8);
            }
            let array = cast(&column.finish(&mut repeated), &DataType::Utf8).unwrap();
            let found: Vec<&str> = array.as_string::<i32>().iter().map(Option::unwrap_or_default).collect();
            assert_eq!(found, texts);
            assert_eq!(array.null_count(), texts.iter().filter(|text| text.is_empty()).count());
        }
    }
}
