//! Mapping files: how the columns of somebody's file become claims or events.
//!
//! [`Mapping::parse`] reads one and lists all its faults; [`Mapping::plan`] lays it over the columns of a file. A file
//! whose columns have the lake's names needs none: [`Mapping::lake_names`].
//!
//! ```toml
//! target = "claims"                  # or "events"
//!
//! [file]                             # all optional: found by looking
//! format = "csv"                     # csv, tsv, json, ndjson, parquet, xlsx, xls, ods
//! delimiter = ";"
//! encoding = "gb18030"
//! sheet = "Data"
//! header_row = 3                     # line of the column names
//! decimal = ","
//! root = "/data/rows"                # JSON pointer to the list
//!
//! [constants]                        # the same for every row
//! metric = "mau"
//!
//! [columns]                          # field = "column of the file"
//! subject = "App Name"
//!
//! [[unpivot]]                        # wide to long: one claim per such column
//! columns = ["2024-*"]
//! name_is = "period"
//! value_is = "value"
//!
//! [unpivot.columns."MAU (万)"]       # or: what each column gives (instead of the list above)
//! metric = "mau"
//! scale = 10000
//!
//! [scale]
//! value = 10000
//!
//! [period]
//! column = "date"
//! grain = "month"                    # the month around that day
//! from_file_name = "*-{period}.csv"  # or from the file's name
//!
//! [skip]                             # rows that are no records
//! type = ["total", "subtotal"]
//! ```

mod decode;
mod field;
mod plan;

use crowsnest_model::{Grain, Period};

pub(crate) use field::{Field, Target, column_key};
pub(crate) use plan::{Plan, SkipRule, Slot, Template, nameless};

use crate::recipe::Recipe;
use crate::{ImportError, Result};

/// How a file is to be read, where that is not left to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileOptions {
    pub(crate) format: Option<String>,
    pub(crate) delimiter: Option<u8>,
    pub(crate) encoding: Option<String>,
    pub(crate) sheet: Option<String>,
    /// Line of the column names, from 1.
    pub(crate) header_row: Option<u64>,
    pub(crate) has_decimal_comma: bool,
    /// JSON pointer to the list of records.
    pub(crate) root: Option<String>,
}

