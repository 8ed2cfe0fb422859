//! The tables and charts of a plan's page: rows ready to be placed.
//!
//! In: what is kept of a plan. Out: lines of text, and charts with every coordinate worked out.

use crowsnest_lake::Language;

use crate::curves::{CurveChart, Drawn};
use crate::frame::Frame;
use crate::numbers;
use crate::plan_report::{Experiment, Fit, Interval, Plan, Spend, Threat};
use crate::words::{between, say_note, say_word};

/// Money of a channel before and after.
pub(crate) struct MoneyLine {
    pub(crate) channel: String,
    pub(crate) present: String,
    pub(crate) planned: String,
    pub(crate) change: String,
    /// Lengths of the two bars, 0 to 100.
    pub(crate) present_bar: String,
    pub(crate) planned_bar: String,
    pub(crate) outcome: String,
    pub(crate) marginal: String,
    pub(crate) bound: String,
}

/// What a channel brought.
pub(crate) struct ReturnLine {
    pub(crate) channel: String,
    pub(crate) spend: String,
    pub(crate) roi: String,
    pub(crate) marginal: String,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    pub(crate) experiment: String,
}

/// What the outcome is made of.
pub(crate) struct PartLine {
    pub(crate) part: String,
    pub(crate) share: String,
    pub(crate) total: String,
}

/// Spend of a period, by channel.
pub(crate) struct PeriodLine {
    pub(crate) period: String,
    pub(crate) spends: Vec<String>,
}

/// The plan and its scenarios side by side: a column each.
pub(crate) struct ScenarioTable {
    pub(crate) names: Vec<String>,
    pub(crate) budgets: Vec<String>,
    pub(crate) outcomes: Vec<String>,
    pub(crate) prices: Vec<String>,
    pub(crate) spends: Vec<(String, Vec<String>)>,
    pub(crate) reasons: Vec<String>,
}

/// A finding of an experiment.
pub(crate) struct FindingLine {
    pub(crate) metric: String,
    pub(crate) variant: String,
    pub(crate) values: String,
    pub(crate) change: String,
    pub(crate) interval: String,
    pub(crate) p: String,
    pub(crate) verdict: String,
}

/// What an experiment said, and whether it can be believed.
pub(crate) struct ReadOut {
    /// Where the groups are not as they were drawn; empty where they are.
    pub(crate) warning: String,
    pub(crate) findings: Vec<FindingLine>,
    pub(crate) notes: Vec<String>,
}

/// What a large company would leave.
pub(crate) struct ThreatView {
    pub(crate) probability: String,
    pub(crate) change: String,
    pub(crate) left: String,
    pub(crate) outcome: String,
    pub(crate) cases: Vec<[String; 6]>,
}

/// A channel, and its product where there are several.
pub(crate) fn label(channel: &str, group: &str) -> String {
    if group.is_empty() { channel.to_owned() } else { format!("{channel} · {group}") }
}

/// A mean with its ends.
pub(crate) fn interval(own: &Interval, language: Language) -> String {
    let figure = |value: f64| numbers::compact(value, language);
    match (own.q50.or(own.mean), own.q05, own.q95) {
        (Some(middle), Some(low), Some(high)) => format!("{} ({} – {})", figure(middle), figure(low), figure(high)),
        _ => String::new(),
    }
}

pub(crate) fn money_lines(plan: &Plan, language: Language) -> Vec<MoneyLine> {
    let most = plan.channels.iter().map(|own| own.present.max(own.planned)).fold(1e-12, f64::max);
    let bar = |value: f64| format!("{:.1}", (100.0 * value / most).clamp(0.0, 100.0));
    let line = |own: &crate::plan_report::Planned| MoneyLine {
        channel: label(&own.channel, &own.group),
        present: numbers::compact(own.present, language),
        planned: numbers::compact(own.planned, language),
        change: if own.present > 0.0 { numbers::change(own.planned / own.present - 1.0) } else { String::new() },
        present_bar: bar(own.present),
        planned_bar: bar(own.planned),
        outcome: interval(&own.outcome, language),
        marginal: interval(&own.marginal, language),
        bound: if own.at_bound == "none" { String::new() } else { say_word(language, "plan.bound", &own.at_bound) },
    };
    plan.channels.iter().map(line).collect()
}

