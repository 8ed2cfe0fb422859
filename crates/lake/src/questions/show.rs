//! `show`: what is said of a product, company or segment. `why`: every saying behind one figure.

use serde_json::json;

use super::rows::{self, CLAIM_COLUMNS};
use super::{in_force, quoted};
use crate::{Answer, Lake, Language, Result};

/// What is said of one name, in force per source.
#[derive(Debug, Clone, Default)]
pub struct ShowQuestion {
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

/// The claims in force of an entity, newest period first within each metric.
pub async fn show(lake: &Lake, question: &ShowQuestion) -> Result<Answer> {
    let asked = Asked::new(lake, question)?;
    let sql = format!(
        "SELECT {} AS entity, {} AS name, {CLAIM_COLUMNS}, c.n_vintages FROM ({}) c \
         ORDER BY c.metric, c.period_start DESC, c.period_end DESC, c.region, c.platform, c.segment, c.source",
        quoted(&asked.hex),
        quoted(&asked.name),
        in_force::sql(&asked.filter, question.as_of),
    );
    asked.answer(lake, question, &sql).await
}

/// Why a figure is what it is.
pub type WhyQuestion = ShowQuestion;

/// Every claim on the thing asked, of every source and every vintage, with whether it is in force.
pub async fn why(lake: &Lake, question: &WhyQuestion) -> Result<Answer> {
    let asked = Asked::new(lake, question)?;
    let key = "c.subject_id, c.metric, c.period, c.region, c.platform, c.segment";
    let sql = format!(
        "SELECT entity, name, * EXCEPT (entity, name, vintage, n_vintages), \
                vintage = n_vintages AND status NOT IN ('denied', 'withdrawn') AS in_force, vintage, n_vintages \
         FROM (SELECT {} AS entity, {} AS name, {CLAIM_COLUMNS}, \
                row_number() OVER (PARTITION BY {key} ORDER BY c.known_at, c.recorded_at, c.claim_id) AS vintage, \
                count(*) OVER (PARTITION BY {key}) AS n_vintages \
         FROM claims_of_subjects c WHERE ({}) AND {}) \
         ORDER BY metric, period_start DESC, period_end DESC, region, platform, segment, known_at, source, vintage",
        quoted(&asked.hex),
        quoted(&asked.name),
        asked.filter,
        rows::known_by(question.as_of),
    );
    asked.answer(lake, question, &sql).await
}

struct Asked {
    hex: String,
    name: String,
    kind: &'static str,
    filter: String,
}

impl Asked {
    fn new(lake: &Lake, question: &ShowQuestion) -> Result<Self> {
        let kind = question.kind.as_deref().map(rows::parse_kind).transpose()?;
        let identity = lake.identity();
        let entity = identity.find(&question.name, kind)?;
        let mut filter = rows::is_entity(&identity, entity);
        if let Some(metric) = &question.metric {
            rows::known_metric(lake, metric)?;
            filter.push_str(&format!(" AND metric = {}", quoted(metric)));
        }
        if let Some(period) = &question.period {
            filter.push_str(&format!(" AND {}", rows::is_period(&rows::known_period(lake, period)?)));
        }
        Ok(Self {
            hex: entity.hex(),
            name: entity.name(rows::language(lake, question.language)).to_owned(),
            kind: entity.kind.as_str(),
            filter,
        })
    }

    async fn answer(&self, lake: &Lake, question: &ShowQuestion, sql: &str) -> Result<Answer> {
        let mut answer = super::run(lake, sql).await?;
        if answer.rows.num_rows() == 0 && (question.metric.is_some() || question.period.is_some()) {
            answer = answer.with_note(format!(
                "nothing is said of {} for that metric and period; see all with `crowsnest show {}`",
                self.name, self.name
            ));
        }
        Ok(answer
            .with_fact("entity", self.hex.clone())
            .with_fact("name", self.name.clone())
            .with_fact("kind", self.kind)
            .with_fact("as_of", json!(question.as_of.map(super::instant_text))))
    }
}
