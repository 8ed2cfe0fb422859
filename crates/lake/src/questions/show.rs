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
    /// Whether the figures in force, which come as a fact, are left out: for whoever asks for them by itself.
    pub without_figures: bool,
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

/// The figures in force of what was asked, the latest periods first.
async fn figures(lake: &Lake, asked: &Asked, question: &ShowQuestion) -> Result<Vec<serde_json::Value>> {
    const FIGURES_MAX: usize = 100;
    let known = rows::known_by(question.as_of);
    let filter = format!("entity_id = {} AND ({}) AND {known}", asked.entity, asked.about);
    let sql = format!("SELECT * EXCEPT (entity_id) FROM ({}) LIMIT {FIGURES_MAX}", super::figures::sql(&filter));
    super::run_few(lake, &sql).await?.rows_as()
}

/// A figure in a sentence.
fn in_words(figure: &serde_json::Value) -> String {
    let number = |name: &str| figure[name].as_f64().unwrap_or(f64::NAN);
    let text = |name: &str| figure[name].as_str().unwrap_or_default();
    let rounded = |value: f64| if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.4}") };
    format!(
        "figure of {} {}: {} {}, in four of five cases {} to {}; {}",
        text("metric"),
        text("period"),
        rounded(number("value")),
        text("unit"),
        rounded(number("low")),
        rounded(number("high")),
        text("reason")
    )
}

struct Asked {
    entity: i64,
    /// Metric and period, as far as they were asked for.
    about: String,
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
        let mut about = "TRUE".to_owned();
        if let Some(metric) = &question.metric {
            rows::known_metric(lake, metric)?;
            about.push_str(&format!(" AND metric = {}", quoted(metric)));
        }
        if let Some(period) = &question.period {
            about.push_str(&format!(" AND {}", rows::is_period(&rows::known_period(lake, period)?)));
        }
        let filter = format!("{} AND {about}", rows::is_entity(&identity, entity));
        Ok(Self {
            entity: entity.id,
            about,
            hex: entity.hex(),
            name: entity.name(rows::language(lake, question.language)).to_owned(),
            kind: entity.kind.as_str(),
            filter,
        })
    }

    async fn answer(&self, lake: &Lake, question: &ShowQuestion, sql: &str) -> Result<Answer> {
        let mut answer = super::run_few(lake, sql).await?;
        if answer.rows.num_rows() == 0 && (question.metric.is_some() || question.period.is_some()) {
            answer = answer.with_note(format!(
                "nothing is said of {} for that metric and period; see all with `crowsnest show {}`",
                self.name, self.name
            ));
        }
        let figures = if question.without_figures { Vec::new() } else { figures(lake, self, question).await? };
        if !figures.is_empty() {
            if question.metric.is_some() && question.period.is_some() {
                answer = figures.iter().fold(answer, |answer, figure| answer.with_note(in_words(figure)));
            }
            answer = answer.with_fact("figures", figures);
        }
        Ok(answer
            .with_fact("entity", self.hex.clone())
            .with_fact("name", self.name.clone())
            .with_fact("kind", self.kind)
            .with_fact("as_of", json!(question.as_of.map(super::instant_text))))
    }
}