pub(crate) fn curves_of_plan(plan: &Plan, page: &Frame) -> Vec<CurveChart> {
    let chart = |own: &crate::plan_report::Planned| {
        let fitted = plan.fit.channels.iter().find(|fit| fit.channel == own.channel && fit.group == own.group);
        let marks = [
            (page.say("plan.present").to_owned(), own.present, false),
            (page.say("plan.planned").to_owned(), own.planned, true),
        ];
        let points = fitted.map(|fit| fit.points.as_slice()).unwrap_or_default();
        let title = label(&own.channel, &own.group);
        CurveChart::new(&Drawn { title, curve: &own.curve, points, marks: &marks }, page.language())
    };
    plan.channels.iter().filter_map(chart).collect()
}

pub(crate) fn curves_of_fit(fit: &Fit, page: &Frame) -> Vec<CurveChart> {
    let chart = |own: &crate::plan_report::Fitted| {
        let marks = [(page.say("plan.present").to_owned(), own.present_spend, false)];
        let title = label(&own.channel, &own.group);
        CurveChart::new(&Drawn { title, curve: &own.curve, points: &own.points, marks: &marks }, page.language())
    };
    fit.channels.iter().filter_map(chart).collect()
}

pub(crate) fn scenario_table(plan: &Plan, language: Language) -> Option<ScenarioTable> {
    if plan.scenarios.is_empty() {
        return None;
    }
    let figure = |value: f64| numbers::compact(value, language);
    let in_order = |of_plan: String, of: &dyn Fn(&crate::plan_report::Scenario) -> String| -> Vec<String> {
        std::iter::once(of_plan).chain(plan.scenarios.iter().map(of)).collect()
    };
    let spend_of = |spends: &[Spend], channel: &str, group: &str| {
        let own = spends.iter().find(|own| own.channel == channel && own.group == group);
        own.map(|own| figure(own.spend)).unwrap_or_default()
    };
    let spends = plan.channels.iter().map(|own| {
        let of_scenarios = |other: &crate::plan_report::Scenario| spend_of(&other.spend, &own.channel, &own.group);
        (label(&own.channel, &own.group), in_order(figure(own.planned), &of_scenarios))
    });
    Some(ScenarioTable {
        names: in_order(String::new(), &|own| own.name.clone()),
        budgets: in_order(figure(plan.budget), &|own| figure(own.budget)),
        outcomes: in_order(interval(&plan.outcome, language), &|own| interval(&own.outcome, language)),
        prices: in_order(numbers::exact(plan.shadow_price), &|own| numbers::exact(own.shadow_price)),
        spends: spends.collect(),
        reasons: plan
            .scenarios
            .iter()
            .filter_map(|own| Some(format!("{}: {}", own.name, own.reason.as_ref()?)))
            .collect(),
    })
}

pub(crate) fn period_lines(plan: &Plan, language: Language) -> Vec<PeriodLine> {
    let spend = |period: usize, own: &crate::plan_report::Planned| {
        let is_meant = |row: &&Spend| row.period == period && row.channel == own.channel && row.group == own.group;
        plan.spend.iter().find(is_meant).map(|row| numbers::compact(row.spend, language)).unwrap_or_default()
    };
    (1..=plan.n_periods.min(104))
        .map(|period| PeriodLine {
            period: plan.periods.get(period - 1).cloned().unwrap_or_else(|| period.to_string()),
            spends: plan.channels.iter().map(|own| spend(period, own)).collect(),
        })
        .collect()
}

