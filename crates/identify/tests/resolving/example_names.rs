//! The example market's names with the curated file taken away: how many aliases are found, and that nothing is found that
//! is not so.

use std::collections::{BTreeMap, BTreeSet};

use crowsnest_identify::Catalogue;
use crowsnest_learn::calibration::calibration_error;
use crowsnest_model::normalise;

use crate::support::Fixture;

/// Every name of the catalogue as a source of its own language writes it, beside names that are no alias of anything.
#[tokio::test]
async fn aliases_are_found_and_nothing_else() {
    let market = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../markets/ai");
    let catalogue = Catalogue::read(&market).unwrap();
    let mut lines = BTreeSet::new();
    let mut entity_of: BTreeMap<(String, String), String> = BTreeMap::new();
    for alias in &catalogue.aliases {
        let kind = alias.kind.as_str();
        for name in [&alias.entity, &alias.alias] {
            // Articles, each with few of the names.
            let article = normalise(name).bytes().map(usize::from).sum::<usize>() % 12;
            let language = if name.is_ascii() { "English" } else { "Chinese" };
            lines.insert(format!("{kind}|{name}|{language} article {article}"));
            entity_of.insert((kind.to_owned(), name.clone()), alias.entity.clone());
        }
    }
    let fixture = Fixture::of(lines.into_iter().collect()).await;
    fixture.resolve().await;
    let identity = fixture.lake.identity();
    let mut groups: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for ((kind, name), entity) in &entity_of {
        let found = identity.find(name, Some(kind.parse().unwrap())).unwrap();
        groups.entry(found.id).or_default().insert(format!("{kind} {entity}"));
    }
    let false_merges: Vec<_> = groups.values().filter(|entities| entities.len() > 1).collect();
    assert!(false_merges.is_empty(), "{false_merges:?}");
    let aliases: Vec<_> = catalogue.aliases.iter().filter(|alias| alias.alias != alias.entity).collect();
    let is_found = |alias: &&&crowsnest_identify::Alias| {
        let of = |name: &str| identity.find(name, Some(alias.kind)).unwrap().id;
        of(&alias.alias) == of(&alias.entity)
    };
    let n_found = aliases.iter().filter(is_found).count();
    let share = n_found as f64 / aliases.len() as f64;
    let mut of_entity: BTreeMap<(String, i64), usize> = BTreeMap::new();
    for alias in &aliases {
        let id = identity.find(&alias.alias, Some(alias.kind)).unwrap().id;
        *of_entity.entry((format!("{} {}", alias.kind.as_str(), alias.entity), id)).or_default() += 1;
    }
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    for ((entity, _), n) in &of_entity {
        let most = most.entry(entity).or_default();
        *most = (*most).max(*n);
    }
    println!("{} of {} are with most of their entity's names", most.values().sum::<usize>(), aliases.len());
    let missed: Vec<String> =
        aliases.iter().filter(|alias| !is_found(alias)).map(|a| format!("{}={}", a.alias, a.entity)).collect();
    println!("{n_found} of {} found; missed: {}", aliases.len(), missed.join(", "));
    assert!(share > 0.3, "{n_found} of {}", aliases.len());
    let error = calibration_error(judged(&fixture, &entity_of).await.into_iter());
    println!("calibration error among links {error:.4}");
    assert!(error <= 0.15);
}

/// The probability of each link, and whether it is so.
async fn judged(fixture: &Fixture, entity_of: &BTreeMap<(String, String), String>) -> Vec<(f64, bool)> {
    use arrow::array::AsArray as _;
    let sql = "SELECT DISTINCT k.probability, l.kind, l.name, r.name FROM links k \
               JOIN mentions l ON k.\"left\" = l.entity_id JOIN mentions r ON k.\"right\" = r.entity_id";
    let mut judged = Vec::new();
    for batch in fixture.lake.query(sql).await.unwrap() {
        let chances = batch.column(0).as_primitive::<arrow::datatypes::Float64Type>();
        for row in 0..batch.num_rows() {
            let text = |column: usize| batch.column(column).as_string_view().value(row).to_owned();
            let of = |name: String| entity_of.get(&(text(1), name)).cloned();
            judged.push((chances.value(row), of(text(2)) == of(text(3))));
        }
    }
    judged
}
