//! One resolution: what is new is compared, weighed and grouped; rows are written for what changed.
//!
//! The first resolution, and one that is asked to begin anew, looks at all names and learns the weights. A later one looks
//! at names that are new, and at those judged since, with the weights that are there: groups that exist stay together
//! unless somebody judged otherwise, and a new name may bring two of them together only if all their pairs agree.

use std::sync::Arc;
use std::time::Instant;

use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::tables::{LINKS, MEMBERSHIPS};
use serde::Serialize;

use super::NameScorer;
use super::candidates;
use super::figures::Figures;
use super::held::Held;
use super::ids::IdSet;
use super::keys::Keys;
use super::names::Names;
use super::rows::{self, LinkRow, MembershipRow, ints};
use super::scoring::{Compared, Work};
use super::taught::Taught;
use super::weights::{Costs, Weights};

/// How to resolve.
#[derive(Clone, Default)]
pub struct ResolveOptions {
    /// What mistakes cost.
    pub costs: Costs,
    /// Look at all names, not at new ones only, and learn the weights anew.
    pub is_anew: bool,
    /// Write nothing; only tell.
    pub is_dry_run: bool,
    /// Judges names by themselves where their levels leave it open. Nobody, if not said otherwise: on the example market what the
    /// gold set teaches merged two that are not one (百度, 百度智能云), which levels alone do not.
    pub name_scorer: Option<Arc<NameScorer>>,
}

impl std::fmt::Debug for ResolveOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResolveOptions").field("is_anew", &self.is_anew).finish_non_exhaustive()
    }
}

/// What a resolution did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resolved {
    /// Names that were looked at.
    pub n_names: usize,
    /// Of them those that were resolved for the first time.
    pub n_new: usize,
    /// Pairs that were compared.
    pub n_candidates: usize,
    /// Pairs found to be the same.
    pub n_same: usize,
    /// Pairs that somebody should look at.
    pub n_unsure: usize,
    /// Names whose entity changed.
    pub n_moved: usize,
    /// Names that share an entity with another.
    pub n_grouped: usize,
    /// The probability from which on a pair is the same.
    pub same_from: f64,
    /// Whether probabilities were set right by judged pairs.
    pub is_calibrated: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Resolves the market's names. Questions see it after [`Lake::refresh`], which reads who is who anew.
///
/// # Errors
/// Those of the lake.
pub async fn resolve(lake: &Lake, options: &ResolveOptions) -> Result<Resolved, LakeError> {
    let start = Instant::now();
    lake.refresh().await?;
    let held = Held::read(lake).await?;
    let is_anew = options.is_anew || held.memberships.is_empty() || held.weights.is_none();
    let new = if is_anew { None } else { Some(held.to_look_at(lake).await?) };
    let mut done = Resolved { same_from: options.costs.same_from(), ..Resolved::default() };
    if new.as_ref().is_some_and(IdSet::is_empty) {
        done.seconds = start.elapsed().as_secs_f64();
        return Ok(done);
    }
    let keys = Keys::read(lake, new.as_ref()).await?;
    let pairs = candidates::candidates(lake, &keys).await?;
    let wanted = new.as_ref().map(|new| held.touched(new, &pairs));
    let mut names = Names::read(lake, wanted.as_ref()).await?;
    names.note_companies(lake, &pairs, Some(&keys)).await?;
    let taught = Taught::learn(lake, &held, options.name_scorer.as_deref()).await?;
    let mut work = Work { names: &names, held: &held, options, weights: Weights::known(), taught };
    let mut compared: Vec<Compared> = work.compare_all(&pairs);
    done.is_calibrated = work.learn(&compared, is_anew) || work.taught.is_some();
    let figures = Figures::read(lake, &work.open_names(&compared)).await?;
    work.add_figures(&mut compared, &figures);
    let scored = work.scored(&compared);
    drop(compared);
    let groups = work.groups(&scored, new.as_ref());
    let memberships = work.memberships(&groups, new.as_ref());
    let links = work.links(&groups);
    done.n_names = new.as_ref().map_or(names.all.len(), IdSet::len);
    done.n_new = memberships.iter().filter(|row| !held.memberships.contains_key(&row.member)).count();
    done.n_candidates = pairs.len();
    done.n_same = links.iter().filter(|row| row.verdict == "same").count();
    done.n_unsure = links.iter().filter(|row| row.verdict == "unsure").count();
    done.n_moved = memberships.iter().filter(|row| held.entity(row.member) != row.entity_id).count();
    done.n_grouped = groups.n_grouped();
    if !options.is_dry_run {
        keys.keep(lake, |name| !held.memberships.contains_key(&name)).await?;
        write(lake, &links, &memberships, &work.weights).await?;
    }
    done.seconds = start.elapsed().as_secs_f64();
    Ok(done)
}

/// How many names no resolution has looked at.
///
/// # Errors
/// Those of the lake.
pub async fn n_unresolved(lake: &Lake) -> Result<usize, LakeError> {
    lake.refresh().await?;
    let sql = "SELECT count(DISTINCT m.entity_id) FROM mentions m LEFT ANTI JOIN memberships s \
               ON m.entity_id = s.member WHERE m.kind <> 'segment'";
    let batches = lake.query(sql).await?;
    let n = batches.first().map_or(0, |batch| ints(batch, 0).first().copied().unwrap_or_default());
    Ok(usize::try_from(n).unwrap_or_default())
}

async fn write(
    lake: &Lake,
    links: &[LinkRow],
    memberships: &[MembershipRow],
    weights: &Weights,
) -> Result<(), LakeError> {
    const ROWS_OF_BATCH: usize = 65_536;
    let now = jiff::Timestamp::now().as_microsecond();
    let model = weights.to_text();
    let batches: Result<Vec<_>, _> = links.chunks(ROWS_OF_BATCH).map(|rows| rows::links(rows, &model, now)).collect();
    let batches = batches?;
    if !batches.is_empty() {
        lake.append(&LINKS, batches).await?;
    }
    // Memberships come last: a name that has one counts as looked at.
    let batches: Result<Vec<_>, _> =
        memberships.chunks(ROWS_OF_BATCH).map(|rows| rows::memberships(rows, now)).collect();
    let batches = batches?;
    if !batches.is_empty() {
        lake.append(&MEMBERSHIPS, batches).await?;
    }
    Ok(())
}
