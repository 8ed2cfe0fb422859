//! `breakouts` and `record`: what was called, and what came of it. Both read the table `signals` alone.

use std::collections::BTreeMap;

use arrow::array::UInt32Array;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{quoted, rows};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Which breakouts.
#[derive(Debug, Clone, Default)]
pub struct BreakoutsQuestion {
    /// Of this metric.
    pub metric: Option<String>,
    /// How much the size of the prize counts: the list is by probability times expected level to this power, 0 to 1.
    pub prize: f64,
    /// At least this probability.
    pub least: Option<f64>,
    /// Of this segment: one that claims name, or a family of products whose names begin with this word.
    pub segment: Option<String>,
    /// Of this region.
    pub region: Option<String>,
    /// On the list for no more than so many periods; products of unknown age are left out.
    pub age_max: Option<usize>,
    /// At most so many.
    pub limit: usize,
    /// Microseconds; what was said last by then.
    pub as_of: Option<i64>,
    /// Language of the names.
    pub language: Option<Language>,
}

/// The breakouts said last, the likeliest and largest first; `evidence` holds why, as JSON.
///
/// # Errors
/// A prize or probability outside 0 to 1; an unknown metric.
pub async fn breakouts(lake: &Lake, question: &BreakoutsQuestion) -> Result<Answer> {
    let is_share = |share: f64| (0.0..=1.0).contains(&share);
    if !is_share(question.prize) || question.least.is_some_and(|least| !is_share(least)) {
        return Err(LakeError::bad_question("the prize's power and the least probability go from 0 to 1", "mend them"));
    }
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
    }
    let metric = question.metric.as_ref().map_or("TRUE".to_owned(), |metric| format!("metric = {}", quoted(metric)));
    let said = format!("{metric} AND {}", rows::known_by(question.as_of));
    let name = rows::name_column(rows::language(lake, question.language));
    let source = of_evidence("s.evidence", "source");
    let sql = format!(
        "SELECT e.entity, {name} AS name, s.metric, s.period, s.probability, s.low, s.high, f.expected, p.first_said_at, \
                {source} AS source, s.evidence, s.known_at \
         FROM (SELECT *, row_number() OVER (PARTITION BY entity_id, metric, known_at ORDER BY signal_id) AS nth \
               FROM signals WHERE detector = 'breakout' AND {said}) s \
         JOIN (SELECT metric AS last_metric, max(known_at) AS last_known_at FROM signals \
               WHERE detector = 'breakout' AND {said} GROUP BY metric) l \
           ON s.metric = l.last_metric AND s.known_at = l.last_known_at \
         LEFT JOIN (SELECT entity_id AS f_entity, metric AS f_metric, known_at AS f_known_at, max(value) AS expected \
                    FROM signals WHERE detector = 'forecast' AND {said} GROUP BY entity_id, metric, known_at) f \
           ON s.entity_id = f.f_entity AND s.metric = f.f_metric AND s.known_at = f.f_known_at \
         LEFT JOIN (SELECT entity_id AS c_entity, metric AS c_metric, min(known_at) AS first_said_at \
                    FROM signals WHERE detector = 'breakout_call' AND {said} GROUP BY entity_id, metric) p \
           ON s.entity_id = p.c_entity AND s.metric = p.c_metric \
         JOIN entities e ON s.entity_id = e.entity_id \
         WHERE s.nth = 1 AND s.probability >= {} AND {} \
         ORDER BY s.probability DESC, s.entity_id{}",
        question.least.unwrap_or(0.0),
        narrowed(question),
        if question.prize == 0.0 { format!(" LIMIT {}", question.limit) } else { String::new() }
    );
    let answer = super::run(lake, &sql).await?;
    let answer = if question.prize == 0.0 { answer } else { by_prize(answer, question)? };
    let answer = answer.with_fact("prize", question.prize);
    Ok(if answer.rows.num_rows() == 0 {
        answer.with_note("nothing was detected yet, or nothing is as likely: run `crowsnest detect`")
    } else {
        answer
    })
}

/// The condition that leaves the segment, region and age asked for.
fn narrowed(question: &BreakoutsQuestion) -> String {
    let mut conditions = vec!["TRUE".to_owned()];
    if let Some(segment) = &question.segment {
        let first_word = format!(
            "lower(split_part(replace(replace(replace({}, '_', '-'), '.', '-'), ' ', '-'), '-', 1))",
            of_evidence("s.evidence", "name")
        );
        conditions.push(format!(
            "({} = {} OR {first_word} = lower({}))",
            of_evidence("s.evidence", "segment"),
            quoted(segment),
            quoted(segment)
        ));
    }
    if let Some(region) = &question.region {
        conditions.push(format!("{} = {}", of_evidence("s.evidence", "region"), quoted(region)));
    }
    if let Some(age) = question.age_max {
        conditions.push(format!("TRY_CAST({} AS BIGINT) <= {age}", of_evidence("s.evidence", "age")));
    }
    conditions.join(" AND ")
}

