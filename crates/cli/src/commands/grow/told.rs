//! Fits and plans as people read them, and as rows.

use crowsnest_grow::{FitReport, Interval, PlanReport, Verdict};
use crowsnest_lake::own_rows::Holds;
use serde::Serialize;

use crate::number;

pub(super) const SPEND_FIELDS: &[(&str, Holds)] =
    &[("channel", Holds::Text), ("group", Holds::Text), ("period", Holds::Count), ("spend", Holds::Number)];

pub(super) const CHANNEL_FIELDS: &[(&str, Holds)] = &[
    ("channel", Holds::Text),
    ("group", Holds::Text),
    ("spend", Holds::Number),
    ("roi_q05", Holds::Number),
    ("roi_q50", Holds::Number),
    ("roi_q95", Holds::Number),
    ("marginal_roi_q50", Holds::Number),
    ("contribution", Holds::Number),
    ("verdict", Holds::Text),
    ("reason", Holds::Text),
];

/// A channel as a row.
#[derive(Debug, Serialize)]
pub(super) struct ChannelRow {
    channel: String,
    group: String,
    spend: f64,
    roi_q05: Option<f64>,
    roi_q50: Option<f64>,
    roi_q95: Option<f64>,
    marginal_roi_q50: Option<f64>,
    contribution: Option<f64>,
    verdict: &'static str,
    reason: String,
}

pub(super) fn channel_rows(report: &FitReport) -> Vec<ChannelRow> {
    report
        .channels
        .iter()
        .map(|own| ChannelRow {
            channel: own.channel.clone(),
            group: own.group.clone(),
            spend: own.spend,
            roi_q05: own.roi.map(|roi| roi.q05),
            roi_q50: own.roi.map(|roi| roi.q50),
            roi_q95: own.roi.map(|roi| roi.q95),
            marginal_roi_q50: own.marginal_roi.map(|roi| roi.q50),
            contribution: own.contribution.map(|part| part.mean),
            verdict: verdict(own.verdict),
            reason: own.reason.clone(),
        })
        .collect()
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Told => "told",
        Verdict::Roughly => "roughly",
        Verdict::CannotTell => "cannot tell",
    }
}

fn ends(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "unknown".to_owned(),
        |own| format!("{} ({} to {})", number::figure(own.q50), number::figure(own.q05), number::figure(own.q95)),
    )
}

fn label(channel: &str, group: &str) -> String {
    if group.is_empty() { channel.to_owned() } else { format!("{channel} of {group}") }
}

pub(super) fn fit(report: &FitReport) -> String {
    let mut lines = vec![format!(
        "{} periods from {} to {}; {:?} carry-over; {:.1} s",
        report.n_periods, report.first_period, report.last_period, report.sampler.carry_over, report.seconds
    )];
    lines.push(String::new());
    lines.push("outcome for a unit of money, with the interval that holds it with probability 0.9:".to_owned());
    for own in &report.channels {
        lines.push(format!(
            "  {:<24} {:<34} next unit {:<34} {}: {}",
            label(&own.channel, &own.group),
            ends(own.roi),
            ends(own.marginal_roi),
            verdict(own.verdict),
            own.reason
        ));
    }
    lines.push(String::new());
    lines.push("what the outcome is made of:".to_owned());
    for part in &report.decomposition {
        let name = label(&part.part, &part.group);
        lines.push(format!(
            "  {name:<24} {:>7}  {}, swings by {} a period",
            number::percent(part.share),
            ends(Some(part.total)),
            number::figure(part.swing)
        ));
    }
    lines.push(String::new());
    for own in &report.accuracy {
        lines.push(format!(
            "explained {} of the variance; mean error {}; {} of periods within their 90 % interval",
            number::percent(own.r_squared),
            number::percent(own.error_share),
            number::percent(own.within_90)
        ));
    }
    for own in &report.held_out {
        lines.push(format!(
            "the last {} periods, predicted without them: mean error {} (naive {}); {} within their 90 % interval",
            own.n_periods,
            number::percent(own.error_share),
            number::percent(own.naive_error_share),
            number::percent(own.within_90)
        ));
    }
    if let (Some(r_hat), Some(n)) = (report.sampler.r_hat_max, report.sampler.n_effective_min) {
        lines.push(format!(
            "R-hat at most {r_hat:.3}, {n:.0} effective draws at least, {} divergences",
            report.sampler.n_divergences
        ));
    }
    if let Some(experiment) = &report.next_experiment {
        lines.extend([String::new(), format!("the experiment that would tell most: {experiment}")]);
    }
    lines.join("\n")
}

pub(super) fn plan(report: &PlanReport) -> String {
    let mut lines = Vec::new();
    if let Some(reason) = &report.reason {
        lines.extend([format!("infeasible: {reason}"), String::new()]);
    }
    lines.push(format!(
        "{} of {} over {} periods bring {}; at most {:.2} % more is possible by these curves",
        number::figure(report.spent),
        number::figure(report.budget),
        report.n_periods,
        ends(Some(report.outcome)),
        100.0 * report.gap
    ));
    lines.push(format!(
        "more than the same money in the present mix: {}, with probability {:.2}",
        ends(Some(report.gain_over_present_mix)),
        report.probability_of_gain
    ));
    lines.extend([String::new(), "money a period, now and planned:".to_owned()]);
    for own in &report.channels {
        lines.push(format!(
            "  {:<24} {:>12} → {:>12}   brings {:<34} next unit {}",
            label(&own.channel, &own.group),
            number::figure(own.present),
            number::figure(own.planned),
            ends(Some(own.outcome)),
            ends(Some(own.marginal))
        ));
    }
    lines.push(String::new());
    lines.push(format!("one more unit of the budget brings {}", number::figure(report.shadow_price)));
    lines.extend(report.in_words.iter().cloned());
    for scenario in &report.scenarios {
        lines.push(format!(
            "scenario {}: budget {} brings {}; one more unit {}",
            scenario.name,
            number::figure(scenario.budget),
            ends(Some(scenario.outcome)),
            number::figure(scenario.shadow_price)
        ));
        lines.extend(scenario.reason.iter().cloned());
    }
    if let Some(threat) = &report.threat {
        lines.push(format!(
            "if a large company enters (probability {:.2}): {} of the outcome is left, {}; by {} entries of the market's history",
            threat.probability,
            number::percent(threat.factor.mean),
            ends(Some(threat.outcome)),
            threat.report.n_cases
        ));
        lines.extend(threat.spent.map(|spent| format!("then {} would be worth spending", number::figure(spent))));
    }
    if let Some(experiment) = &report.fit.next_experiment {
        lines.extend([String::new(), format!("the experiment that would sharpen it most: {experiment}")]);
    }
    lines.join("\n")
}
