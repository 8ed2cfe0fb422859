//! One row and one template to one claim, or to what is wrong with it.

use std::borrow::Cow;
use std::sync::Arc;

use crowsnest_model::{
    Bound, ClaimKey, Currency, Kind, Metric, Period, QuantityError, Status, Unit, normalise, parse_quantity,
};

use super::columns::{ClaimColumns, ClaimRow};
use super::memo::Memo;
use super::mentions::{Mentions, Named};
use super::row::{Fault, Row};
use super::said::{Number, ReadingContext, Said, known_at, number_fault, read_number, read_period, read_said};
use crate::mapping::{Field, Template};

/// How far a value may lie outside what `as_written` implies before the two contradict each other: rounding.
const CONTRADICTION_SHARE: f64 = 0.01;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in.
    Added,
    /// There was nothing in it.
    Blank,
}

/// Reads claims; remembers what recurring texts mean.
#[derive(Debug)]
pub(crate) struct ClaimReader {
    context: Arc<ReadingContext>,
    kinds: Memo<Kind>,
    metrics: Memo<MetricWord>,
    units: Memo<UnitWord>,
    statuses: Memo<Status>,
    periods: Memo<(Period, String)>,
    saids: Memo<Said>,
    scratch: Vec<u8>,
    pub(crate) columns: ClaimColumns,
}

/// What a claim has to know of its metric.
#[derive(Debug)]
pub(super) struct MetricWord {
    id: String,
    unit: String,
    is_money: bool,
}

/// What a unit's text means: `万元` is CNY, ten thousand at a time.
#[derive(Debug)]
pub(super) struct UnitWord {
    word: Option<String>,
    is_money: bool,
    factor: f64,
}

/// A claim's number with the unit it is stored in.
struct Measured<'a> {
    number: Number,
    unit: Cow<'a, str>,
}

impl ClaimReader {
    pub(crate) fn new(context: Arc<ReadingContext>, room: usize) -> Self {
        Self {
            context,
            kinds: Memo::default(),
            metrics: Memo::default(),
            units: Memo::default(),
            statuses: Memo::default(),
            periods: Memo::default(),
            saids: Memo::default(),
            scratch: Vec::with_capacity(256),
            columns: ClaimColumns::with_room(room),
        }
    }

    /// Reads one row as the template says and adds its claim and, if it is new, its mention.
    pub(crate) fn read(
        &mut self,
        row: &Row<'_>,
        template: &Template,
        mentions: &mut Mentions,
    ) -> Result<Outcome, Fault> {
        let text = |field| template.text(row, field);
        let (value_text, as_written) = (text(Field::Value), text(Field::AsWritten));
        if template.skips_blank && says_nothing(value_text, as_written) {
            return Ok(Outcome::Blank);
        }
        let context = &*self.context;
        let subject = required("subject", text(Field::Subject), "the name of a product, company or segment")?;
        let kind = word_or(&mut self.kinds, text(Field::Kind), Kind::Product, read_kind)?;
        let metric_text = required("metric", text(Field::Metric), "the id of a metric")?;
        let metric = self.metrics.get(metric_text, |id| read_metric(id, context))?;
        let said = read_when(&mut self.saids, "said_on", text(Field::SaidOn), context)?;
        let said_not_before = read_when(&mut self.saids, "said_not_before", text(Field::SaidNotBefore), context)?;
        let period_text = required("period", text(Field::Period), "a period such as 2024-12")?;
        let read_here = |text: &str| -> Result<(Period, String), Fault> {
            let period = read_period("period", text, template.grain, said.day, context)?;
            Ok((period, period.to_string()))
        };
        let read_now;
        let (period, period_name) = if template.grain.is_none() && means_the_same_everywhere(period_text) {
            self.periods.get(period_text, read_here)?
        } else {
            read_now = read_here(period_text)?;
            &read_now
        };
        let status = word_or(&mut self.statuses, text(Field::Status), Status::Reported, read_status)?;
        let Measured { number, unit } = measure(row, template, metric, &mut self.units, context)?;
        let source = or_default(text(Field::Source), &context.source);
        if source.is_empty() {
            return Err(no_source());
        }
        let known_at = known_at(said, said_not_before, context);
        let native_id = text(Field::NativeId);
        let (developer, domain) = (text(Field::Developer), text(Field::Domain));
        let mention_id = mentions.id(Named { source, kind, subject, native_id, developer, domain, known_at });
        let key = ClaimKey {
            mention_id,
            metric: &metric.id,
            period: *period,
            region: or_default(text(Field::Region), "all"),
            platform: or_default(text(Field::Platform), "all"),
            segment: or_default(text(Field::Segment), "all"),
            value: number.value,
            low: number.low,
            high: number.high,
            bound: number.bound,
            unit: &unit,
            status,
            said_at: said.at,
        };
        self.columns.push(&ClaimRow {
            subject,
            kind: kind.as_str(),
            period: period_name,
            as_written,
            source,
            known_at,
            recorded_at: context.now,
            record: i64::try_from(row.number).unwrap_or(i64::MAX),
            url: text(Field::Url),
            ..row_of(&key, &mut self.scratch)
        });
        Ok(Outcome::Added)
    }
}

