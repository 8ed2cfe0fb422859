//! The comparison itself: entries of large groups into segments, those who were there, and products that were like them elsewhere.
//!
//! An entry is the first period in which a group has a product in a segment that had been there for a while, if the group is large at
//! that time: among the first twentieth (three at least) by what its products elsewhere had together, with two of them at least. The
//! growth of each incumbent over the periods that follow is compared with the mean growth, in the same periods, of the products of
//! other segments that were nearest to it in size and in growth before, where no large group entered meanwhile. A fixed number of
//! nearest neighbours: A. Abadie, G. Imbens, *Large sample properties of matching estimators for average treatment effects*,
//! Econometrica 74 (2006). Intervals by drawing whole entries again: incumbents of one entry share its fate (A. C. Cameron,
//! J. B. Gelbach, D. L. Miller, *Bootstrap-based improvements for inference with clustered errors*, 2008).

use crowsnest_learn::random::Random;
use serde::Serialize;

/// Figures of a market by product, segment and period.
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    /// First days of periods, in order.
    pub(super) periods: Vec<String>,
    pub(super) series: Vec<Series>,
    pub(super) segments: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// The figures of one product.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) product: String,
    pub(super) group: Option<usize>,
    pub(super) segments: Vec<usize>,
    /// ln of the figure by period; no number where there is none.
    pub(super) values: Vec<f64>,
}

impl Panel {
    pub(super) fn number_of_segment(&mut self, name: &str) -> usize {
        number_of(&mut self.segments, name)
    }

    pub(super) fn number_of_group(&mut self, name: &str) -> usize {
        number_of(&mut self.groups, name)
    }

    /// Large groups of the last period that have no product in a segment.
    pub(super) fn absent_from(&self, segment: usize) -> Vec<String> {
        let Some(last) = self.periods.len().checked_sub(1) else { return Vec::new() };
        let is_there =
            |group: usize| self.series.iter().any(|own| own.group == Some(group) && own.segments.contains(&segment));
        let large = self.large_at(last, usize::MAX);
        large.into_iter().filter(|group| !is_there(*group)).map(|group| self.groups[group].clone()).collect()
    }

    /// Large groups by what they have outside of a segment at a period, the largest first.
    fn large_at(&self, period: usize, outside: usize) -> Vec<usize> {
        let mut sizes = vec![(0.0, 0_usize); self.groups.len()];
        for own in self.series.iter().filter(|own| !own.segments.contains(&outside)) {
            // A list may lack a period.
            let latest = own.values[period.saturating_sub(2)..=period].iter().rev().find(|value| value.is_finite());
            if let (Some(group), Some(value)) = (own.group, latest) {
                sizes[group] = (sizes[group].0 + value.exp(), sizes[group].1 + 1);
            }
        }
        let mut groups: Vec<usize> = (0..sizes.len()).filter(|group| sizes[*group].1 > 0).collect();
        groups.sort_by(|left, right| sizes[*right].0.total_cmp(&sizes[*left].0));
        groups.truncate((groups.len() / 20).max(LARGE_LEAST));
        groups.retain(|group| sizes[*group].1 >= PRODUCTS_LEAST);
        groups
    }
}

fn number_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|own| own == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

const LARGE_LEAST: usize = 3;
const PRODUCTS_LEAST: usize = 2;
const N_NEAREST: usize = 5;
const CASES_LEAST: usize = 3;
const INCUMBENTS_LEAST: usize = 8;
const CASES_FEW: usize = 8;
const N_DRAWS: usize = 2000;
/// Neighbours may be so many spreads away in size and growth together.
const CALIPER: f64 = 1.5;

/// One entry and what followed.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// The segment.
    pub segment: String,
    /// The large company.
    pub company: String,
    /// Its product.
    pub product: String,
    /// First day of the first period with a figure of it.
    pub period: String,
    /// Products that were there before and could be matched.
    pub n_incumbents: usize,
    /// Their mean difference in log growth afterwards.
    pub effect: f64,
    /// The same in the periods before.
    pub before: f64,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) cases: Vec<Case>,
    pub(super) draws: Vec<f64>,
    pub(super) draws_before: Vec<f64>,
    pub(super) n_cases_few: bool,
}

struct Entry {
    segment: usize,
    group: usize,
    period: usize,
    product: usize,
}

/// A product's size, growth before and growth after a period.
#[derive(Clone, Copy)]
struct Path {
    size: f64,
    before: f64,
    after: f64,
}

fn path(series: &Series, at: usize, horizon: usize) -> Option<Path> {
    let value = |at: usize| series.values.get(at).copied().filter(|value| value.is_finite());
    let (early, now, late) = (value(at.checked_sub(horizon)?)?, value(at)?, value(at + horizon)?);
    Some(Path { size: now, before: now - early, after: late - now })
}

