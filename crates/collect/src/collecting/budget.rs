//! What a source costs: every call and purchase goes to the ledger, and a source at its budget stops.

use crowsnest_lake::state::State;
use crowsnest_lake::state::collecting::LedgerLine;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::sources::Source;
use crate::Result;

/// The costs of one run.
pub(crate) struct Budget<'a> {
    state: &'a State,
    source: &'a Source,
    currency: String,
    month: Date,
    spent: f64,
    n_calls: u64,
    /// Calls that are not in the ledger yet: those that cost nothing go in as one line.
    n_calls_open: u64,
    /// Calls that are under way.
    n_under_way: u64,
    cost_of_run: f64,
}

/// That nothing may be spent any more, until when, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stopped {
    pub(crate) until: i64,
    pub(crate) message: String,
}

impl<'a> Budget<'a> {
    /// Looks at what the month has cost so far, and writes down what falls due: the month's fee, purchases.
    pub(crate) fn open(state: &'a State, source: &'a Source, currency: String, now: Timestamp) -> Result<Self> {
        let name = &source.card.name;
        let month = Offset::UTC.to_datetime(now).date().first_of_month();
        let mut budget = Self {
            state,
            source,
            currency,
            month,
            spent: 0.0,
            n_calls: 0,
            n_calls_open: 0,
            n_under_way: 0,
            cost_of_run: 0.0,
        };
        let cost = &source.card.cost;
        let label = month.strftime("%Y-%m").to_string();
        if cost.per_month != 0.0 && !state.is_in_ledger(name, "month", &label)? {
            state.spend(&budget.line(now, "month", &label, 0, cost.per_month))?;
        }
        for purchase in &cost.purchases {
            let what = format!("{}: {}", purchase.on, purchase.what);
            if !state.is_in_ledger(name, "purchase", &what)? {
                let at = purchase.on.parse::<Date>().map_or(now, start_of);
                state.spend(&budget.line(at, "purchase", &what, 0, purchase.amount))?;
            }
        }
        let spent =
            state.spent(name, start_of(month).as_microsecond(), start_of(next_month(month)).as_microsecond())?;
        budget.spent = spent.amount;
        budget.n_calls = spent.n_calls;
        Ok(budget)
    }

    /// Begins one more call, if it may be made.
    ///
    /// # Errors
    /// That it may not, and until when.
    pub(crate) fn begin_call(&mut self) -> Result<(), Stopped> {
        let cost = &self.source.card.cost;
        let until = start_of(next_month(self.month)).as_microsecond();
        let goes_on = format!("it goes on {}", next_month(self.month));
        if let Some(budget) = cost.budget_per_month
            && self.spent + cost.per_call * (self.n_under_way + 1) as f64 > budget + 1e-9
        {
            let message = format!(
                "the budget of {budget} {} for {} is spent ({:.2}): {goes_on}",
                self.currency,
                self.month.strftime("%Y-%m"),
                self.spent
            );
            return Err(Stopped { until, message });
        }
        if let Some(max) = cost.calls_per_month_max
            && self.n_calls + self.n_under_way >= max
        {
            let message = format!("{max} calls were made in {}: {goes_on}", self.month.strftime("%Y-%m"));
            return Err(Stopped { until, message });
        }
        self.n_under_way += 1;
        Ok(())
    }

    /// Ends a call, and writes down how often it was answered: each try counts.
    pub(crate) fn end_call(&mut self, n_calls: u64, what: &str, now: Timestamp) -> Result<()> {
        self.n_under_way = self.n_under_way.saturating_sub(1);
        let cost = self.source.card.cost.per_call * n_calls as f64;
        self.n_calls += n_calls;
        self.spent += cost;
        self.cost_of_run += cost;
        let is_watched = cost > 0.0 || self.source.card.cost.calls_per_month_max.is_some();
        if !is_watched {
            self.n_calls_open += n_calls;
            return Ok(());
        }
        if n_calls > 0 {
            self.state.spend(&self.line(now, "call", what, n_calls, cost))?;
        }
        Ok(())
    }

    /// Writes down what is open; gives what the run cost.
    pub(crate) fn close(&mut self, run: &str, now: Timestamp) -> Result<f64> {
        if self.n_calls_open > 0 {
            self.state.spend(&self.line(now, "call", &format!("run {run}"), self.n_calls_open, 0.0))?;
            self.n_calls_open = 0;
        }
        Ok(self.cost_of_run)
    }

    fn line(&self, at: Timestamp, kind: &str, what: &str, n_calls: u64, amount: f64) -> LedgerLine {
        LedgerLine {
            source: self.source.card.name.clone(),
            at: at.as_microsecond(),
            kind: kind.to_owned(),
            what: what.to_owned(),
            n_calls,
            amount,
            currency: self.currency.clone(),
        }
    }
}

fn next_month(month: Date) -> Date {
    month.last_of_month().tomorrow().unwrap_or(month)
}

fn start_of(day: Date) -> Timestamp {
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or_default()
}