/// The columns that a claim's key gives.
fn row_of<'a>(key: &ClaimKey<'a>, scratch: &mut Vec<u8>) -> ClaimRow<'a> {
    ClaimRow {
        claim_id: key.id(scratch),
        mention_id: key.mention_id,
        subject: "",
        kind: "",
        metric: key.metric,
        period: "",
        period_start: key.period.start_day(),
        period_end: key.period.end_day(),
        grain: key.period.grain().as_str(),
        region: key.region,
        platform: key.platform,
        segment: key.segment,
        value: key.value,
        low: key.low,
        high: key.high,
        bound: key.bound.as_str(),
        unit: key.unit,
        as_written: "",
        status: key.status.as_str(),
        source: "",
        said_at: key.said_at,
        known_at: 0,
        recorded_at: 0,
        record: 0,
        url: "",
    }
}

/// What a word is read as; a default where there is none.
fn word_or<T: Copy>(
    memo: &mut Memo<T>,
    word: &str,
    default: T,
    read: impl FnOnce(&str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    if word.is_empty() { Ok(default) } else { memo.get(word, read).copied() }
}

/// Whether a period's text does not depend on when it was said: only ISO texts are made of these letters alone.
fn means_the_same_everywhere(period: &str) -> bool {
    period.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'/' | b'Q' | b'W' | b'H'))
}

fn or_default<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// A cell of a wide file that stands for no figure.
fn says_nothing(value: &str, as_written: &str) -> bool {
    let is_empty = value.is_empty() && as_written.is_empty();
    is_empty || matches!(parse_quantity(value), Err(QuantityError::NoValue { .. }))
}

pub(crate) fn required<'a>(column: &'static str, text: &'a str, expected: &'static str) -> Result<&'a str, Fault> {
    if text.is_empty() {
        return Err(Fault::new(column, text, expected, "fill it in, or give it in the mapping's [constants]"));
    }
    Ok(text)
}

pub(crate) fn no_source() -> Fault {
    Fault::new("source", "", "who says so", "name the source with --source, or add a column source")
}

pub(crate) fn read_kind(word: &str) -> Result<Kind, Fault> {
    word.parse().map_err(|_| Fault::new("kind", word, "product, company or segment", "use one of these words"))
}

pub(crate) fn read_status(word: &str) -> Result<Status, Fault> {
    word.parse().map_err(|_| {
        let words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        Fault::new("status", word, format!("one of {}", words.join(", ")), "use one of these words")
    })
}

pub(crate) fn read_when(
    memo: &mut Memo<Said>,
    column: &'static str,
    text: &str,
    context: &ReadingContext,
) -> Result<Said, Fault> {
    if text.is_empty() {
        return Ok(Said::default());
    }
    memo.get(text, |text| read_said(column, text, context)).copied()
}

/// A metric by its id, or by one of its labels.
pub(super) fn read_metric(text: &str, context: &ReadingContext) -> Result<MetricWord, Fault> {
    let found = context.metrics.get(text).or_else(|| by_label(text, context));
    let Some(metric) = found else {
        let remedy = match context.metrics.closest(text) {
            Some(close) => format!("did you mean {close}? A new metric is a table [{text}] in metrics.toml"),
            None => format!("describe it as a table [{text}] in metrics.toml"),
        };
        return Err(Fault::new("metric", text, "a metric that the market knows", remedy));
    };
    Ok(MetricWord { id: metric.id.clone(), unit: metric.unit.clone(), is_money: metric.is_money() })
}

