//! Worlds with a known truth, written as a folder and evaluated as the command does it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use crowsnest_reconcile::evaluate::{EvaluateRequest, Evaluation, evaluate};
use crowsnest_reconcile::worlds::{Made, World};

fn evaluated(world: World) -> (Made, Evaluation) {
    let folder = tempfile::tempdir().unwrap();
    let made = world.make();
    let (claims, truth) = world.files(&made);
    std::fs::write(folder.path().join("claims.csv"), claims).unwrap();
    std::fs::write(folder.path().join("truth.csv"), truth).unwrap();
    let evaluation = evaluate(&EvaluateRequest { folder: folder.path().to_owned() }).unwrap();
    (made, evaluation)
}

fn assert_between(what: &str, value: Option<f64>, low: f64, high: f64) {
    let value = value.unwrap();
    assert!((low..=high).contains(&value), "{what}: {value}, not within {low} and {high}");
}

#[test]
fn figures_are_nearer_than_the_best_source_and_intervals_hold() {
    for seed in [101, 102] {
        let world = World { seed, n_products: 400, official_share: 0.1, ..World::default() };
        let (made, found) = evaluated(world);
        let error = found.error.unwrap();
        assert!(error <= 0.6 * found.error_best_source.unwrap(), "{found:?}");
        assert!(error <= 0.8 * found.error_median_of_sources.unwrap(), "{found:?}");
        assert_between("80 %", found.coverage_80, 0.77, 0.85);
        assert_between("95 %", found.coverage_95, 0.92, 0.98);
        for source in &made.sources {
            let (at, factor) = source.break_at.unwrap();
            let near: Vec<String> = (at - 1..=at + 1).map(|time| world.period(time).to_string()).collect();
            let own = found.breaks.iter().find(|own| own.source == source.name && near.contains(&own.period));
            assert!((own.unwrap().factor / factor).ln().abs() < 0.1, "{source:?} {:?}", found.breaks);
        }
        assert_eq!(found.breaks.len(), made.sources.len(), "none but those");
        for source in made.sources.iter().filter(|source| source.copies.is_some()) {
            assert!(found.copies.iter().any(|copy| copy.source == source.name || copy.of == source.name), "{found:?}");
        }
    }
}
