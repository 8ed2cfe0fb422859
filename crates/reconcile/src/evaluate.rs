//! How good figures are: against a known truth, or where nobody knows it against claims that were hidden.
//!
//! In: a folder (see [`crate::folder`]). Out: errors as medians of absolute natural logarithms of figure over truth, beside
//! those of the best single source and of the median of the sources; how often intervals of 50, 80 and 95 % hold; breaks and
//! copies. The truth is never looked at before the figures are made.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use crowsnest_model::MetricRegistry;
use serde::Serialize;

use crate::charts::{self, OfRank};
use crate::error::ReconcileError;
use crate::fit::{Fitted, fit};
use crate::folder::Folder;
use crate::hidden;
use crate::panel::Standing;
use crate::panels::{MetricPanel, panels};
use crate::robust::median;

/// What is to be evaluated.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Folder with `claims.csv` and, if the truth is known, `truth.csv`.
    pub folder: PathBuf,
}

/// A break that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Break {
    /// The source that counts in a new way.
    pub source: String,
    /// What it counts.
    pub metric: String,
    /// The first period in the new way.
    pub period: String,
    /// The new way over the old.
    pub factor: f64,
    /// Ends of the factor's 95 % interval.
    pub factor_low: f64,
    /// The upper one.
    pub factor_high: f64,
}

/// Two sources of which one repeats the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Copy {
    /// The one that repeats.
    pub source: String,
    /// The one that is repeated.
    pub of: String,
    /// What they count.
    pub metric: String,
    /// How far their errors go together, 0 to 1.
    pub correlation: f64,
    /// Share of values that are the same up to one factor, to a thousandth.
    pub same_share: f64,
}

/// One source on one metric, as it was learnt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceFound {
    /// Its name.
    pub source: String,
    /// What it counts.
    pub metric: String,
    /// Claims in force.
    pub n_claims: usize,
    /// The factor by which it counts in the last period it tells of.
    pub bias: f64,
    /// The factor by which that moves a period.
    pub drift: f64,
    /// Standard deviation of the logarithm of its errors.
    pub noise: f64,
    /// Standard deviation of what it always adds to a product.
    pub always: f64,
    /// What a product larger by a factor of e adds to the logarithm of the noise.
    pub noise_by_size: f64,
    /// Share of wild claims.
    pub wild_share: f64,
    /// Days from a period's end to its word, in the middle.
    pub lag_days: f64,
}

/// How well a source's hidden claims were told from the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HiddenSource {
    /// The source that was hidden.
    pub source: String,
    /// Claims that were hidden and could be told.
    pub n: usize,
    /// Median absolute logarithm of told over said.
    pub error: f64,
    /// Share within intervals of 80 %.
    pub coverage_80: f64,
    /// Share within intervals of 95 %.
    pub coverage_95: f64,
}

/// What an evaluation found. Shares are 0 to 1; errors are medians of absolute natural logarithms.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// `truth` or `hidden claims`.
    pub against: &'static str,
    /// Of the figures.
    pub error: Option<f64>,
    /// Of the source that is best by itself, as it stands.
    pub error_best_source: Option<f64>,
    /// Which that is.
    pub best_source: Option<String>,
    /// Of the median of what sources say, as it stands.
    pub error_median_of_sources: Option<f64>,
    /// Of the figures, but for one factor that all share.
    pub error_but_for_scale: Option<f64>,
    /// Share of true values within intervals of 50 %.
    pub coverage_50: Option<f64>,
    /// The same of 80 %.
    pub coverage_80: Option<f64>,
    /// The same of 95 %.
    pub coverage_95: Option<f64>,
    /// Breaks found.
    pub breaks: Vec<Break>,
    /// Copies found.
    pub copies: Vec<Copy>,
    /// Sources as they were learnt.
    pub sources: Vec<SourceFound>,
    /// Where claims were hidden, by source.
    pub hidden: Vec<HiddenSource>,
    /// Whether official or confirmed claims fix the scale, for all metrics.
    pub is_scale_pinned: bool,
    /// Claims that could be read.
    pub n_claims: usize,
    /// Figures made of what sources say.
    pub n_figures: usize,
    /// Figures made of ranks.
    pub n_figures_of_ranks: usize,
    /// True values, or hidden claims, that figures were held against.
    pub n_judged: usize,
    /// True values that no figure was made for.
    pub n_without_figure: usize,
    /// Rows that could not be read.
    pub n_rejects: usize,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Reconciles what a folder holds and judges it.
