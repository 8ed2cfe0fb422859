//! What names say by themselves, in nats: for those who add it to what else is known of a pair.
//!
//! The log-odds of the calibrated model less those of any labelled pair: what is left is what the names say, and it adds up
//! with ids, makers and how likely any pair is to be the same in a market.

use std::collections::{BTreeMap, HashSet};

use super::gold::{self, GOLD, LabelledNames, NameSplit};
use super::model::{self, NameModel};
use super::parts::NameParts;
use crate::resolving::NamePair;

/// Judges pairs of names by what the gold set teaches; `None` for a name without a letter or digit.
///
/// The model is learnt when it is first asked for.
pub fn score_names(pairs: &[NamePair<'_>]) -> Vec<Option<f64>> {
    if pairs.is_empty() { Vec::new() } else { score(model::shipped(), pairs) }
}

/// As [`score_names`], by a model that has never seen some names, nor the other names of what they are of.
///
/// For those who judge it by these names.
pub fn scorer_without(unseen: &[&str]) -> impl Fn(&[NamePair<'_>]) -> Vec<Option<f64>> + Send + Sync + use<> {
    let pairs = gold::read(GOLD, |split| split != NameSplit::Test).unwrap_or_default();
    let unseen: HashSet<Vec<char>> = unseen.iter().map(|name| NameParts::of(name).joined).collect();
    let has = |parts: &NameParts| unseen.contains(&parts.joined);
    let groups: HashSet<u32> = pairs
        .iter()
        .flat_map(|pair| pair.parts.iter().zip(pair.groups))
        .filter(|(parts, _)| has(parts))
        .map(|(_, group)| group)
        .collect();
    let taught: Vec<&LabelledNames> =
        pairs.iter().filter(|pair| pair.groups.iter().all(|group| !groups.contains(group))).collect();
    let model = NameModel::learn(&taught);
    move |pairs| score(&model, pairs)
}

fn score(model: &NameModel, pairs: &[NamePair<'_>]) -> Vec<Option<f64>> {
    let names: BTreeMap<&str, NameParts> =
        pairs.iter().flat_map(|(_, one, other)| [*one, *other]).map(|name| (name, NameParts::of(name))).collect();
    let asked: Vec<[&NameParts; 2]> = pairs.iter().map(|(_, one, other)| [&names[one], &names[other]]).collect();
    let told = model.nats(&asked).into_iter().zip(&asked);
    told.map(|(nats, [one, other])| (!one.joined.is_empty() && !other.joined.is_empty()).then_some(nats)).collect()
}

#[cfg(test)]
mod tests {
    use crowsnest_model::Kind;

    use super::*;

    #[test]
    fn names_speak_for_and_against() {
        let said = score_names(&[
            (Kind::Company, "中国移动", "中移动"),
            (Kind::Company, "中国移动", "中国联通"),
            (Kind::Company, "中国移动", "😀"),
        ]);
        assert!(said[0].unwrap() > 1.0 && said[1].unwrap() < -1.0 && said[2].is_none(), "{said:?}");
        assert!(score_names(&[]).is_empty());
    }
}
