//! Controls straight from the market: competitors' figures and breakouts, period by period.
//!
//! In: `metric:product` (or `product: metric`), and `breakout:product`. Out: a series for each, the same for all groups. A figure is
//! the claim in force known last, of the history's own grain or else of the grain with most of them; between two figures there is a
//! line, beyond the first and last the figure itself, and a note says how many periods are said. A breakout is the probability that was
//! said last before the period began, 0 before anything was.

use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Answer, Lake};
use jiff::civil::Date;

use crate::error::GrowError;
use crate::history::{History, Named};

#[derive(Debug, serde::Deserialize)]
struct Said {
    first: String,
    n_days: f64,
    value: f64,
}

#[derive(Debug, PartialEq)]
enum Wanted<'a> {
    Figure { product: &'a str, metric: &'a str },
    Breakout { product: &'a str },
}

const BREAKOUT: &str = "breakout";

/// Adds controls to all groups.
pub(crate) async fn add(
    lake: &Lake,
    history: &mut History,
    asked: &[String],
) -> Result<Result<(), Vec<String>>, GrowError> {
    let mut faults = Vec::new();
    let periods: Vec<Date> = history.periods.iter().filter_map(|day| day.parse().ok()).collect();
    let n_days = 365.25 / history.periods_per_year;
    for control in asked {
        let is_metric = |text: &str| lake.market().metrics.get(text).is_some();
        let Some(wanted) = wanted(control, is_metric) else {
            faults.push(format!(
                "control {control:?}: it is no column; write it as metric:product, with a metric of the market, or breakout:product"
            ));
            continue;
        };
        let (said, is_stepped) = match wanted {
            Wanted::Figure { product, metric } => (figures(lake, product, metric).await?, false),
            Wanted::Breakout { product } => (breakouts(lake, product).await?, true),
        };
        let values = if is_stepped { stepped(&said, &periods) } else { drawn(said, &periods, n_days) };
        match values {
            Some((values, n_said)) => {
                if n_said < periods.len() && !is_stepped {
                    history.notes.push(format!(
                        "control {control}: {n_said} of {} periods are said, the others lie on lines between them",
                        periods.len()
                    ));
                }
                let named = Named { name: control.clone(), values };
                history.groups.iter_mut().for_each(|group| group.controls.push(named.clone()));
            }
            None => faults.push(format!("control {control:?}: the market has too few figures of it in these periods")),
        }
    }
    Ok(if faults.is_empty() { Ok(()) } else { Err(faults) })
}

fn wanted(control: &str, is_metric: impl Fn(&str) -> bool) -> Option<Wanted<'_>> {
    let (left, right) = control.split_once(':')?;
    if left.trim() == BREAKOUT {
        return Some(Wanted::Breakout { product: right.trim() });
    }
    if is_metric(left.trim()) {
        return Some(Wanted::Figure { product: right.trim(), metric: left.trim() });
    }
    let (left, right) = control.rsplit_once(':')?;
    is_metric(right.trim()).then(|| Wanted::Figure { product: left.trim(), metric: right.trim() })
}

/// Figures of all segments, by first day and length.
async fn figures(lake: &Lake, product: &str, metric: &str) -> Result<Vec<Said>, GrowError> {
    let entity = lake.identity().find(product, None)?.id;
    let sql = format!(
        "SELECT CAST(period_start AS VARCHAR) AS first, CAST(length AS DOUBLE) AS n_days, last_value(value ORDER BY known_at) AS value \
         FROM (SELECT c.period_start, CAST(c.period_end AS INT) - CAST(c.period_start AS INT) AS length, c.value, c.known_at \
               FROM claims_in_force c JOIN identities i ON c.mention_id = i.mention_id \
               WHERE i.entity_id = {entity} AND c.metric = {} AND c.value IS NOT NULL AND c.segment IN ('all', '')) \
         WHERE length <= 366 GROUP BY period_start, length ORDER BY 1",
        quoted(metric)
    );
    rows(lake, &sql).await
}

async fn breakouts(lake: &Lake, product: &str) -> Result<Vec<Said>, GrowError> {
    let entity = lake.identity().find(product, None)?.id;
    let sql = format!(
        "SELECT CAST(period_end AS VARCHAR) AS first, CAST(0 AS DOUBLE) AS n_days, max(probability) AS value FROM signals \
         WHERE entity_id = {entity} AND detector IN ('breakout', 'breakout_call') AND probability IS NOT NULL \
         GROUP BY period_end ORDER BY 1"
    );
    rows(lake, &sql).await
}

