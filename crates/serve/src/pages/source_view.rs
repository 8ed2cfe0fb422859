//! How collecting a source goes, as `/sources` and `/source` show it alike.

use crowsnest_run::SourceState;

use crate::frame::Frame;
use crate::numbers;
use crate::runs::source_link;
use crate::words::{say_source, say_word};

/// A source that is collected, in a table.
pub(crate) struct CollectedLine {
    pub(crate) source: String,
    pub(crate) link: String,
    pub(crate) outcome: String,
    pub(crate) outcome_label: String,
    pub(crate) last_run: String,
    pub(crate) last_ok: String,
    pub(crate) due: String,
    pub(crate) is_late: bool,
    pub(crate) n_added: String,
    pub(crate) n_rejects: String,
    pub(crate) n_in_quarantine: String,
    pub(crate) share_done: String,
    pub(crate) spending: Spending,
    /// Empty where others may look.
    pub(crate) last_error: String,
}

/// What a source cost this month.
pub(crate) struct Spending {
    pub(crate) n_calls: String,
    pub(crate) spent: String,
    /// Empty where it has none.
    pub(crate) budget: String,
    /// Share of the budget that is spent, 0 to 100.
    pub(crate) percent: String,
    pub(crate) percent_label: String,
    pub(crate) is_spent: bool,
}

/// The line of a source.
pub(crate) fn collected_line(state: &SourceState, page: &Frame) -> CollectedLine {
    let moment = |at: Option<i64>| at.map(numbers::minute).unwrap_or_default();
    let some = |n: i64| if n > 0 { numbers::count(n) } else { String::new() };
    let outcome = if state.outcome.is_empty() { "never" } else { &state.outcome };
    CollectedLine {
        source: say_source(page.language(), &state.source),
        link: source_link(page, &state.source),
        outcome: outcome.to_owned(),
        outcome_label: say_word(page.language(), "outcome", outcome),
        last_run: moment(state.last_run_at),
        last_ok: moment(state.last_ok_at),
        due: moment(state.next_run_at),
        is_late: state.is_late,
        n_added: numbers::count(state.n_added),
        n_rejects: some(state.n_rejects),
        n_in_quarantine: some(state.n_in_quarantine),
        share_done: state.share_of_runs_done.map(numbers::percent).unwrap_or_default(),
        spending: spending(state, page),
        last_error: state.last_error.clone(),
    }
}

fn spending(state: &SourceState, page: &Frame) -> Spending {
    let money = |amount: f64| numbers::price(amount, &state.currency, page.language());
    let share = state.budget_per_month.map(|budget| if budget > 0.0 { state.spent_this_month / budget } else { 1.0 });
    let has_cost = state.spent_this_month != 0.0 || state.budget_per_month.is_some();
    Spending {
        n_calls: numbers::count(state.n_calls_this_month),
        spent: if has_cost { money(state.spent_this_month) } else { String::new() },
        budget: state.budget_per_month.map(money).unwrap_or_default(),
        percent: format!("{:.1}", 100.0 * share.unwrap_or(0.0).clamp(0.0, 1.0)),
        percent_label: share.map(numbers::percent).unwrap_or_default(),
        is_spent: share.is_some_and(|share| share >= 0.995),
    }
}
