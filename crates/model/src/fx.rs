//! Exchange rates by date: the ECB's euro foreign exchange reference rates, averaged over months and years.
//!
//! A rate always belongs to a period and names its source; there's no constant anywhere. A rate between two
//! currencies other than the euro is the quotient of their euro rates. A whole year takes the year's average, any
//! other period the averages of its months, weighted by days; where a table has no months, the year's average. A
//! period that the table lacks is an error, unless the caller asks for the nearest one and shows that it did
//! ([`FxRate::is_nearest`]).
//!
//! To add a period or a currency: a line in `data/ecb-yearly-averages.csv` or `data/ecb-monthly-averages.csv`, from
//! the ECB's file named there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::calendar::civil_date;
use crate::currency::Currency;
use crate::period::{Grain, Period};

/// Where the bundled rates come from, as [`FxRate::source`] says it.
pub const BUNDLED_SOURCE: &str = "ECB euro foreign exchange reference rates, averages";

const YEARLY_CSV: &str = include_str!("../data/ecb-yearly-averages.csv");
const MONTHLY_CSV: &str = include_str!("../data/ecb-monthly-averages.csv");

/// Average rates of currencies against the euro, by year and by month.
#[derive(Debug, Clone, PartialEq)]
pub struct FxTable {
    source: String,
    /// Units per euro; periods are years and months.
    averages: BTreeMap<(Currency, Period), f64>,
}

/// A rate between two currencies for a period.
#[derive(Debug, Clone, PartialEq)]
pub struct FxRate {
    /// Units of the target currency for one unit of the original.
    pub rate: f64,
    /// Who publishes it.
    pub source: String,
    /// The year of the period's first day.
    pub year: i32,
    /// The year of the period's last day.
    pub last_year: i32,
    /// Whether the table lacked a part of the period and the nearest month or year stands in for it.
    pub is_nearest: bool,
}

/// Why there's no rate, or why a table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FxError {
    /// The table has no rate at all for a currency.
    #[error("no exchange rate for {currency} in {fx_source}: keep the original currency, or add rates for it")]
    UnknownCurrency {
        /// The currency without rates.
        currency: Currency,
        /// The table's source.
        fx_source: String,
    },
    /// The table has rates for the currency, but not for that year or month.
    #[error("no exchange rate for {currency} in {missing}: {fx_source} reach from {first} to {last} here")]
    MissingPeriod {
        /// The currency.
        currency: Currency,
        /// The month or year without a rate.
        missing: Period,
        /// First month or year that has one.
        first: Period,
        /// Last month or year that has one.
        last: Period,
        /// The table's source.
        fx_source: String,
    },
    /// A line of a table of rates isn't `period,currency,units_per_euro`.
    #[error("line {line} of the exchange rates: expected year or month,currency,units per euro, found {found:?}")]
    BadLine {
        /// Line number, from 1.
        line: usize,
        /// The line.
        found: String,
    },
}

