//! The figures that the lake holds already, so that only what is new or has moved becomes a row.

use std::collections::HashMap;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use crowsnest_lake::Lake;
use crowsnest_model::{Grain, Period, event_id};
use futures::TryStreamExt as _;

use crate::error::ReconcileError;
use crate::evaluate::Z_80;
use crate::loading::{Loaded, text_column};

/// What a figure is looked up by: entity, period, the numbers of its dimensions and unit.
pub(crate) type Key = (i64, Period, u32, u32);

/// A figure that the lake holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    /// The value, in its unit.
    pub(crate) value: f64,
    log: f64,
    sd: f64,
    /// A number of the claims that it rests on.
    claims: i64,
}

impl Held {
    /// Whether a figure says the same as what is held: the same claims, and less than a quarter of its spread apart.
    pub(crate) fn is_as(&self, log: f64, sd: f64, claims: &str) -> bool {
        const MOVED: f64 = 0.25;
        const WIDER: f64 = 1.2;
        let wider = sd / self.sd.max(1e-12);
        self.claims == number_of(claims) && (log - self.log).abs() < MOVED * sd && (1.0 / WIDER..WIDER).contains(&wider)
    }
}

fn number_of(claims: &str) -> i64 {
    event_id(&[claims])
}

/// The figures that pass the filter (on `figures`) and are in force.
pub(crate) async fn held(lake: &Lake, filter: &str, loaded: &mut Loaded) -> Result<HashMap<Key, Held>, ReconcileError> {
    let query = format!(
        "SELECT f.entity_id, f.period_start, f.period_end, f.grain, f.region, f.platform, f.segment, f.unit, \
                f.value, f.low, f.high, f.claims \
         FROM (SELECT * FROM figures WHERE {filter}) f JOIN ( \
             SELECT entity_id AS last_entity_id, vintage_claim(max(vintage(known_at, figure_id))) AS last_figure_id \
             FROM figures WHERE {filter} \
             GROUP BY entity_id, about(metric, period_start, period_end, region, platform, segment, unit)) \
         ON f.entity_id = last_entity_id AND f.figure_id = last_figure_id WHERE f.method <> 'withdrawn'"
    );
    let mut found = HashMap::new();
    let mut stream = lake.stream(&query).await?;
    while let Some(batch) = stream.try_next().await.map_err(crowsnest_lake::LakeError::from)? {
        let entities = batch.column(0).as_primitive::<Int64Type>();
        let (starts, ends) =
            (batch.column(1).as_primitive::<Date32Type>(), batch.column(2).as_primitive::<Date32Type>());
        let number = |column: usize| batch.column(column).as_primitive::<Float64Type>();
        let (values, lows, highs) = (number(8), number(9), number(10));
        let columns = (3..8).chain([11]).map(|column| text_column(&batch, column)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let text = |column: usize| columns[column].value(row);
            let Ok(grain) = text(0).parse::<Grain>() else { continue };
            let Ok(period) = Period::new(starts.value(row), ends.value(row), grain) else { continue };
            let dimensions = loaded.dimensions.number([1, 2, 3].map(|column| text(column).to_owned()));
            let unit = loaded.units.number(text(4).to_owned());
            let sd = if lows.is_valid(row) { (highs.value(row) / lows.value(row)).ln() / (2.0 * Z_80) } else { 0.0 };
            let value = values.value(row);
            let own = Held { value, log: value.ln(), sd, claims: number_of(text(5)) };
            found.insert((entities.value(row), period, dimensions, unit), own);
        }
    }
    Ok(found)
}
