//! Reading a folder of labelled pairs: `left.csv` and `right.csv` with an `id` and any other columns, and `pairs.csv`
//! with `left_id,right_id,match,split`.
//!
//! All faults are told at once, each with file, line, column and what to do. Nothing is guessed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read as _;
use std::path::Path;

use crowsnest_lake::{LakeError, files};

use super::error::MatchError;
use super::records::{Pair, Records};
use crate::catalogue::Fault;

/// More faults than this are not listed one by one.
const FAULTS_MAX: usize = 20;

/// What a labelled pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose the threshold by, with the training pairs.
    Valid,
    /// To be judged by.
    Test,
}

/// A pair of which somebody says whether it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labelled {
    /// The two records.
    pub pair: Pair,
    /// Whether they are the same.
    pub is_match: bool,
    /// What it is for.
    pub split: Split,
}

/// What a folder holds.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The records of both sides.
    pub records: Records,
    /// The labelled pairs, in the order of the file.
    pub labelled: Vec<Labelled>,
    /// What else there is to know of the files, in sentences.
    pub notes: Vec<String>,
}

/// A file's header and records, with their lines.
struct Table {
    file: &'static str,
    header: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

impl Folder {
    /// Reads it.
    ///
    /// # Errors
    /// [`MatchError::Faults`] with every fault of the three files.
    pub fn read(folder: &Path) -> Result<Self, MatchError> {
        let mut faults = Vec::new();
        let left = Table::read(folder, "left.csv", &["id"], &mut faults)?;
        let right = Table::read(folder, "right.csv", &["id"], &mut faults)?;
        let pairs = Table::read(folder, "pairs.csv", &["left_id", "right_id", "match", "split"], &mut faults)?;
        let left_ids = left.ids(&mut faults);
        let right_ids = right.ids(&mut faults);
        let labelled = labelled(&pairs, &places(&left_ids), &places(&right_ids), &mut faults);
        let is_common = |name: &&String| *name != "id" && right.header.contains(name);
        let columns: Vec<String> = left.header.iter().filter(is_common).cloned().collect();
        if columns.is_empty() && faults.is_empty() {
            faults.push(fault(
                "right.csv",
                1,
                "no column but id has a name that left.csv has too: give them the same names",
            ));
        }
        if !faults.is_empty() {
            return Err(MatchError::Faults(shortened(faults)));
        }
        let is_lost = |name: &&String| *name != "id" && !columns.contains(name);
        let lost: Vec<&str> = left.header.iter().chain(&right.header).filter(is_lost).map(String::as_str).collect();
        let mut notes = notes(&pairs, &labelled);
        if !lost.is_empty() {
            notes.push(format!("columns that only one side has were left out: {}", lost.join(", ")));
        }
        let values = columns.iter().map(|name| [left.column(name), right.column(name)].concat()).collect();
        let records = Records { columns, values, left_ids, right_ids };
        Ok(Self { records, labelled, notes })
    }
}

fn fault(file: &str, line: usize, message: impl Into<String>) -> Fault {
    Fault { file: file.to_owned(), line, message: message.into() }
}

fn shortened(mut faults: Vec<Fault>) -> Vec<Fault> {
    if faults.len() > FAULTS_MAX {
        let n_more = faults.len() - FAULTS_MAX;
        faults.truncate(FAULTS_MAX);
        let last = faults[FAULTS_MAX - 1].clone();
        faults.push(Fault { message: format!("and {n_more} more faults from here on"), ..last });
    }
    faults
}

impl Table {
    fn read(folder: &Path, file: &'static str, needed: &[&str], faults: &mut Vec<Fault>) -> Result<Self, MatchError> {
        let path = folder.join(file);
        let mut bytes = Vec::new();
        let read = files::open(&path)?.read_to_end(&mut bytes);
        read.map_err(|source| LakeError::File { doing: "reading", path, source })?;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
                faults.push(fault(file, line + 1, "not UTF-8: save the file as UTF-8"));
                return Ok(Self { file, header: Vec::new(), rows: Vec::new() });
            }
        };
        let mut table = Self { file, header: Vec::new(), rows: Vec::new() };
        table.take(text.trim_start_matches('\u{feff}'), faults);
        table.check_header(needed, faults);
        Ok(table)
    }

    fn take(&mut self, text: &str, faults: &mut Vec<Fault>) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        for record in reader.records() {
            let Ok(record) = record else { continue };
            let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or_default());
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            if self.header.is_empty() {
                self.header = cells.iter().map(|name| name.trim().to_owned()).collect();
            } else if cells.len() != self.header.len() {
                let (n, wanted) = (cells.len(), self.header.len());
                let message = format!("{n} fields, the header has {wanted}: put texts with commas into quotes");
                faults.push(fault(self.file, line, message));
            } else {
                self.rows.push((line, cells));
            }
        }
    }

    fn check_header(&self, needed: &[&str], faults: &mut Vec<Fault>) {
        for name in needed {
            if !self.header.iter().any(|column| column == name) {
                let found = if self.header.is_empty() { "nothing".to_owned() } else { self.header.join(",") };
                faults.push(fault(self.file, 1, format!("column {name} is missing: the header is {found}")));
            }
        }
        for (place, name) in self.header.iter().enumerate() {
            if self.header[..place].contains(name) {
                faults.push(fault(self.file, 1, format!("column {name} is there twice: rename one of the two")));
            }
        }
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    fn column(&self, name: &str) -> Vec<String> {
        let Some(place) = self.place_of(name) else { return Vec::new() };
        self.rows.iter().map(|(_, cells)| cells[place].clone()).collect()
    }

    /// The ids, each of which has to be there and to be the only one.
    fn ids(&self, faults: &mut Vec<Fault>) -> Vec<String> {
        let Some(place) = self.place_of("id") else { return Vec::new() };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (line, cells) in &self.rows {
            let id = cells[place].as_str();
            if id.trim().is_empty() {
                faults.push(fault(self.file, *line, "column id is empty: give each record an id"));
                continue;
            }
            match seen.entry(id) {
                Entry::Occupied(first) => {
                    let message = format!("column id: {id:?} is that of line {} too: ids are given once", first.get());
                    faults.push(fault(self.file, *line, message));
                }
                Entry::Vacant(place) => {
                    place.insert(*line);
                }
            }
        }
        self.column("id")
    }
}

