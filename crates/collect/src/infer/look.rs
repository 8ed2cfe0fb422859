//! A look at a file's first rows: where its column names are, what parts its fields, where its list of records is.

use std::io::Read as _;

use super::LookOptions;
use crate::mapping::{FileOptions, Mapping, nameless};
use crate::opened::{Overrides, distinct, open_with};
use crate::reading::format::Format;
use crate::reading::input::{Input, Origin};
use crate::rows::Item;
use crate::worker::{for_each_item, places_of};
use crate::{ImportError, Result};

const ROWS_MAX: usize = 1000;

/// What can be read only once is held; a look needs no more of it than this.
const HELD_MIB_MAX: u64 = 1024;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What a look at a file has found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Where the names are, if not in the first row.
    pub(super) header_row: Option<u64>,
    /// What parts the fields, if it has to be said.
    pub(super) delimiter: Option<u8>,
    /// JSON pointer to the records, if they are not the document itself.
    pub(super) root: Option<String>,
}

/// The first rows as they stand, that of the names too.
struct Grid {
    names: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
    format: Format,
    delimiter: Option<u8>,
    root: Option<String>,
}

/// Looks at a file.
///
/// # Errors
/// As for importing it: unreadable, empty, of unknown encoding.
pub(super) fn look_at(input: Input, how: &LookOptions) -> Result<Looked> {
    let input = rereadable(input)?;
    let mut grid = grid_of(&input, how, FileOptions::default())?;
    // A title above the names hides what parts the fields.
    let is_separated = matches!(grid.format, Format::Separated(_));
    let may_be_hidden = is_separated && grid.usual_fill() < 2;
    if may_be_hidden {
        for delimiter in DELIMITERS {
            let options = FileOptions { delimiter: Some(delimiter), ..FileOptions::default() };
            let other = grid_of(&input, how, options)?;
            if other.usual_fill() > grid.usual_fill() {
                grid = other;
            }
        }
    }
    Ok(grid.below_a_title())
}

fn rereadable(input: Input) -> Result<Input> {
    if input.is_rereadable() {
        return Ok(input);
    }
    let limit = HELD_MIB_MAX << 20;
    let mut bytes = Vec::new();
    input
        .open_outside()?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ImportError::Read { file: input.label.clone(), source })?;
    if bytes.len() as u64 > limit {
        let format = "what --infer reads from elsewhere than a file";
        return Err(ImportError::TooLarge { file: input.label, format, limit_mib: HELD_MIB_MAX });
    }
    Ok(Input { origin: Origin::Held(bytes.into()), ..input })
}

fn grid_of(input: &Input, how: &LookOptions, file: FileOptions) -> Result<Grid> {
    let mut mapping = Mapping::lake_names();
    mapping.file = file;
    let overrides = Overrides { format: how.format.clone(), encoding: how.encoding.clone() };
    let mut opened = open_with(input, input.open_outside()?, &mapping, &overrides, true)?;
    let names = opened.plan.columns.clone();
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    if let Some(chunk) = opened.chunks.next() {
        for_each_item(chunk?, &places_of(&names), &mut |item| {
            if let Item::Row(row) = item
                && rows.len() < ROWS_MAX
                && !row.is_blank()
            {
                let n_cells = row.n_fields().max(names.len());
                rows.push((row.number, (0..n_cells).map(|column| row.field(column).to_owned()).collect()));
            }
        });
    }
    Ok(Grid { names, rows, format: opened.format, delimiter: opened.delimiter, root: opened.root })
}

fn n_filled(cells: &[String]) -> usize {
    cells.iter().filter(|cell| !cell.is_empty()).count()
}

impl Grid {
    /// How many cells of a row are filled: the median.
    fn usual_fill(&self) -> usize {
        let mut counts: Vec<usize> = self.rows.iter().map(|(_, cells)| n_filled(cells)).collect();
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied().unwrap_or_default()
    }

    /// The names are in the first row that is about as full as the rows are; what stands above it is a title.
    fn below_a_title(self) -> Looked {
        let usual = self.usual_fill();
        let is_full = |n: usize| n * 2 > usual;
        let is_table = matches!(self.format, Format::Separated(_) | Format::Sheet);
        let n_named = self.names.iter().enumerate().filter(|(place, name)| **name != nameless(*place)).count();
        let header = self.rows.iter().position(|(_, cells)| is_full(n_filled(cells)));
        let (Some(header), false) = (header, is_full(n_named) || !is_table) else {
            let rows = padded(self.rows.into_iter(), self.names.len());
            return Looked { names: self.names, rows, root: self.root, ..Looked::default() };
        };
        let mut rows = self.rows.into_iter().skip(header);
        let Some((number, cells)) = rows.next() else { return Looked::default() };
        let (names, _) = distinct(cells);
        let n_names = names.len();
        Looked { names, rows: padded(rows, n_names), header_row: Some(number), delimiter: self.delimiter, root: None }
    }
}

/// Rows as wide as the names.
fn padded(rows: impl Iterator<Item = (u64, Vec<String>)>, n_columns: usize) -> Vec<Vec<String>> {
    rows.map(|(_, mut cells)| {
        cells.resize(n_columns, String::new());
        cells
    })
    .collect()
}