impl FxTable {
    /// The table that ships with Crowsnest: USD, CNY, JPY, GBP, HKD, KRW, INR, CHF, CAD, AUD, SGD from 2015.
    pub fn bundled() -> &'static FxTable {
        static BUNDLED: LazyLock<FxTable> = LazyLock::new(|| {
            let both = [YEARLY_CSV, MONTHLY_CSV].join("\n");
            // Infallible: a unit test reads the same text.
            FxTable::from_csv(&both, BUNDLED_SOURCE)
                .unwrap_or_else(|_| FxTable { source: BUNDLED_SOURCE.to_owned(), averages: BTreeMap::new() })
        });
        &BUNDLED
    }

    /// Reads a table of lines `period,currency,units_per_euro`, where a period is a year (`2024`) or a month
    /// (`2024-12`); blank lines, lines that start with `#` and the heading are skipped.
    ///
    /// # Errors
    /// [`FxError::BadLine`] at the first line of another form, or with a rate that isn't above zero.
    pub fn from_csv(text: &str, source: &str) -> Result<FxTable, FxError> {
        let mut averages = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("period,") {
                continue;
            }
            let Some((period, currency, rate)) = parse_line(line) else {
                return Err(FxError::BadLine { line: index + 1, found: line.to_owned() });
            };
            averages.insert((currency, period), rate);
        }
        Ok(FxTable { source: source.to_owned(), averages })
    }

    /// Units of `to` for one unit of `from` over a period.
    ///
    /// # Errors
    /// [`FxError::UnknownCurrency`] or [`FxError::MissingPeriod`]; never a guess.
    pub fn rate(&self, from: Currency, to: Currency, period: &Period) -> Result<FxRate, FxError> {
        self.rate_with(from, to, period, Missing::IsAnError)
    }

    /// As [`rate`](FxTable::rate), but a missing month or year is stood in for by the nearest that the table has,
    /// and the answer says so in [`FxRate::is_nearest`].
    ///
    /// # Errors
    /// [`FxError::UnknownCurrency`] only.
    pub fn rate_or_nearest(&self, from: Currency, to: Currency, period: &Period) -> Result<FxRate, FxError> {
        self.rate_with(from, to, period, Missing::TakesNearest)
    }

    /// An amount in another currency, at the rate of the period, and that rate.
    ///
    /// # Errors
    /// Those of [`rate`](FxTable::rate).
    pub fn convert(
        &self,
        amount: f64,
        from: Currency,
        to: Currency,
        period: &Period,
    ) -> Result<(f64, FxRate), FxError> {
        let rate = self.rate(from, to, period)?;
        Ok((amount * rate.rate, rate))
    }

    /// Who publishes the rates.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The years and months that the table has for a currency, in order.
    pub fn periods(&self, currency: Currency) -> Vec<Period> {
        let all = self.averages.keys();
        all.filter(|(known, _)| *known == currency).map(|(_, period)| *period).collect()
    }

    fn rate_with(&self, from: Currency, to: Currency, period: &Period, missing: Missing) -> Result<FxRate, FxError> {
        let mut weighted_sum = 0.0;
        let mut is_nearest = false;
        for (unit, n_days) in self.pieces(from, to, period) {
            let (rate, is_exact) = self.rate_of_unit(from, to, unit, missing)?;
            weighted_sum += rate * f64::from(n_days);
            is_nearest |= !is_exact;
        }
        Ok(FxRate {
            rate: weighted_sum / f64::from(period.n_days()),
            source: self.source.clone(),
            year: civil_date(period.start_day()).year,
            last_year: civil_date(period.end_day() - 1).year,
            is_nearest,
        })
    }

    /// The years and months whose averages make up a period's, each with the number of its days in the period.
    fn pieces(&self, from: Currency, to: Currency, period: &Period) -> Vec<(Period, i32)> {
        let mut pieces = Vec::new();
        let mut day = period.start_day();
        while day < period.end_day() {
            let year = Period::containing(day, Grain::Year);
            let is_known = [from, to].iter().all(|one| self.average(*one, year).is_some());
            let unit = if period.contains(&year) && is_known { year } else { Period::containing(day, Grain::Month) };
            let end = unit.end_day().min(period.end_day());
            pieces.push((unit, end - day));
            day = end;
        }
        pieces
    }

    fn rate_of_unit(
        &self,
        from: Currency,
        to: Currency,
        unit: Period,
        missing: Missing,
    ) -> Result<(f64, bool), FxError> {
        if from == to {
            return Ok((1.0, true));
        }
        let (from_per_euro, from_is_exact) = self.per_euro(from, unit, missing)?;
        let (to_per_euro, to_is_exact) = self.per_euro(to, unit, missing)?;
        Ok((to_per_euro / from_per_euro, from_is_exact && to_is_exact))
    }

    fn per_euro(&self, currency: Currency, unit: Period, missing: Missing) -> Result<(f64, bool), FxError> {
        let year = Period::containing(unit.start_day(), Grain::Year);
        let exact = self.average(currency, unit).or_else(|| self.average(currency, year));
        if let Some(rate) = exact {
            return Ok((rate, true));
        }
        let periods = self.periods(currency);
        let nearest = periods.iter().min_by_key(|known| (middle(known) - middle(&unit)).abs());
        let (Some(first), Some(last), Some(nearest)) =
            (periods.first(), periods.iter().max_by_key(|known| known.end_day()), nearest)
        else {
            return Err(FxError::UnknownCurrency { currency, fx_source: self.source.clone() });
        };
        match (missing, self.average(currency, *nearest)) {
            (Missing::TakesNearest, Some(rate)) => Ok((rate, false)),
            _ => Err(FxError::MissingPeriod {
                currency,
                missing: unit,
                first: *first,
                last: *last,
                fx_source: self.source.clone(),
            }),
        }
    }

    fn average(&self, currency: Currency, period: Period) -> Option<f64> {
        if currency == Currency::EUR {
            return Some(1.0);
        }
        self.averages.get(&(currency, period)).copied()
    }
}

#[derive(Debug, Clone, Copy)]
enum Missing {
    IsAnError,
    TakesNearest,
}

fn middle(period: &Period) -> i32 {
    period.start_day() + period.n_days() / 2
}