fn by_label<'a>(text: &str, context: &'a ReadingContext) -> Option<&'a Metric> {
    let wanted = normalise(text);
    context.metrics.iter().find(|metric| {
        [&metric.id, &metric.label_en, &metric.label_zh_hans, &metric.label_zh_hant]
            .into_iter()
            .any(|label| normalise(label) == wanted)
    })
}

/// The claim's number from `value`, `as_written`, `low` and `high`, in the unit it is stored in.
fn measure<'a>(
    row: &Row<'_>,
    template: &Template,
    metric: &'a MetricWord,
    units: &'a mut Memo<UnitWord>,
    context: &ReadingContext,
) -> Result<Measured<'a>, Fault> {
    let text = |field| template.text(row, field);
    let (value_text, as_written) = (text(Field::Value), text(Field::AsWritten));
    let given = match value_text {
        "" => None,
        text => Some(read_number(text, context).map_err(|error| number_fault("value", text, &error))?),
    };
    let written = match as_written {
        "" => None,
        text if given.is_some() => parse_quantity(text).ok().map(Number::from),
        text => Some(parse_quantity(text).map(Number::from).map_err(|error| number_fault("as_written", text, &error))?),
    };
    let is_given = given.is_some();
    let Some(number) = given.map(|given| given.scaled(template.scale)).or_else(|| written.clone()) else {
        return Err(Fault::new("value", "", "a number in value or as_written", "fill in one of the two"));
    };
    let unit_text = text(Field::Unit);
    let unit_word = match unit_text {
        "" => None,
        same if same == metric.unit && !metric.is_money => None,
        other => Some(units.get(other, read_unit)?),
    };
    let own_unit = number.unit.as_ref().or(written.as_ref().and_then(|written| written.unit.as_ref()));
    let unit = unit_of(metric, unit_word, own_unit, unit_text)?;
    let has_scaled_itself = number.unit.is_some() || !is_given;
    let factor = unit_word.filter(|_| !has_scaled_itself).map_or(1.0, |word| word.factor);
    let mut number = number.scaled(factor);
    if let Some(written) = written.filter(|_| is_given) {
        check_agreement(&number, &written, value_text, as_written, &unit)?;
        (number.low, number.high, number.bound) = (written.low, written.high, written.bound);
    }
    bounds_given(row, template, &mut number, factor, context)?;
    Ok(Measured { number, unit })
}

pub(super) fn read_unit(text: &str) -> Result<UnitWord, Fault> {
    if let Some(currency) = Currency::parse(text) {
        return Ok(UnitWord { word: Some(currency.code().to_owned()), is_money: true, factor: 1.0 });
    }
    // A unit with a scale (`万元`, `million users`, `%`) is what it makes of 1.
    if let Ok(one) = parse_quantity(&format!("1{text}")).or_else(|_| parse_quantity(&format!("1 {text}")))
        && one.bound == Bound::Exact
    {
        let is_money = matches!(one.unit, Some(Unit::Currency(_)));
        let word = one.unit.map(|unit| unit.as_str().to_owned());
        if word.is_some() || one.value != 1.0 {
            return Ok(UnitWord { word, is_money, factor: one.value });
        }
    }
    match Unit::parse(text) {
        Some(unit) => {
            let is_money = matches!(unit, Unit::Currency(_));
            Ok(UnitWord { word: Some(unit.as_str().to_owned()), is_money, factor: 1.0 })
        }
        None => Err(Fault::new("unit", text, "a unit such as users, CNY, 万元 or %", "correct it, or leave it empty")),
    }
}

