//! What is kept of a list between runs, so that a new period costs what is new: its levels, who entered when, and the model.
//!
//! In: a [`Detection`] that looked at the whole list. Out, when only one more period became known: a panel that has moved on by
//! it, read from the claims that are new and nothing else, and the model that was kept. Anything else that changed (a figure of
//! an earlier period was restated, names were merged, the model is [`PERIODS_MAX`] periods old, another version of the program)
//! means looking at the whole list again. What is kept says nothing that the claims do not, and may be deleted at any time.
//!
//! Files: `state.detect/<list>/` with `head.json`, `model`, `levels-<period>`, `products`; numbers are little-endian.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crowsnest_lake::{Lake, LakeError, files};
use crowsnest_model::tables::{ALIASES, JUDGEMENTS, RELATIONS};
use crowsnest_model::{Grain, Period};
use serde::{Deserialize, Serialize};

use crate::breakout::Model;
use crate::detecting::{Detection, MODEL};
use crate::error::DetectError;
use crate::history::History;
use crate::lists::{Asked, List, ListKey};
use crate::outcome::Task;
use crate::panel::Panel;

/// Periods for which a model is kept before it learns anew.
const PERIODS_MAX: usize = 3;

/// What all of it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    key: ListKey,
    grain: String,
    version: String,
    /// First days of the periods.
    periods: Vec<i32>,
    n_products: usize,
    learnt_in: usize,
    last_known_at: i64,
    /// How many rows there are that say who is who: when one is added, names and families may have changed. Which mentions
    /// are of one product is looked up anew each time.
    who_is_who: Vec<usize>,
}

/// A list as it was kept.
#[derive(Debug)]
pub struct Kept {
    /// The list: names, entities and periods, without what it said.
    pub list: List,
    /// Its products' mentions, in order of their numbers.
    pub mentions: Vec<i64>,
    /// Its levels.
    pub panel: Panel,
    /// The model.
    pub model: Model,
    /// The period in which the model learnt.
    pub learnt_in: usize,
}

/// The folder of what is kept for a question.
fn folder(lake: &Lake, asked: &Asked, task: Task) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    format!("{asked:?} {task:?}").hash(&mut hasher);
    lake.market().dir.join("state.detect").join(format!("{:016x}", hasher.finish()))
}

fn who_is_who(lake: &Lake) -> Vec<usize> {
    [&ALIASES, &JUDGEMENTS, &RELATIONS].map(|table| lake.n_rows(table)).to_vec()
}

/// What was kept for a question, if it still holds; else `None`, and the whole list is looked at.
pub fn open(lake: &Lake, asked: &Asked, task: Task) -> Option<Kept> {
    if asked.as_of.is_some() {
        return None;
    }
    let folder = folder(lake, asked, task);
    let head: Head = serde_json::from_str(&files::read_text(&folder.join("head.json")).ok()?).ok()?;
    let is_old = head.periods.len() >= head.learnt_in + 1 + PERIODS_MAX;
    if head.version != MODEL || head.who_is_who != who_is_who(lake) || is_old {
        return None;
    }
    let grain: Grain = head.grain.parse().ok()?;
    let model = Model::read(&read_numbers(&folder.join("model"), f64::from_le_bytes)?)?;
    let n_periods = head.periods.len();
    let mut levels = Vec::with_capacity(n_periods * head.n_products);
    for period in 0..n_periods {
        let own = read_numbers(&folder.join(format!("levels-{period}")), f32::from_le_bytes)?;
        let n_missing = head.n_products.checked_sub(own.len())?;
        levels.extend(own);
        levels.extend(std::iter::repeat_n(f32::NAN, n_missing));
    }
    let entries = read_numbers(&folder.join("entries"), u32::from_le_bytes)?;
    let products = files::read_text(&folder.join("products")).ok()?;
    let (mentions, entities, names) = products_of(&products)?;
    if [names.len(), entries.len()].iter().any(|n| *n != head.n_products) {
        return None;
    }
    let periods = head.periods.iter().map(|start| Period::containing(*start, grain)).collect();
    let history = History { names, periods, said: Vec::new(), n_left_out: 0, last_known_at: head.last_known_at };
    let panel = Panel::of_levels(head.n_products, levels, entries);
    let list = List { key: head.key, grain, history, entities, mentions: mentions.clone() };
    Some(Kept { list, mentions, panel, model, learnt_in: head.learnt_in })
}

fn products_of(text: &str) -> Option<(Vec<i64>, Vec<i64>, Vec<String>)> {
    let (mut mentions, mut entities, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        let mut cells = line.splitn(3, '\t');
        mentions.push(cells.next()?.parse().ok()?);
        entities.push(cells.next()?.parse().ok()?);
        names.push(cells.next()?.to_owned());
    }
    Some((mentions, entities, names))
}

/// Keeps a list for the next period. `n_before` periods were kept already, and have not changed since.
///
/// # Errors
/// Where a file cannot be written.
pub fn keep(
    lake: &Lake,
    asked: &Asked,
    task: Task,
    detection: &Detection<'_>,
    list: &List,
    n_before: usize,
) -> Result<(), DetectError> {
    let folder = folder(lake, asked, task);
    files::create_folder(&folder)?;
    // Without its head nothing counts: a run that is killed on the way leaves a list to be looked at as a whole.
    files::remove(&folder.join("head.json"))?;
    let (panel, model, learnt_in) = detection.kept();
    let n = panel.n_series();
    for (period, levels) in panel.all_levels().chunks(n.max(1)).enumerate().skip(n_before) {
        write_numbers(&folder.join(format!("levels-{period}")), levels, |level| level.to_le_bytes())?;
    }
    write_numbers(&folder.join("model"), &model.write(), |number| number.to_le_bytes())?;
    write_numbers(&folder.join("entries"), panel.entries(), |entry| entry.to_le_bytes())?;
    let mut products = String::with_capacity(n * 60);
    for ((mention, entity), name) in list.mentions.iter().zip(&list.entities).zip(&list.history.names) {
        let name = name.replace(['\t', '\n', '\r'], " ");
        products.push_str(&format!("{mention}\t{entity}\t{name}\n"));
    }
    files::write_whole(&folder.join("products"), products.as_bytes())?;
    let head = Head {
        key: list.key.clone(),
        grain: list.grain.to_string(),
        version: MODEL.to_owned(),
        periods: list.history.periods.iter().map(Period::start_day).collect(),
        n_products: n,
        learnt_in,
        last_known_at: list.history.last_known_at,
        who_is_who: who_is_who(lake),
    };
    let head = serde_json::to_string(&head).map_err(LakeError::from)?;
    Ok(files::write_whole(&folder.join("head.json"), head.as_bytes())?)
}

fn read_numbers<const N: usize, T>(path: &Path, of: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let mut bytes = Vec::new();
    files::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes.as_chunks::<N>().0.iter().map(|chunk| of(*chunk)).collect())
}

fn write_numbers<const N: usize, T>(path: &Path, numbers: &[T], of: impl Fn(&T) -> [u8; N]) -> Result<(), DetectError> {
    let bytes: Vec<u8> = numbers.iter().flat_map(of).collect();
    Ok(files::write_whole(path, &bytes)?)
}