/// What evidence says under a key, as SQL.
pub(super) fn of_evidence(column: &str, key: &str) -> String {
    format!("json_text({column}, '{key}')")
}

#[derive(Debug, Deserialize)]
struct Prized {
    probability: f64,
    expected: Option<f64>,
}

/// The rows by probability times expected level to the power asked for; a level that is not known counts as 1.
fn by_prize(answer: Answer, question: &BreakoutsQuestion) -> Result<Answer> {
    let worth =
        |row: &Prized| row.probability * row.expected.filter(|level| *level > 0.0).unwrap_or(1.0).powf(question.prize);
    let worths: Vec<f64> = answer.rows_as::<Prized>()?.iter().map(worth).collect();
    let mut places: Vec<u32> = (0..worths.len() as u32).collect();
    places.sort_by(|a, b| worths[*b as usize].total_cmp(&worths[*a as usize]));
    places.truncate(question.limit);
    let rows = arrow::compute::take_record_batch(&answer.rows, &UInt32Array::from(places))?;
    Ok(Answer { rows, ..answer })
}

/// Which calls.
#[derive(Debug, Clone, Default)]
pub struct RecordQuestion {
    /// Of this metric.
    pub metric: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of the names.
    pub language: Option<Language>,
}

#[derive(Debug, Deserialize)]
struct Called {
    #[serde(default)]
    metric: String,
    #[serde(default)]
    period: String,
    probability: f64,
    came: Option<f64>,
    evidence: Option<String>,
}

/// Past calls, the latest first, each with what came of it where that is known; the fact `scores` tells of each caller how
/// many calls are settled, how many were hits, and the mean squared error (Brier) of the probabilities; the fact
/// `reliability` what was said against what came of all settled calls, and `precision` the share of hits among the first so
/// many of each period, by caller.
///
/// # Errors
/// An unknown metric.
pub async fn record(lake: &Lake, question: &RecordQuestion) -> Result<Answer> {
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
    }
    let metric = question.metric.as_ref().map_or("TRUE".to_owned(), |metric| format!("metric = {}", quoted(metric)));
    let said = format!("{metric} AND {}", rows::known_by(question.as_of));
    let name = rows::name_column(rows::language(lake, question.language));
    let key = "entity_id, metric, period, period_start, evidence";
    let source = of_evidence("c.evidence", "list");
    let sql = |limit: String| {
        format!(
            "SELECT e.entity, {name} AS name, c.metric, c.period, c.probability, o.came, {source} AS source, \
                    c.evidence, c.known_at \
             FROM (SELECT {key}, max(probability) AS probability, min(known_at) AS known_at FROM signals \
                   WHERE detector IN ('call', 'breakout_call') AND {said} GROUP BY {key}) c \
             LEFT JOIN (SELECT entity_id AS o_entity, metric AS o_metric, period AS o_period, evidence AS o_evidence, \
                               max(value) AS came FROM signals WHERE detector = 'outcome' AND {said} \
                        GROUP BY entity_id, metric, period, evidence) o \
               ON c.entity_id = o.o_entity AND c.metric = o.o_metric AND c.period = o.o_period \
                  AND c.evidence = o.o_evidence \
             JOIN entities e ON c.entity_id = e.entity_id \
             ORDER BY c.period_start DESC, c.probability DESC, c.entity_id {limit}"
        )
    };
    let all = super::run(lake, &sql(String::new())).await?;
    let calls = all.rows_as::<Called>()?;
    let answer = super::run(lake, &sql(format!("LIMIT {}", question.limit))).await?;
    Ok(answer
        .with_fact("scores", Value::Array(scores(&calls)))
        .with_fact("reliability", Value::Array(reliability(&calls)))
        .with_fact("precision", Value::Array(precision(&calls))))
}

/// Settled calls in bins of equally many, by what was said: the mean of that, the share that came, how many. Fewer than
/// twenty calls make no bins.
fn reliability(calls: &[Called]) -> Vec<Value> {
    const BINS: usize = 10;
    let mut settled: Vec<(f64, f64)> = calls.iter().filter_map(|call| Some((call.probability, call.came?))).collect();
    if settled.len() < 2 * BINS {
        return Vec::new();
    }
    settled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |bin: usize| {
        let own = &settled[bin * settled.len() / BINS..(bin + 1) * settled.len() / BINS];
        let n = own.len() as f64;
        json!({
            "said": own.iter().map(|(said, _)| said).sum::<f64>() / n,
            "came": own.iter().map(|(_, came)| came).sum::<f64>() / n,
            "n": own.len(),
        })
    };
    (0..BINS).map(of).collect()
}