/// Columns that each give a claim of their own.
#[derive(Debug, Clone, PartialEq)]
struct Unpivot {
    columns: UnpivotColumns,
    name_is: Option<Field>,
    value_is: Field,
    /// Pattern with one `*` or `{name}` that the name's part is taken from.
    strip: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum UnpivotColumns {
    /// Names or patterns with `*`.
    Patterns(Vec<String>),
    /// Each column with what it gives.
    Each(Vec<UnpivotColumn>),
}

#[derive(Debug, Clone, PartialEq)]
struct UnpivotColumn {
    column: String,
    constants: Vec<(Field, String)>,
    scale: f64,
}

/// A mapping file, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mapping {
    /// The name it is spoken of by.
    pub(crate) name: String,
    /// The file as written.
    pub(crate) text: String,
    pub(crate) target: Option<Target>,
    pub(crate) file: FileOptions,
    constants: Vec<(Field, String)>,
    columns: Vec<(Field, String)>,
    unpivots: Vec<Unpivot>,
    scale: f64,
    grain: Option<Grain>,
    period_from_file_name: Option<String>,
    skips: Vec<(String, Vec<String>)>,
    /// `[connector]`: what turns the document into records first; written by collecting, not by people.
    pub(crate) recipe: Option<Recipe>,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`ImportError::Mapping`] with every fault: unknown keys, wrong types, unknown fields, contradictions.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        decode::decode(name, text)
    }

    /// No mapping: columns are known by the lake's names.
    pub(crate) fn lake_names() -> Self {
        Self {
            name: String::new(),
            text: String::new(),
            target: None,
            file: FileOptions::default(),
            constants: Vec::new(),
            columns: Vec::new(),
            unpivots: Vec::new(),
            scale: 1.0,
            grain: None,
            period_from_file_name: None,
            skips: Vec::new(),
            recipe: None,
        }
    }

    /// The same for one document of a connector.
    pub(crate) fn with_recipe(&self, recipe: Recipe) -> Self {
        let text = recipe.text_after(&self.text);
        Self { text, recipe: Some(recipe), ..self.clone() }
    }

    /// The fields that it gives itself, whatever the file.
    pub(crate) fn constants_given(&self) -> Vec<(Field, String)> {
        let each = self.unpivots.iter().filter_map(|unpivot| match &unpivot.columns {
            UnpivotColumns::Each(each) => Some(each),
            UnpivotColumns::Patterns(_) => None,
        });
        let of_columns = each.flatten().flat_map(|one| &one.constants);
        self.constants.iter().chain(of_columns).cloned().collect()
    }

    pub(crate) fn is_lake_names(&self) -> bool {
        self.columns.is_empty() && self.unpivots.is_empty()
    }

    /// Lays the mapping over a file's columns.
    ///
    /// # Errors
    /// [`ImportError::MissingColumns`] if a column it names, or one the lake cannot do without, is not there;
    /// [`ImportError::Mapping`] if the file's name does not fit its pattern.
    pub(crate) fn plan(&self, file: &str, file_name: &str, columns: &[String]) -> Result<Plan> {
        let mut search = Search { columns, missing: Vec::new() };
        let target = self.target.unwrap_or_else(|| target_of(columns));
        let mut base = Template { scale: self.scale, grain: self.grain, ..Template::default() };
        if self.is_lake_names() {
            lake_slots(target, columns, &mut base);
        }
        for (field, text) in &self.constants {
            base.set(*field, Slot::Constant(text.clone()));
        }
        for (field, column) in &self.columns {
            if let Some(place) = search.place(column) {
                base.set(*field, Slot::Column(place));
            }
        }
        if let Some(pattern) = &self.period_from_file_name {
            let period = period_in(pattern, file_name).ok_or_else(|| ImportError::Mapping {
                name: self.name.clone(),
                faults: vec![format!("[period] from_file_name {pattern:?} does not fit the file name {file_name:?}")],
            })?;
            base.set(Field::Period, Slot::Constant(period));
        }
        let skips = self.skip_rules(&mut search);
        let templates = self.templates(base, &mut search);
        let is_mapped = !self.is_lake_names();
        let mut missing = search.missing;
        if missing.is_empty() {
            missing.extend(self.unmatched(columns));
        }
        if missing.is_empty() && !is_mapped {
            missing.extend(needed(target, &templates));
        }
        if !missing.is_empty() {
            let present = columns.to_vec();
            return Err(ImportError::MissingColumns { file: file.to_owned(), missing, present, is_mapped });
        }
        Ok(Plan { target, columns: columns.to_vec(), templates, skips })
    }

    fn skip_rules(&self, search: &mut Search<'_>) -> Vec<SkipRule> {
        let rules = self.skips.iter().filter_map(|(column, texts)| {
            let column = search.place(column)?;
            Some(SkipRule { column, texts: texts.clone() })
        });
        rules.collect()
    }

    fn templates(&self, base: Template, search: &mut Search<'_>) -> Vec<Template> {
        if self.unpivots.is_empty() {
            return vec![base];
        }
        let mut templates = Vec::new();
        for unpivot in &self.unpivots {
            for one in unpivot.matching(search) {
                let mut template = base.clone();
                template.skips_blank = true;
                template.scale *= one.scale;
                for (field, text) in one.constants {
                    template.set(field, Slot::Constant(text));
                }
                template.set(unpivot.value_is, Slot::Column(one.place));
                templates.push(template);
            }
        }
        templates
    }

    /// Patterns of `[[unpivot]]` that no column fits.
    fn unmatched(&self, columns: &[String]) -> Vec<String> {
        let mut unmatched = Vec::new();
        for unpivot in &self.unpivots {
            if let UnpivotColumns::Patterns(patterns) = &unpivot.columns {
                let lonely = patterns.iter().filter(|pattern| !columns.iter().any(|column| fits(pattern, column)));
                unmatched.extend(lonely.cloned());
            }
        }
        unmatched
    }
}

/// A column of a wide file with what it gives.
struct Matched {
    place: usize,
    constants: Vec<(Field, String)>,
    scale: f64,
}

impl Unpivot {
    fn matching(&self, search: &mut Search<'_>) -> Vec<Matched> {
        match &self.columns {
            UnpivotColumns::Each(each) => each
                .iter()
                .filter_map(|one| {
                    let place = search.place(&one.column)?;
                    Some(Matched { place, constants: one.constants.clone(), scale: one.scale })
                })
                .collect(),
            UnpivotColumns::Patterns(patterns) => {
                let columns = search.columns.iter().enumerate();
                columns
                    .filter(|(_, column)| patterns.iter().any(|pattern| fits(pattern, column)))
                    .map(|(place, column)| Matched { place, constants: self.name_constant(column), scale: 1.0 })
                    .collect()
            }
        }
    }

    fn name_constant(&self, column: &str) -> Vec<(Field, String)> {
        let name = match &self.strip {
            Some(pattern) => captures(pattern, column).first().copied().unwrap_or(column),
            None => column,
        };
        self.name_is.map(|field| (field, name.trim().to_owned())).into_iter().collect()
    }
}

struct Search<'a> {
    columns: &'a [String],
    missing: Vec<String>,
}

impl Search<'_> {
    /// Where a column stands: by its name, else by its name in other case.
    fn place(&mut self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column == name);
        let found = exact.or_else(|| {
            let key = column_key(name);
            self.columns.iter().position(|column| column_key(column) == key)
        });
        if found.is_none() && !self.missing.iter().any(|missing| missing == name) {
            self.missing.push(name.to_owned());
        }
        found
    }
}

/// A file with a column `event` holds events.
fn target_of(columns: &[String]) -> Target {
    let has_event = columns.iter().any(|column| column_key(column) == Field::Event.name());
    if has_event { Target::Events } else { Target::Claims }
}