/// Compares.
///
/// # Errors
/// What is missing, in words.
pub(super) fn compare(panel: &Panel, horizon: usize) -> Result<Found, String> {
    if panel.segments.len() < 2 {
        return Err(format!(
            "figures are of {} segments: give products a segment, in claims or in catalogue/segments.csv (product, segment)",
            panel.segments.len()
        ));
    }
    if panel.groups.is_empty() {
        return Err("nobody's owner is known: name owners in catalogue/owners.csv".to_owned());
    }
    let entries = entries(panel, horizon);
    let cases: Vec<Case> = entries.iter().filter_map(|entry| case(panel, entry, &entries, horizon)).collect();
    let n_incumbents: usize = cases.iter().map(|case| case.n_incumbents).sum();
    if cases.len() < CASES_LEAST || n_incumbents < INCUMBENTS_LEAST {
        return Err(format!(
            "too few cases to say anything: {} entries of large companies with {n_incumbents} products that were there before and have \
             like ones elsewhere, {} entries in all; it takes {CASES_LEAST} with {INCUMBENTS_LEAST}",
            cases.len(),
            entries.len()
        ));
    }
    let mut random = Random::new(23);
    let (mut draws, mut draws_before) = (Vec::with_capacity(N_DRAWS), Vec::with_capacity(N_DRAWS));
    for _ in 0..N_DRAWS {
        let (mut sum, mut sum_before, mut n) = (0.0, 0.0, 0.0);
        for _ in 0..cases.len() {
            let case = &cases[random.below(cases.len())];
            sum += case.effect * case.n_incumbents as f64;
            sum_before += case.before * case.n_incumbents as f64;
            n += case.n_incumbents as f64;
        }
        draws.push(sum / n);
        draws_before.push(sum_before / n);
    }
    Ok(Found { n_cases_few: cases.len() < CASES_FEW, cases, draws, draws_before })
}

/// First periods of large groups in segments that had been there for a while.
fn entries(panel: &Panel, horizon: usize) -> Vec<Entry> {
    let first_of = |own: &Series| own.values.iter().position(|value| value.is_finite());
    let mut entries = Vec::new();
    for segment in 0..panel.segments.len() {
        let members: Vec<(usize, usize)> = panel
            .series
            .iter()
            .enumerate()
            .filter(|(_, own)| own.segments.contains(&segment))
            .filter_map(|(at, own)| Some((at, first_of(own)?)))
            .collect();
        let Some(begin) = members.iter().map(|(_, first)| *first).min() else { continue };
        for group in 0..panel.groups.len() {
            let of_group = members.iter().filter(|(at, _)| panel.series[*at].group == Some(group));
            let Some((product, period)) = of_group.min_by_key(|(_, first)| *first).copied() else { continue };
            if period > begin + horizon && panel.large_at(period - 1, segment).contains(&group) {
                entries.push(Entry { segment, group, period, product });
            }
        }
    }
    entries.sort_by_key(|entry: &Entry| (entry.period, &panel.segments[entry.segment]));
    entries
}