///
/// # Errors
/// Files and columns that are missing; a folder without claims.
pub fn evaluate(request: &EvaluateRequest) -> Result<Evaluation, ReconcileError> {
    let begun = Instant::now();
    let folder = Folder::read(&request.folder)?;
    if folder.words.is_empty() {
        return Err(ReconcileError::Unusable {
            message: format!("{}: claims.csv has no claim that can be read", request.folder.display()),
            hint: folder.rejects.first().map_or("write one row a claim".to_owned(), |first| format!("mend {first}")),
        });
    }
    let registry = MetricRegistry::built_in();
    let mut made = panels(&folder.words);
    let is_chart = |panel: &MetricPanel| charts::is_rank(&folder.metrics.texts[panel.metric as usize], &registry);
    let (charted, amounts) = std::mem::take(&mut made.panels).into_iter().partition(is_chart);
    let charted: Vec<MetricPanel> = charted;
    made.panels = amounts;
    let said = |word: usize| folder.words[word].said;
    let fitted: Vec<Fitted> = made.panels.iter().map(|panel| fit(&panel.panel, &earlier(panel, &said))).collect();
    let of_ranks = charts::volumes(&folder, &charted, &made.panels, &fitted);
    let mut evaluation = Evaluation {
        n_figures_of_ranks: of_ranks.len(),
        against: if folder.has_truth { "truth" } else { "hidden claims" },
        n_claims: folder.words.len(),
        n_rejects: folder.n_rejects,
        n_figures: fitted.iter().map(|fitted| fitted.estimates.len()).sum(),
        is_scale_pinned: fitted.iter().all(|fitted| fitted.model.is_anchored),
        ..Evaluation::default()
    };
    for (panel, fitted) in made.panels.iter().zip(&fitted) {
        describe(panel, fitted, &folder, &mut evaluation);
    }
    if folder.has_truth {
        Judged::against_truth(&folder, (&made.panels, &fitted), &of_ranks, &mut evaluation).tell(&mut evaluation);
    } else {
        let judged = hidden::judge(&folder, &made.panels, &mut evaluation);
        judged.tell(&mut evaluation);
    }
    notes(&folder, &made, &mut evaluation);
    evaluation.seconds = begun.elapsed().as_secs_f64();
    Ok(evaluation)
}

/// For each two sources of a panel the share of cells in which the first spoke before the second; `said` tells when a word was
/// said. Of a large panel the first cells tell enough.
pub(crate) fn earlier(
    panel: &MetricPanel,
    said_at: &dyn Fn(usize) -> i64,
) -> impl Fn(usize, usize) -> f64 + Sync + use<> {
    const OBSERVATIONS_MAX: usize = 300_000;
    let n = panel.panel.n_sources;
    let mut counts = vec![(0.0, 0.0); n * n];
    let mut at = 0;
    let looked_at = &panel.panel.observations[..panel.panel.observations.len().min(OBSERVATIONS_MAX)];
    for cell in looked_at.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        let said: Vec<(usize, i64)> =
            cell.iter().enumerate().map(|(k, seen)| (usize::from(seen.source), said_at(panel.words[at + k]))).collect();
        at += cell.len();
        for (left, left_said) in &said {
            for (right, right_said) in &said {
                let count = &mut counts[left * n + right];
                *count = (count.0 + f64::from(u8::from(left_said < right_said)), count.1 + 1.0);
            }
        }
    }
    move |left, right| {
        let (before, all): (f64, f64) = counts[left * n + right];
        if all == 0.0 { 0.0 } else { before / all }
    }
}