/// The unit to store: what the row names, else what the number carries, else the metric's.
fn unit_of<'a>(
    metric: &'a MetricWord,
    named: Option<&'a UnitWord>,
    carried: Option<&Unit>,
    unit_text: &str,
) -> Result<Cow<'a, str>, Fault> {
    let carried_money = carried.and_then(Unit::currency);
    let named_word = named.and_then(|named| named.word.as_deref());
    if !metric.is_money {
        let is_named_money = named.is_some_and(|named| named.is_money);
        if is_named_money || carried_money.is_some() {
            let found = if unit_text.is_empty() { "an amount of money" } else { unit_text };
            let expected = format!("{}, the unit of {}", metric.unit, metric.id);
            return Err(Fault::new("unit", found, expected, "correct the unit or the metric"));
        }
        if carried == Some(&Unit::Ratio) && metric.unit != "ratio" && named_word.is_none() {
            let expected = format!("{}, the unit of {}", metric.unit, metric.id);
            return Err(Fault::new("value", "a percentage", expected, "correct the value or the metric"));
        }
        return Ok(Cow::Borrowed(named_word.unwrap_or(&metric.unit)));
    }
    if let Some(named) = named.filter(|named| named.word.is_some()) {
        if !named.is_money {
            let remedy = format!("{} is an amount of money: name its currency", metric.id);
            return Err(Fault::new("unit", unit_text, "a currency such as CNY, USD or 元", remedy));
        }
        return Ok(Cow::Borrowed(named.word.as_deref().unwrap_or_default()));
    }
    if let Some(currency) = carried_money {
        return Ok(Cow::Owned(currency.code().to_owned()));
    }
    if metric.unit != "currency" {
        return Ok(Cow::Borrowed(&metric.unit));
    }
    let remedy = "add a column unit with CNY, USD …, or unit in the mapping's [constants]";
    Err(Fault::new("unit", unit_text, format!("the currency of {}", metric.id), remedy))
}

/// The value has to be one that `as_written` can mean, but for rounding.
fn check_agreement(
    given: &Number,
    written: &Number,
    value_text: &str,
    as_written: &str,
    unit: &str,
) -> Result<(), Fault> {
    let low = written.low.unwrap_or(if written.bound == Bound::AtMost { f64::NEG_INFINITY } else { written.value });
    let high = written.high.unwrap_or(if written.bound == Bound::AtLeast { f64::INFINITY } else { written.value });
    let margin = CONTRADICTION_SHARE * written.value.abs();
    let agrees = given.value >= low - margin && given.value <= high + margin;
    let currency = written.unit.as_ref().and_then(Unit::currency);
    let is_same_money = currency.is_none_or(|currency| currency.code() == unit);
    if agrees && is_same_money {
        return Ok(());
    }
    let expected = format!("what as_written {as_written:?} means: {}", shown(written));
    Err(Fault::new("value", value_text, expected, "correct value, unit or as_written: they contradict each other"))
}

fn shown(number: &Number) -> String {
    let unit = number.unit.as_ref().map_or(String::new(), |unit| format!(" {unit}"));
    match (number.low, number.high) {
        (Some(low), Some(high)) => format!("{low} to {high}{unit}"),
        (Some(low), None) => format!("{low}{unit} or more"),
        (None, Some(high)) => format!("{high}{unit} or less"),
        (None, None) => format!("{}{unit}", number.value),
    }
}

/// `low` and `high` where the file gives them itself; they must hold the value.
fn bounds_given(
    row: &Row<'_>,
    template: &Template,
    number: &mut Number,
    factor: f64,
    context: &ReadingContext,
) -> Result<(), Fault> {
    if !template.has(Field::Low) && !template.has(Field::High) {
        return Ok(());
    }
    let read = |field: Field| match template.text(row, field) {
        "" => Ok(None),
        text => read_number(text, context)
            .map(|found| Some(found.scaled(template.scale).scaled(factor).value))
            .map_err(|error| number_fault(field.name(), text, &error)),
    };
    let (low, high) = (read(Field::Low)?, read(Field::High)?);
    let is_inside = low.is_none_or(|low| low <= number.value) && high.is_none_or(|high| number.value <= high);
    if !is_inside {
        let found = format!("{} outside {low:?} to {high:?}", number.value).replace("Some(", "").replace([')'], "");
        return Err(Fault::new("low", &found, "low ≤ value ≤ high", "correct low, value or high"));
    }
    number.low = low.or(number.low);
    number.high = high.or(number.high);
    number.bound = match (low, high) {
        (Some(_), Some(_)) => Bound::Range,
        (Some(_), None) if number.bound == Bound::Exact => Bound::AtLeast,
        (None, Some(_)) if number.bound == Bound::Exact => Bound::AtMost,
        _ => number.bound,
    };
    Ok(())
}