/// Per metric and period (in text), what was told and what came of it.
type Told<'a> = BTreeMap<(&'a str, &'a str), Vec<(f64, f64)>>;

/// Of each caller the share of hits among the first so many settled calls of each period, the likeliest first, averaged over
/// periods. Periods with fewer than five settled calls are left out.
fn precision(calls: &[Called]) -> Vec<Value> {
    const PLACES: [usize; 6] = [5, 10, 20, 30, 40, 50];
    let mut by: BTreeMap<String, Told<'_>> = BTreeMap::new();
    for call in calls {
        let Some(came) = call.came else { continue };
        let periods = by.entry(called_by(call)).or_default();
        periods.entry((&call.metric, &call.period)).or_default().push((call.probability, came));
    }
    let curve = |(name, periods): (String, Told<'_>)| {
        let mut periods: Vec<Vec<(f64, f64)>> = periods.into_values().filter(|own| own.len() >= PLACES[0]).collect();
        periods.iter_mut().for_each(|own| own.sort_by(|a, b| b.0.total_cmp(&a.0)));
        let longest = periods.iter().map(Vec::len).max()?;
        let share = |own: &Vec<(f64, f64)>, place: usize| {
            let first = &own[..place.min(own.len())];
            first.iter().map(|(_, came)| came).sum::<f64>() / first.len() as f64
        };
        let at = |place: usize| periods.iter().map(|own| share(own, place)).sum::<f64>() / periods.len() as f64;
        let points: Vec<(usize, f64)> =
            PLACES.into_iter().filter(|place| *place <= longest).map(|place| (place, at(place))).collect();
        Some(json!({ "name": name, "points": points }))
    };
    by.into_iter().filter_map(curve).collect()
}

fn called_by(call: &Called) -> String {
    let evidence: Value = call.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    evidence["by"].as_str().unwrap_or("unknown").to_owned()
}

/// Of each caller: calls, settled ones, hits, the mean of what was said, and the Brier score.
fn scores(calls: &[Called]) -> Vec<Value> {
    let mut by: BTreeMap<String, Vec<&Called>> = BTreeMap::new();
    for call in calls {
        by.entry(called_by(call)).or_default().push(call);
    }
    let score = |(by, calls): (String, Vec<&Called>)| {
        let settled: Vec<(f64, f64)> = calls.iter().filter_map(|call| Some((call.probability, call.came?))).collect();
        let n = settled.len();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| (n > 0).then(|| settled.iter().map(of).sum::<f64>() / n as f64);
        json!({
            "by": by,
            "n_calls": calls.len(),
            "n_settled": n,
            "n_hits": settled.iter().filter(|(_, came)| *came > 0.5).count(),
            "said": mean(&|(said, _)| *said),
            "came": mean(&|(_, came)| *came),
            "brier": mean(&|(said, came)| (said - came).powi(2)),
        })
    };
    by.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_scored_alike() {
        let call = |by: &str, probability: f64, came: Option<f64>| Called {
            metric: "mau".to_owned(),
            period: "2024-01".to_owned(),
            probability,
            came,
            evidence: Some(json!({ "by": by }).to_string()),
        };
        let scores = scores(&[call("mei", 0.8, Some(1.0)), call("mei", 0.4, Some(0.0)), call("model", 0.1, None)]);
        assert_eq!(scores[0]["n_hits"], 1);
        assert!((scores[0]["brier"].as_f64().unwrap() - 0.1).abs() < 1e-12);
        assert_eq!((&scores[1]["n_settled"], &scores[1]["brier"]), (&json!(0), &Value::Null));
    }

    #[test]
    fn what_was_said_stands_beside_what_came() {
        // Forty calls: of twenty at 0.9 fifteen came, of twenty at 0.1 one did.
        let call = |nth: usize| Called {
            metric: "mau".to_owned(),
            period: format!("2024-{:02}", 1 + nth % 2),
            probability: if nth < 20 { 0.9 } else { 0.1 },
            came: Some(f64::from(u8::from(nth < 15 || nth == 39))),
            evidence: Some(json!({ "by": "model" }).to_string()),
        };
        let calls: Vec<Called> = (0..40).map(call).collect();
        let bins = reliability(&calls);
        let sum = |name: &str| bins.iter().map(|bin| bin[name].as_f64().unwrap()).sum::<f64>() / 10.0;
        assert!((sum("said") - 0.5).abs() < 1e-12 && (sum("came") - 0.4).abs() < 1e-12);
        assert!(reliability(&calls[..19]).is_empty());
        let curves = precision(&calls);
        // In both periods the first ten are those at 0.9: eight and seven of them came.
        assert_eq!((&curves[0]["name"], &curves[0]["points"][1]), (&json!("model"), &json!([10, 0.75])));
        assert_eq!(curves[0]["points"][2], json!([20, 0.4]));
    }
}
