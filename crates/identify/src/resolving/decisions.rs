//! What people decide: that two are one, that one is two, what something is called, whom it belongs to; and taking it back.
//!
//! Each decision is rows of its own, with who, when and why; taking it back is rows too. Questions see it at once, because
//! who is who is a view. The catalogue is never overruled: what it says is changed in its files.

use std::collections::HashSet;

use arrow::array::{
    Array as _, AsArray as _, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Entity, Lake, LakeError, schema, sql::quoted};
use crowsnest_model::tables::{ALIASES, JUDGEMENTS, RELATIONS};
use crowsnest_model::{Kind, entity_id, event_id, normalise};
use serde::Serialize;

use super::rows::{self, JudgementRow, RelationRow};

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The lake failed, or does not know a name.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// It contradicts something that has more weight, or says nothing.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do instead.
        hint: String,
    },
}

fn refused(message: impl Into<String>, hint: impl Into<String>) -> DecisionError {
    DecisionError::Refused { message: message.into(), hint: hint.into() }
}

/// What a decision did.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// In words.
    pub what: String,
    /// The entity that it is about, afterwards, as in addresses.
    pub entity: String,
    /// Rows that were written.
    pub n_rows: usize,
}

/// What was taken back.
#[derive(Debug, Clone, Serialize)]
pub struct Undone {
    /// In words.
    pub what: String,
    /// Who had decided it.
    pub by: String,
}

/// A relation that somebody tells.
#[derive(Debug, Clone, Default)]
pub struct Related {
    /// `owned_by`, `successor_of` or `version_of`.
    pub relation: String,
    /// First day, since 1970-01-01.
    pub valid_from: Option<i32>,
    /// First day on which it no longer holds.
    pub valid_until: Option<i32>,
    /// Whether it ends what was told before, from the same first day on.
    pub is_end: bool,
}

/// Somebody who decides.
#[derive(Debug)]
pub struct Decisions<'a> {
    lake: &'a Lake,
    by: String,
    why: String,
}

/// A mention of an entity.
#[derive(Debug, Clone)]
struct Met {
    mention: i64,
    own: i64,
    key: String,
    source: String,
}

impl<'a> Decisions<'a> {
    /// # Errors
    /// A name that only a file of the catalogue may have.
    pub fn new(lake: &'a Lake, by: &str, why: &str) -> Result<Self, DecisionError> {
        let by = by.trim();
        if by.is_empty() || by.ends_with(".csv") {
            return Err(refused(format!("{by:?} is nobody's name"), "say who decides with --by NAME"));
        }
        Ok(Self { lake, by: by.to_owned(), why: why.trim().to_owned() })
    }

    /// Two entities are one; the first keeps its address, unless only the other is in the catalogue.
    ///
    /// # Errors
    /// Unknown names; two that the catalogue names; two kinds.
    pub async fn merge(&self, stays: &str, joins: &str, kind: Option<Kind>) -> Result<Change, DecisionError> {
        let identity = self.lake.identity();
        let (one, other) = (identity.find(stays, kind)?.clone(), identity.find(joins, kind)?.clone());
        if one.id == other.id {
            return Err(refused(format!("{stays} and {joins} are one already"), "see them with `crowsnest show NAME`"));
        }
        if one.kind != other.kind {
            let message = format!("{stays} is a {} and {joins} a {}", one.kind.as_str(), other.kind.as_str());
            return Err(refused(message, "say which are meant with --kind product or --kind company"));
        }
        if one.is_catalogued && other.is_catalogued {
            let message = format!("the catalogue names both {} and {}", one.name_en, other.name_en);
            return Err(refused(message, "the catalogue wins: make them one in catalogue/*.csv"));
        }
        let (of_one, of_other) = (self.met(&one).await?, self.met(&other).await?);
        let (Some(first), Some(second)) = (of_one.first(), of_other.first()) else {
            return Err(refused(
                format!("no source names {} yet", if of_one.is_empty() { stays } else { joins }),
                "write it into catalogue/aliases.csv instead",
            ));
        };
        let rows = vec![self.judgement(first.mention, second.mention, "same")];
        let rows = self.with_taken_back(rows, "different", &of_one, &of_other).await?;
        let n_rows = self.write(rows).await?;
        let entity = self.lake.identity().find(stays, Some(one.kind))?.hex();
        Ok(Change { what: format!("{} and {} are one", one.name_en, other.name_en), entity, n_rows })
    }

