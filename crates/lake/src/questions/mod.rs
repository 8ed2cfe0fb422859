//! The questions people ask of a market, each one file: what is asked, its SQL, and how the answer is shaped.
//!
//! Every question can be asked as of a moment: only claims known by then count. Answers are [`crate::Answer`]s, so that
//! the command line, the pages and the API say the same.

mod breakouts;
mod cited;
mod claims;
mod cluster;
mod diff;
mod directions;
mod document;
mod events;
mod figures;
pub(crate) mod in_force;
mod inventory;
mod league;
mod league_facts;
mod marks;
pub(crate) mod money;
mod movers;
mod moves;
mod named;
mod names;
mod newcomers;
mod overview;
mod plans;
mod products;
mod rhythm;
mod roll_up;
mod rows;
mod series;
mod share;
mod show;
mod side_by_side;
mod sources;
mod totals;
mod whose;

pub use breakouts::{BreakoutsQuestion, RecordQuestion, breakouts, record};
pub use cited::{Cited, cited};
pub use claims::{ClaimsQuestion, claims};
pub use cluster::cluster;
pub use diff::{DiffQuestion, diff};
pub use directions::{DirectionsQuestion, directions};
pub use document::{DocumentQuestion, document, document_sources};
pub use events::{EventsQuestion, events};
pub use figures::{FiguresQuestion, figures};
pub use inventory::{MetricsQuestion, PeriodsQuestion, metrics, periods};
pub use league::{LeagueQuestion, league};
pub(crate) use league::{Shape as LeagueShape, Slice as LeagueSlice};
pub use marks::{MarksQuestion, marks};
pub use movers::{Direction, MoversQuestion, movers};
pub use moves::{MovesQuestion, moves};
pub use named::in_language;
pub use names::{NamesQuestion, decided, names};
pub use newcomers::{NewcomersQuestion, newcomers};
pub use overview::{OverviewQuestion, overview};
pub use plans::{LoopQuestion, PlanQuestion, PlansQuestion, plan, plan_curves, plans, the_loop};
pub use products::{ProductsQuestion, RelationsQuestion, products, relations};
pub use rhythm::{RhythmQuestion, rhythm};
pub use roll_up::RollUp;
pub(crate) use rows::is_entity;
pub(crate) use series::sql as series_sql;
pub use series::{SeriesQuestion, series};
pub use share::{ShareQuestion, share};
pub use show::{ShowQuestion, WhyQuestion, show, why};
pub use side_by_side::{SideBySideQuestion, claims_side_by_side, figures_side_by_side};
pub use sources::{SourcesQuestion, sources};
pub use totals::{TotalsQuestion, totals};

pub(crate) use crate::sql::quoted;
use arrow::array::RecordBatch;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;

use crate::lake::as_question;
use crate::{Answer, Lake, LakeError, Result};

/// A day as the instant of its end, or an RFC 3339 instant, in microseconds since 1970-01-01 UTC.
///
/// # Errors
/// [`LakeError::BadQuestion`] for anything else.
pub fn parse_as_of(text: &str) -> Result<i64> {
    const DAY_US: i64 = 86_400_000_000;
    if let Some(day) = crowsnest_model::parse_day(text.trim()) {
        return Ok((i64::from(day) + 1) * DAY_US - 1);
    }
    let instant: Result<jiff::Timestamp, _> = text.trim().parse();
    instant.map(jiff::Timestamp::as_microsecond).map_err(|_| {
        LakeError::bad_question(
            format!("{text:?} is not a moment"),
            "write a day such as 2025-02-01, or an instant such as 2025-02-01T12:00:00Z",
        )
    })
}

/// An instant in RFC 3339.
pub(crate) fn instant_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|instant| instant.to_string()).unwrap_or_default()
}

/// Runs a query and makes its rows an answer.
pub(crate) fn run<'a>(lake: &'a Lake, sql: &'a str) -> BoxFuture<'a, Result<Answer>> {
    as_question(async move { answered(lake, lake.frame(sql, &[]).await?).await })
}

/// The same for a question about a name or a few, which reads a few rows.
pub(crate) fn run_few<'a>(lake: &'a Lake, sql: &'a str) -> BoxFuture<'a, Result<Answer>> {
    as_question(async move { answered(lake, lake.frame_of_few(sql).await?).await })
}

async fn answered(lake: &Lake, frame: DataFrame) -> Result<Answer> {
    let schema = std::sync::Arc::clone(frame.schema().inner());
    let batches: Vec<RecordBatch> = lake.run(frame).await?.try_collect().await?;
    let schema = batches.first().map_or(schema, |batch| batch.schema());
    Answer::of_batches(&schema, &batches)
}
