//! What stands below a league table: which slices there are, totals as claimed and as summed, concentration, entries
//! and exits.

use std::collections::HashSet;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use crowsnest_model::Period;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::league::{self, Dimensions, LeagueQuestion, Table};
use super::{in_force, quoted, rows};
use crate::coded::text_at;
use crate::identity::entity_hex;
use crate::{Lake, Result};

/// A region, platform and segment that has claims, and of how many entities.
#[derive(Debug, Clone)]
pub(super) struct Available {
    pub(super) dimensions: Dimensions,
    n: i64,
}

impl Available {
    pub(super) fn to_json(&self) -> Value {
        let Dimensions { region, platform, segment } = &self.dimensions;
        json!({"region": region, "platform": platform, "segment": segment, "n": self.n})
    }

    pub(super) fn in_words(&self) -> String {
        format!("{} ({} {})", self.dimensions.in_words(), self.n, if self.n == 1 { "name" } else { "names" })
    }
}

pub(super) async fn available(lake: &Lake, question: &LeagueQuestion, period: &Period) -> Result<Vec<Available>> {
    let sql = format!(
        "SELECT region, platform, segment, count(DISTINCT mention_id) AS n FROM claims \
         WHERE metric = {} AND {} AND kind <> 'segment' AND {} \
         GROUP BY region, platform, segment ORDER BY n DESC, region, platform, segment LIMIT 50",
        quoted(&question.metric),
        rows::is_period(period),
        rows::known_by(question.as_of),
    );
    let found = super::run(lake, &sql).await?.rows;
    let text = |index: usize, row: usize| found.column(index).as_string_view().value(row).to_owned();
    let counts = found.column(3).as_primitive::<Int64Type>();
    Ok((0..found.num_rows())
        .map(|row| Available {
            dimensions: Dimensions { region: text(0, row), platform: text(1, row), segment: text(2, row) },
            n: counts.value(row),
        })
        .collect())
}

/// The most covered slice that fits what was asked.
pub(super) fn choose(question: &LeagueQuestion, available: &[Available]) -> Option<Dimensions> {
    let fits = |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|asked| asked == found);
    available
        .iter()
        .map(|found| &found.dimensions)
        .find(|d| {
            fits(&question.region, &d.region)
                && fits(&question.platform, &d.platform)
                && fits(&question.segment, &d.segment)
        })
        .cloned()
}

#[derive(Debug, Deserialize)]
struct Claimed {
    entity: String,
    name: String,
    value: f64,
    unit: String,
    source: String,
    status: String,
    as_written: Option<String>,
    claim: String,
}

pub(super) async fn add_totals(table: &Table<'_>, all: &RecordBatch, facts: &mut Map<String, Value>) -> Result<()> {
    let units = league::units(all);
    // One currency stays itself; several are compared, and summed, in the market's.
    let rates = table.rates.filter(|_| units.len() > 1);
    let values = one_per_entity(all, if rates.is_some() { "converted" } else { "value" });
    let summed: f64 = values.iter().map(|(_, value)| value).sum();
    let is_summable = league::is_additive(table.metric) && (units.len() == 1 || rates.is_some());
    let unit = rates.map_or(units.first().copied().unwrap_or_default(), |rates| rates.currency());
    let claims = claimed_totals(table).await?;
    let whole = whole_market(table, &claims);
    let in_unit = |claimed: &Claimed| match table.rates {
        _ if claimed.unit == unit => Some(claimed.value),
        Some(_) if unit != table.lake.market().config.currency => None,
        Some(rates) => rates.convert(claimed.value, &claimed.unit),
        None => None,
    };
    let claimed_value = whole.and_then(in_unit);
    let claims_json: Vec<Value> = claims
        .iter()
        .map(|c| {
            json!({"entity": c.entity, "name": c.name, "value": c.value, "unit": c.unit, "source": c.source,
                   "status": c.status, "as_written": c.as_written, "claim": c.claim})
        })
        .collect();
    facts.insert(
        "totals".into(),
        json!({
            "claimed": claimed_value,
            "claimed_name": whole.map(|claimed| &claimed.name),
            "claimed_entity": whole.map(|claimed| &claimed.entity),
            "claimed_by": whole.map(|claimed| &claimed.source),
            "claim": whole.map(|claimed| &claimed.claim),
            "summed": is_summable.then_some(summed),
            "gap": claimed_value.filter(|_| is_summable).map(|claimed| claimed - summed),
            "unit": unit,
            "rates": rates.map(|rates| rates.used(&units)),
            "claims": claims_json,
        }),
    );
    facts.insert("concentration".into(), if is_summable { concentration(&values) } else { Value::Null });
    Ok(())
}

/// Values by entity: with a row per source the first of an entity stands for it; what has no value is left out.
fn one_per_entity(all: &RecordBatch, column: &str) -> Vec<(i64, f64)> {
    let (Some(ids), Some(values)) = (all.column_by_name("entity_id"), all.column_by_name(column)) else {
        return Vec::new();
    };
    let (ids, values) = (ids.as_primitive::<Int64Type>(), values.as_primitive::<Float64Type>());
    let mut seen = HashSet::new();
    (0..all.num_rows())
        .filter(|row| values.is_valid(*row))
        .map(|row| (ids.value(row), values.value(row)))
        .filter(|(id, _)| seen.insert(*id))
        .collect()
}

