//! People's judgements into the catalogue's files, where git keeps them: names that are the same into `reviewed.csv`, names
//! that are not into `different.csv`. What stands there already stays; a judgement on two uses of one name has no place in a
//! file of names and stays in the lake.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crowsnest_lake::{Lake, LakeError, files};
use crowsnest_model::{normalise, to_simplified};

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Lines added to `reviewed.csv`.
    pub n_aliases: usize,
    /// Lines added to `different.csv`.
    pub n_different: usize,
    /// Judgements that stay in the lake.
    pub n_kept: usize,
}

struct Judged {
    kind: String,
    names: [(i64, String); 2],
    verdict: String,
}

/// Writes them; questions see no difference, for they say the same.
///
/// # Errors
/// Those of the lake; a catalogue that cannot be written.
pub async fn export_judgements(lake: &Lake) -> Result<Exported, LakeError> {
    let mut done = Exported::default();
    let identity = lake.identity();
    let judged = judged(lake).await?;
    let mut canonical: BTreeMap<i64, String> = BTreeMap::new();
    for (own, name) in judged.iter().flat_map(|pair| &pair.names) {
        let entity = identity.entity_of_name(*own);
        if let Some(found) = identity.entity(entity).filter(|entity| entity.is_catalogued) {
            canonical.insert(entity, found.name_en.clone());
        } else if entity == *own {
            canonical.insert(entity, name.clone());
        }
    }
    let (mut aliases, mut different) = (BTreeSet::new(), BTreeSet::new());
    for pair in &judged {
        let [(left, left_name), (right, right_name)] = &pair.names;
        if left == right {
            done.n_kept += 1;
            continue;
        }
        if pair.verdict == "different" {
            different.insert(line(&[&pair.kind, left_name, right_name]));
            continue;
        }
        for (own, name) in &pair.names {
            let entity = identity.entity_of_name(*own);
            let Some(canonical) = canonical.get(&entity) else {
                done.n_kept += 1;
                continue;
            };
            if !identity.is_alias_of_catalogue(*own) && normalise(canonical) != normalise(name) {
                aliases.insert(line(&[canonical, &pair.kind, canonical, language(canonical)]));
                aliases.insert(line(&[canonical, &pair.kind, name, language(name)]));
            }
        }
    }
    let folder = lake.market().dir.join("catalogue");
    done.n_aliases = add(&folder.join("reviewed.csv"), "entity,kind,alias,language", &aliases)?;
    done.n_different = add(&folder.join("different.csv"), "kind,name,other", &different)?;
    Ok(done)
}

async fn judged(lake: &Lake) -> Result<Vec<Judged>, LakeError> {
    let sql = "SELECT l.entity_id, l.name, r.entity_id, r.name, j.verdict, l.kind, j.\"left\", j.\"right\" \
         FROM judgements j JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id \
         WHERE j.\"by\" NOT LIKE '%.csv' ORDER BY j.known_at";
    let mut latest: BTreeMap<(i64, i64), Judged> = BTreeMap::new();
    for batch in lake.query(sql).await? {
        let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let text = |column: usize, row: usize| batch.column(column).as_string_view().value(row).to_owned();
        for row in 0..batch.num_rows() {
            let names = [(ints(0).value(row), text(1, row)), (ints(2).value(row), text(3, row))];
            let mentions = (ints(6).value(row), ints(7).value(row));
            let key = (mentions.0.min(mentions.1), mentions.0.max(mentions.1));
            latest.insert(key, Judged { kind: text(5, row), names, verdict: text(4, row) });
        }
    }
    Ok(latest.into_values().filter(|pair| pair.verdict == "same" || pair.verdict == "different").collect())
}

fn language(name: &str) -> &'static str {
    if name.is_ascii() {
        "en"
    } else if crowsnest_model::initials_key(name).is_none() {
        ""
    } else if to_simplified(name) == name {
        "zh-Hans"
    } else {
        "zh-Hant"
    }
}

fn line(cells: &[&str]) -> String {
    let quoted = |cell: &&str| {
        let needs_quotes = cell.contains([',', '"', '\n', '\r']);
        if needs_quotes { format!("\"{}\"", cell.replace('"', "\"\"")) } else { (*cell).to_owned() }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",")
}

/// Adds the lines that a file does not have; how many those were.
fn add(path: &std::path::Path, header: &str, lines: &BTreeSet<String>) -> Result<usize, LakeError> {
    let before = if path.is_file() { files::read_text(path)? } else { format!("{header}\n") };
    let had: BTreeSet<&str> = before.lines().collect();
    let new: Vec<&String> = lines.iter().filter(|line| !had.contains(line.as_str())).collect();
    if new.is_empty() {
        return Ok(0);
    }
    let mut text = before.trim_end().to_owned();
    for line in &new {
        text.push('\n');
        text.push_str(line);
    }
    text.push('\n');
    files::write_whole(path, text.as_bytes())?;
    Ok(new.len())
}
