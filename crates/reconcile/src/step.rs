//! The step: claims in force become figures, one metric after the other.
//!
//! In: `claims` as of a moment, with the entity of each mention, by one plan a metric, or by several over parts of the entities
//! where a metric has many claims: memory is bounded by [`CLAIMS_AT_ONCE`] and [`ROWS_AT_ONCE`]. Out: rows of `figures`, for what
//! is new, has moved, or is told no more. A figure's `known_at` is the moment at which the last claim of its metric came to
//! be known, so that running again over the same claims adds nothing, and a metric to which nothing was added is not looked at.
//!
//! What was learnt is kept in the state. Where a few claims were added, by sources and for periods that were known, only the
//! entities that they are about are told anew with it; otherwise the metric is learnt again.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Breaks, Lake, LakeError, Step, sql};
use crowsnest_model::{Grain, MetricKind, OverTime, Period, tables};
use futures::TryStreamExt as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::derived::{self, Growth};
use crate::error::ReconcileError;
use crate::evaluate::earlier;
use crate::figures::{self, METHOD, METHOD_OF_RANKS, Telling, Told, withdrawn};
use crate::fit::{Model, fit};
use crate::held::{Held, Key, held};
use crate::loading::{COLUMNS, Loaded, Loading, text_column};
use crate::outline::Outline;
use crate::panels::MetricPanel;
use crate::rank_figures;
use crate::request::{MetricReconciled, ReconcileRequest, Reconciled};
use crate::worth::{Worth, of_panel};

/// So many claims of a metric are held at once; entities of more are taken in parts.
const CLAIMS_AT_ONCE: usize = 4 << 20;
/// So many observations become rows at once.
const ROWS_AT_ONCE: usize = 1 << 20;

/// This step in the flow.
pub static STEP: Step = Step {
    name: "reconcile",
    doc: "what sources say becomes one figure with an interval, for each entity, metric, period and dimensions",
    reads: &["claims", "mentions", "aliases"],
    writes: &["figures"],
};

/// Reconciles what is new.
///
/// # Errors
/// A metric that nobody tells of; those of the lake.
pub async fn reconcile(lake: &Lake, request: &ReconcileRequest) -> Result<Reconciled, ReconcileError> {
    lake.refresh().await?;
    let mut done = Reconciled::default();
    for asked in metrics(lake, request).await? {
        let kept = if request.as_of.is_none() { Kept::read(lake, &asked.name) } else { None };
        let is_settled = match &kept {
            Some(kept) => asked.figures_known.is_some() && kept.recorded_at >= asked.recorded_at,
            None => asked.figures_known.is_some_and(|figures_known| figures_known >= asked.claims_known),
        };
        if is_settled && !request.is_whole {
            done.n_skipped += 1;
            continue;
        }
        let is_later = asked.figures_known.is_some_and(|figures_known| figures_known >= asked.claims_known);
        let known_at = if is_later { request.now } else { asked.claims_known };
        let work = Work { lake, request, asked: &asked, known_at };
        let one = Box::pin(work.reconcile(kept.filter(|_| !request.is_whole))).await?;
        done.n_added += one.n_added;
        done.n_unchanged += one.n_figures - one.n_added;
        done.n_withdrawn += one.n_withdrawn;
        done.metrics.push(one);
    }
    lake.refresh().await?;
    Ok(done)
}