    /// A name, or a source's use of it, is not what the rest of its entity is.
    ///
    /// # Errors
    /// Unknown names; what the catalogue ties together; a name that is all that its entity has.
    pub async fn split(&self, name: &str, source: Option<&str>, kind: Option<Kind>) -> Result<Change, DecisionError> {
        let identity = self.lake.identity();
        let entity = identity.find(name, kind)?.clone();
        let key = normalise(name);
        let met = self.met(&entity).await?;
        let is_meant = |met: &Met| met.key == key && source.is_none_or(|source| met.source == source);
        let (off, rest): (Vec<Met>, Vec<Met>) = met.into_iter().partition(is_meant);
        if off.is_empty() {
            let of = source.map_or_else(String::new, |source| format!(" in {source}"));
            return Err(refused(
                format!("no mention of {name}{of} is written so"),
                "write the name as the source does",
            ));
        }
        let Some(stays) = rest.first() else {
            return Err(refused(
                format!("{name} is all that {} is", entity.name_en),
                "say with --source whose use of the name is another thing",
            ));
        };
        let is_tied = |one: &Met| {
            entity.is_catalogued
                && source.is_none()
                && entity_id(entity.kind, &normalise(&one.key)) == one.own
                && self.is_of_catalogue(one.own)
        };
        if off.iter().any(is_tied) && rest.iter().any(|one| self.is_of_catalogue(one.own)) {
            let message = format!("the catalogue says that {name} is {}", entity.name_en);
            return Err(refused(message, "the catalogue wins: take the alias out of catalogue/*.csv"));
        }
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        for one in &off {
            let beside = rest.iter().find(|other| other.own == one.own).unwrap_or(stays);
            if beside.own == one.own || seen.insert(one.own) {
                rows.push(self.judgement(beside.mention, one.mention, "different"));
            }
        }
        let rows = self.with_taken_back(rows, "same", &off, &rest).await?;
        let n_rows = self.write(rows).await?;
        let off_entity = self.entity_of_mention(off[0].mention).await?;
        Ok(Change { what: format!("{name} is not {}", entity.name_en), entity: off_entity, n_rows })
    }

    /// A judgement on two mentions, as a review gives it: `same`, `different` or `unsure`.
    ///
    /// # Errors
    /// Those of the lake.
    pub async fn judge(&self, left: i64, right: i64, verdict: &str) -> Result<usize, DecisionError> {
        self.write(vec![self.judgement(left, right, verdict)]).await
    }

    /// What an entity is called, in a language or in all.
    ///
    /// # Errors
    /// An entity whose names the catalogue gives; a name that another entity has.
    pub async fn rename(
        &self,
        name: &str,
        to: &str,
        language: &str,
        kind: Option<Kind>,
    ) -> Result<Change, DecisionError> {
        let identity = self.lake.identity();
        let entity = identity.find(name, kind)?;
        if entity.is_catalogued {
            let message = format!("the catalogue gives the names of {}", entity.name_en);
            return Err(refused(message, "the catalogue wins: write the name into catalogue/aliases.csv"));
        }
        if normalise(to).is_empty() {
            return Err(refused("the new name is empty", "write a name"));
        }
        if identity
            .find(to, Some(entity.kind))
            .is_ok_and(|other| other.id != entity.id && normalise(to) == normalise(&other.name_en))
        {
            return Err(refused(
                format!("{to} is another's name"),
                format!("bring both together with `crowsnest merge {to} {name}`"),
            ));
        }
        let row = self.alias_row(entity, to, language, true)?;
        let n_rows = self.lake.append(&ALIASES, vec![row]).await?.n_added;
        self.lake.refresh().await?;
        Ok(Change { what: format!("{} is called {to}", entity.name_en), entity: entity.hex(), n_rows })
    }