fn places(ids: &[String]) -> HashMap<&str, u32> {
    ids.iter().enumerate().map(|(place, id)| (id.as_str(), place as u32)).collect()
}

fn labelled(
    pairs: &Table,
    left: &HashMap<&str, u32>,
    right: &HashMap<&str, u32>,
    faults: &mut Vec<Fault>,
) -> Vec<Labelled> {
    let places = ["left_id", "right_id", "match", "split"].map(|name| pairs.place_of(name));
    let [Some(left_id), Some(right_id), Some(is_match), Some(split)] = places else { return Vec::new() };
    let mut found: Vec<Labelled> = Vec::with_capacity(pairs.rows.len());
    for (line, cells) in &pairs.rows {
        let mut refuse = |column: &str, message: String| {
            faults.push(fault(pairs.file, *line, format!("column {column}: {message}")));
        };
        let (left_cell, right_cell) = (cells[left_id].as_str(), cells[right_id].as_str());
        let Some(left) = left.get(left_cell) else {
            refuse("left_id", format!("left.csv has no id {left_cell:?}: mend it or leave the pair out"));
            continue;
        };
        let Some(right) = right.get(right_cell) else {
            refuse("right_id", format!("right.csv has no id {right_cell:?}: mend it or leave the pair out"));
            continue;
        };
        let Some(is_match) = yes_or_no(&cells[is_match]) else {
            refuse("match", format!("{:?} is neither 1 nor 0: write 1 for the same, 0 for different", cells[is_match]));
            continue;
        };
        let Some(split) = split_of(&cells[split]) else {
            refuse("split", format!("{:?}: write train, valid or test", cells[split]));
            continue;
        };
        let pair = Pair { left: *left, right: *right };
        found.push(Labelled { pair, is_match, split });
    }
    found
}