/// What each source is worth on each metric, or the one asked for, by the claims known by the moment asked for.
///
/// # Errors
/// A metric that nobody tells of; those of the lake.
pub async fn worth(lake: &Lake, request: &ReconcileRequest) -> Result<Vec<Worth>, ReconcileError> {
    const DAY_MICROS: f64 = 86_400e6;
    lake.refresh().await?;
    let mut found = Vec::new();
    for asked in metrics(lake, request).await? {
        if let Some(kept) = kept_worth(lake, request, &asked) {
            found.extend(kept);
            continue;
        }
        let before = found.len();
        let work = Work { lake, request, asked: &asked, known_at: request.now };
        let loaded = work.load(&work.filter("")).await?;
        let outlines = loaded.outlines();
        for (number, panel) in loaded.panels(&outlines).unwrap_or_default() {
            let panel = panel.moved_by_lags();
            let fitted = fit(&panel.panel, &earlier(&panel, &|word| loaded.known(word)));
            let said = |word: usize| loaded.known(word) as f64 / DAY_MICROS;
            let name = |source: usize| {
                let name = outlines[number].sources()[source].clone();
                let price = lake.market().source(&name).map(|card| card.price.clone()).unwrap_or_default();
                (name, price)
            };
            found.extend(of_panel(&panel, &fitted, &said, &name, &asked.name));
        }
        if request.as_of.is_none() {
            let kept = KeptWorth { recorded_at: asked.recorded_at, worth: found[before..].to_vec() };
            let body = serde_json::to_string(&kept).map_err(LakeError::from)?;
            lake.state().keep_learnt(WORTH, &asked.name, &body)?;
        }
    }
    Ok(found)
}

/// Under which name the state keeps what sources are worth.
const WORTH: &str = "worth";

/// What sources are worth on a metric, as of its claims.
#[derive(Debug, Serialize, Deserialize)]
struct KeptWorth {
    recorded_at: i64,
    worth: Vec<Worth>,
}

/// What was found of the same claims before.
fn kept_worth(lake: &Lake, request: &ReconcileRequest, asked: &Asked) -> Option<Vec<Worth>> {
    if request.as_of.is_some() || request.is_whole {
        return None;
    }
    let kept: KeptWorth = serde_json::from_str(&lake.state().learnt(WORTH, &asked.name).ok()??).ok()?;
    (kept.recorded_at == asked.recorded_at).then_some(kept.worth)
}

/// A metric, with the moments of its last claim and its last figure.
#[derive(Debug, Clone, Default)]
struct Asked {
    name: String,
    claims_known: i64,
    /// When the last of them was written into the lake.
    recorded_at: i64,
    n_claims: usize,
    figures_known: Option<i64>,
}

/// The metrics that there are claims on; ranks are no amounts and have no figures.
async fn metrics(lake: &Lake, request: &ReconcileRequest) -> Result<Vec<Asked>, ReconcileError> {
    let known = known_by(request);
    let query = format!(
        "SELECT c.metric, c.known_at, c.recorded_at, c.n, f.known_at AS figures_known_at \
         FROM (SELECT metric, max(known_at) AS known_at, max(recorded_at) AS recorded_at, count(*) AS n \
               FROM claims WHERE {known} GROUP BY metric) c \
         LEFT JOIN (SELECT metric, max(known_at) AS known_at FROM figures WHERE {known} GROUP BY metric) f \
         ON c.metric = f.metric ORDER BY c.metric"
    );
    let mut found = Vec::new();
    for batch in lake.query(&query).await? {
        let names = text_column(&batch, 0)?;
        let moment = |column: usize| batch.column(column).as_primitive::<TimestampMicrosecondType>();
        let (known, recorded, figures) = (moment(1), moment(2), moment(4));
        let counts = batch.column(3).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let name = names.value(row);
            let is_wanted = request.metric.as_deref().is_none_or(|wanted| wanted == name);
            let is_rank = lake.market().metrics.get(name).is_some_and(|metric| metric.kind == MetricKind::Rank);
            if is_wanted && !is_rank {
                found.push(Asked {
                    name: name.to_owned(),
                    claims_known: known.value(row),
                    recorded_at: recorded.value(row),
                    n_claims: counts.value(row) as usize,
                    figures_known: figures.is_valid(row).then(|| figures.value(row)),
                });
            }
        }
    }
    match &request.metric {
        Some(metric) if found.is_empty() => Err(ReconcileError::Unusable {
            message: format!("nobody says anything of the metric {metric:?} that could be reconciled"),
            hint: "see what there is with `crowsnest metrics`; ranks have no figures".to_owned(),
        }),
        _ => Ok(found),
    }
}

fn known_by(request: &ReconcileRequest) -> String {
    request.as_of.map_or("TRUE".to_owned(), |as_of| format!("known_at <= {}", sql::instant(as_of)))
}