    /// An entity belongs to a company, follows a product or is a version of one.
    ///
    /// # Errors
    /// Unknown names; an entity that would belong to itself, at once or by way of others.
    pub async fn relate(
        &self,
        name: &str,
        other: &str,
        kind: Option<Kind>,
        told: &Related,
    ) -> Result<Change, DecisionError> {
        let identity = self.lake.identity();
        let entity = identity.find(name, kind)?;
        let other_kind = if told.relation == "owned_by" { Kind::Company } else { entity.kind };
        let other = identity.find(other, Some(other_kind))?;
        let day = told.valid_from.unwrap_or_else(|| (jiff::Timestamp::now().as_second() / 86_400) as i32);
        let is_cycle = told.relation == "owned_by" && identity.owners_on(other.id, day).contains(&entity.id);
        if !told.is_end && (entity.id == other.id || is_cycle) {
            let message = format!("{} would belong to itself, by way of {}", entity.name_en, other.name_en);
            return Err(refused(message, "end the other relation first, with --end"));
        }
        let row = RelationRow {
            relation: told.relation.clone(),
            entity: (entity.id, entity.name_en.clone()),
            other: (other.id, other.name_en.clone()),
            is_active: !told.is_end,
            by: self.by.clone(),
            valid_from: told.valid_from,
            valid_until: told.valid_until,
            why: self.why.clone(),
        };
        let n_rows = self.lake.append(&RELATIONS, vec![rows::relations(&[row], now())?]).await?.n_added;
        self.lake.refresh().await?;
        let ends = if told.is_end { "no longer " } else { "" };
        let what = format!("{} is {ends}{} {}", entity.name_en, told.relation.replace('_', " "), other.name_en);
        Ok(Change { what, entity: entity.hex(), n_rows })
    }

    /// Takes back what was decided last, by this person or, with `of_all`, by anybody; `None` where nothing was.
    ///
    /// # Errors
    /// Those of the lake.
    pub async fn undo(&self, of_all: bool) -> Result<Option<Undone>, DecisionError> {
        let by = if of_all { "\"by\" NOT LIKE '%.csv'".to_owned() } else { format!("\"by\" = {}", quoted(&self.by)) };
        let sql = format!(
            "SELECT 'judgement' AS sort, known_at FROM judgements WHERE {by} AND verdict <> 'withdrawn' \
             AND NOT EXISTS (SELECT 1 FROM judgements o WHERE o.verdict = 'withdrawn' AND o.known_at > judgements.known_at \
                 AND o.\"left\" = judgements.\"left\" AND o.\"right\" = judgements.\"right\") \
             UNION ALL SELECT 'alias', known_at FROM aliases WHERE {by} AND active \
             AND NOT EXISTS (SELECT 1 FROM aliases o WHERE NOT o.active AND o.known_at > aliases.known_at \
                 AND o.self_entity_id = aliases.self_entity_id AND o.entity_id = aliases.entity_id) \
             UNION ALL SELECT 'relation', known_at FROM relations WHERE {by} AND active \
             AND NOT EXISTS (SELECT 1 FROM relations o WHERE NOT o.active AND o.known_at > relations.known_at \
                 AND o.entity_id = relations.entity_id AND o.owner_id = relations.owner_id) \
             ORDER BY known_at DESC LIMIT 1"
        );
        let batches = self.lake.query(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
        let sort = text(batch, 0, 0);
        let at = batch.column(1).as_primitive::<TimestampMicrosecondType>().value(0);
        let undone = match sort.as_str() {
            "judgement" => self.undo_judgements(at).await?,
            "alias" => self.undo_alias(at).await?,
            _ => self.undo_relation(at).await?,
        };
        self.lake.refresh().await?;
        Ok(Some(undone))
    }

    /// All judgements of that moment: a decision is one or several.
    async fn undo_judgements(&self, at: i64) -> Result<Undone, DecisionError> {
        let moment = crowsnest_lake::sql::instant(at);
        let sql = format!("SELECT \"left\", \"right\", verdict, \"by\" FROM judgements WHERE known_at = {moment}");
        let (mut rows, mut verdicts, mut by) = (Vec::new(), Vec::new(), String::new());
        for batch in self.lake.query(&sql).await? {
            let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let (left, right) = (ints(0).value(row), ints(1).value(row));
                let verdict = text(&batch, 2, row);
                // What the decision took back holds again.
                let before = self.verdict_before(left, right, at).await?;
                rows.push(self.judgement(left, right, &before.unwrap_or_else(|| "withdrawn".into())));
                verdicts.push(verdict);
                by = text(&batch, 3, row);
            }
        }
        self.write(rows).await?;
        verdicts.retain(|verdict| verdict != "withdrawn");
        Ok(Undone { what: format!("the judgement {:?}", verdicts.first().cloned().unwrap_or_default()), by })
    }

