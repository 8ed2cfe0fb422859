//! The catalogue's files: aliases (`entity,kind,alias,language`) and owners (`product,company`).
//!
//! Which of the two a file is, its header says. All faults of all files are told at once, each with its place.

use std::collections::HashMap;
use std::path::Path;

use crowsnest_lake::{LakeError, files};
use crowsnest_model::{Kind, entity_id, normalise};

/// An alias of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alias {
    /// Canonical name.
    pub entity: String,
    /// What it is.
    pub kind: Kind,
    /// Another name, or the canonical one.
    pub alias: String,
    /// `en`, `zh-Hans`, `zh-Hant`, `pinyin` or empty.
    pub language: String,
    /// The file that says so.
    pub by: String,
    /// The line in it, from 1; 0 where the lake remembers only the file.
    pub line: usize,
}

impl Alias {
    /// The identity the alias has by itself.
    pub fn self_entity_id(&self) -> i64 {
        entity_id(self.kind, &normalise(&self.alias))
    }

    /// The entity it is a name of.
    pub fn entity_id(&self) -> i64 {
        entity_id(self.kind, &normalise(&self.entity))
    }
}

/// Who owns what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The product or company that belongs.
    pub owned: String,
    /// What it is.
    pub owned_kind: Kind,
    /// The company it belongs to.
    pub owner: String,
    /// The file that says so.
    pub by: String,
}

/// Something in the catalogue that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Why a catalogue could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The files contradict themselves or cannot be read as what their headers say.
    #[error("the catalogue has {} faults: {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// All that the catalogue's files say.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// In the order of the files and their lines.
    pub aliases: Vec<Alias>,
    /// The same.
    pub owners: Vec<Owner>,
}

impl Catalogue {
    /// Reads a market's `catalogue` folder; an absent folder is an empty catalogue.
    ///
    /// # Errors
    /// [`CatalogueError::Faults`] with every fault: unknown kinds or headers, and aliases of two entities.
    pub fn read(market_dir: &Path) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        let mut faults = Vec::new();
        let mut pairs = Vec::new();
        for path in files::list(&market_dir.join("catalogue"), "csv")? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = files::read_text(&path)?;
            let records = split(&text);
            let header: Vec<&str> =
                records.first().map(|(_, cells)| cells.iter().map(String::as_str).collect()).unwrap_or_default();
            match header.as_slice() {
                ["entity", "kind", "alias", "language"] => catalogue.take_aliases(&name, &records[1..], &mut faults),
                ["product", "company"] => {
                    pairs.extend(records[1..].iter().map(|(line, cells)| (name.clone(), *line, cells.clone())));
                }
                _ => faults.push(Fault {
                    file: name,
                    line: 1,
                    message: "the header is neither entity,kind,alias,language nor product,company".into(),
                }),
            }
        }
        catalogue.check_contradictions(&mut faults);
        catalogue.take_owners(pairs, &mut faults);
        if faults.is_empty() { Ok(catalogue) } else { Err(CatalogueError::Faults(faults)) }
    }

    fn take_aliases(&mut self, file: &str, records: &[(usize, Vec<String>)], faults: &mut Vec<Fault>) {
        for (line, cells) in records {
            let fault = |message: String| Fault { file: file.to_owned(), line: *line, message };
            let [entity, kind, alias, language] = cells.as_slice() else {
                faults.push(fault(format!("{} fields, expected 4", cells.len())));
                continue;
            };
            if entity.is_empty() || alias.is_empty() {
                faults.push(fault("entity or alias is empty".into()));
                continue;
            }
            match kind.parse::<Kind>() {
                Ok(kind) => self.aliases.push(Alias {
                    entity: entity.clone(),
                    kind,
                    alias: alias.clone(),
                    language: language.clone(),
                    by: file.to_owned(),
                    line: *line,
                }),
                Err(error) => faults.push(fault(error.to_string())),
            }
        }
    }

    /// One name cannot be two entities of a kind; told with both.
    fn check_contradictions(&self, faults: &mut Vec<Fault>) {
        let mut seen: HashMap<i64, &Alias> = HashMap::new();
        for alias in &self.aliases {
            let had = seen.entry(alias.self_entity_id()).or_insert(alias);
            if had.entity_id() != alias.entity_id() {
                faults.push(Fault {
                    file: alias.by.clone(),
                    line: alias.line,
                    message: format!(
                        "{:?} is said to be {:?} and {:?}: remove one of the two",
                        alias.alias, had.entity, alias.entity
                    ),
                });
            }
        }
    }

    /// What is owned is the product of that name, or the company where the catalogue knows only such a company.
    fn take_owners(&mut self, pairs: Vec<(String, usize, Vec<String>)>, faults: &mut Vec<Fault>) {
        let names: HashMap<(Kind, i64), &str> =
            self.aliases.iter().map(|a| ((a.kind, a.self_entity_id()), a.entity.as_str())).collect();
        let canonical = |kind: Kind, name: &str| names.get(&(kind, entity_id(kind, &normalise(name)))).copied();
        let entities: HashMap<(Kind, i64), &str> =
            self.aliases.iter().map(|a| ((a.kind, a.entity_id()), a.entity.as_str())).collect();
        let is_entity = |kind: Kind, name: &str| entities.contains_key(&(kind, entity_id(kind, &normalise(name))));
        let mut owners = Vec::new();
        for (file, line, cells) in pairs {
            let [owned, owner] = cells.as_slice() else {
                faults.push(Fault { file, line, message: format!("{} fields, expected 2", cells.len()) });
                continue;
            };
            let knows = |kind: Kind| is_entity(kind, owned) || canonical(kind, owned).is_some();
            let owned_kind = if !knows(Kind::Product) && knows(Kind::Company) { Kind::Company } else { Kind::Product };
            let resolve = |kind: Kind, name: &str| canonical(kind, name).unwrap_or(name).to_owned();
            owners.push(Owner {
                owned: resolve(owned_kind, owned),
                owned_kind,
                owner: resolve(Kind::Company, owner),
                by: file,
            });
        }
        self.owners = owners;
    }
}

/// Records with their line numbers, the header among them; fields trimmed.
fn split(text: &str) -> Vec<(usize, Vec<String>)> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records().map_while(Result::ok) {
        let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or_default());
        records.push((line, record.iter().map(str::to_owned).collect()));
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Catalogue, CatalogueError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            crowsnest_lake::files::write_whole(&dir.path().join("catalogue").join(name), text.as_bytes()).unwrap();
        }
        Catalogue::read(dir.path())
    }

    #[test]
    fn scripts_fold_and_owners_find_companies() {
        let catalogue = read(&[
            (
                "aliases.csv",
                "entity,kind,alias,language\n\"01.AI\",company,零一万物,zh-Hans\n01.AI,company,零一萬物,zh-Hant\n",
            ),
            ("owners.csv", "product,company\n零一萬物,Sinovation\nYi,01.AI\n"),
        ])
        .unwrap();
        assert_eq!(catalogue.aliases[0].self_entity_id(), catalogue.aliases[1].self_entity_id());
        assert_eq!(catalogue.owners[0].owned, "01.AI");
        assert_eq!(catalogue.owners[0].owned_kind, Kind::Company);
        assert_eq!(catalogue.owners[1].owned_kind, Kind::Product);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = read(&[
            ("a.csv", "entity,kind,alias,language\nA,product,X,en\nB,product,x,en\nC,planet,Y,en\nD,product\n"),
            ("b.csv", "who,what\n"),
        ])
        .unwrap_err();
        let CatalogueError::Faults(faults) = error else { panic!("{error}") };
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.message.contains("\"A\" and \"B\"")));
    }
}
