//! One row and one template to one event, or to what is wrong with it.

use std::sync::Arc;

use crowsnest_model::{Currency, Kind, QuantityError, Status, Unit, event_id};

use super::claims::{Outcome, no_source, read_kind, read_status, read_when, required};
use super::columns::{EventColumns, EventRow};
use super::memo::Memo;
use super::mentions::{Mentions, Named};
use super::row::{Fault, Row};
use super::said::{ReadingContext, Said, known_at, number_fault, read_number, read_period};
use crate::mapping::{Field, Template};

/// Reads events.
#[derive(Debug)]
pub(crate) struct EventReader {
    context: Arc<ReadingContext>,
    saids: Memo<Said>,
    pub(crate) columns: EventColumns,
}

/// An amount of money with its currency's code; either may be missing.
#[derive(Debug, Default)]
struct Money {
    low: Option<f64>,
    high: Option<f64>,
    currency: String,
}

impl EventReader {
    pub(crate) fn new(context: Arc<ReadingContext>, room: usize) -> Self {
        Self { context, saids: Memo::default(), columns: EventColumns::with_room(room) }
    }

    /// Reads one row as the template says and adds its event and, if it is new, its mention.
    pub(crate) fn read(
        &mut self,
        row: &Row<'_>,
        template: &Template,
        mentions: &mut Mentions,
    ) -> Result<Outcome, Fault> {
        let text = |field| template.text(row, field);
        let context = &*self.context;
        let event = required("event", text(Field::Event), "what happened: funding, launch, departure …")?;
        let event = event.to_lowercase().replace([' ', '-'], "_");
        let subject = required("subject", text(Field::Subject), "the name of a company, product or segment")?;
        let kind = match text(Field::Kind) {
            "" => Kind::Company,
            word => read_kind(word)?,
        };
        let status = match text(Field::Status) {
            "" => Status::Reported,
            word => read_status(word)?,
        };
        let said = read_when(&mut self.saids, "said_on", text(Field::SaidOn), context)?;
        let said_not_before = read_when(&mut self.saids, "said_not_before", text(Field::SaidNotBefore), context)?;
        let happened = match text(Field::HappenedOn) {
            "" => None,
            written => Some(read_period("happened_on", written, template.grain, said.day, context)?),
        };
        let amount = read_money(row, template, [Field::Amount, Field::Amount, Field::Currency], context)?;
        let valuation_fields = [Field::ValuationLow, Field::ValuationHigh, Field::ValuationCurrency];
        let valuation = read_money(row, template, valuation_fields, context)?;
        let source = match text(Field::Source) {
            "" => context.source.as_str(),
            named => named,
        };
        if source.is_empty() {
            return Err(no_source());
        }
        let known_at = known_at(said, said_not_before, context);
        let (native_id, developer, domain) = (text(Field::NativeId), text(Field::Developer), text(Field::Domain));
        let mention_id = mentions.id(Named { source, kind, subject, native_id, developer, domain, known_at });
        let happened_on = happened.map(|period| period.to_string()).unwrap_or_default();
        let row = EventRow {
            event_id: 0,
            mention_id,
            subject,
            kind: kind.as_str(),
            event: &event,
            happened_on: &happened_on,
            happened_start: happened.map(|period| period.start_day()),
            happened_end: happened.map(|period| period.end_day()),
            counterparty: text(Field::Counterparty),
            person: text(Field::Person),
            round: text(Field::Round),
            amount: amount.low,
            currency: &amount.currency,
            valuation_low: valuation.low,
            valuation_high: valuation.high,
            valuation_currency: &valuation.currency,
            status: status.as_str(),
            source,
            said_at: said.at,
            known_at,
            recorded_at: context.now,
            record: i64::try_from(row.number).unwrap_or(i64::MAX),
            url: text(Field::Url),
            note: text(Field::Note),
        };
        self.columns.push(&EventRow { event_id: id_of(&row), ..row });
        Ok(Outcome::Added)
    }
}

/// The hash of all that the event says; the order is part of every lake there is and never changes.
fn id_of(row: &EventRow<'_>) -> i64 {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let said_at = row.said_at.map(|at| at.to_string()).unwrap_or_default();
    event_id(&[
        &row.mention_id.to_string(),
        row.event,
        row.happened_on,
        row.counterparty,
        row.person,
        row.round,
        &number(row.amount),
        row.currency,
        &number(row.valuation_low),
        &number(row.valuation_high),
        row.valuation_currency,
        row.status,
        &said_at,
        row.note,
    ])
}

fn read_money(
    row: &Row<'_>,
    template: &Template,
    [low, high, currency]: [Field; 3],
    context: &ReadingContext,
) -> Result<Money, Fault> {
    let mut money = Money::default();
    let mut carried = None;
    let mut read = |field: Field| match template.text(row, field) {
        "" => Ok(None),
        text => {
            let found = match read_number(text, context) {
                // "Undisclosed" is no amount, and no fault.
                Err(QuantityError::NoValue { .. }) => return Ok(None),
                found => found.map_err(|error| number_fault(field.name(), text, &error))?,
            };
            carried = found.unit.as_ref().and_then(Unit::currency).or(carried);
            Ok(Some(found.scaled(template.scale).value))
        }
    };
    money.low = read(low)?;
    // A single column is the valuation itself; of two, one may be left open.
    money.high = if low == high || !template.has(high) { money.low } else { read(high)? };
    if let (Some(from), Some(to)) = (money.low, money.high)
        && from > to
    {
        return Err(Fault::new(low.name(), &format!("{from} to {to}"), "low ≤ high", "swap the two"));
    }
    money.currency = match (template.text(row, currency), carried) {
        ("", found) => found.map(|found| found.code().to_owned()).unwrap_or_default(),
        (text, _) => match Currency::parse(text) {
            Some(found) => found.code().to_owned(),
            None => {
                let expected = "a currency such as USD, CNY or 元";
                return Err(Fault::new(currency.name(), text, expected, "correct it, or leave it empty"));
            }
        },
    };
    let has_amount = money.low.is_some() || money.high.is_some();
    if has_amount && money.currency.is_empty() {
        let found = template.text(row, low);
        let remedy = format!("fill in {}", currency.name());
        return Err(Fault::new(currency.name(), found, "the currency of the amount", remedy));
    }
    if !has_amount {
        money.currency.clear();
    }
    Ok(money)
}