    async fn verdict_before(&self, left: i64, right: i64, at: i64) -> Result<Option<String>, DecisionError> {
        let moment = crowsnest_lake::sql::instant(at);
        let sql = format!(
            "SELECT verdict FROM judgements WHERE known_at < {moment} AND \
             ((\"left\" = {left} AND \"right\" = {right}) OR (\"left\" = {right} AND \"right\" = {left})) \
             ORDER BY known_at DESC LIMIT 1"
        );
        let batches = self.lake.query(&sql).await?;
        Ok(batches.iter().find(|batch| batch.num_rows() > 0).map(|batch| text(batch, 0, 0)))
    }

    async fn undo_alias(&self, at: i64) -> Result<Undone, DecisionError> {
        let moment = crowsnest_lake::sql::instant(at);
        let sql = format!(
            "SELECT entity_id, entity, kind, alias, language, \"by\" FROM aliases WHERE known_at = {moment} AND active \
             AND \"by\" NOT LIKE '%.csv' LIMIT 1"
        );
        let batches = self.lake.query(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Err(refused("the name is gone", "look again"));
        };
        let id = batch.column(0).as_primitive::<Int64Type>().value(0);
        let kind: Kind = text(batch, 2, 0).parse().map_err(|_| refused("the row has no kind", "report this"))?;
        let alias = text(batch, 3, 0);
        let row = AliasOf {
            id,
            name: &text(batch, 1, 0),
            kind,
            alias: &alias,
            language: &text(batch, 4, 0),
            is_active: false,
        };
        let row = self.alias_batch(&row)?;
        self.lake.append(&ALIASES, vec![row]).await?;
        Ok(Undone { what: format!("the name {alias}"), by: text(batch, 5, 0) })
    }

    async fn undo_relation(&self, at: i64) -> Result<Undone, DecisionError> {
        let moment = crowsnest_lake::sql::instant(at);
        let sql = format!(
            "SELECT relation, entity_id, entity, owner_id, owner, valid_from, \"by\" FROM relations \
             WHERE known_at = {moment} AND active AND \"by\" NOT LIKE '%.csv' LIMIT 1"
        );
        let batches = self.lake.query(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Err(refused("the relation is gone", "look again"));
        };
        let int = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(0);
        let from = batch.column(5).as_primitive::<Date32Type>();
        let row = RelationRow {
            relation: text(batch, 0, 0),
            entity: (int(1), text(batch, 2, 0)),
            other: (int(3), text(batch, 4, 0)),
            is_active: false,
            by: self.by.clone(),
            valid_from: from.is_valid(0).then(|| from.value(0)),
            valid_until: None,
            why: self.why.clone(),
        };
        let what = format!("{} {} {}", row.entity.1, row.relation.replace('_', " "), row.other.1);
        self.lake.append(&RELATIONS, vec![rows::relations(&[row], now())?]).await?;
        Ok(Undone { what, by: text(batch, 6, 0) })
    }

    fn is_of_catalogue(&self, own: i64) -> bool {
        self.lake.identity().is_alias_of_catalogue(own)
    }

    fn judgement(&self, left: i64, right: i64, verdict: &str) -> JudgementRow {
        JudgementRow { left, right, verdict: verdict.to_owned(), by: self.by.clone(), why: self.why.clone() }
    }

    async fn write(&self, rows: Vec<JudgementRow>) -> Result<usize, DecisionError> {
        let n = self.lake.append(&JUDGEMENTS, vec![rows::judgements(&rows, now())?]).await?.n_added;
        self.lake.refresh().await?;
        Ok(n)
    }