fn lake_slots(target: Target, columns: &[String], base: &mut Template) {
    let keys: Vec<String> = columns.iter().map(|column| column_key(column)).collect();
    for field in Field::ALL.iter().copied().filter(|field| field.is_of(target)) {
        let names = std::iter::once(field.name()).chain(field.other_names().iter().copied());
        for name in names {
            if let Some(place) = keys.iter().position(|key| key == name) {
                base.set(field, Slot::Column(place));
                break;
            }
        }
    }
    // A column `company` or `product` says the kind along with the name.
    for (name, kind) in [("company", "company"), ("product", "product")] {
        let place = keys.iter().position(|key| key == name);
        if let (Some(place), false) = (place, base.has(Field::Subject)) {
            base.set(Field::Subject, Slot::Column(place));
            if !base.has(Field::Kind) {
                base.set(Field::Kind, Slot::Constant(kind.to_owned()));
            }
        }
    }
}

/// Fields that rows cannot do without and that nothing gives.
fn needed(target: Target, templates: &[Template]) -> Vec<String> {
    let required: &[Field] = match target {
        Target::Claims => &[Field::Subject, Field::Metric, Field::Period],
        Target::Events => &[Field::Subject, Field::Event],
    };
    let Some(template) = templates.first() else { return Vec::new() };
    let mut missing: Vec<String> =
        required.iter().filter(|field| !template.has(**field)).map(|field| field.name().to_owned()).collect();
    if target == Target::Claims && !template.has(Field::Value) && !template.has(Field::AsWritten) {
        missing.push(Field::Value.name().to_owned());
    }
    missing
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(place) => left = &left[place + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// The period that a file's name gives by a pattern such as `*-{period}.csv`: the longest part that is a period.
fn period_in(pattern: &str, file_name: &str) -> Option<String> {
    let parts = captures(pattern, file_name);
    let period = parts.iter().find(|part| Period::parse(part).is_ok());
    period.or(parts.first()).map(|part| (*part).to_owned())
}

/// The parts of a name for which `{…}` can stand in a pattern in which `*` stands for anything; leftmost and longest
/// first.
fn captures<'a>(pattern: &str, name: &'a str) -> Vec<&'a str> {
    let parts = pattern.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
    let Some((before, after)) = parts else { return Vec::new() };
    let places: Vec<usize> = name.char_indices().map(|(place, _)| place).chain([name.len()]).collect();
    let mut found = Vec::new();
    for start in places.iter().filter(|start| fits(before, &name[..**start])) {
        let ends = places.iter().rev().filter(|end| *end > start);
        found.extend(ends.filter(|end| fits(after, &name[**end..])).map(|end| &name[*start..*end]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[&str]) -> Vec<String> {
        columns.iter().map(|column| (*column).to_owned()).collect()
    }

    #[test]
    fn patterns_fit_and_capture() {
        assert!(
            fits("2024-*", "2024-12") && !fits("2024-*", "2025-12") && fits("a*b*c", "a1b2c") && !fits("ab", "abc")
        );
        assert_eq!(period_in("*-{period}.csv", "top-apps-2024-12.csv").as_deref(), Some("2024-12"));
        assert_eq!(period_in("top-apps-{period}.csv*", "top-apps-2024-12.csv.gz").as_deref(), Some("2024-12"));
        assert_eq!(captures("MAU {name}", "MAU 2024-12"), ["2024-12"]);
        assert_eq!(period_in("x-{period}", "y-2024"), None);
    }

    #[test]
    fn the_lakes_names_need_no_mapping() {
        let columns = names(&["Subject", "metric", "period", "value", "Said On"]);
        let plan = Mapping::lake_names().plan("f", "f", &columns).unwrap();
        assert_eq!(plan.target, Target::Claims);
        assert_eq!(*plan.templates[0].slot(Field::SaidOn), Slot::Column(4));
        let events = Mapping::lake_names().plan("f", "f", &names(&["event", "company", "announced_on"])).unwrap();
        assert_eq!(events.target, Target::Events);
        assert_eq!(*events.templates[0].slot(Field::Kind), Slot::Constant("company".into()));
    }

    #[test]
    fn what_is_missing_is_listed_with_what_is_there() {
        let error = Mapping::lake_names().plan("f.csv", "f.csv", &names(&["App", "MAU"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.csv has no column \"subject\", \"metric\", \"period\", \"value\"; it has \"App\", \"MAU\""
        );
    }

    #[test]
    fn a_wide_file_gives_one_template_per_column() {
        let text = "[constants]\nmetric = \"mau\"\n[columns]\nsubject = \"App\"\n[[unpivot]]\ncolumns = [\"2024-*\"]\n";
        let mapping = Mapping::parse("m", text).unwrap();
        let plan = mapping.plan("f", "f", &names(&["App", "2024-11", "2024-12", "2025"])).unwrap();
        let periods: Vec<&Slot> = plan.templates.iter().map(|template| template.slot(Field::Period)).collect();
        assert_eq!(periods, [&Slot::Constant("2024-11".into()), &Slot::Constant("2024-12".into())]);
    }
}
