//! A mapping as it is being put together, and its text: each table once, in the order of the reference.

use std::fmt::Write as _;

/// The lines of a mapping, by table.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) target: &'static str,
    pub(super) file: Vec<String>,
    pub(super) constants: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) unpivot: Vec<String>,
    pub(super) scale: Vec<String>,
    pub(super) period: Vec<String>,
    /// Remarks at the end.
    pub(super) remarks: Vec<String>,
}

impl Draft {
    /// The mapping's text.
    pub(super) fn text(&self, file_name: &str) -> String {
        let mut text = format!(
            "# Mapping for {file_name}, written by `crowsnest import --infer`: read it through, then import with --map.\n\n\
             target = \"{}\"\n",
            self.target
        );
        let tables = [
            ("[file]", &self.file),
            ("[constants]", &self.constants),
            ("[columns]", &self.columns),
            ("# One claim for each of these columns.\n[[unpivot]]", &self.unpivot),
            ("[scale]", &self.scale),
            ("[period]", &self.period),
        ];
        for (heading, lines) in tables {
            if !lines.is_empty() {
                // Infallible: writing to a String never fails.
                let _ = write!(text, "\n{heading}\n{}\n", lines.join("\n"));
            }
        }
        for remark in &self.remarks {
            let _ = write!(text, "\n# {remark}\n");
        }
        text
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