    /// The same rows, with those that take back judgements of a verdict between two lots of mentions; a pair that is
    /// judged anew needs none, for the later judgement counts.
    async fn with_taken_back(
        &self,
        mut rows: Vec<JudgementRow>,
        verdict: &str,
        one: &[Met],
        other: &[Met],
    ) -> Result<Vec<JudgementRow>, DecisionError> {
        let sql = "SELECT \"left\", \"right\", last_value(verdict ORDER BY known_at) FROM judgements GROUP BY \"left\", \"right\"";
        let ids = |met: &[Met]| met.iter().map(|met| met.mention).collect::<HashSet<i64>>();
        let (one, other) = (ids(one), ids(other));
        let pair = |left: i64, right: i64| (left.min(right), left.max(right));
        let judged: HashSet<(i64, i64)> = rows.iter().map(|row| pair(row.left, row.right)).collect();
        for batch in self.lake.query(sql).await? {
            let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let (left, right) = (ints(0).value(row), ints(1).value(row));
                let is_between =
                    one.contains(&left) && other.contains(&right) || one.contains(&right) && other.contains(&left);
                if is_between && text(&batch, 2, row) == verdict && !judged.contains(&pair(left, right)) {
                    rows.push(self.judgement(left, right, "withdrawn"));
                }
            }
        }
        Ok(rows)
    }

    /// The mentions of an entity, those known first first.
    async fn met(&self, entity: &Entity) -> Result<Vec<Met>, DecisionError> {
        let sql = format!(
            "SELECT m.mention_id, m.entity_id, m.name_key, m.source FROM mentions m \
             JOIN identities i ON m.mention_id = i.mention_id WHERE i.entity_id = {} ORDER BY m.known_at, m.mention_id",
            entity.id
        );
        let mut met = Vec::new();
        for batch in self.lake.query(&sql).await? {
            let ints = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                met.push(Met {
                    mention: ints(0).value(row),
                    own: ints(1).value(row),
                    key: text(&batch, 2, row),
                    source: text(&batch, 3, row),
                });
            }
        }
        Ok(met)
    }

    async fn entity_of_mention(&self, mention: i64) -> Result<String, DecisionError> {
        let sql = format!("SELECT entity_id FROM identities WHERE mention_id = {mention}");
        let batches = self.lake.query(&sql).await?;
        let id = batches.iter().find(|b| b.num_rows() > 0).map(|b| b.column(0).as_primitive::<Int64Type>().value(0));
        Ok(crowsnest_lake::entity_hex(id.unwrap_or_default()))
    }

    fn alias_row(
        &self,
        entity: &Entity,
        alias: &str,
        language: &str,
        is_active: bool,
    ) -> Result<RecordBatch, LakeError> {
        self.alias_batch(&AliasOf {
            id: entity.id,
            name: &entity.name_en,
            kind: entity.kind,
            alias,
            language,
            is_active,
        })
    }

    fn alias_batch(&self, of: &AliasOf<'_>) -> Result<RecordBatch, LakeError> {
        let own = entity_id(of.kind, &normalise(of.alias));
        let at = now();
        let id = event_id(&[
            "alias",
            &own.to_string(),
            &of.id.to_string(),
            &of.is_active.to_string(),
            &self.by,
            &at.to_string(),
        ]);
        let text = |text: &str| std::sync::Arc::new(StringArray::from(vec![text])) as arrow::array::ArrayRef;
        let int = |value: i64| std::sync::Arc::new(Int64Array::from(vec![value])) as arrow::array::ArrayRef;
        let columns = vec![
            int(id),
            int(own),
            int(of.id),
            text(of.name),
            text(of.kind.as_str()),
            text(of.alias),
            text(of.language),
            std::sync::Arc::new(BooleanArray::from(vec![of.is_active])),
            text(&self.by),
            std::sync::Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC")),
            text(&self.why),
        ];
        Ok(RecordBatch::try_new(schema::arrow_schema(&ALIASES), columns)?)
    }
}

struct AliasOf<'a> {
    id: i64,
    name: &'a str,
    kind: Kind,
    alias: &'a str,
    language: &'a str,
    is_active: bool,
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    let texts = batch.column(column).as_string_view_opt();
    match texts {
        Some(texts) if texts.is_valid(row) => texts.value(row).to_owned(),
        Some(_) => String::new(),
        None => {
            batch.column(column).as_string_opt::<i32>().map_or_else(String::new, |texts| texts.value(row).to_owned())
        }
    }
}
