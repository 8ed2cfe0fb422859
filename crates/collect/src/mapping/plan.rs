//! A mapping laid over the columns of one file: which column or constant gives each field of each claim or event.

use crowsnest_model::Grain;

use super::field::{Field, Target};
use crate::rows::Row;

/// Where a field comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Slot {
    /// Nowhere: its default holds.
    #[default]
    Absent,
    /// The same for all rows.
    Constant(String),
    /// A column, by its place.
    Column(usize),
}

/// How a row becomes one claim or event. A row of a wide file becomes several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pub(super) slots: Vec<Slot>,
    /// What the number in `value` is multiplied by.
    pub(crate) scale: f64,
    /// The unit around the day in `period` that is meant.
    pub(crate) grain: Option<Grain>,
    /// Whether an empty value is no claim, rather than a fault: the empty cells of a wide file.
    pub(crate) skips_blank: bool,
}

impl Default for Template {
    fn default() -> Self {
        Self { slots: vec![Slot::Absent; Field::ALL.len()], scale: 1.0, grain: None, skips_blank: false }
    }
}

impl Template {
    pub(crate) fn slot(&self, field: Field) -> &Slot {
        &self.slots[field as usize]
    }

    pub(crate) fn set(&mut self, field: Field, slot: Slot) {
        self.slots[field as usize] = slot;
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        *self.slot(field) != Slot::Absent
    }

    /// The field's text in a row; empty where it has none.
    pub(crate) fn text<'a>(&'a self, row: &Row<'a>, field: Field) -> &'a str {
        match &self.slots[field as usize] {
            Slot::Absent => "",
            Slot::Constant(text) => text,
            Slot::Column(column) => row.field(*column),
        }
    }
}

/// What a column is called that has no name, by its place from 0.
pub(crate) fn nameless(place: usize) -> String {
    format!("column {}", place + 1)
}

/// Rows that are passed over: a column holds one of these texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkipRule {
    pub(crate) column: usize,
    pub(crate) texts: Vec<String>,
}

/// All that is done with the rows of one file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    /// Names of the file's columns.
    pub(crate) columns: Vec<String>,
    pub(crate) templates: Vec<Template>,
    pub(crate) skips: Vec<SkipRule>,
}

impl Plan {
    /// The places of the columns that are used, ascending.
    pub(crate) fn used_columns(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.skips.iter().map(|skip| skip.column).collect();
        for slot in self.templates.iter().flat_map(|template| &template.slots) {
            if let Slot::Column(column) = slot {
                used.push(*column);
            }
        }
        used.sort_unstable();
        used.dedup();
        used
    }

    /// What is the same for every row, of all templates.
    pub(crate) fn constants(&self) -> Vec<(Field, String)> {
        let mut constants: Vec<(Field, String)> = Vec::new();
        for template in &self.templates {
            for field in Field::ALL.iter().copied() {
                if let Slot::Constant(text) = template.slot(field)
                    && !constants.iter().any(|(known, same)| *known == field && same == text)
                {
                    constants.push((field, text.clone()));
                }
            }
        }
        constants
    }

    /// Names of the columns that something is read from.
    pub(crate) fn names_used(&self) -> Vec<String> {
        self.used_columns().into_iter().filter_map(|place| self.columns.get(place).cloned()).collect()
    }

    /// Names of the columns that nothing is read from, but for those that have no name.
    pub(crate) fn unused_columns(&self) -> Vec<&str> {
        let used = self.used_columns();
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(place, name)| !used.contains(place) && **name != nameless(*place))
            .map(|(_, name)| name.as_str())
            .collect()
    }

    pub(crate) fn is_skipped(&self, row: &Row<'_>) -> bool {
        self.skips.iter().any(|skip| {
            let field = row.field(skip.column);
            skip.texts.iter().any(|text| text == field)
        })
    }

    /// The name a user knows a field's place by: the file's column if there is one, else the field's name.
    pub(crate) fn column_of(&self, template: &Template, field_name: &str) -> String {
        let field = Field::parse(field_name, self.target);
        match field.map(|field| template.slot(field)) {
            Some(Slot::Column(column)) => self.columns.get(*column).cloned().unwrap_or_default(),
            _ => field_name.to_owned(),
        }
    }
}
