//! `directions`: where to build. The segments of a market beside each other: demand, who enters, how concentrated it is,
//! money that came in, and which of the large are there already.
//!
//! In: the values in force of one metric at two moments, funding events, who owns whom. Out: a row a direction, ranked by
//! the mean of its places in growth, entrants, money and openness, each 0 to 1 ([`score`]), so that none of them has a unit
//! of its own. A direction is a segment that claims name; of a metric whose claims name none, a family of products whose
//! names begin with the same word. Two plans find the values and the money; what is left to do is a row a direction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crowsnest_model::{Currency, FxTable, Kind, Period};
use serde::{Deserialize, Serialize};

use super::{in_force, quoted, rows};
use crate::identity::Identity;
use crate::own_rows::{self, Holds};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Days between the two moments that are compared, where nothing else is asked.
const DAYS: i32 = 183;
/// Days in which money counts.
const MONEY_DAYS: i32 = 365;
/// The owners with the most of the metric are the giants.
const N_GIANTS: usize = 10;
/// Names told of each kind.
const N_NAMED: usize = 3;

/// Which directions.
#[derive(Debug, Clone, Default)]
pub struct DirectionsQuestion {
    /// Metric; that with the most claims on products where not said.
    pub metric: Option<String>,
    /// Only this region.
    pub region: Option<String>,
    /// Days between the two moments that are compared; half a year where not said.
    pub days: Option<i32>,
    /// Products that a direction has at least.
    pub least: usize,
    /// At most so many directions.
    pub limit: usize,
    /// Sources of which nothing is used.
    pub without: Vec<String>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// The list that is read: one source's word on one metric in one slice, over all its segments. Of one source, so that
/// nothing counts twice.
#[derive(Debug, Deserialize)]
struct List {
    metric: String,
    source: String,
    region: String,
    platform: String,
    grain: String,
    n_segments: i64,
    last: i32,
}

/// What one entity has in one direction.
#[derive(Debug, Clone, Deserialize)]
struct Member {
    direction: String,
    entity_id: i64,
    now: Option<f64>,
    before: Option<f64>,
    first: i32,
}

/// Money that one entity got.
#[derive(Debug, Deserialize)]
struct Round {
    entity_id: i64,
    amount: Option<f64>,
    currency: Option<String>,
    day: i32,
}

const FIELDS: &[(&str, Holds)] = &[
    ("rank", Holds::Count),
    ("direction", Holds::Text),
    ("source", Holds::Text),
    ("score", Holds::Number),
    ("demand", Holds::Number),
    ("growth", Holds::Number),
    ("growth_over_market", Holds::Number),
    ("n_products", Holds::Count),
    ("n_entrants", Holds::Count),
    ("entrants_share", Holds::Number),
    ("concentration", Holds::Number),
    ("money", Holds::Number),
    ("n_rounds", Holds::Count),
    ("giants", Holds::Text),
    ("leaders", Holds::Text),
    ("leader_entities", Holds::Text),
    ("entrants", Holds::Text),
    ("entrant_entities", Holds::Text),
];

/// A direction, as told.
#[derive(Debug, Clone, Default, Serialize)]
struct Direction {
    rank: usize,
    direction: String,
    source: String,
    score: f64,
    demand: f64,
    growth: Option<f64>,
    growth_over_market: Option<f64>,
    n_products: usize,
    n_entrants: usize,
    entrants_share: f64,
    concentration: f64,
    money: f64,
    n_rounds: usize,
    giants: String,
    leaders: String,
    leader_entities: String,
    entrants: String,
    entrant_entities: String,
}

/// The directions of a market, the most promising first.
///
/// # Errors
/// An unknown metric, one whose values do not add up, or nothing to tell of.
pub async fn directions(lake: &Lake, question: &DirectionsQuestion) -> Result<Answer> {
    let list = list(lake, question).await?;
    let metric = rows::known_metric(lake, &list.metric)?;
    if !super::league::is_additive(metric) {
        return Err(LakeError::bad_question(
            format!("{} of several products cannot be added up", list.metric),
            "name another --metric; see `crowsnest metrics`",
        ));
    }
    let days = question.days.unwrap_or(DAYS).max(1);
    let by_segment = list.n_segments > 1;
    let (members, last, before) = members(lake, question, &list, days, by_segment).await?;
    let rounds = rounds(lake, question, last).await?;
    let identity = lake.identity();
    let language = rows::language(lake, question.language);
    let board = Board { identity: &identity, language, before, last, currency: &lake.market().config.currency };
    let mut found = board.directions(&members, &rounds, question.least.max(1));
    score(&mut found);
    found.truncate(question.limit);
    found.iter_mut().for_each(|one| one.source.clone_from(&list.source));
    let mut answer = own_rows::answer(FIELDS, &found)?
        .with_fact("metric", list.metric.clone())
        .with_fact("metric_label", rows::label(metric, language))
        .with_fact("unit", metric.unit.clone())
        .with_fact("source", list.source.clone())
        .with_fact("currency", board.currency.clone())
        .with_fact("by", if by_segment { "segment" } else { "family" })
        .with_fact("now", crowsnest_model::day_to_string(last))
        .with_fact("before", before.map(crowsnest_model::day_to_string));
    if !by_segment {
        answer = answer.with_note(
            "claims on this metric name no segments: a direction is a family of products whose names begin with the same word",
        );
    }
    if before.is_none() {
        answer = answer.with_note("there are no values from so long before: growth and entrants are not known");
    }
    Ok(if found.is_empty() {
        answer.with_note("no direction has as many products: ask for --least 1, or name another --metric")
    } else {
        answer
    })
}

/// The list with the most claims, of the metric asked for.
async fn list(lake: &Lake, question: &DirectionsQuestion) -> Result<List> {
    if let Some(metric) = &question.metric {
        rows::known_metric(lake, metric)?;
    }
    let slice = rows::equals(&[("metric", question.metric.as_deref()), ("region", question.region.as_deref())]);
    let sql = format!(
        "SELECT metric, source, region, platform, grain, count(DISTINCT CASE WHEN segment <> 'all' THEN segment END) AS n_segments, \
                CAST(CAST(max(period_start) AS INT) AS BIGINT) AS last \
         FROM claims WHERE {slice} AND {} AND {} AND kind <> 'segment' \
         GROUP BY metric, source, region, platform, grain \
         ORDER BY count(*) DESC, metric, source, region, platform, grain",
        rows::known_by(question.as_of),
        without(question)
    );
    let found: Vec<List> = super::run(lake, &sql).await?.rows_as()?;
    let adds_up = |list: &List| lake.market().metrics.get(&list.metric).is_some_and(super::league::is_additive);
    let is_asked = |list: &List| question.metric.is_some() || adds_up(list);
    found.into_iter().find(is_asked).ok_or_else(|| {
        LakeError::bad_question(
            "the market has no claims to tell directions of",
            "import some, or name another --metric",
        )
    })
}

/// The condition that leaves out sources.
fn without(question: &DirectionsQuestion) -> String {
    if question.without.is_empty() {
        return "TRUE".to_owned();
    }
    let named: Vec<String> = question.without.iter().map(|source| quoted(source)).collect();
    format!("source NOT IN ({})", named.join(", "))
}

/// What each entity has in each direction now and before, with the days of both.
async fn members(
    lake: &Lake,
    question: &DirectionsQuestion,
    list: &List,
    days: i32,
    by_segment: bool,
) -> Result<(Vec<Member>, i32, Option<i32>)> {
    let filter = format!(
        "metric = {} AND source = {} AND region = {} AND platform = {} AND grain = {} AND kind <> 'segment'{}",
        quoted(&list.metric),
        quoted(&list.source),
        quoted(&list.region),
        quoted(&list.platform),
        quoted(&list.grain),
        if by_segment { " AND segment <> 'all'" } else { "" }
    );
    let starts = format!(
        "SELECT CAST(CAST(max(CASE WHEN period_start <= DATE '{}' THEN period_start END) AS INT) AS BIGINT) AS before, \
                CAST(CAST(max(period_start) AS INT) AS BIGINT) AS last FROM claims WHERE {filter} AND {}",
        crowsnest_model::day_to_string(list.last - days),
        rows::known_by(question.as_of)
    );
    #[derive(Deserialize)]
    struct Starts {
        before: Option<i32>,
        last: Option<i32>,
    }
    let starts: Vec<Starts> = super::run(lake, &starts).await?.rows_as()?;
    let (before, last) = starts.first().map_or((None, None), |starts| (starts.before, starts.last));
    let last = last.unwrap_or(list.last);
    let direction = if by_segment {
        "v.segment"
    } else {
        "lower(split_part(replace(replace(replace(e.name, '_', '-'), '.', '-'), ' ', '-'), '-', 1))"
    };
    let at = |day: i32| format!("v.period_start = DATE '{}'", crowsnest_model::day_to_string(day));
    let then = before.map_or("FALSE".to_owned(), at);
    let sql = format!(
        "SELECT {direction} AS direction, e.entity_id, max(CASE WHEN {} THEN v.value END) AS now, \
                max(CASE WHEN {then} THEN v.value END) AS before, \
                CAST(CAST(min(v.period_start) AS INT) AS BIGINT) AS first \
         FROM ({}) v JOIN identities i ON v.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id \
         GROUP BY {direction}, e.entity_id ORDER BY direction, e.entity_id",
        at(last),
        in_force::sql(&filter, question.as_of)
    );
    Ok((super::run(lake, &sql).await?.rows_as()?, last, before))
}

/// Funding of the year before, each round once however many told of it.
async fn rounds(lake: &Lake, question: &DirectionsQuestion, last: i32) -> Result<Vec<Round>> {
    let sql = format!(
        "SELECT entity_id, max(amount) AS amount, max(currency) AS currency, max(day) AS day FROM ( \
           SELECT entity_id, amount, currency, coalesce(round, '') AS round, \
                  CAST(CAST(coalesce(happened_start, CAST(known_at AS DATE)) AS INT) AS BIGINT) AS day \
           FROM events_named WHERE event = 'funding' AND status NOT IN ('denied', 'withdrawn', 'rumoured') \
                 AND {} AND {}) \
         WHERE day > {} AND day <= {} GROUP BY entity_id, round, day / 92",
        rows::known_by(question.as_of),
        without(question),
        last - MONEY_DAYS,
        last + 31
    );
    super::run(lake, &sql).await?.rows_as()
}

/// What directions are made of.
struct Board<'a> {
    identity: &'a Identity,
    language: Language,
    before: Option<i32>,
    last: i32,
    currency: &'a String,
}

