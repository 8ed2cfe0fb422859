//! Amounts of money in several currencies, made comparable: the market's own currency at the average rate of the period.
//!
//! An amount keeps its currency and value; what stands beside it is converted by rates that belong to a period and name
//! their publisher (`model::fx`). Where the table lacks the period the nearest month or year stands in, and a note says so.

use crowsnest_model::{Currency, FxRate, FxTable, Metric, Period};
use serde_json::{Value, json};

use super::quoted;
use crate::Lake;

/// Rates from every currency that there are any for to the market's.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    to: Currency,
    rates: Vec<(Currency, FxRate)>,
}

impl Rates {
    /// The rates of a period; `None` for metrics that are no amounts of money.
    pub(crate) fn of(to: &str, metric: &Metric, period: &Period) -> Option<Self> {
        let to = Currency::parse(to).filter(|_| metric.is_money())?;
        let table = FxTable::bundled();
        let rates = Currency::all().filter_map(|from| Some((from, table.rate_or_nearest(from, to, period).ok()?)));
        Some(Self { to, rates: rates.collect() })
    }

    /// The same for a lake's market.
    pub(crate) fn in_market(lake: &Lake, metric: &Metric, period: &Period) -> Option<Self> {
        Self::of(&lake.market().config.currency, metric, period)
    }

    /// The code of the currency that amounts are converted to.
    pub(crate) fn currency(&self) -> &str {
        self.to.code()
    }

    /// SQL for what an amount in the currency of a column is multiplied by; `NULL` where there is no rate.
    pub(crate) fn factor_sql(&self, column: &str) -> String {
        let cases: Vec<String> = self
            .rates
            .iter()
            .map(|(from, rate)| format!("WHEN {} THEN CAST({:e} AS DOUBLE)", quoted(from.code()), rate.rate))
            .collect();
        format!("CASE {column} {} END", cases.join(" "))
    }

    /// An amount in the market's currency.
    pub(crate) fn convert(&self, amount: f64, from: &str) -> Option<f64> {
        Some(amount * self.rate(from)?.rate)
    }

    fn rate(&self, from: &str) -> Option<&FxRate> {
        self.rates.iter().find(|(currency, _)| currency.code() == from).map(|(_, rate)| rate)
    }

    /// The rates that were used, with their publisher and whether another period had to stand in.
    pub(crate) fn used(&self, units: &[&str]) -> Value {
        let rows: Vec<Value> = units
            .iter()
            .filter_map(|unit| Some((unit, self.rate(unit)?)))
            .map(|(unit, rate)| {
                json!({"from": unit, "to": self.to.code(), "rate": rate.rate, "source": rate.source,
                       "is_nearest": rate.is_nearest})
            })
            .collect();
        Value::Array(rows)
    }

    /// What a reader should know of the conversion.
    pub(crate) fn note(&self, units: &[&str], period: &Period) -> String {
        let to = self.to.code();
        let used = || units.iter().filter(|unit| **unit != to).filter_map(|unit| Some((*unit, self.rate(unit)?)));
        let rates: Vec<String> = used().map(|(unit, rate)| format!("1 {unit} = {:.4} {to}", rate.rate)).collect();
        let source = used().next().map_or("", |(_, rate)| &rate.source);
        let mut note = format!("amounts are in several currencies; ranks and shares compare them in {to}");
        if !rates.is_empty() {
            note.push_str(&format!(", at the average rates of {period} ({}; {source})", rates.join(", ")));
        }
        if used().any(|(_, rate)| rate.is_nearest) {
            note.push_str("; where that period has no rate yet, the nearest month or year stands in");
        }
        let unknown: Vec<&str> = units.iter().filter(|unit| self.rate(unit).is_none()).copied().collect();
        if !unknown.is_empty() {
            note.push_str(&format!("; there is no rate for {}, which come last", unknown.join(", ")));
        }
        note
    }
}

#[cfg(test)]
mod tests {
    use crowsnest_model::MetricRegistry;

    use super::*;

    #[test]
    fn amounts_are_converted_by_the_rates_of_their_period() {
        let metrics = MetricRegistry::built_in();
        let year = Period::parse("2024").unwrap();
        assert!(Rates::of("CNY", metrics.get("mau").unwrap(), &year).is_none());
        let rates = Rates::of("CNY", metrics.get("valuation").unwrap(), &year).unwrap();
        assert_eq!(rates.convert(5.0, "CNY"), Some(5.0));
        // ECB, 2024: 1.0824 USD and 7.7875 CNY per euro, so 7.1947 CNY per USD.
        let yuan = rates.convert(1.0, "USD").unwrap();
        assert!((yuan - 7.194_7).abs() < 1e-3, "{yuan}");
        assert_eq!(rates.convert(1.0, "XAU"), None);
        let note = rates.note(&["CNY", "USD", "XAU"], &year);
        assert!(note.contains("1 USD = 7.19") && note.contains("no rate for XAU"), "{note}");
    }
}