fn case(panel: &Panel, entry: &Entry, entries: &[Entry], horizon: usize) -> Option<Case> {
    let at = entry.period - 1;
    let is_disturbed = |segment: &usize| {
        let is_near = |other: &Entry| other.period + horizon > at && other.period <= at + horizon;
        entries.iter().any(|other| other.segment == *segment && is_near(other))
    };
    let others: Vec<Path> = panel
        .series
        .iter()
        .filter(|own| {
            !own.segments.is_empty() && !own.segments.iter().any(is_disturbed) && own.group != Some(entry.group)
        })
        .filter_map(|own| path(own, at, horizon))
        .collect();
    let incumbents: Vec<Path> = panel
        .series
        .iter()
        .filter(|own| own.segments.contains(&entry.segment) && own.group != Some(entry.group))
        .filter_map(|own| path(own, at, horizon))
        .collect();
    let scales = [spread(others.iter().map(|own| own.size)), spread(others.iter().map(|own| own.before))];
    let differences: Vec<(f64, f64)> = incumbents.iter().filter_map(|own| difference(own, &others, scales)).collect();
    if differences.is_empty() {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| differences.iter().map(of).sum::<f64>() / differences.len() as f64;
    Some(Case {
        segment: panel.segments[entry.segment].clone(),
        company: panel.groups[entry.group].clone(),
        product: panel.series[entry.product].product.clone(),
        period: panel.periods[entry.period].clone(),
        n_incumbents: differences.len(),
        effect: mean(&|own| own.0),
        before: mean(&|own| own.1),
    })
}

/// Growth after and before, less that of the nearest; nothing where nobody is near.
fn difference(own: &Path, others: &[Path], scales: [f64; 2]) -> Option<(f64, f64)> {
    let distance = |other: &Path| {
        let (size, before) = ((own.size - other.size) / scales[0], (own.before - other.before) / scales[1]);
        (size * size + before * before).sqrt()
    };
    let mut near: Vec<(f64, &Path)> =
        others.iter().map(|other| (distance(other), other)).filter(|(away, _)| *away <= CALIPER).collect();
    near.sort_by(|left, right| left.0.total_cmp(&right.0));
    near.truncate(N_NEAREST);
    let n = near.len() as f64;
    (n > 0.0).then(|| {
        let after = near.iter().map(|(_, other)| other.after).sum::<f64>() / n;
        let before = near.iter().map(|(_, other)| other.before).sum::<f64>() / n;
        (own.after - after, own.before - before)
    })
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N_PERIODS: usize = 60;
    const HORIZON: usize = 6;

    /// Twelve segments of fifteen products that grow by chance about a common market; four giants with products everywhere but in
    /// ten segments, of which they enter one each, at other times; from then on those who are there grow `effect` less in all over
    /// the horizon.
    fn market(seed: u64, n_entries: usize, effect: f64) -> Panel {
        let mut random = Random::new(seed);
        let mut panel = Panel { periods: (0..N_PERIODS).map(|at| format!("p{at:02}")).collect(), ..Panel::default() };
        let common: Vec<f64> = (0..N_PERIODS).map(|at| 0.02 * at as f64 + 0.1 * (at as f64 * 0.6).sin()).collect();
        let entry_of = |segment: usize| (segment < n_entries).then_some(15 + 3 * segment);
        for segment in 0..12 {
            let segment_number = panel.number_of_segment(&format!("s{segment}"));
            for product in 0..15 {
                let mut level = 8.0 + random.normal();
                let values = (0..N_PERIODS)
                    .map(|at| {
                        level += 0.05 * random.normal();
                        let since = entry_of(segment).and_then(|entry| at.checked_sub(entry - 1)).unwrap_or(0);
                        level + common[at] + effect * (since.min(HORIZON) as f64) / HORIZON as f64
                    })
                    .collect();
                let group = Some(panel.number_of_group(&format!("small {segment} {product}")));
                panel.series.push(Series {
                    product: format!("{segment}-{product}"),
                    group,
                    segments: vec![segment_number],
                    values,
                });
            }
        }
        for giant in 0..4 {
            let group = Some(panel.number_of_group(&format!("giant {giant}")));
            let add = |panel: &mut Panel, segment: usize, from: usize| {
                let values = (0..N_PERIODS).map(|at| if at < from { f64::NAN } else { 11.0 + common[at] }).collect();
                panel.series.push(Series {
                    product: format!("g{giant} {segment}"),
                    group,
                    segments: vec![segment],
                    values,
                });
            };
            add(&mut panel, 10, 0);
            add(&mut panel, 11, 0);
            for segment in (0..n_entries).filter(|segment| segment % 4 == giant) {
                add(&mut panel, segment, entry_of(segment).unwrap());
            }
        }
        panel
    }

    #[test]
    fn the_effect_of_entries_is_found_and_nothing_where_there_is_none() {
        let mut covered = 0;
        for seed in 0..20 {
            for effect in [-0.3, 0.0] {
                let found = compare(&market(seed, 8, effect), HORIZON).unwrap();
                assert_eq!(found.cases.len(), 8, "{:?}", found.cases);
                let mut draws = found.draws.clone();
                draws.sort_by(f64::total_cmp);
                covered += usize::from(draws[100] <= effect && effect <= draws[1899]);
                let mean = draws.iter().sum::<f64>() / draws.len() as f64;
                assert!((mean - effect).abs() < 0.06, "seed {seed}: {mean} instead of {effect}");
                let before = found.draws_before.iter().sum::<f64>() / found.draws_before.len() as f64;
                assert!(before.abs() < 0.03, "matched products grew alike before: {before}");
            }
        }
        assert!(covered >= 28, "90 % intervals hold the truth in {covered} of 40");
    }

    #[test]
    fn too_few_entries_are_refused() {
        let told = compare(&market(1, 2, -0.3), HORIZON).unwrap_err();
        assert!(told.contains("too few cases") && told.contains("2 entries"), "{told}");
        assert!(compare(&Panel::default(), HORIZON).unwrap_err().contains("0 segments"));
    }

    #[test]
    fn who_is_large_and_absent_is_named() {
        let panel = market(1, 3, 0.0);
        let absent = panel.absent_from(0);
        assert!(absent.contains(&"giant 1".to_owned()) && !absent.contains(&"giant 0".to_owned()), "{absent:?}");
    }
}
