//! The catalogue's files: aliases (`entity,kind,alias,language`), owners (`product,company`, dated with `from`, `until` and
//! `source`), other relations (`entity,relation,other,from,until,source`), and names that are not the same
//! (`kind,name,other`).
//!
//! Which of them a file is, its header says. All faults of all files are told at once, each with its place.

use std::collections::{HashMap, HashSet};
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

/// Who owns what, or what follows or is a version of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// `owned_by`, `successor_of` or `version_of`.
    pub relation: String,
    /// The product or company that belongs, follows or is a version.
    pub owned: String,
    /// What it is.
    pub owned_kind: Kind,
    /// The company it belongs to, or what it follows or is a version of.
    pub owner: String,
    /// What that is.
    pub owner_kind: Kind,
    /// First day, since 1970-01-01.
    pub valid_from: Option<i32>,
    /// First day on which it no longer holds.
    pub valid_until: Option<i32>,
    /// The address or words that it rests on.
    pub source: String,
    /// The file that says so.
    pub by: String,
}

/// Two names that are not the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Different {
    /// What both are.
    pub kind: Kind,
    /// The one.
    pub name: String,
    /// The other.
    pub other: String,
    /// The file that says so.
    pub by: String,
    /// The line in it, from 1.
    pub line: usize,
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
    /// The same.
    pub different: Vec<Different>,
}

/// The first names of the columns of a file with relations, in each of its forms.
const OWNERS: [&str; 2] = ["product", "company"];
const RELATIONS: [&str; 3] = ["entity", "relation", "other"];
const DATES: [&str; 3] = ["from", "until", "source"];