impl Board<'_> {
    fn directions(&self, members: &[Member], rounds: &[Round], least: usize) -> Vec<Direction> {
        let giants = self.giants(members);
        let market = growth(members.iter());
        let mut by: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        for member in members.iter().filter(|member| member.now.is_some() || member.before.is_some()) {
            by.entry(&member.direction).or_default().push(member);
        }
        let is_there = |own: &Vec<&Member>| own.iter().filter(|member| member.now.is_some()).count() >= least;
        let by = by.into_iter().filter(|(_, own)| is_there(own));
        by.map(|(direction, own)| self.direction(direction, &own, rounds, &giants, market)).collect()
    }

    fn direction(
        &self,
        direction: &str,
        own: &[&Member],
        rounds: &[Round],
        giants: &HashSet<i64>,
        market: Option<f64>,
    ) -> Direction {
        let mut there: Vec<&Member> = own.iter().copied().filter(|member| member.now.is_some()).collect();
        there.sort_by(|a, b| b.now.unwrap_or(0.0).total_cmp(&a.now.unwrap_or(0.0)).then(a.entity_id.cmp(&b.entity_id)));
        let demand: f64 = there.iter().filter_map(|member| member.now).sum();
        let entrants: Vec<&Member> =
            there.iter().copied().filter(|member| self.before.is_some_and(|before| member.first > before)).collect();
        let share = |value: Option<f64>| if demand > 0.0 { value.unwrap_or(0.0) / demand } else { 0.0 };
        let growth = growth(own.iter().copied());
        let owners: HashMap<i64, i64> =
            there.iter().map(|member| (member.entity_id, self.group(member.entity_id))).collect();
        let of_direction: HashSet<i64> = owners.iter().flat_map(|(one, owner)| [*one, *owner]).collect();
        let money: Vec<&Round> = rounds.iter().filter(|round| of_direction.contains(&round.entity_id)).collect();
        let present: BTreeSet<String> =
            owners.values().filter(|owner| giants.contains(owner)).map(|owner| self.name(*owner)).collect();
        let named = |of: &[&Member]| {
            let first = of.iter().take(N_NAMED).map(|member| member.entity_id);
            let names: Vec<String> = first.clone().map(|id| self.name(id)).collect();
            let ids: Vec<String> = first.map(crate::entity_hex).collect();
            (names.join("; "), ids.join("; "))
        };
        let (leaders, leader_entities) = named(&there);
        let (new, entrant_entities) = named(&entrants);
        Direction {
            direction: direction.to_owned(),
            demand,
            growth,
            growth_over_market: growth.zip(market).map(|(own, market)| (1.0 + own) / (1.0 + market) - 1.0),
            n_products: there.len(),
            n_entrants: entrants.len(),
            entrants_share: entrants.iter().map(|member| share(member.now)).sum(),
            concentration: there.iter().map(|member| share(member.now).powi(2)).sum(),
            money: money.iter().filter_map(|round| self.amount(round)).sum(),
            n_rounds: money.len(),
            giants: present.into_iter().collect::<Vec<_>>().join("; "),
            leaders,
            leader_entities,
            entrants: new,
            entrant_entities,
            ..Direction::default()
        }
    }

    /// Who an entity belongs to in the end, itself where nobody is known.
    fn group(&self, entity: i64) -> i64 {
        self.identity.owners_on(entity, self.last).last().copied().unwrap_or(entity)
    }

    /// The owners, and companies of their own, with the most of the metric in the whole market.
    fn giants(&self, members: &[Member]) -> HashSet<i64> {
        let mut sums: HashMap<i64, f64> = HashMap::new();
        for member in members {
            let owner = self.group(member.entity_id);
            let is_owner = owner != member.entity_id
                || self.identity.entity(owner).is_some_and(|entity| entity.kind == Kind::Company);
            if is_owner {
                *sums.entry(owner).or_default() += member.now.unwrap_or(0.0);
            }
        }
        let mut ordered: Vec<(i64, f64)> = sums.into_iter().filter(|(_, sum)| *sum > 0.0).collect();
        ordered.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ordered.into_iter().take(N_GIANTS).map(|(owner, _)| owner).collect()
    }

    fn name(&self, id: i64) -> String {
        self.identity.entity(id).map_or_else(String::new, |entity| entity.name(self.language).to_owned())
    }

    /// A round's amount in the market's currency; `None` where it is not known.
    fn amount(&self, round: &Round) -> Option<f64> {
        let (from, to) = (Currency::parse(round.currency.as_deref()?)?, Currency::parse(self.currency)?);
        let period = Period::containing(round.day, crowsnest_model::Grain::Month);
        Some(round.amount? * FxTable::bundled().rate_or_nearest(from, to, &period).ok()?.rate)
    }
}

