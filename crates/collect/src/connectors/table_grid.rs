//! The cells of an HTML table as a grid: cells that reach over rows or columns stand in each of them.

use std::rc::Rc;

use scraper::ElementRef;
use url::Url;

use super::html::{self, known_selector};

/// Columns that a cell may reach over: the standard's own limit.
const COLUMNS_OF_A_CELL_MAX: usize = 1000;
/// Rows that a cell may reach over: the standard's own limit.
const ROWS_OF_A_CELL_MAX: usize = 65_534;
/// Cells of a table, those that others reach over counted.
const CELLS_MAX: usize = 2_000_000;

/// A cell.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// The first link in it.
    pub(crate) link: Option<String>,
    is_header: bool,
}

/// A row; a place without a cell is `None`.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Option<Rc<Cell>>>,
    is_in_head: bool,
    n_own_cells: usize,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) rows: Vec<Row>,
    pub(crate) n_columns: usize,
}

impl Grid {
    /// The grid of a table; rows of tables inside it are not its own.
    pub(crate) fn of(table: ElementRef<'_>, base: Option<&Url>) -> Result<Self, String> {
        let mut grid = Self { rows: Vec::new(), n_columns: 0 };
        // For each column, what reaches down into it and how many rows it still covers.
        let mut reaching: Vec<(usize, Option<Rc<Cell>>)> = Vec::new();
        let mut n_cells = 0_usize;
        let mut section = None;
        for element in own_rows(table) {
            let around = element.parent();
            if around.map(|around| around.id()) != section {
                // No cell reaches out of its section.
                reaching.clear();
                section = around.map(|around| around.id());
            }
            let is_in_head = around.and_then(ElementRef::wrap).is_some_and(|around| around.value().name() == "thead");
            let row = Row { is_in_head, ..row_of(element, base, &mut reaching) };
            n_cells += row.cells.len();
            if n_cells > CELLS_MAX {
                return Err(format!("the table has more than {CELLS_MAX} cells"));
            }
            grid.n_columns = grid.n_columns.max(row.cells.len());
            grid.rows.push(row);
        }
        Ok(grid)
    }

    /// How many rows are its header: those in `<thead>`, else the first ones that hold header cells only, else one.
    pub(crate) fn header_rows(&self) -> usize {
        let in_head = self.rows.iter().take_while(|row| row.is_in_head).count();
        if in_head > 0 {
            return in_head;
        }
        let is_header = |row: &&Row| row.n_own_cells > 0 && row.cells.iter().flatten().all(|cell| cell.is_header);
        self.rows.iter().take_while(is_header).count().max(1)
    }
}

impl Row {
    /// Whether nothing is written in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().flatten().all(|cell| cell.text.is_empty())
    }

    /// Whether it is the other once more, as long tables repeat their header.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let texts = |row: &Self| -> Vec<String> { row.cells.iter().flatten().map(|cell| cell.text.clone()).collect() };
        texts(self) == texts(other)
    }

    /// The text of a row that is one cell over all columns: the heading of the rows after it.
    pub(crate) fn heading_of_group(&self, n_columns: usize) -> Option<&str> {
        let is_one_cell = self.n_own_cells == 1 && n_columns > 1 && self.cells.len() == n_columns;
        let first = self.cells.first()?.as_ref()?;
        let reaches_over_all = self.cells.iter().flatten().all(|cell| Rc::ptr_eq(cell, first));
        (is_one_cell && reaches_over_all).then_some(first.text.as_str())
    }
}

/// The names of the columns: what stands above each, a word that is repeated once; unique.
pub(crate) fn names(header: &[Row], n_columns: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(n_columns);
    for column in 0..n_columns {
        let mut parts: Vec<&str> = Vec::new();
        for row in header.iter().filter(|row| row.heading_of_group(n_columns).is_none()) {
            let text = row.cells.get(column).and_then(Option::as_ref).map_or("", |cell| cell.text.as_str());
            if !text.is_empty() && parts.last() != Some(&text) {
                parts.push(text);
            }
        }
        let name = if parts.is_empty() { format!("column {}", column + 1) } else { parts.join(" ") };
        let n_same = names.iter().filter(|known| **known == name).count();
        names.push(if n_same > 0 { format!("{name} ({})", column + 1) } else { name });
    }
    names
}

fn own_rows<'a>(table: ElementRef<'a>) -> Vec<ElementRef<'a>> {
    let Some(css) = known_selector("tr") else { return Vec::new() };
    let is_own = |row: &ElementRef<'_>| {
        let around = row.ancestors().filter_map(ElementRef::wrap).find(|element| element.value().name() == "table");
        around.is_some_and(|around| around.id() == table.id())
    };
    table.select(&css).filter(is_own).collect()
}

fn row_of(row: ElementRef<'_>, base: Option<&Url>, reaching: &mut Vec<(usize, Option<Rc<Cell>>)>) -> Row {
    let mut found = Row::default();
    let mut cells = row.child_elements().filter(|element| matches!(element.value().name(), "td" | "th"));
    loop {
        let column = found.cells.len();
        match reaching.get_mut(column) {
            Some((n_rows, cell)) if *n_rows > 0 => {
                *n_rows -= 1;
                found.cells.push(cell.clone());
                continue;
            }
            _ => {}
        }
        let Some(element) = cells.next() else {
            // Cells from above may still stand further right.
            let is_more = reaching.iter().skip(column).any(|(n_rows, _)| *n_rows > 0);
            if !is_more {
                return found;
            }
            found.cells.push(None);
            continue;
        };
        found.n_own_cells += 1;
        let cell = Rc::new(cell_of(element, base));
        let n_columns = span(element, "colspan").clamp(1, COLUMNS_OF_A_CELL_MAX);
        // Zero reaches to the end of the section.
        let n_rows = match span(element, "rowspan") {
            0 => ROWS_OF_A_CELL_MAX,
            n => n.min(ROWS_OF_A_CELL_MAX),
        };
        for place in column..column + n_columns {
            if reaching.len() <= place {
                reaching.resize(place + 1, (0, None));
            }
            if let Some(down) = reaching.get_mut(place) {
                *down = (n_rows - 1, Some(Rc::clone(&cell)));
            }
            found.cells.push(Some(Rc::clone(&cell)));
        }
    }
}

fn span(element: ElementRef<'_>, name: &str) -> usize {
    element.attr(name).and_then(|text| text.trim().parse().ok()).unwrap_or(1)
}

fn cell_of(element: ElementRef<'_>, base: Option<&Url>) -> Cell {
    let anchor = known_selector("a[href]").and_then(|css| element.select(&css).next());
    Cell {
        text: html::text(element),
        link: anchor.and_then(|anchor| html::attribute(anchor, "href", base)),
        is_header: element.value().name() == "th",
    }
}