/// What was learnt of a metric, and of which claims.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    method: String,
    recorded_at: i64,
    n_claims: usize,
    outlines: Vec<Outline>,
    models: Vec<Option<Model>>,
}

impl Kept {
    /// What is kept, if it can be read and is of this method: else it is learnt again.
    fn read(lake: &Lake, metric: &str) -> Option<Self> {
        let body = lake.state().learnt(STEP.name, metric).ok()??;
        serde_json::from_str::<Self>(&body).ok().filter(|kept| kept.method == METHOD)
    }

    fn write(&self, lake: &Lake, metric: &str) -> Result<(), ReconcileError> {
        let body = serde_json::to_string(self).map_err(LakeError::from)?;
        Ok(lake.state().keep_learnt(STEP.name, metric, &body)?)
    }
}

/// One metric on its way to figures.
struct Work<'a> {
    lake: &'a Lake,
    request: &'a ReconcileRequest,
    asked: &'a Asked,
    known_at: i64,
}

/// What claims of a metric lead to: models by the number of their outline.
struct Learnt {
    outlines: Vec<Outline>,
    models: Vec<Option<Model>>,
}

impl Work<'_> {
    async fn reconcile(&self, kept: Option<Kept>) -> Result<MetricReconciled, ReconcileError> {
        if let Some(kept) = kept
            && let Some(done) = Box::pin(self.touched(kept)).await?
        {
            return Ok(done);
        }
        self.whole().await
    }

    /// All entities, learnt anew.
    async fn whole(&self) -> Result<MetricReconciled, ReconcileError> {
        let n_parts = self.asked.n_claims.div_ceil(CLAIMS_AT_ONCE).next_power_of_two();
        let mut done = MetricReconciled { metric: self.asked.name.clone(), ..MetricReconciled::default() };
        let mut learnt: Option<Learnt> = None;
        if n_parts > 1 {
            let outlines = self.outlines().await?;
            learnt = Some(Learnt { models: vec![None; outlines.len()], outlines });
        }
        for part in 0..n_parts {
            let (of_claims, of_figures) = match n_parts {
                1 => (String::new(), String::new()),
                _ => (
                    format!(" AND (i.entity_id & {}) = {part}", n_parts - 1),
                    format!(" AND (entity_id & {}) = {part}", n_parts - 1),
                ),
            };
            let mut loaded = self.load(&self.filter(&of_claims)).await?;
            let before = self.held(&of_figures, &mut loaded).await?;
            let known = learnt.get_or_insert_with(|| {
                let outlines = loaded.outlines();
                Learnt { models: vec![None; outlines.len()], outlines }
            });
            let mut panels = loaded.panels(&known.outlines).unwrap_or_default();
            if part == 0 && known.learn_lags(&panels) {
                panels = loaded.panels(&known.outlines).unwrap_or_default();
            }
            let mut told = self.tell(&loaded, &panels, known, &before, &mut done).await?;
            if n_parts == 1 {
                self.tell_ranks(&mut loaded, &panels, known, (&before, &mut told), &mut done).await?;
            }
            self.withdraw(&loaded, (&before, &told), &mut done).await?;
        }
        if let Some(known) = learnt {
            known.describe(&mut done);
            if self.request.as_of.is_none() {
                self.keep(known)?;
            }
        }
        Ok(done)
    }

    /// Only the entities that were spoken of since, with what was learnt before; `None` where that will not do.
    async fn touched(&self, kept: Kept) -> Result<Option<MetricReconciled>, ReconcileError> {
        const GROWN_MAX: f64 = 1.1;
        const MENTIONS_MAX: usize = 20_000;
        if self.asked.figures_known.is_none() || self.asked.n_claims as f64 > GROWN_MAX * kept.n_claims as f64 {
            return Ok(None);
        }
        let (entities, mentions) = self.spoken_of_since(kept.recorded_at).await?;
        if mentions.len() > MENTIONS_MAX {
            return Ok(None);
        }
        let listed = |ids: &[i64]| ids.iter().map(i64::to_string).collect::<Vec<String>>().join(", ");
        let nobody = |ids: &[i64]| if ids.is_empty() { "NULL".to_owned() } else { listed(ids) };
        let filter = self.filter(&format!(" AND c.mention_id IN ({})", nobody(&mentions)));
        let mut loaded = self.load(&filter).await?;
        let Some(panels) = loaded.panels(&kept.outlines) else { return Ok(None) };
        if panels.iter().any(|(number, _)| kept.models[*number].is_none()) {
            return Ok(None);
        }
        // What ranks tell is told anew with the whole metric.
        let counted = format!(" AND entity_id IN ({}) AND method <> '{METHOD_OF_RANKS}'", nobody(&entities));
        let before = self.held(&counted, &mut loaded).await?;
        let mut done =
            MetricReconciled { metric: self.asked.name.clone(), is_partial: true, ..MetricReconciled::default() };
        let mut known = Learnt { outlines: kept.outlines, models: kept.models };
        let told = self.tell(&loaded, &panels, &mut known, &before, &mut done).await?;
        self.withdraw(&loaded, (&before, &told), &mut done).await?;
        known.describe(&mut done);
        Kept {
            method: METHOD.to_owned(),
            recorded_at: self.asked.recorded_at,
            n_claims: kept.n_claims,
            outlines: known.outlines,
            models: known.models,
        }
        .write(self.lake, &self.asked.name)?;
        Ok(Some(done))
    }

    /// The entities that claims are about that were written since, and all mentions of theirs.
    async fn spoken_of_since(&self, recorded_at: i64) -> Result<(Vec<i64>, Vec<i64>), ReconcileError> {
        let query = format!(
            "SELECT entity_id, mention_id FROM identities WHERE entity_id IN ( \
                 SELECT i.entity_id FROM claims c JOIN identities i ON c.mention_id = i.mention_id \
                 WHERE c.metric = {} AND c.recorded_at > {})",
            sql::quoted(&self.asked.name),
            sql::instant(recorded_at)
        );
        let (mut entities, mut mentions) = (Vec::new(), Vec::new());
        for batch in self.lake.query(&query).await? {
            entities.extend(batch.column(0).as_primitive::<Int64Type>().values());
            mentions.extend(batch.column(1).as_primitive::<Int64Type>().values());
        }
        entities.sort_unstable();
        entities.dedup();
        Ok((entities, mentions))
    }

    /// The condition on `c` (claims), with more of it.
    fn filter(&self, more: &str) -> String {
        let known = known_by(self.request).replace("known_at", "c.known_at");
        format!("c.metric = {} AND {known}{more}", sql::quoted(&self.asked.name))
    }

    async fn load(&self, filter: &str) -> Result<Loaded, ReconcileError> {
        let metric = self.lake.market().metrics.get(&self.asked.name);
        let mut growths = Vec::new();
        for (ending, is_yearly) in [("_growth", false), ("_growth_yoy", true)] {
            let name = format!("{}{ending}", self.asked.name);
            if self.lake.market().metrics.get(&name).is_some() {
                let of_growth = filter.replacen(&sql::quoted(&self.asked.name), &sql::quoted(&name), 1);
                let loading = self.rows(&of_growth, Loading::of_growth()).await?;
                growths.extend(Growth::of(&loading.finish(), is_yearly));
            }
        }
        let mut loading = self.rows(filter, Loading::default()).await?;
        // Parts of a metric are counted by what claims themselves are for.
        if self.asked.n_claims > CLAIMS_AT_ONCE {
            return Ok(loading.finish());
        }
        derived::name_periods(&mut loading, &growths);
        let mut loaded = loading.finish();
        derived::add(&mut loaded, &growths, metric.map_or(OverTime::No, |metric| metric.over_time));
        Ok(loaded)
    }

    async fn rows(&self, filter: &str, mut loading: Loading) -> Result<Loading, ReconcileError> {
        let query =
            format!("SELECT {COLUMNS} FROM claims c JOIN identities i ON c.mention_id = i.mention_id WHERE {filter}");
        let mut stream = self.lake.stream(&query).await?;
        while let Some(batch) = stream.try_next().await.map_err(LakeError::from)? {
            loading.take(&batch)?;
        }
        Ok(loading)
    }

    async fn held(&self, more: &str, loaded: &mut Loaded) -> Result<HashMap<Key, Held>, ReconcileError> {
        if self.asked.figures_known.is_none() {
            return Ok(HashMap::new());
        }
        let filter = format!("metric = {} AND {}{more}", sql::quoted(&self.asked.name), known_by(self.request));
        held(self.lake, &filter, loaded).await
    }

    /// The outlines of a metric whose claims are too many to be held at once.
    async fn outlines(&self) -> Result<Vec<Outline>, ReconcileError> {
        let query = format!(
            "SELECT c.grain, c.unit, c.source, c.period_start, c.period_end FROM claims c WHERE {} \
             GROUP BY c.grain, c.unit, c.source, c.period_start, c.period_end",
            self.filter("")
        );
        let mut told = Vec::new();
        let mut stream = self.lake.stream(&query).await?;
        while let Some(batch) = stream.try_next().await.map_err(LakeError::from)? {
            let columns = (0..3).map(|column| text_column(&batch, column)).collect::<Result<Vec<_>, _>>()?;
            let days = |column: usize| batch.column(column).as_primitive::<Date32Type>();
            let (starts, ends) = (days(3), days(4));
            for row in 0..batch.num_rows() {
                let Ok(grain) = columns[0].value(row).parse::<Grain>() else { continue };
                let Ok(period) = Period::new(starts.value(row), ends.value(row), grain) else { continue };
                told.push((columns[1].value(row).to_owned(), period, columns[2].value(row).to_owned()));
            }
        }
        Ok(Outline::of(told))
    }

    /// Figures of panels, learnt where they are not yet, into the lake.
    async fn tell(
        &self,
        loaded: &Loaded,
        panels: &[(usize, MetricPanel)],
        learnt: &mut Learnt,
        before: &HashMap<Key, Held>,
        done: &mut MetricReconciled,
    ) -> Result<HashSet<Key>, ReconcileError> {
        let mut told: HashSet<Key> = HashSet::new();
        for (number, panel) in panels {
            let model = learnt.models[*number].get_or_insert_with(|| {
                let key = |series: u32| loaded.subject(panel, series).0 as u64;
                Model::learn(&panel.panel, &key, &earlier(panel, &|word| loaded.known(word)))
            });
            model.are_breaks_apart = self.lake.market().config.reconcile.breaks == Breaks::Apart;
            let telling = Telling {
                metric: &self.asked.name,
                known_at: self.known_at,
                loaded,
                panel,
                sources: learnt.outlines[*number].sources(),
                model,
                held: before,
                wholes: &self.lake.market().config.reconcile.wholes,
            };
            for slices in slices(panel).chunks(SLICES_AT_ONCE) {
                let rows: Vec<Told> = slices
                    .par_iter()
                    .map(|slice| telling.rows(slice.clone()))
                    .collect::<Result<_, _>>()
                    .map_err(LakeError::from)?;
                done.n_figures += rows.iter().map(|own| own.n_figures).sum::<usize>();
                told.extend(rows.iter().flat_map(|own| &own.told));
                done.n_added += self.append(rows.into_iter().map(|own| own.batch).collect()).await?;
            }
        }
        done.n_claims += loaded.n_claims;
        done.n_not_positive += loaded.n_not_positive;
        done.n_sources = done.n_sources.max(loaded.sources.len());
        Ok(told)
    }

    /// Volumes of what charts rank and nobody counts.
    async fn tell_ranks(
        &self,
        loaded: &mut Loaded,
        panels: &[(usize, MetricPanel)],
        learnt: &Learnt,
        (before, told): (&HashMap<Key, Held>, &mut HashSet<Key>),
        done: &mut MetricReconciled,
    ) -> Result<(), ReconcileError> {
        let market = self.lake.market();
        let named = market.config.reconcile.charts.iter().filter(|(_, by)| **by == self.asked.name);
        let charts = named.map(|(chart, _)| chart.clone()).chain([format!("{}_rank", self.asked.name)]);
        for chart in charts.filter(|chart| market.metrics.get(chart).is_some()) {
            let filter = self.filter("").replacen(&sql::quoted(&self.asked.name), &sql::quoted(&chart), 1);
            let ranks = self.rows(&filter, Loading::default()).await?.finish();
            for (number, panel) in panels {
                let Some(model) = &learnt.models[*number] else { continue };
                let figures = rank_figures::of_charts(loaded, panel, model, &ranks);
                let about = (self.asked.name.as_str(), self.known_at);
                let rows = figures::of_ranks(about, loaded, panel.unit, &figures, before).map_err(LakeError::from)?;
                done.n_figures += rows.n_figures;
                told.extend(rows.told);
                done.n_added += self.append(vec![rows.batch]).await?;
            }
        }
        Ok(())
    }

    /// Says of figures that are held and were not told again that they are no more.
    async fn withdraw(
        &self,
        loaded: &Loaded,
        (before, told): (&HashMap<Key, Held>, &HashSet<Key>),
        done: &mut MetricReconciled,
    ) -> Result<(), ReconcileError> {
        let mut gone: Vec<(Key, Held)> =
            before.iter().filter(|(key, _)| !told.contains(*key)).map(|(key, held)| (*key, *held)).collect();
        gone.sort_unstable_by_key(|(key, _)| *key);
        done.n_withdrawn += gone.len();
        let rows = withdrawn(&self.asked.name, self.known_at, loaded, &gone).map_err(LakeError::from)?;
        self.append(vec![rows]).await?;
        Ok(())
    }

    async fn append(&self, mut batches: Vec<RecordBatch>) -> Result<usize, ReconcileError> {
        batches.retain(|batch| batch.num_rows() > 0);
        if batches.is_empty() {
            return Ok(0);
        }
        Ok(self.lake.append(&tables::FIGURES, batches).await?.n_added)
    }

    fn keep(&self, learnt: Learnt) -> Result<(), ReconcileError> {
        Kept {
            method: METHOD.to_owned(),
            recorded_at: self.asked.recorded_at,
            n_claims: self.asked.n_claims,
            outlines: learnt.outlines,
            models: learnt.models,
        }
        .write(self.lake, &self.asked.name)
    }
}