fn parse_line(line: &str) -> Option<(Period, Currency, f64)> {
    let mut fields = line.split(',').map(str::trim);
    let period = Period::parse(fields.next()?).ok()?;
    let currency = Currency::from_code(fields.next()?)?;
    let rate: f64 = fields.next()?.parse().ok()?;
    let is_period = matches!(period.grain(), Grain::Year | Grain::Month);
    let is_rate = rate.is_finite() && rate > 0.0 && fields.next().is_none();
    (is_period && is_rate).then_some((period, currency, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(from: &str, to: &str, period: &str) -> Result<FxRate, FxError> {
        let currency = |code: &str| Currency::from_code(code).unwrap();
        FxTable::bundled().rate(currency(from), currency(to), &Period::parse(period).unwrap())
    }

    fn assert_near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn every_line_of_the_bundled_tables_can_be_read() {
        for text in [YEARLY_CSV, MONTHLY_CSV] {
            let table = FxTable::from_csv(text, "test").unwrap();
            let n_lines = text.lines().filter(|line| line.starts_with("20")).count();
            assert_eq!(table.averages.len(), n_lines);
        }
        assert_eq!(FxTable::from_csv(YEARLY_CSV, "test").unwrap().averages.len(), 11 * 11);
    }

    // ECB Data Portal, series EXR.A.<currency>.EUR.SP00.A.
    #[test]
    fn yearly_averages_are_those_that_the_ecb_publishes() {
        assert_near(rate("EUR", "USD", "2024").unwrap().rate, 1.0824, 5e-5);
        assert_near(rate("EUR", "USD", "2023").unwrap().rate, 1.0813, 5e-5);
        assert_near(rate("EUR", "CNY", "2024").unwrap().rate, 7.7875, 5e-5);
        assert_near(rate("EUR", "CNY", "2023").unwrap().rate, 7.6600, 5e-5);
        assert_near(rate("EUR", "USD", "2020").unwrap().rate, 1.1422, 5e-5);
    }

    #[test]
    fn a_rate_between_two_others_is_the_quotient_of_theirs() {
        let dollars_to_yuan = rate("USD", "CNY", "2024").unwrap();
        assert_near(dollars_to_yuan.rate, 7.7875 / 1.0824, 1e-3);
        let back = rate("CNY", "USD", "2024").unwrap();
        assert_near(dollars_to_yuan.rate * back.rate, 1.0, 1e-12);
        assert_eq!(rate("JPY", "JPY", "1950").unwrap().rate, 1.0);
    }

    #[test]
    fn a_period_across_years_is_weighted_by_days() {
        let text = "2023,USD,1.0\n2024,USD,2.0\n";
        let table = FxTable::from_csv(text, "test").unwrap();
        let across = Period::parse("2023-12-31/2024-01-04").unwrap();
        let rate = table.rate(Currency::EUR, Currency::USD, &across).unwrap();
        assert_near(rate.rate, (1.0 + 3.0 * 2.0) / 4.0, 1e-12);
        assert_eq!((rate.year, rate.last_year, rate.is_nearest), (2023, 2024, false));
    }

    #[test]
    fn a_month_takes_its_own_average_where_there_is_one() {
        let text = "2024,USD,2.0\n2024-12,USD,3.0\n";
        let table = FxTable::from_csv(text, "test").unwrap();
        let rate_of =
            |period: &str| table.rate(Currency::EUR, Currency::USD, &Period::parse(period).unwrap()).unwrap().rate;
        assert_near(rate_of("2024-12"), 3.0, 1e-12);
        assert_near(rate_of("2024-11"), 2.0, 1e-12);
        assert_near(rate_of("2024"), 2.0, 1e-12);
    }

    #[test]
    fn a_missing_period_is_an_error_and_the_nearest_is_marked() {
        let error = rate("USD", "CNY", "2014").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no exchange rate for USD in 2014-01: ECB euro foreign exchange reference rates, averages reach from \
             2015-01 to 2026-10 here"
        );
        let year = Period::parse("2014").unwrap();
        let nearest = FxTable::bundled().rate_or_nearest(Currency::USD, Currency::CNY, &year).unwrap();
        assert!(nearest.is_nearest);
        let unknown = rate("TWD", "USD", "2024").unwrap_err();
        assert!(matches!(unknown, FxError::UnknownCurrency { .. }));
    }

    #[test]
    fn money_is_converted_at_the_rate_of_its_period() {
        let period = Period::parse("2024").unwrap();
        let (amount, rate) = FxTable::bundled().convert(100.0, Currency::USD, Currency::CNY, &period).unwrap();
        assert_near(amount, 100.0 * rate.rate, 1e-9);
        assert!(FxTable::from_csv("2024,USD,-1", "test").is_err());
        assert!(FxTable::from_csv("2024-Q1,USD,1", "test").is_err());
    }
}