fn describe(panel: &MetricPanel, fitted: &Fitted, folder: &Folder, evaluation: &mut Evaluation) {
    let name = |source: usize| folder.sources.texts[panel.sources[source] as usize].clone();
    let metric = folder.metrics.texts[panel.metric as usize].clone();
    for jump in &fitted.model.biases.jumps {
        evaluation.breaks.push(Break {
            source: name(jump.source),
            metric: metric.clone(),
            period: panel.periods[jump.time].to_string(),
            factor: jump.size.exp(),
            factor_low: (jump.size - 1.96 * jump.error).exp(),
            factor_high: (jump.size + 1.96 * jump.error).exp(),
        });
    }
    for copy in &fitted.model.copies {
        evaluation.copies.push(Copy {
            source: name(copy.source),
            of: name(copy.of),
            metric: metric.clone(),
            correlation: copy.correlation,
            same_share: copy.same_share,
        });
    }
    for source in 0..panel.panel.n_sources {
        evaluation.sources.extend(source_found(panel, fitted, folder, source));
    }
}

fn source_found(panel: &MetricPanel, fitted: &Fitted, folder: &Folder, source: usize) -> Option<SourceFound> {
    let own = |(_, seen): &(usize, &crate::panel::Observation)| usize::from(seen.source) == source;
    let seen: Vec<(usize, &crate::panel::Observation)> =
        panel.panel.observations.iter().enumerate().filter(own).collect();
    let last = seen.iter().map(|(_, seen)| seen.time).max()?;
    let late = |(at, seen): &(usize, &crate::panel::Observation)| {
        let end = i64::from(panel.period(seen.series, seen.time).end_day());
        (folder.words[panel.words[*at]].said - end) as f64
    };
    let noise = fitted.noises[source];
    Some(SourceFound {
        source: folder.sources.texts[panel.sources[source] as usize].clone(),
        metric: folder.metrics.texts[panel.metric as usize].clone(),
        n_claims: seen.len(),
        bias: fitted.model.biases.logs[source][last as usize].exp(),
        drift: fitted.model.biases.drifts[source].exp(),
        noise: noise.noise,
        always: noise.always,
        noise_by_size: noise.by_size,
        wild_share: noise.wild_share,
        lag_days: median(&mut seen.iter().map(late).collect::<Vec<f64>>()).unwrap_or(0.0),
    })
}

/// Figures held against what is true, or was said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// Logarithm of figure over truth, and the standard deviations that its intervals of 50, 80 and 95 % go by.
    pub(crate) figures: Vec<(f64, [f64; 3])>,
    /// The same of the median of the sources.
    pub(crate) medians: Vec<f64>,
    /// The same of each source, as it stands.
    pub(crate) sources: HashMap<u32, Vec<f64>>,
}