async fn claimed_totals(table: &Table<'_>) -> Result<Vec<Claimed>> {
    let filter = format!(
        "metric = {} AND {} AND kind = 'segment' AND {}{}",
        quoted(&table.question.metric),
        rows::is_period(&table.period),
        table.dimensions.filter(),
        table.source_filter(),
    );
    let name = rows::name_column(rows::language(table.lake, table.question.language));
    let sql = format!(
        "SELECT e.entity, {name} AS name, c.value, c.unit, c.source, c.status, c.as_written, \
                claim_ref(c.mention_id, c.claim_id) AS claim \
         FROM ({}) c JOIN identities i ON c.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id \
         ORDER BY {} DESC, c.known_at DESC, c.value DESC",
        in_force::sql(&filter, table.question.as_of),
        super::league::STATUS_RANK,
    );
    super::run(table.lake, &sql).await?.rows_as()
}

/// The segment that the market's file names as the whole, else the largest.
fn whole_market<'a>(table: &Table<'_>, claims: &'a [Claimed]) -> Option<&'a Claimed> {
    let market = table.lake.market();
    if let Some(name) = market.config.totals.get(&table.question.metric)
        && let Ok(entity) = table.lake.identity().find(name, Some(crowsnest_model::Kind::Segment))
    {
        let hex = entity.hex();
        return claims.iter().find(|claimed| claimed.entity == hex);
    }
    claims.iter().max_by(|left, right| left.value.total_cmp(&right.value))
}

/// Herfindahl–Hirschman index (sum of squared shares, 1/n to 1; Hirschman 1964) and the share of the four largest.
fn concentration(values: &[(i64, f64)]) -> Value {
    let total: f64 = values.iter().map(|(_, value)| value.max(0.0)).sum();
    if values.len() < 2 || total <= 0.0 {
        return json!({"hhi": null, "top4": null, "n": values.len()});
    }
    let mut shares: Vec<f64> = values.iter().map(|(_, value)| value.max(0.0) / total).collect();
    shares.sort_by(|left, right| right.total_cmp(left));
    let hhi: f64 = shares.iter().map(|share| share * share).sum();
    let top4: f64 = shares.iter().take(4).sum();
    json!({"hhi": hhi, "top4": top4.min(1.0), "n": values.len()})
}

/// Who is there now and was not before, and the other way round; both null where nothing is known of the time before.
pub(super) fn add_movements(now: &RecordBatch, gone: &RecordBatch, facts: &mut Map<String, Value>) {
    const NAMED_MAX: usize = 20;
    let (now_rows, gone_rows) = (Named::of(now), Named::of(gone));
    let then: HashSet<i64> = now_rows.iter().chain(&gone_rows).filter(|row| row.was_there).map(|row| row.id).collect();
    let is_unknown = then.is_empty();
    let now_ids: HashSet<i64> = now_rows.iter().map(|row| row.id).collect();
    for (rows, left_out, names, entities) in
        [(&now_rows, &then, "entries", "entry_entities"), (&gone_rows, &now_ids, "exits", "exit_entities")]
    {
        let mut seen = left_out.clone();
        let found: Vec<&Named> = rows.iter().filter(|row| seen.insert(row.id)).take(NAMED_MAX).collect();
        let told = |told: Vec<String>| if is_unknown { Value::Null } else { json!(told) };
        facts.insert(names.into(), told(found.iter().map(|row| row.name.clone()).collect()));
        facts.insert(entities.into(), told(found.iter().map(|row| entity_hex(row.id)).collect()));
    }
}

/// A row's entity, and whether it was there in the period before.
struct Named {
    id: i64,
    name: String,
    was_there: bool,
}

impl Named {
    fn of(rows: &RecordBatch) -> Vec<Self> {
        let column = |name: &str| rows.column_by_name(name);
        let (Some(ids), Some(names), Some(before)) = (column("entity_id"), column("name"), column("previous_rank"))
        else {
            return Vec::new();
        };
        let ids = ids.as_primitive::<Int64Type>();
        (0..rows.num_rows())
            .map(|row| Self {
                id: ids.value(row),
                name: text_at(names.as_ref(), row).unwrap_or_default().to_owned(),
                was_there: before.is_valid(row),
            })
            .collect()
    }
}

/// What the totals say in words.
pub(super) fn total_notes(facts: &Map<String, Value>) -> Vec<String> {
    let totals = &facts["totals"];
    let mut notes = Vec::new();
    if let (Some(claimed), Some(summed)) = (totals["claimed"].as_f64(), totals["summed"].as_f64())
        && summed > claimed * 1.000_001
    {
        notes.push("the rows sum to more than the total that is claimed: sources count differently".to_owned());
    }
    if facts["entries"].is_null() {
        notes.push("nothing is known of the period before, so there are no changes, entries or exits".to_owned());
    }
    notes
}
