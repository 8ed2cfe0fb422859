//! The rejects file: every record that could not be read, as CSV, written as they come.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crowsnest_lake::files;

use crate::report::{FIRST_REJECTS_MAX, Reject};
use crate::{ImportError, Result};

const HEADER: &[&str] = &["file", "record", "column", "found", "expected", "remedy", "row"];

/// Writes rejects to a file that is made with the first of them.
pub(crate) struct Rejects {
    path: PathBuf,
    is_dry_run: bool,
    file: Option<Box<dyn Write + Send + Sync>>,
    pub(crate) n: u64,
    pub(crate) first: Vec<Reject>,
}

impl Rejects {
    pub(crate) fn new(path: PathBuf, is_dry_run: bool) -> Self {
        Self { path, is_dry_run, file: None, n: 0, first: Vec::new() }
    }

    pub(crate) fn write(&mut self, rejects: Vec<Reject>) -> Result<()> {
        for reject in rejects {
            self.n += 1;
            if !self.is_dry_run {
                self.write_one(&reject)?;
            }
            if self.first.len() < FIRST_REJECTS_MAX {
                self.first.push(reject);
            }
        }
        Ok(())
    }

    fn write_one(&mut self, reject: &Reject) -> Result<()> {
        let path = self.path.clone();
        if self.file.is_none() {
            let mut file: Box<dyn Write + Send + Sync> = Box::new(BufWriter::new(files::create(&path)?));
            write_record(&mut file, HEADER).map_err(|source| writing_failed(&path, source))?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let record = reject.record.to_string();
        let fields = [
            reject.file.as_str(),
            &record,
            &reject.column,
            &reject.found,
            &reject.expected,
            &reject.remedy,
            &reject.row,
        ];
        write_record(file, &fields).map_err(|source| writing_failed(&path, source))
    }

    /// Makes sure all is on the disk; gives the file's path if there is one.
    pub(crate) fn finish(&mut self) -> Result<Option<PathBuf>> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        file.flush().map_err(|source| writing_failed(&self.path, source))?;
        Ok(Some(self.path.clone()))
    }
}

fn writing_failed(path: &Path, source: std::io::Error) -> ImportError {
    crowsnest_lake::LakeError::File { doing: "writing", path: path.to_owned(), source }.into()
}

fn write_record(out: &mut dyn Write, fields: &[&str]) -> std::io::Result<()> {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        if field.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            out.write_all(field.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_needed() {
        let mut out = Vec::new();
        write_record(&mut out, &["a", "b,c", "say \"x\"", ""]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,\"b,c\",\"say \"\"x\"\"\",\n");
    }
}
