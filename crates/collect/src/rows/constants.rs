//! What a mapping gives for every row alike, checked before any row is read: a fault there is a fault of all rows.

use crowsnest_model::{Currency, Grain, parse_quantity};

use super::claims::{read_kind, read_metric, read_status, read_unit};
use super::row::Fault;
use super::said::{ReadingContext, number_fault, read_number, read_period, read_said};
use crate::mapping::Field;

/// A field with the text that every row has for it.
pub(crate) type Constant = (Field, String);

/// What is wrong with constants, each said once.
pub(crate) fn faults_of(constants: &[Constant], context: &ReadingContext) -> Vec<String> {
    let mut faults = Vec::new();
    for (field, text) in constants {
        let Err(fault) = check(*field, text.trim(), context) else { continue };
        let said = format!("{} {:?}: expected {}; {}", field.name(), text, fault.expected, fault.remedy);
        if !faults.contains(&said) {
            faults.push(said);
        }
    }
    faults
}

fn check(field: Field, text: &str, context: &ReadingContext) -> Result<(), Fault> {
    if text.is_empty() {
        return check_empty(field);
    }
    match field {
        Field::Metric => read_metric(text, context).map(drop),
        Field::Kind => read_kind(text).map(drop),
        Field::Status => read_status(text).map(drop),
        Field::Unit => read_unit(text).map(drop),
        Field::Period | Field::HappenedOn => read_period(field.name(), text, None::<Grain>, None, context).map(drop),
        Field::SaidOn | Field::SaidNotBefore => read_said(field.name(), text, context).map(drop),
        Field::Value | Field::Low | Field::High | Field::Amount | Field::ValuationLow | Field::ValuationHigh => {
            read_number(text, context).map(drop).map_err(|error| number_fault(field.name(), text, &error))
        }
        Field::AsWritten => parse_quantity(text).map(drop).map_err(|error| number_fault(field.name(), text, &error)),
        Field::Currency | Field::ValuationCurrency if Currency::parse(text).is_none() => {
            Err(Fault::new(field.name(), text, "a currency such as USD, CNY or 元", "correct it"))
        }
        _ => Ok(()),
    }
}

/// Empty means that no row has it, which is right unless rows cannot do without.
fn check_empty(field: Field) -> Result<(), Fault> {
    match field {
        Field::Subject | Field::Metric | Field::Period | Field::Event => {
            Err(Fault::new(field.name(), "", "something: no record can do without it", "fill it in, or name a column"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crowsnest_model::MetricRegistry;

    use super::*;

    #[test]
    fn every_fault_is_told_once() {
        let context = ReadingContext {
            metrics: MetricRegistry::built_in(),
            fiscal_year_start_month: 1,
            today: 20_000,
            now: 0,
            is_known_now: false,
            has_decimal_comma: false,
            source: "test".into(),
        };
        let constants = [
            (Field::Metric, "mua"),
            (Field::Metric, "mua"),
            (Field::Metric, "mau"),
            (Field::Status, "maybe"),
            (Field::Kind, "planet"),
            (Field::Period, "2024-13"),
            (Field::Region, "cn"),
            (Field::Platform, ""),
        ];
        let constants: Vec<Constant> = constants.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        let faults = faults_of(&constants, &context);
        let fields: Vec<&str> = faults.iter().filter_map(|fault| fault.split(' ').next()).collect();
        assert_eq!(fields, ["metric", "status", "kind", "period"], "{faults:?}");
        assert!(faults[0].starts_with("metric \"mua\": expected a metric that the market knows; did you mean mau?"));
        assert_eq!(faults[3], "period \"2024-13\": expected a month of 1–12; correct the date");
    }
}