/// A line of a file with relations.
struct Told {
    file: String,
    line: usize,
    relation: String,
    entity: String,
    other: String,
    dates: Vec<String>,
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
                ["kind", "name", "other"] => catalogue.take_different(&name, &records[1..], &mut faults),
                first if is_relations(first) => {
                    let n_names = if first[0] == OWNERS[0] { OWNERS.len() } else { RELATIONS.len() };
                    pairs.extend(
                        records[1..]
                            .iter()
                            .filter_map(|(line, cells)| told(&name, *line, cells, n_names, first.len(), &mut faults)),
                    );
                }
                // Who is in which segment says nothing of who is who: growing reads it.
                ["product", "segment"] => {}
                _ => faults.push(Fault {
                    file: name,
                    line: 1,
                    message:
                        "the header is none of entity,kind,alias,language · product,company[,from,until,source] · \
                              entity,relation,other[,from,until,source] · kind,name,other · product,segment"
                            .into(),
                }),
            }
        }
        catalogue.check_contradictions(&mut faults);
        catalogue.take_owners(pairs, &mut faults);
        catalogue.check_circles(&mut faults);
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
        for different in &self.different {
            let of = |name: &str| {
                let own = entity_id(different.kind, &normalise(name));
                seen.get(&own).map_or(own, |alias| alias.entity_id())
            };
            if of(&different.name) == of(&different.other) {
                faults.push(Fault {
                    file: different.by.clone(),
                    line: different.line,
                    message: format!(
                        "{:?} and {:?} are said to be different, and by their aliases to be one: remove one of the lines",
                        different.name, different.other
                    ),
                });
            }
        }
    }

    fn take_different(&mut self, file: &str, records: &[(usize, Vec<String>)], faults: &mut Vec<Fault>) {
        for (line, cells) in records {
            let fault = |message: String| Fault { file: file.to_owned(), line: *line, message };
            let [kind, name, other] = cells.as_slice() else {
                faults.push(fault(format!("{} fields, expected 3", cells.len())));
                continue;
            };
            match kind.parse::<Kind>() {
                Ok(_) if normalise(name) == normalise(other) => {
                    faults.push(fault(format!(
                        "{name:?} and {other:?} are one name: only a split by source tells them apart"
                    )));
                }
                Ok(kind) => self.different.push(Different {
                    kind,
                    name: name.clone(),
                    other: other.clone(),
                    by: file.to_owned(),
                    line: *line,
                }),
                Err(error) => faults.push(fault(error.to_string())),
            }
        }
    }

    /// What is owned is the product of that name, or the company where the catalogue knows only such a company.
    fn take_owners(&mut self, told: Vec<Told>, faults: &mut Vec<Fault>) {
        let names: HashMap<(Kind, i64), &str> =
            self.aliases.iter().map(|a| ((a.kind, a.self_entity_id()), a.entity.as_str())).collect();
        let canonical = |kind: Kind, name: &str| names.get(&(kind, entity_id(kind, &normalise(name)))).copied();
        let entities: HashMap<(Kind, i64), &str> =
            self.aliases.iter().map(|a| ((a.kind, a.entity_id()), a.entity.as_str())).collect();
        let is_entity = |kind: Kind, name: &str| entities.contains_key(&(kind, entity_id(kind, &normalise(name))));
        let mut owners = Vec::new();
        for line in told {
            let knows = |kind: Kind, name: &str| is_entity(kind, name) || canonical(kind, name).is_some();
            let is_company = !knows(Kind::Product, &line.entity) && knows(Kind::Company, &line.entity);
            let owned_kind = if is_company { Kind::Company } else { Kind::Product };
            let owner_kind = if line.relation == "owned_by" { Kind::Company } else { owned_kind };
            let resolve = |kind: Kind, name: &str| canonical(kind, name).unwrap_or(name).to_owned();
            let mut day = |place: usize| {
                let text = line.dates.get(place).map(String::as_str).unwrap_or_default();
                if text.is_empty() {
                    return None;
                }
                let day = crowsnest_model::parse_day(text);
                if day.is_none() {
                    let message = format!("{text:?} is no day: write it as 2024-12-31");
                    faults.push(Fault { file: line.file.clone(), line: line.line, message });
                }
                day
            };
            let (valid_from, valid_until) = (day(0), day(1));
            if let (Some(from), Some(until)) = (valid_from, valid_until)
                && until <= from
            {
                let message = "it ends before it begins: `until` is the first day on which it no longer holds".into();
                faults.push(Fault { file: line.file.clone(), line: line.line, message });
            }
            owners.push(Owner {
                owned: resolve(owned_kind, &line.entity),
                owned_kind,
                owner: resolve(owner_kind, &line.other),
                owner_kind,
                valid_from,
                valid_until,
                source: line.dates.get(2).cloned().unwrap_or_default(),
                relation: line.relation,
                by: line.file,
            });
        }
        self.owners = owners;
    }

    /// Nothing may belong to itself on any day, at once or by way of others.
    fn check_circles(&self, faults: &mut Vec<Fault>) {
        let id = |kind: Kind, name: &str| entity_id(kind, &normalise(name));
        let mut owners: HashMap<(&str, i64), Vec<&Owner>> = HashMap::new();
        for owner in &self.owners {
            owners.entry((owner.relation.as_str(), id(owner.owned_kind, &owner.owned))).or_default().push(owner);
        }
        let mut told: HashSet<Vec<&str>> = HashSet::new();
        for first in &self.owners {
            let start = id(first.owned_kind, &first.owned);
            let mut seen = HashSet::from([start]);
            let mut names = vec![first.owned.as_str()];
            let mut from = first.valid_from.unwrap_or(i32::MIN);
            let mut until = first.valid_until.unwrap_or(i32::MAX);
            let mut at = Some(first);
            while let Some(owner) = at {
                (from, until) =
                    (from.max(owner.valid_from.unwrap_or(i32::MIN)), until.min(owner.valid_until.unwrap_or(i32::MAX)));
                let next = id(owner.owner_kind, &owner.owner);
                if from >= until {
                    break;
                }
                if next == start {
                    let mut members = names.clone();
                    members.sort_unstable();
                    if told.insert(members) {
                        names.push(first.owned.as_str());
                        let what = if first.relation == "owned_by" { "owners go" } else { "relations go" };
                        let message = format!("{what} in a circle: {}: remove one of the lines", names.join(" → "));
                        faults.push(Fault { file: first.by.clone(), line: 0, message });
                    }
                    break;
                }
                if !seen.insert(next) {
                    break;
                }
                names.push(owner.owner.as_str());
                at = owners.get(&(first.relation.as_str(), next)).and_then(|owners| {
                    let holds = |o: &&&Owner| {
                        o.valid_from.unwrap_or(i32::MIN) < until && o.valid_until.unwrap_or(i32::MAX) > from
                    };
                    owners.iter().find(holds).copied()
                });
            }
        }
    }
}

