//! Pools, quantiles of several purses, and what is said of a plan.

use super::*;
use crate::settings::{GrowFile, Pool};

fn planned(plan: &str) -> PlanReport {
    let history = crate::model::tests::history();
    let channels = "[[channels]]\nname = \"tv\"\n[[channels]]\nname = \"search\"\n";
    let text = format!(
        "{channels}[history]\noutcome = \"outcome\"\n[model]\nmethod = \"laplace\"\nn_held_out = 0\n[plan]\nn_periods = 4\n{plan}"
    );
    let file: GrowFile = toml::from_str(&text).unwrap();
    let (fitted, fit) = crate::findings::report(&history, &file, &|| 0.0).unwrap();
    super::plan(&history, &fitted, fit, file.plan.as_ref().unwrap(), None, &|| 0.0).unwrap()
}

fn spent_on(report: &PlanReport, channel: &str) -> f64 {
    report.spend.iter().filter(|row| row.channel == channel).map(|row| row.spend).sum()
}

const POOL: &str = "[[plan.pools]]\nname = \"own\"\nchannels = [\"search\"]\nbudget = 60\n";

#[test]
fn a_pool_pays_for_its_channels_only_and_not_where_it_would_bring_more_elsewhere() {
    let pool: Pool = toml::from_str(POOL.trim_start_matches("[[plan.pools]]\n")).unwrap();
    let free = planned(&format!("budget = 200\n{POOL}"));
    assert!(spent_on(&free, "search") <= pool.budget * (1.0 + 1e-9), "{}", spent_on(&free, "search"));
    assert!(spent_on(&free, "search") > 0.5 * pool.budget, "a pool without an opportunity cost is used");
    assert!(spent_on(&free, "tv") <= 200.0 * (1.0 + 1e-9) && spent_on(&free, "tv") > 100.0);
    assert!((free.budget - 260.0).abs() < 1e-9);
    let dear = planned(&format!("budget = 200\n{POOL}opportunity_cost = 1e6\n"));
    assert!(spent_on(&dear, "search") <= 1e-9, "its traffic brings more elsewhere");
    assert!(free.in_words.iter().all(|words| !words.contains("for search")), "{:?}", free.in_words);
}

#[test]
fn the_quantile_of_two_purses_is_that_of_their_sum() {
    let report = planned(&format!("budget = 200\nobjective = \"quantile\"\nquantile = 0.05\n{POOL}"));
    assert!((report.value - report.outcome.q05).abs() <= 1e-6 * report.value.abs().max(1.0), "{}", report.value);
    assert!(report.upper_bound >= report.value && (0.0..1.0).contains(&report.gap), "{}", report.gap);
}

#[test]
fn below_the_minimums_the_nearest_plan_keeps_to_the_budget_though_ramps_would_not() {
    let report = planned(
        "budget = 20\n[[plan.channels]]\nname = \"tv\"\nramp = 0.01\nmin = 5\n[[plan.channels]]\nname = \"search\"\nramp = 0.01\n",
    );
    assert_eq!(report.status, "infeasible");
    let spent: f64 = report.spend.iter().map(|row| row.spend).sum();
    assert!(report.spent <= 20.0 * (1.0 + 1e-9) && spent <= 20.0 * (1.0 + 1e-9), "{} {spent}", report.spent);
}

/// The made-up history has 60 weeks and noise as large as what search brings, which is nothing.
#[test]
fn money_that_moves_on_a_curve_that_cannot_be_told_is_named_with_its_experiment() {
    let report = planned("budget = 700\n");
    let unsure: Vec<usize> = (0..report.channels.len())
        .filter(|at| report.fit.channels[*at].verdict == crate::findings::Verdict::CannotTell)
        .collect();
    assert!(!unsure.is_empty(), "nothing is unsure: this tests nothing");
    for at in unsure {
        let own = &report.channels[at];
        let is_moved = (own.planned - own.present).abs() > 0.05 * own.present.max(own.planned);
        let begins = format!("{} of {} goes from", own.channel, own.group);
        let told = report.in_words.iter().position(|words| words.starts_with(&begins));
        assert_eq!(told.is_some(), is_moved, "{:?}", report.in_words);
        let experiment = report.fit.channels[at].experiment.as_ref();
        assert!(told.is_none_or(|told| report.in_words.get(told + 1) == experiment), "{:?}", report.in_words);
    }
}