pub(crate) fn return_lines(fit: &Fit, language: Language) -> Vec<ReturnLine> {
    let told = |own: Option<&Interval>| own.map(|own| interval(own, language)).unwrap_or_default();
    fit.channels
        .iter()
        .map(|own| ReturnLine {
            channel: label(&own.channel, &own.group),
            spend: numbers::compact(own.spend, language),
            roi: told(own.roi.as_ref()),
            marginal: told(own.marginal_roi.as_ref()),
            verdict: say_word(language, "plan.verdict", &own.verdict),
            reason: say_note(language, &own.reason),
            experiment: own.experiment.as_deref().map(|words| say_note(language, words)).unwrap_or_default(),
        })
        .collect()
}

pub(crate) fn part_lines(fit: &Fit, language: Language) -> Vec<PartLine> {
    fit.decomposition
        .iter()
        .map(|own| PartLine {
            part: label(&say_word(language, "plan.part", &own.part), &own.group),
            share: numbers::percent(own.share),
            total: interval(&own.total, language),
        })
        .collect()
}

pub(crate) fn read_out(found: &Experiment, page: &Frame) -> ReadOut {
    let warning = if found.is_as_drawn == Some(false) {
        page.say_with("plan.not_as_drawn", sizes_of_groups(found, page.language()))
    } else {
        String::new()
    };
    let notes = found.notes.iter().map(|note| say_note(page.language(), note)).collect();
    ReadOut { warning, findings: finding_lines(found, page), notes }
}

/// How many units each group has, and how probable that is by chance.
fn sizes_of_groups(found: &Experiment, language: Language) -> String {
    let count = |n_units: u64| numbers::count(i64::try_from(n_units).unwrap_or(i64::MAX));
    let sizes = found.variants.iter().map(|(variant, n_units)| format!("{variant} {}", count(*n_units)));
    let p = found.ratio_p.map(|p| if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") });
    sizes.chain(p).collect::<Vec<String>>().join(between(language))
}

fn finding_lines(found: &Experiment, page: &Frame) -> Vec<FindingLine> {
    let change = |value: Option<f64>| value.map(numbers::change).unwrap_or_default();
    let p = |value: Option<f64>| value.map(|p| format!("{p:.4}")).unwrap_or_default();
    let verdict = |is_found: bool| page.say(if is_found { "plan.found" } else { "plan.not_found" }).to_owned();
    let figure = |value: f64| numbers::compact(value, page.language());
    let mut lines: Vec<FindingLine> = found
        .findings
        .iter()
        .map(|own| FindingLine {
            metric: own.metric.clone(),
            variant: own.variant.clone(),
            values: format!("{} → {}", figure(own.first), figure(own.second)),
            change: change(own.relative),
            interval: format!("{} – {}", change(own.relative_low), change(own.relative_high)),
            p: p(own.adjusted_p),
            verdict: verdict(own.is_found),
        })
        .collect();
    if let (Some(effect), Some(low), Some(high)) = (found.effect, found.low, found.high) {
        lines.push(FindingLine {
            metric: page.say("plan.regions").to_owned(),
            variant: String::new(),
            values: figure(effect),
            change: change(found.relative),
            interval: format!("{} – {}", figure(low), figure(high)),
            p: p(found.p),
            verdict: verdict(low > 0.0 || high < 0.0),
        });
    }
    lines
}

pub(crate) fn threat_view(threat: &Threat, language: Language) -> ThreatView {
    let percent = |value: Option<f64>| value.map(numbers::change).unwrap_or_default();
    let change = &threat.report.change;
    ThreatView {
        probability: numbers::percent(threat.probability),
        change: format!("{} ({} – {})", percent(change.q50), percent(change.q05), percent(change.q95)),
        left: threat.factor.mean.map(numbers::percent).unwrap_or_default(),
        outcome: interval(&threat.outcome, language),
        cases: threat
            .report
            .cases
            .iter()
            .map(|case| {
                [
                    case.period.clone(),
                    case.segment.clone(),
                    case.company.clone(),
                    case.product.clone(),
                    numbers::count(case.n_incumbents),
                    numbers::change(case.effect.exp_m1()),
                ]
            })
            .collect(),
    }
}
