//! Where nobody knows the truth: each source's claims are hidden in turn and told from the others.
//!
//! Half of a source's series are hidden, then the other half; how it counts is learnt from the half that is seen. So what is
//! told of a claim rests on nothing that the source says of that series.

use std::collections::HashMap;

use crate::evaluate::{Evaluation, HiddenSource, Judged, earlier, middle_error};
use crate::fit::fit;
use crate::folder::Folder;
use crate::panel::{Observation, Panel, Standing};
use crate::panels::MetricPanel;
use crate::robust::median;

/// Hides, tells and judges.
pub(crate) fn judge(folder: &Folder, panels: &[MetricPanel], evaluation: &mut Evaluation) -> Judged {
    let mut all = Judged::default();
    let mut by_source: HashMap<u32, Judged> = HashMap::new();
    for panel in panels {
        for source in 0..panel.panel.n_sources as u16 {
            let own = by_source.entry(panel.sources[usize::from(source)]).or_default();
            for half in 0..2 {
                hide(folder, panel, source, half, own, &mut all);
            }
        }
    }
    evaluation.hidden = told(folder, &by_source);
    evaluation.best_source = all.best().map(|(source, _)| folder.sources.texts[source as usize].clone());
    by_source.into_values().for_each(|own| all.figures.extend(own.figures));
    all
}

fn told(folder: &Folder, by_source: &HashMap<u32, Judged>) -> Vec<HiddenSource> {
    let mut told: Vec<HiddenSource> = by_source
        .iter()
        .filter(|(_, own)| !own.figures.is_empty())
        .map(|(source, own)| HiddenSource {
            source: folder.sources.texts[*source as usize].clone(),
            n: own.figures.len(),
            error: middle_error(own.figures.iter().map(|own| own.0)).unwrap_or(0.0),
            coverage_80: own.coverage(1).unwrap_or(0.0),
            coverage_95: own.coverage(2).unwrap_or(0.0),
        })
        .collect();
    told.sort_by(|a, b| a.source.cmp(&b.source));
    told
}

fn hide(folder: &Folder, panel: &MetricPanel, source: u16, half: u32, own: &mut Judged, all: &mut Judged) {
    let is_hidden = |seen: &Observation| {
        seen.source == source
            && seen.standing == Standing::Counts
            && half_of(panel.series[seen.series as usize].0) == half
    };
    let seen: Vec<Observation> = panel.panel.observations.iter().filter(|seen| !is_hidden(seen)).copied().collect();
    if seen.len() == panel.panel.observations.len() || seen.is_empty() {
        return;
    }
    let fitted =
        fit(&Panel { observations: seen, ..panel.panel.clone() }, &earlier(panel, &|word| folder.words[word].said));
    for cell in panel.panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        let Some(hidden) = cell.iter().find(|seen| is_hidden(seen)) else { continue };
        let place = fitted.estimates.binary_search_by_key(&(hidden.series, hidden.time), |own| (own.series, own.time));
        let Ok(place) = place else { continue };
        let estimate = fitted.estimates[place];
        let bias = fitted.model.biases.logs[usize::from(source)][hidden.time as usize];
        let error = fitted.error_variance(source, estimate.log, hidden.time);
        let apart = fitted.bias_apart(usize::from(source), hidden.series);
        let variance = estimate.variance - estimate.bias_variance + apart + error;
        let sds = fitted.model.tails.of_claims(estimate.class).map(|factor| factor * variance.sqrt());
        own.figures.push((estimate.log + bias - hidden.log, sds));
        let others = cell.iter().filter(|seen| seen.source != source && seen.standing != Standing::Widens);
        for other in others.clone() {
            let number = panel.sources[usize::from(other.source)];
            all.sources.entry(number).or_default().push(other.log - hidden.log);
        }
        let mut said: Vec<f64> = others.map(|seen| seen.log).collect();
        all.medians.extend(median(&mut said).map(|middle| middle - hidden.log));
    }
}

/// The half that a subject belongs to; the same on every machine.
fn half_of(subject: u32) -> u32 {
    (subject.wrapping_mul(0x9e37_79b9) >> 16) & 1
}