fn is_relations(header: &[&str]) -> bool {
    let is_of = |names: &[&str]| header == names || (header.starts_with(names) && header[names.len()..] == DATES);
    is_of(&OWNERS) || is_of(&RELATIONS)
}

fn told(file: &str, line: usize, cells: &[String], n_names: usize, n: usize, faults: &mut Vec<Fault>) -> Option<Told> {
    let mut fault = |message: String| faults.push(Fault { file: file.to_owned(), line, message });
    if cells.len() != n {
        fault(format!("{} fields, expected {n}", cells.len()));
        return None;
    }
    let (entity, relation, other) = match cells {
        [entity, relation, other, ..] if n_names == RELATIONS.len() => (entity, relation.as_str(), other),
        [entity, other, ..] => (entity, "owned_by", other),
        _ => return None,
    };
    if !["owned_by", "successor_of", "version_of"].contains(&relation) {
        fault(format!("{relation:?} is no relation: write owned_by, successor_of or version_of"));
        return None;
    }
    if entity.is_empty() || other.is_empty() {
        fault("a name is empty".into());
        return None;
    }
    Some(Told {
        file: file.to_owned(),
        line,
        relation: relation.to_owned(),
        entity: entity.clone(),
        other: other.clone(),
        dates: cells[n_names..].to_vec(),
    })
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
            ("segments.csv", "product,segment\nA,assistants\n"),
        ])
        .unwrap_err();
        let CatalogueError::Faults(faults) = error else { panic!("{error}") };
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.message.contains("none of entity,kind,alias,language")));
        assert!(faults.iter().any(|fault| fault.message.contains("\"A\" and \"B\"")));
    }

    #[test]
    fn relations_have_days_and_go_in_no_circle() {
        let catalogue = read(&[(
            "owners.csv",
            "product,company,from,until,source\nCapCut,ByteDance,2018-01-01,,https://example.org/1\nA,B,2020-01-01,2021-01-01,\n",
        )])
        .unwrap();
        assert_eq!(catalogue.owners[0].source, "https://example.org/1");
        assert_eq!(catalogue.owners[1].valid_until, crowsnest_model::parse_day("2021-01-01"));
        let circle = "entity,kind,alias,language\nA,company,A,en\nB,company,B,en\nC,company,C,en\n";
        let error = read(&[("a.csv", circle), ("o.csv", "product,company\nA,B\nB,C\nC,A\nX,X\n")]).unwrap_err();
        let CatalogueError::Faults(faults) = error else { panic!("{error}") };
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].message.contains("A → B → C → A"), "{faults:?}");
        // One after the other is no circle.
        let dated = "entity,relation,other,from,until,source\nA,owned_by,B,,2020-01-01,\nB,owned_by,A,2020-01-01,,\n";
        assert!(read(&[("a.csv", circle), ("r.csv", dated)]).is_ok());
        let bad = "entity,relation,other\nA,eats,B\n";
        assert!(read(&[("r.csv", bad)]).unwrap_err().to_string().contains("owned_by, successor_of or version_of"));
    }

    #[test]
    fn what_is_different_is_not_an_alias_too() {
        let aliases = "entity,kind,alias,language\nDoubao,product,豆包,zh-Hans\n";
        let error =
            read(&[("a.csv", aliases), ("d.csv", "kind,name,other\nproduct,Doubao,豆包\nproduct,x,X\n")]).unwrap_err();
        let CatalogueError::Faults(faults) = error else { panic!("{error}") };
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(read(&[("a.csv", aliases), ("d.csv", "kind,name,other\nproduct,豆包,豆包大模型\n")]).is_ok());
    }
}
