//! The model as a file, `gold/model.txt`: what the gold set teaches takes seconds to learn, and an instant to read.
//!
//! A test learns it anew and holds the file to it (`UPDATE_REFERENCE=1` writes it). The words that pairs teach are not in it: they
//! are learnt in a moment.

use std::fmt::Write as _;
use std::sync::Arc;

use crowsnest_learn::boosting::{Binned, Booster};
use crowsnest_learn::calibration::Calibration;

use super::comparisons::COMPARISONS;
use super::gold::LabelledNames;
use super::lexicon::Lexicon;
use super::model::NameModel;

const KEPT: &str = include_str!("../../gold/model.txt");
const HEAD: &str = "names 1";
const BOOSTER: &str = "trees\n";

/// The kept model, with the words of the pairs it was learnt from; `None` where its comparisons are not those of today.
pub(super) fn kept(pairs: &[&LabelledNames]) -> Option<NameModel> {
    parse(KEPT, pairs)
}

pub(super) fn write(model: &NameModel) -> String {
    let Calibration { slope, shift } = model.calibration;
    let mut text =
        format!("{HEAD}\n{slope:.6} {shift:.6} {:.6} {:.6} {:.6}\n", model.threshold, model.likely, model.start);
    for (name, column) in COMPARISONS.iter().zip(&model.columns) {
        let bounds: Vec<String> = column.bounds().iter().map(f32::to_string).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name}\t{}", bounds.join(" "));
    }
    for booster in &model.boosters {
        text.push_str(BOOSTER);
        text.push_str(&booster.to_text());
    }
    text
}

pub(super) fn parse(text: &str, pairs: &[&LabelledNames]) -> Option<NameModel> {
    let mut parts = text.split(BOOSTER);
    let mut lines = parts.next()?.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let numbers: Option<Vec<f64>> = lines.next()?.split(' ').map(|number| number.parse().ok()).collect();
    let [slope, shift, threshold, likely, start] = numbers?[..] else { return None };
    let columns: Option<Vec<Arc<Binned>>> = COMPARISONS
        .iter()
        .map(|name| {
            let bounds = lines.next()?.strip_prefix(name)?.strip_prefix('\t')?;
            let bounds: Option<Vec<f32>> =
                bounds.split(' ').filter(|bound| !bound.is_empty()).map(|bound| bound.parse().ok()).collect();
            Some(Arc::new(Binned::of_bounds(bounds?)))
        })
        .collect();
    let boosters: Option<Vec<Booster>> = parts.map(|trees| Booster::parse(trees, COMPARISONS.len())).collect();
    let boosters = boosters.filter(|boosters| !boosters.is_empty())?;
    Some(NameModel {
        lexicon: Lexicon::learn(pairs, |_| true),
        columns: columns?,
        boosters,
        calibration: Calibration { slope, shift },
        threshold,
        likely,
        start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_is_no_model() {
        assert!(parse("", &[]).is_none() && parse("names 1\n1 2 3", &[]).is_none());
        assert!(parse(KEPT, &[]).is_some());
        assert!(parse(&KEPT.replace(COMPARISONS[0], "another comparison"), &[]).is_none());
    }
}