impl Learnt {
    /// By how many periods sources lag, from panels without any moved; whether there are such.
    fn learn_lags(&mut self, panels: &[(usize, MetricPanel)]) -> bool {
        panels.iter().for_each(|(number, panel)| self.outlines[*number].learn_lags(&panel.panel));
        self.outlines.iter().any(Outline::has_lags)
    }

    /// Breaks and copies in words.
    fn describe(&self, done: &mut MetricReconciled) {
        done.is_scale_pinned = true;
        for (outline, model) in self.outlines.iter().zip(&self.models) {
            let Some(model) = model else { continue };
            let name = |source: usize| outline.sources()[source].as_str();
            done.is_scale_pinned &= model.is_anchored;
            for source in (0..outline.sources().len()).filter(|source| outline.lag(*source) > 0) {
                done.lags.push(format!("{} lags by {} periods", name(source), outline.lag(source)));
            }
            for jump in &model.biases.jumps {
                let period = outline.period(jump.time).unwrap_or_default();
                done.breaks.push(format!("{} counts ×{:.2} from {period} on", name(jump.source), jump.size.exp()));
            }
            for copy in &model.copies {
                done.copies.push(format!("{} repeats {}", name(copy.source), name(copy.of)));
            }
        }
    }
}

/// Slices that are worked on together, each by one thread.
const SLICE: usize = 16 << 10;
const SLICES_AT_ONCE: usize = ROWS_AT_ONCE / SLICE;

/// Whole entities in slices of about [`SLICE`] observations.
fn slices(panel: &MetricPanel) -> Vec<std::ops::Range<usize>> {
    let seen = &panel.panel.observations;
    let (mut slices, mut from) = (Vec::new(), 0);
    while from < seen.len() {
        let mut to = (from + SLICE).min(seen.len());
        let entity = |at: usize| panel.subjects[seen[at].series as usize].0;
        while to < seen.len() && entity(to) == entity(to - 1) {
            to += 1;
        }
        slices.push(from..to);
        from = to;
    }
    slices
}
