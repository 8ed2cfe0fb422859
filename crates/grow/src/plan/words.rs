//! A plan in words: what the next money brings where, where the curves are asked about spends that were never seen, and where
//! money moves on a curve that the history cannot tell.

use super::curve_set::Cell;
use super::{Allocation, ChannelPlan, gain_of};
use crate::findings::{FitReport, Verdict};
use crate::settings::PlanSettings;

/// A change of money that is worth a word, as a share of the present spend.
const CHANGE_MIN: f64 = 0.05;

pub(super) fn in_words(
    channels: &[ChannelPlan],
    made: &Allocation,
    settings: &PlanSettings,
    fit: &FitReport,
) -> Vec<String> {
    let mut words: Vec<String> = next_money(channels, made, settings).into_iter().collect();
    for own in channels {
        if own.present > 0.0 && own.planned > 2.0 * own.present {
            words.push(format!(
                "{} goes to {:.1} times its present spend: its curve is less sure there, so go in steps and look",
                label(own),
                own.planned / own.present
            ));
        }
    }
    for (own, told) in channels.iter().zip(&fit.channels) {
        let is_moved = (own.planned - own.present).abs() > CHANGE_MIN * own.present.max(own.planned);
        if told.verdict == Verdict::CannotTell && is_moved {
            words.push(format!(
                "{} goes from {:.0} to {:.0} a period although the history cannot tell what it brings: try that first",
                label(own),
                own.present,
                own.planned
            ));
            words.extend(told.experiment.clone());
        }
    }
    words
}

fn label(own: &ChannelPlan) -> String {
    if own.group.is_empty() { own.channel.clone() } else { format!("{} of {}", own.channel, own.group) }
}

/// Where the next money of the budget gives most, and where least.
fn next_money(channels: &[ChannelPlan], made: &Allocation, settings: &PlanSettings) -> Option<String> {
    let amount = round_amount(settings.budget * 0.01);
    let gain = |cell: &Cell| gain_of(cell, cell.present, amount / settings.n_periods as f64);
    let of_present: Vec<(f64, usize)> = (0..made.cells.len())
        .filter(|at| made.pools[*at].is_none())
        .map(|at| (gain(&made.cells[at]), at))
        .filter(|(gain, _)| gain.is_finite())
        .collect();
    let (most, at) = of_present.iter().max_by(|left, right| left.0.total_cmp(&right.0))?;
    let (least, other) =
        of_present.iter().filter(|(gain, _)| *gain > 0.0).min_by(|left, right| left.0.total_cmp(&right.0))?;
    (at != other).then(|| {
        format!(
            "at present spends, the next {amount} for {} give {:.1} times what they give for {}",
            label(&channels[*at]),
            most / least,
            label(&channels[*other])
        )
    })
}

/// An amount with one digit that counts.
fn round_amount(amount: f64) -> f64 {
    if amount <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(amount.log10().floor());
    (amount / power).round() * power
}
