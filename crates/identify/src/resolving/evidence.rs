//! Two names side by side, with what speaks for and against their being one thing, in words; and which pairs to ask about.
//!
//! Asked about first is what an answer changes most: pairs nearest to even odds, those of names with many mentions first.

use arrow::array::AsArray as _;
use arrow::datatypes::{Float64Type, Int64Type};
use crowsnest_lake::{Lake, LakeError, entity_hex};
use crowsnest_learn::boosting::probability;
use serde::Serialize;

use super::comparisons::{COMPARISONS, compare};
use super::figures::Figures;
use super::ids::IdSet;
use super::names::{Name, Names};
use super::weights::{Costs, Weights};

/// One of the two.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// The name as it was first written.
    pub name: String,
    /// `product` or `company`.
    pub kind: String,
    /// The entity that it is now, as in addresses.
    pub entity: String,
    /// The mention that stands for it in judgements.
    #[serde(skip)]
    pub mention: i64,
    /// Who writes it so.
    pub sources: Vec<String>,
    /// Their ids for it.
    pub ids: Vec<String>,
    /// Who makes it, as sources write that.
    pub developers: Vec<String>,
    /// Its web domains.
    pub domains: Vec<String>,
}

/// One comparison of the two.
#[derive(Debug, Clone, Serialize)]
pub struct EvidenceReason {
    /// What was compared.
    pub comparison: &'static str,
    /// What was found.
    pub found: &'static str,
    /// Nats for (above 0) or against their being the same.
    pub weight: f64,
}

/// A pair with what it rests on.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// The one.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// Probability that both are the same.
    pub probability: f64,
    /// What follows from it and the costs of mistakes.
    pub verdict: &'static str,
    /// Nats that speak for a pair before anything is compared.
    pub start: f64,
    /// What was compared, the weightiest first.
    pub reasons: Vec<EvidenceReason>,
    /// Whether both are one entity now.
    pub is_one: bool,
}

/// The evidence on two names, each given by the identity that its mentions have by themselves.
///
/// # Errors
/// Those of the lake; `None` where one of the two is nobody's name.
pub async fn explain_pair(lake: &Lake, left: i64, right: i64) -> Result<Option<Evidence>, LakeError> {
    let mut names = Names::read(lake, Some(&IdSet::from_iter([left, right]))).await?;
    names.note_companies(lake, &[(left, right)], None).await?;
    let weights = held_weights(lake).await?;
    let (Some(left), Some(right)) = (names.at(left), names.at(right)) else { return Ok(None) };
    let figures = Figures::read(lake, &IdSet::from_iter([names.all[left].id, names.all[right].id])).await?;
    Ok(Some(Sides { lake, names: &names, weights: &weights, figures: &figures }.evidence(left, right)))
}

async fn held_weights(lake: &Lake) -> Result<Weights, LakeError> {
    for batch in lake.query("SELECT model FROM links ORDER BY known_at DESC LIMIT 1").await? {
        if let Some(weights) = batch.column(0).as_string_view().iter().flatten().next().and_then(Weights::parse) {
            return Ok(weights);
        }
    }
    Ok(Weights::known())
}

/// What evidence on pairs is taken from.
struct Sides<'a> {
    lake: &'a Lake,
    names: &'a Names,
    weights: &'a Weights,
    figures: &'a Figures,
}

impl Sides<'_> {
    fn evidence(&self, left: usize, right: usize) -> Evidence {
        let Self { lake, names, weights, figures } = self;
        let identity = lake.identity();
        let side = |name: &Name| Side {
            name: name.name.clone(),
            kind: name.kind.as_str().to_owned(),
            entity: entity_hex(identity.entity_of_name(name.id)),
            mention: name.mention,
            sources: name.sources.iter().map(|source| names.source_names[*source as usize].clone()).collect(),
            ids: name.ids.iter().map(|(_, id)| id.clone()).collect(),
            developers: name.developers.clone(),
            domains: name.domains.clone(),
        };
        let (one, other) = (&names.all[left], &names.all[right]);
        let pattern = compare(&names.market, one, other).with_figures(figures.level(one.id, other.id));
        let chance = probability(weights.log_odds(weights.sum_with(pattern, None)));
        let mut reasons: Vec<EvidenceReason> = COMPARISONS
            .iter()
            .enumerate()
            .filter_map(|(place, comparison)| {
                let found = comparison.levels[pattern.level(place)?].words;
                Some(EvidenceReason { comparison: comparison.name, found, weight: weights.weight(pattern, place) })
            })
            .collect();
        reasons.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        Evidence {
            is_one: identity.entity_of_name(one.id) == identity.entity_of_name(other.id),
            left: side(one),
            right: side(other),
            probability: chance,
            verdict: Costs::default().verdict(chance),
            start: weights.start,
            reasons,
        }
    }
}

/// Pairs that nobody has judged and whose probability says least, the most telling first.
///
/// # Errors
/// Those of the lake.
pub async fn open_questions(lake: &Lake, limit: usize) -> Result<Vec<Evidence>, LakeError> {
    let sql = format!(
        "WITH latest AS (
             SELECT \"left\", \"right\", last_value(probability ORDER BY known_at) AS probability
             FROM links GROUP BY \"left\", \"right\"),
         judged AS (
             SELECT least(l.entity_id, r.entity_id) AS \"left\", greatest(l.entity_id, r.entity_id) AS \"right\",
                    last_value(j.verdict ORDER BY j.known_at) AS verdict
             FROM judgements j JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id
             GROUP BY 1, 2),
         counts AS (SELECT entity_id, count(*) AS n FROM mentions GROUP BY entity_id)
         SELECT k.\"left\", k.\"right\", k.probability
         FROM latest k
              LEFT JOIN judged j ON k.\"left\" = j.\"left\" AND k.\"right\" = j.\"right\"
              JOIN counts cl ON k.\"left\" = cl.entity_id JOIN counts cr ON k.\"right\" = cr.entity_id
         WHERE (j.verdict IS NULL OR j.verdict = 'withdrawn') AND k.probability BETWEEN 0.1 AND 0.99
         ORDER BY round(abs(k.probability - 0.5) * 5), cl.n + cr.n DESC, k.\"left\", k.\"right\" LIMIT {}",
        limit.saturating_mul(4)
    );
    let mut asked: Vec<(i64, i64)> = Vec::new();
    for batch in lake.query(&sql).await? {
        let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        debug_assert_eq!(batch.column(2).as_primitive::<Float64Type>().len(), batch.num_rows());
        asked.extend(ints(0).values().iter().copied().zip(ints(1).values().iter().copied()));
    }
    let identity = lake.identity();
    let is_settled = |left: i64, right: i64| {
        let of = |name: i64| identity.entity(identity.entity_of_name(name));
        matches!((of(left), of(right)), (Some(one), Some(other)) if one.is_catalogued && other.is_catalogued)
    };
    asked.retain(|(left, right)| !is_settled(*left, *right));
    asked.truncate(limit);
    let wanted: IdSet = asked.iter().flat_map(|(left, right)| [*left, *right]).collect();
    let mut names = Names::read(lake, Some(&wanted)).await?;
    names.note_companies(lake, &asked, None).await?;
    let weights = held_weights(lake).await?;
    let figures = Figures::read(lake, &wanted).await?;
    let sides = Sides { lake, names: &names, weights: &weights, figures: &figures };
    let found = asked.into_iter().filter_map(|(left, right)| Some(sides.evidence(names.at(left)?, names.at(right)?)));
    Ok(found.collect())
}