/// Growth of the sum over products, those that came and went included; `None` where there was nothing before.
fn growth<'a>(members: impl Iterator<Item = &'a Member>) -> Option<f64> {
    let (now, before) = members.fold((0.0, 0.0), |(now, before), member| {
        (now + member.now.unwrap_or(0.0), before + member.before.unwrap_or(0.0))
    });
    (before > 0.0).then(|| now / before - 1.0)
}

/// Ranks directions by the mean of their places (0 the last, 1 the first; ties share theirs) in growth over the market's,
/// share of entrants, money, and openness (1 less the concentration). Where no direction differs in one of them, it is left
/// out.
fn score(found: &mut [Direction]) {
    let measures: [fn(&Direction) -> f64; 4] = [
        |one| one.growth_over_market.unwrap_or(f64::NEG_INFINITY),
        |one| one.entrants_share,
        |one| one.money,
        |one| -one.concentration,
    ];
    let mut sums = vec![0.0; found.len()];
    let mut n = 0.0_f64;
    for measure in measures {
        let values: Vec<f64> = found.iter().map(measure).collect();
        if values.iter().all(|value| *value == values[0]) {
            continue;
        }
        n += 1.0;
        for (sum, own) in sums.iter_mut().zip(&values) {
            let below = values.iter().filter(|value| *value < own).count() as f64;
            let alike = values.iter().filter(|value| *value == own).count() as f64;
            *sum += (below + (alike - 1.0) / 2.0) / (values.len() as f64 - 1.0).max(1.0);
        }
    }
    found.iter_mut().zip(sums).for_each(|(one, sum)| one.score = if n > 0.0 { sum / n } else { 0.0 });
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.direction.cmp(&b.direction)));
    found.iter_mut().enumerate().for_each(|(place, one)| one.rank = place + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(name: &str, growth: f64, entrants: f64, money: f64, concentration: f64) -> Direction {
        Direction {
            direction: name.to_owned(),
            growth_over_market: Some(growth),
            entrants_share: entrants,
            money,
            concentration,
            ..Direction::default()
        }
    }

    #[test]
    fn places_are_averaged_and_what_is_alike_everywhere_does_not_count() {
        // Growth puts b first, a second, c last; entrants a, b, c; nobody got money; a is the most open, c the least.
        let mut found = [
            direction("a", 0.1, 0.5, 0.0, 0.2),
            direction("b", 0.4, 0.3, 0.0, 0.5),
            direction("c", -0.2, 0.0, 0.0, 0.9),
        ];
        score(&mut found);
        let told: Vec<(&str, f64)> = found.iter().map(|one| (one.direction.as_str(), one.score)).collect();
        assert_eq!(told, [("a", (0.5 + 1.0 + 1.0) / 3.0), ("b", (1.0 + 0.5 + 0.5) / 3.0), ("c", 0.0)]);
    }

    #[test]
    fn growth_counts_who_came_and_who_went() {
        let member = |now: Option<f64>, before: Option<f64>| Member {
            direction: String::new(),
            entity_id: 1,
            now,
            before,
            first: 0,
        };
        let members = [member(Some(30.0), Some(10.0)), member(Some(10.0), None), member(None, Some(10.0))];
        assert_eq!(growth(members.iter()), Some(1.0));
        assert_eq!(growth(members[1..2].iter()), None);
    }
}