impl Judged {
    fn against_truth(
        folder: &Folder,
        (panels, fitted): (&[MetricPanel], &[Fitted]),
        of_ranks: &[OfRank],
        evaluation: &mut Evaluation,
    ) -> Self {
        let mut truth: HashMap<(u32, u32, crowsnest_model::Period), f64> = HashMap::new();
        for (subject, metric, period, value) in &folder.truth {
            truth.insert((*subject, *metric, *period), value.ln());
        }
        let n_truth = truth.len();
        let mut judged = Self::default();
        let mut ranked = HashSet::new();
        for own in of_ranks {
            let key = (own.subject, own.metric, own.period);
            if let Some(log) = truth.get(&key).filter(|_| ranked.insert(key)) {
                judged.figures.push((own.log - log, [own.sd; 3]));
            }
        }
        for (panel, fitted) in panels.iter().zip(fitted) {
            let true_log = |series: u32, time: u32| {
                let key = (panel.series[series as usize].0, panel.metric, panel.period(series, time));
                truth.get(&key).copied()
            };
            for estimate in &fitted.estimates {
                let key = (
                    panel.series[estimate.series as usize].0,
                    panel.metric,
                    panel.period(estimate.series, estimate.time),
                );
                if let Some(log) = truth.get(&key).filter(|_| !ranked.contains(&key)) {
                    judged.figures.push((estimate.log - log, estimate.sds(&fitted.model.tails)));
                }
            }
            for cell in panel.panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
                let Some(log) = true_log(cell[0].series, cell[0].time) else { continue };
                let mut said: Vec<f64> = cell.iter().map(|seen| seen.log).collect();
                judged.medians.extend(median(&mut said).map(|middle| middle - log));
                for seen in cell.iter().filter(|seen| seen.standing == Standing::Counts) {
                    let source = panel.sources[usize::from(seen.source)];
                    judged.sources.entry(source).or_default().push(seen.log - log);
                }
            }
        }
        evaluation.n_without_figure = n_truth.saturating_sub(judged.figures.len());
        let mut names: HashMap<u32, Vec<f64>> = HashMap::new();
        // A source that tells of little may be right by chance, or because only large ones tell: it is no rival.
        const SHARE_MIN: f64 = 0.2;
        let n = judged.figures.len() as f64;
        names.extend(judged.sources.drain().filter(|(_, errors)| errors.len() as f64 >= SHARE_MIN * n));
        judged.sources = names;
        evaluation.best_source = judged.best().map(|(source, _)| folder.sources.texts[source as usize].clone());
        judged
    }

    /// The source with the least error, as it stands.
    pub(crate) fn best(&self) -> Option<(u32, f64)> {
        let error = |(source, errors): (&u32, &Vec<f64>)| Some((*source, middle_error(errors.iter().copied())?));
        let rated = self.sources.iter().filter_map(error);
        rated.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
    }

    pub(crate) fn tell(&self, evaluation: &mut Evaluation) {
        evaluation.n_judged = self.figures.len();
        evaluation.error = middle_error(self.figures.iter().map(|own| own.0));
        evaluation.error_best_source = self.best().map(|best| best.1);
        evaluation.error_median_of_sources = middle_error(self.medians.iter().copied());
        let mut signed: Vec<f64> = self.figures.iter().map(|own| own.0).collect();
        let shared = median(&mut signed).unwrap_or(0.0);
        evaluation.error_but_for_scale = middle_error(self.figures.iter().map(|own| own.0 - shared));
        evaluation.coverage_50 = self.coverage(0);
        evaluation.coverage_80 = self.coverage(1);
        evaluation.coverage_95 = self.coverage(2);
    }

    /// How often intervals of 50 (0), 80 (1) or 95 % (2) hold.
    pub(crate) fn coverage(&self, of: usize) -> Option<f64> {
        let z = [Z_50, Z_80, Z_95][of];
        let n_within = self.figures.iter().filter(|(apart, sds)| apart.abs() <= z * sds[of]).count();
        (!self.figures.is_empty()).then(|| n_within as f64 / self.figures.len() as f64)
    }
}

/// Standard deviations on either side of the middle that hold half of a normal distribution.
pub const Z_50: f64 = 0.674_489_750_196_082;
/// The same for 80 %.
pub const Z_80: f64 = 1.281_551_565_544_600_4;
/// The same for 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

pub(crate) fn middle_error(apart: impl Iterator<Item = f64>) -> Option<f64> {
    median(&mut apart.map(f64::abs).collect::<Vec<f64>>())
}

fn notes(folder: &Folder, made: &crate::panels::Panels, evaluation: &mut Evaluation) {
    let mut notes = std::mem::take(&mut evaluation.notes);
    if !evaluation.is_scale_pinned {
        notes.push(
            "nothing pins the scale: no claim is official or confirmed, so that the sources' biases are taken to be nothing \
             on average and intervals allow for that"
                .to_owned(),
        );
    }
    if made.n_zero + made.n_negative > 0 {
        notes.push(format!(
            "left out: {} values of zero and {} below zero: a factor of nothing cannot be told",
            made.n_zero, made.n_negative
        ));
    }
    if folder.units.texts.len() > 1 {
        let units: Vec<&str> = folder.units.texts.iter().map(String::as_str).collect();
        notes.push(format!("units are kept apart, not converted: {}", units.join(", ")));
    }
    for panel in &made.panels {
        for (source, lag) in panel.lags.iter().enumerate().filter(|(_, lag)| **lag > 0) {
            let name = &folder.sources.texts[panel.sources[source] as usize];
            let metric = &folder.metrics.texts[panel.metric as usize];
            notes.push(format!("{name} lags on {metric}: its values are those of {lag} periods before"));
        }
    }
    for found in &evaluation.sources {
        if found.wild_share > 0.1 {
            let (source, metric, share) = (&found.source, &found.metric, 100.0 * found.wild_share);
            notes.push(format!(
                "{source} is wild on {metric} in {share:.0} % of its claims: it may count something else"
            ));
        }
    }
    notes.extend(folder.rejects.iter().map(|reject| format!("left out: {reject}")));
    evaluation.notes = notes;
}