/// What is to be known of pairs that are there more than once: public sets have such, and to refuse them would be no use.
fn notes(pairs: &Table, labelled: &[Labelled]) -> Vec<String> {
    let mut said: HashMap<Pair, (usize, bool)> = HashMap::new();
    let (mut n_again, mut contrary) = (0, Vec::new());
    for ((line, _), labelled) in pairs.rows.iter().zip(labelled) {
        match said.entry(labelled.pair) {
            Entry::Occupied(before) => {
                n_again += 1;
                let (first, is_match) = before.get();
                if *is_match != labelled.is_match {
                    contrary.push(format!("{first} and {line}"));
                }
            }
            Entry::Vacant(place) => {
                place.insert((*line, labelled.is_match));
            }
        }
    }
    let mut notes = Vec::new();
    if n_again > 0 {
        notes.push(format!(
            "{n_again} lines of pairs.csv have a pair that was there before; none is learnt from that is in test"
        ));
    }
    if let Some(first) = contrary.first() {
        notes.push(format!(
            "{} of them say the contrary of it, the first in lines {first} of pairs.csv",
            contrary.len()
        ));
    }
    notes
}

fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "same" => Some(true),
        "0" | "false" | "no" | "different" => Some(false),
        _ => None,
    }
}

fn split_of(cell: &str) -> Option<Split> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "train" => Some(Split::Train),
        "valid" => Some(Split::Valid),
        "test" => Some(Split::Test),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(left: &str, right: &str, pairs: &str) -> Result<Folder, MatchError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("left.csv", left), ("right.csv", right), ("pairs.csv", pairs)] {
            files::write_whole(&dir.path().join(name), text.as_bytes()).unwrap();
        }
        Folder::read(dir.path())
    }

    fn told(left: &str, right: &str, pairs: &str) -> Vec<String> {
        match read(left, right, pairs) {
            Err(MatchError::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    const PAIRS: &str = "left_id,right_id,match,split\na,b,1,train\n";

    #[test]
    fn common_columns_are_read_and_others_named() {
        let folder = read("id,name,only\na,豆包,x\n", "name,id\nDoubao,b\n", PAIRS).unwrap();
        assert_eq!(folder.records.columns, ["name"]);
        assert_eq!(folder.records.values, [["豆包", "Doubao"]]);
        assert_eq!(folder.notes, ["columns that only one side has were left out: only"]);
        assert_eq!(folder.labelled.len(), 1);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let faults =
            told("id,name\na,x\na,y\n,z\nb\n", "name\nDoubao\n", "left_id,right_id,match,split\na,b,1,train\n");
        assert_eq!(faults.len(), 5, "{faults:#?}");
        assert!(faults[0].starts_with("left.csv:5: 1 fields, the header has 2"), "{faults:#?}");
        assert_eq!(faults[1], "right.csv:1: column id is missing: the header is name");
        let faults = told("id,n\na,x\n", "id,n\nb,y\n", "left_id,right_id,match,split\na,b,2,train\na,b,1,dev\n");
        assert!(faults[0].contains("column match: \"2\" is neither 1 nor 0"), "{faults:#?}");
        assert!(faults[1].contains("column split: \"dev\": write train, valid or test"), "{faults:#?}");
        let faults = told("id,n\na,x\n", "id,n\nb,y\n", &format!("{PAIRS}a,c,0,test\n"));
        assert!(faults[0].contains("right.csv has no id \"c\""), "{faults:#?}");
    }

    #[test]
    fn pairs_that_are_there_again_are_told() {
        let folder = read("id,n\na,x\n", "id,n\nb,y\n", &format!("{PAIRS}a,b,0,test\n")).unwrap();
        assert_eq!(folder.labelled.len(), 2);
        assert!(folder.notes[0].starts_with("1 lines of pairs.csv"), "{:?}", folder.notes);
        assert!(folder.notes[1].contains("lines 2 and 3"), "{:?}", folder.notes);
    }
}