async fn rows(lake: &Lake, sql: &str) -> Result<Vec<Said>, GrowError> {
    let mut said = Vec::new();
    for batch in lake.query(sql).await? {
        said.extend(Answer::of_rows(batch).rows_as::<Said>()?);
    }
    Ok(said)
}

/// The series of one grain, lines between what is said; how many periods are said.
fn drawn(mut said: Vec<Said>, periods: &[Date], n_days: f64) -> Option<(Vec<f64>, usize)> {
    let is_of_grain = |own: &Said, n_days: f64| (own.n_days - n_days).abs() <= (0.08 * n_days).max(0.1);
    let n_of = |n_days: f64| said.iter().filter(|own| is_of_grain(own, n_days)).count();
    // A point in time is a figure of its day.
    let grains = [n_days, 1.0, 7.0, 30.4, 91.3, 365.25];
    let best = grains.into_iter().skip(1).max_by_key(|grain| n_of(*grain))?;
    let grain = if n_of(n_days) * 2 >= periods.len() || n_of(n_days) >= n_of(best) { n_days } else { best };
    said.retain(|own| is_of_grain(own, grain));
    let first = *periods.first()?;
    let day = |date: Date| first.until(date).map_or(0.0, |span| f64::from(span.get_days()));
    let mut points: Vec<(f64, f64)> = said
        .iter()
        .filter_map(|own| Some((day(own.first.parse().ok()?) + 0.5 * own.n_days, own.value)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    let last = day(*periods.last()?) + n_days;
    if points.iter().filter(|(at, _)| (-n_days..=last + n_days).contains(at)).count() < 2 {
        return None;
    }
    let middles: Vec<f64> = periods.iter().map(|period| day(*period) + 0.5 * n_days).collect();
    let n_said = middles.iter().filter(|at| points.iter().any(|(own, _)| (own - **at).abs() <= 0.5 * n_days)).count();
    Some((middles.iter().map(|at| on_line(&points, *at)).collect(), n_said))
}

fn on_line(points: &[(f64, f64)], at: f64) -> f64 {
    let after = points.partition_point(|(own, _)| *own < at);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some((left, low)), Some((right, high))) if *right > left => low + (high - low) * (at - left) / (right - left),
        (Some((_, value)), _) => value,
        (None, Some((_, value))) => *value,
        (None, None) => 0.0,
    }
}

/// The value said last before each period began.
fn stepped(said: &[Said], periods: &[Date]) -> Option<(Vec<f64>, usize)> {
    let said: Vec<(Date, f64)> = said.iter().filter_map(|own| Some((own.first.parse().ok()?, own.value))).collect();
    let value = |period: &Date| said.iter().rfind(|(from, _)| from <= period).map(|(_, value)| *value);
    let n_said = periods.iter().filter(|period| value(period).is_some()).count();
    (n_said > 0).then(|| (periods.iter().map(|period| value(period).unwrap_or(0.0)).collect(), n_said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_understood() {
        let is_metric = |text: &str| text == "mau";
        let figure = Some(Wanted::Figure { product: "Kimi: pro", metric: "mau" });
        assert_eq!(wanted("mau:Kimi: pro", is_metric), figure);
        assert_eq!(wanted("Kimi: pro: mau", is_metric), figure);
        assert_eq!(wanted("breakout:Kimi", is_metric), Some(Wanted::Breakout { product: "Kimi" }));
        assert_eq!(wanted("Kimi: colour", is_metric), None);
    }

    /// Months of 10, 20 and 30 from January on, four weeks from 15 January: the first lies in January's middle.
    #[test]
    fn months_are_lines_for_weeks() {
        let said = |first: &str, n_days: f64, value: f64| Said { first: first.into(), n_days, value };
        let months =
            vec![said("2024-01-01", 31.0, 10.0), said("2024-02-01", 29.0, 20.0), said("2024-03-01", 31.0, 30.0)];
        let weeks: Vec<Date> =
            ["2024-01-15", "2024-01-22", "2024-01-29", "2024-02-05"].iter().map(|day| day.parse().unwrap()).collect();
        let (values, n_said) = drawn(months, &weeks, 7.0).unwrap();
        assert!(values[0] > 10.0 && values[0] < 11.0 && values.windows(2).all(|two| two[0] < two[1]), "{values:?}");
        assert_eq!(n_said, 1, "January's middle");
        assert!(drawn(vec![said("2024-01-01", 31.0, 10.0)], &weeks, 7.0).is_none());
        let breakouts = [said("2024-01-20", 0.0, 0.3), said("2024-02-01", 0.0, 0.6)];
        assert_eq!(stepped(&breakouts, &weeks), Some((vec![0.0, 0.3, 0.3, 0.6], 3)));
    }
}
