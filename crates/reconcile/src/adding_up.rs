//! Parts and their whole: figures of platforms, regions or segments that make up one are moved so that they add up to it.
//!
//! In: estimates of one entity in several slices. Out: the same, moved as little as their variances let them: minimum-trace
//! reconciliation with a diagonal covariance (S. L. Wickramasuriya, G. Athanasopoulos, R. J. Hyndman, *Optimal forecast
//! reconciliation for hierarchical and grouped time series through trace minimization*, JASA 2019). What a market's file says to be
//! a whole is one: that nothing is missing between its parts, no claim tells. Invariants: only periods that all parts and the whole
//! have a figure for are moved; nothing becomes less sure.

use std::collections::HashMap;

use crowsnest_lake::Whole;

use crate::fit::Estimate;

/// Moves estimates of one entity; each has the region, platform and segment of its series.
pub(crate) fn add_up(wholes: &[Whole], slices: &[&[String; 3]], estimates: &mut [Vec<Estimate>]) {
    for whole in wholes {
        let Some(dimension) = ["region", "platform", "segment"].iter().position(|name| *name == whole.dimension) else {
            continue;
        };
        // Slices that differ in that dimension only.
        let mut families: HashMap<[&str; 2], Vec<usize>> = HashMap::new();
        for (place, slice) in slices.iter().enumerate() {
            let others: Vec<&str> = (0..3).filter(|at| *at != dimension).map(|at| slice[at].as_str()).collect();
            families.entry([others[0], others[1]]).or_default().push(place);
        }
        for family in families.values() {
            let of = |value: &str| family.iter().copied().find(|place| slices[*place][dimension] == value);
            let (Some(all), Some(parts)) =
                (of(&whole.whole), whole.parts.iter().map(|part| of(part)).collect::<Option<Vec<usize>>>())
            else {
                continue;
            };
            family_adds_up(all, &parts, estimates);
        }
    }
}

fn family_adds_up(all: usize, parts: &[usize], estimates: &mut [Vec<Estimate>]) {
    for at in 0..estimates[all].len() {
        let time = estimates[all][at].time;
        let find = |place: usize| estimates[place].binary_search_by_key(&time, |own| own.time).ok();
        let Some(places) = parts.iter().map(|part| Some((*part, find(*part)?))).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let mut members: Vec<(usize, usize, f64)> = vec![(all, at, -1.0)];
        members.extend(places.into_iter().map(|(part, at)| (part, at, 1.0)));
        moved(&members, estimates);
    }
}

/// Moves the whole (sign -1) and its parts (sign 1) by how unsure each is, in amounts, not in logarithms.
fn moved(members: &[(usize, usize, f64)], estimates: &mut [Vec<Estimate>]) {
    let amounts: Vec<(f64, f64)> = members
        .iter()
        .map(|(place, at, _)| {
            let own = estimates[*place][*at];
            (own.log.exp(), own.log.exp().powi(2) * own.variance)
        })
        .collect();
    let apart: f64 = amounts.iter().zip(members).map(|((value, _), (.., sign))| sign * value).sum();
    let whole: f64 = amounts.iter().map(|(_, variance)| variance).sum();
    if !(whole > 0.0 && whole.is_finite() && apart.is_finite()) {
        return;
    }
    for ((value, variance), (place, at, sign)) in amounts.into_iter().zip(members) {
        let after = value - sign * apart * variance / whole;
        // A part that would become nothing or less stays where it is.
        if after > 0.1 * value {
            let own = &mut estimates[*place][*at];
            own.log = after.ln();
            own.variance *= (1.0 - variance / whole).max(0.01);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, sd: f64) -> Vec<Estimate> {
        vec![Estimate {
            series: 0,
            time: 4,
            log: f64::ln(value),
            variance: sd * sd,
            bias_variance: 0.0,
            n_sources: 1,
            class: 0,
        }]
    }

    #[test]
    fn what_is_least_sure_moves_most_and_the_parts_add_up() {
        let whole =
            Whole { dimension: "platform".into(), whole: "all".into(), parts: vec!["app".into(), "web".into()] };
        let slice = |platform: &str| ["cn".to_owned(), platform.to_owned(), "all".to_owned()];
        let slices = [slice("all"), slice("app"), slice("web"), slice("pc")];
        let slices: Vec<&[String; 3]> = slices.iter().collect();
        // 100 against 60 and 50, give or take 1, 6 and 1: the 10 too many go off the 60 nearly alone.
        let mut estimates = vec![estimate(100.0, 0.01), estimate(60.0, 0.1), estimate(50.0, 0.02), estimate(7.0, 0.1)];
        add_up(std::slice::from_ref(&whole), &slices, &mut estimates);
        let value = |place: usize| estimates[place][0].log.exp();
        assert!((value(0) - value(1) - value(2)).abs() < 1e-9, "{estimates:?}");
        // By variances 1, 36, 1 of 38: 10/38, 360/38, 10/38.
        assert!((value(1) - (60.0 - 360.0 / 38.0)).abs() < 1e-9 && (value(0) - (100.0 + 10.0 / 38.0)).abs() < 1e-9);
        assert!((value(3) - 7.0).abs() < 1e-9 && estimates[1][0].variance < 0.01);
        let mut lacking = vec![estimate(100.0, 0.01), estimate(60.0, 0.1)];
        add_up(&[whole], &slices[..2], &mut lacking);
        assert!((lacking[1][0].log.exp() - 60.0).abs() < 1e-9, "without the web nothing adds up");
    }
}
