//! `figures`: reconciled values in force with their intervals, of one name; and beside the rows of a league table.
//!
//! A figure is made by the step `reconcile`; its reason names the sources that it rests on.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use crowsnest_model::{Period, tables};

use super::league::Dimensions;
use super::{quoted, rows};
use crate::coded::text_at;
use crate::{Answer, Lake, Language, Result};

/// The figures of one name.
#[derive(Debug, Clone, Default)]
pub struct FiguresQuestion {
    /// Name in any script, pinyin, or entity id.
    pub name: String,
    /// `product`, `company` or `segment`, where a name is several.
    pub kind: Option<String>,
    /// Only this metric.
    pub metric: Option<String>,
    /// Only this period.
    pub period: Option<String>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of the name.
    pub language: Option<Language>,
}

/// SQL of the figures in force that pass a filter, those of the latest periods first.
pub(super) fn sql(filter: &str) -> String {
    format!(
        "SELECT f.metric, f.period, f.period_start, f.period_end, f.grain, f.region, f.platform, f.segment, f.unit, f.value, \
                f.low_50, f.high_50, f.low, f.high, f.low_95, f.high_95, f.n_claims, f.agreement, f.claims, f.weights, \
                f.reason, f.method, f.known_at, f.entity_id \
         FROM (SELECT * FROM figures WHERE {filter}) f JOIN ( \
             SELECT entity_id AS last_entity_id, vintage_claim(max(vintage(known_at, figure_id))) AS last_figure_id \
             FROM figures WHERE {filter} \
             GROUP BY entity_id, about(metric, period_start, period_end, region, platform, segment, unit)) \
         ON f.entity_id = last_entity_id AND f.figure_id = last_figure_id WHERE f.method <> 'withdrawn' \
         ORDER BY f.period_start DESC, f.period_end DESC, f.metric, f.region, f.platform, f.segment, f.unit"
    )
}

/// The figures of a name, the latest periods first.
///
/// # Errors
/// An unknown name or metric, something that is no period; those of the engine.
pub async fn figures(lake: &Lake, question: &FiguresQuestion) -> Result<Answer> {
    let kind = question.kind.as_deref().map(rows::parse_kind).transpose()?;
    let identity = lake.identity();
    let entity = identity.find(&question.name, kind)?;
    let mut filter = format!("entity_id = {} AND {}", entity.id, rows::known_by(question.as_of));
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
        filter.push_str(&format!(" AND metric = {}", quoted(metric)));
    }
    if let Some(period) = &question.period {
        filter.push_str(&format!(" AND {}", rows::is_period(&rows::known_period(lake, period)?)));
    }
    let answer = super::run_few(lake, &sql(&filter)).await?;
    let kept: Vec<usize> = (0..answer.rows.num_columns() - 1).collect();
    Ok(Answer { rows: answer.rows.project(&kept)?, ..answer }
        .with_fact("entity", entity.hex())
        .with_fact("name", entity.name(rows::language(lake, question.language)))
        .with_fact("kind", entity.kind.as_str()))
}

/// A figure beside a claim.
struct Beside {
    value: f64,
    ends: [Option<f64>; 2],
    reason: Option<String>,
}

/// Adds `figure`, `figure_low`, `figure_high` and `figure_reason` to rows of a metric, period and slice; `entities` are those
/// of the rows. Nothing is added where the market has no figures at all.
pub(super) async fn beside(
    lake: &Lake,
    (metric, period, dimensions): (&str, &Period, &Dimensions),
    as_of: Option<i64>,
    table: RecordBatch,
    entities: &ArrayRef,
) -> Result<RecordBatch> {
    if lake.n_rows(&tables::FIGURES) == 0 {
        return Ok(table);
    }
    let filter = format!(
        "metric = {} AND {} AND {} AND {}",
        quoted(metric),
        rows::is_period(period),
        dimensions.filter(),
        rows::known_by(as_of)
    );
    // What else a figure has, weights and claims above all, is most of what a whole month would have to read.
    let shown = format!("SELECT entity_id, unit, value, low, high, reason FROM ({})", sql(&filter));
    let found = by_entity(&super::run(lake, &shown).await?.rows);
    let (entities, units) = (entities.as_primitive::<Int64Type>(), table.column_by_name("unit"));
    let of = |row: usize| -> Option<&Beside> {
        let unit = text_at(units?.as_ref(), row)?;
        found.get(&(entities.value(row), unit.to_owned()))
    };
    let each: Vec<Option<&Beside>> = (0..table.num_rows()).map(of).collect();
    let numbers = |of: &dyn Fn(&Beside) -> Option<f64>| -> ArrayRef {
        Arc::new(each.iter().map(|own| own.and_then(of)).collect::<Float64Array>())
    };
    let reasons = each.iter().map(|own| own.and_then(|own| own.reason.as_deref())).collect::<StringArray>();
    let added: [(&str, DataType, ArrayRef); 4] = [
        ("figure", DataType::Float64, numbers(&|own| Some(own.value))),
        ("figure_low", DataType::Float64, numbers(&|own| own.ends[0])),
        ("figure_high", DataType::Float64, numbers(&|own| own.ends[1])),
        ("figure_reason", DataType::Utf8, Arc::new(reasons)),
    ];
    let mut fields: Vec<Arc<Field>> = table.schema().fields().iter().cloned().collect();
    let mut columns = table.columns().to_vec();
    for (name, data_type, column) in added {
        fields.push(Arc::new(Field::new(name, data_type, true)));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn by_entity(figures: &RecordBatch) -> HashMap<(i64, String), Beside> {
    let number = |name: &str| figures.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    let ids = figures.column_by_name("entity_id").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(ids), Some(values), Some(lows), Some(highs)) = (ids, number("value"), number("low"), number("high"))
    else {
        return HashMap::new();
    };
    let text = |name: &str, row: usize| text_at(figures.column_by_name(name)?.as_ref(), row).map(str::to_owned);
    let mut found = HashMap::new();
    for row in 0..figures.num_rows() {
        let end = |column: &Float64Array| column.is_valid(row).then(|| column.value(row));
        let own = Beside { value: values.value(row), ends: [end(lows), end(highs)], reason: text("reason", row) };
        found.insert((ids.value(row), text("unit", row).unwrap_or_default()), own);
    }
    found
}
