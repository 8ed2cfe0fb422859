//! Decisions of people on who is who, wherever they are taken: by a command, on a page, by a program with a token. Each is
//! taken by `identify`, and told in the audit log with who, when, why and by which way.

use crowsnest_identify::resolving::{Change, DecisionError, Decisions, Related, Undone};
use crowsnest_lake::state::AuditLine;
use crowsnest_lake::{Answer, Lake, LakeError};
use crowsnest_model::Kind;

/// Who decides, and how it came.
#[derive(Debug, Clone, Copy)]
pub struct Decider<'a> {
    /// By which decisions are signed.
    pub name: &'a str,
    /// On what grounds; may be empty.
    pub why: &'a str,
    /// `command`, `page` or `token`.
    pub via: &'static str,
}

/// What is decided.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Two are one; the first keeps its address.
    Merge {
        /// A name or the id of an entity.
        stays: String,
        /// The other.
        joins: String,
        /// Where a name is several.
        kind: Option<Kind>,
    },
    /// A name, or a source's use of it, is not what the rest of its entity is.
    Split {
        /// As it is written.
        name: String,
        /// Whose use of it.
        source: Option<String>,
        /// Where a name is several.
        kind: Option<Kind>,
    },
    /// What something is called.
    Rename {
        /// A name or the id of an entity.
        name: String,
        /// From now on.
        to: String,
        /// In which language; empty for all.
        language: String,
        /// Where a name is several.
        kind: Option<Kind>,
    },
    /// Whom it belongs to, what it followed, what it is a version of.
    Relate {
        /// A name or the id of an entity.
        name: String,
        /// The other.
        other: String,
        /// Where a name is several.
        kind: Option<Kind>,
        /// Which relation, and when it held.
        told: Related,
    },
    /// Two mentions are the same, different, or nobody can say.
    Judge {
        /// One mention.
        left: i64,
        /// The other.
        right: i64,
        /// `same`, `different` or `unsure`.
        verdict: String,
    },
}

impl Decision {
    fn action(&self) -> &'static str {
        match self {
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
            Self::Rename { .. } => "rename",
            Self::Relate { .. } => "own",
            Self::Judge { .. } => "judge",
        }
    }
}

/// Takes a decision; it shows at once everywhere.
///
/// # Errors
/// What contradicts something of more weight, or names nobody knows; those of the lake.
pub async fn decide(lake: &Lake, decider: &Decider<'_>, decision: &Decision) -> Result<Change, DecisionError> {
    let decisions = Decisions::new(lake, decider.name, decider.why)?;
    let change = match decision {
        Decision::Merge { stays, joins, kind } => decisions.merge(stays, joins, *kind).await?,
        Decision::Split { name, source, kind } => decisions.split(name, source.as_deref(), *kind).await?,
        Decision::Rename { name, to, language, kind } => decisions.rename(name, to, language, *kind).await?,
        Decision::Relate { name, other, kind, told } => decisions.relate(name, other, *kind, told).await?,
        Decision::Judge { left, right, verdict } => judge(lake, &decisions, [*left, *right], verdict).await?,
    };
    note(lake, decider, decision.action(), &change.what)?;
    Ok(change)
}

/// Takes back what was decided last, by the decider or, with `of_all`, by anybody; `None` where nothing was.
///
/// # Errors
/// Those of the lake.
pub async fn undo(lake: &Lake, decider: &Decider<'_>, of_all: bool) -> Result<Option<Undone>, DecisionError> {
    let undone = Decisions::new(lake, decider.name, decider.why)?.undo(of_all).await?;
    if let Some(undone) = &undone {
        note(lake, decider, "undo", &format!("taken back: {}, by {}", undone.what, undone.by))?;
    }
    Ok(undone)
}

fn note(lake: &Lake, decider: &Decider<'_>, action: &str, what: &str) -> Result<(), LakeError> {
    let why = if decider.why.is_empty() { String::new() } else { format!(" ({})", decider.why) };
    lake.state().note(&AuditLine {
        at: jiff::Timestamp::now().as_microsecond(),
        who: decider.name.to_owned(),
        action: action.to_owned(),
        what: format!("{what}{why}"),
        via: decider.via.to_owned(),
    })
}

#[derive(serde::Deserialize)]
struct MentionRow {
    mention_id: i64,
    name: String,
    source: String,
}

/// Judges two mentions that there are.
async fn judge(
    lake: &Lake,
    decisions: &Decisions<'_>,
    mentions: [i64; 2],
    verdict: &str,
) -> Result<Change, DecisionError> {
    let refused = |message: String, hint: &str| DecisionError::Refused { message, hint: hint.to_owned() };
    if !["same", "different", "unsure"].contains(&verdict) {
        return Err(refused(format!("{verdict:?} is no judgement"), "say same, different or unsure"));
    }
    let [left, right] = mentions;
    let sql = format!("SELECT mention_id, name, source FROM mentions WHERE mention_id IN ({left}, {right})");
    let mut rows: Vec<MentionRow> = Vec::new();
    for batch in lake.query(&sql).await? {
        rows.extend(Answer::of_rows(batch).rows_as::<MentionRow>()?);
    }
    let named =
        |id: i64| rows.iter().find(|row| row.mention_id == id).map(|row| format!("{} ({})", row.name, row.source));
    let (Some(one), Some(other)) = (named(left), named(right)) else {
        return Err(refused("one of the two names is nobody's".to_owned(), "look at the pairs again"));
    };
    let n_rows = decisions.judge(left, right, verdict).await?;
    Ok(Change { what: format!("{verdict}: {one} and {other}"), entity: String::new(), n_rows })
}
