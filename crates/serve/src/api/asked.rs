//! One request of the API or of an agent: who asks what of which moment, and which part of the answer is wanted.
//!
//! In: checked values. Out: a [`Part`] of the answer, within the sources' licences, with the cursor of the next one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::AssertUnwindSafe;

use crowsnest_lake::questions::parse_as_of;
use crowsnest_lake::{Answer, Lake, Language};
use futures::FutureExt as _;

use super::operations::{Kind, Operation};
use super::parameters::Values;
use crate::caller::{Caller, Role};
use crate::page::TIME_LIMIT;
use crate::site::Site;
use crate::{ServeError, cache, redistribution};

/// A cursor reaches no further than this many rows.
const N_ROWS_MAX: usize = 1_000_000;

/// A question with who asks it.
pub(crate) struct Asked {
    pub(crate) operation: &'static Operation,
    pub(crate) site: Site,
    /// As it was at the moment asked for.
    pub(crate) lake: Lake,
    pub(crate) caller: Caller,
    pub(crate) values: Values,
    pub(crate) as_of: Option<i64>,
    /// So many rows from the beginning are needed: those before the part, the part, and one more to see whether it is
    /// the last.
    pub(crate) n_rows: usize,
    n_before: usize,
    n_wanted: usize,
    /// Whether the lake has grown since the cursor was given.
    has_grown: bool,
}

/// A part of an answer.
pub(crate) struct Part {
    pub(crate) answer: Answer,
    /// The cursor of the next part, where there is one.
    pub(crate) next: Option<String>,
    pub(crate) has_left_out: bool,
}

impl Asked {
    /// Puts a request together.
    ///
    /// # Errors
    /// [`ServeError::Forbidden`] for own figures, where not everything may be read; [`ServeError::BadRequest`] for a cursor of
    /// another question.
    pub(crate) async fn new(
        operation: &'static Operation,
        site: Site,
        caller: Caller,
        values: Values,
    ) -> Result<Self, ServeError> {
        if operation.kind.is_own() && !caller.may_read_restricted {
            return Err(ServeError::Forbidden { needed: Role::Analyst });
        }
        let as_of = values.get("as_of").map(parse_as_of).transpose()?;
        let lake = Box::pin(site.lake.at(as_of)).await?;
        let n_wanted = values.count(operation.limit());
        let mut asked =
            Self { operation, site, lake, caller, values, as_of, n_rows: 0, n_before: 0, n_wanted, has_grown: false };
        if let Some(cursor) = asked.values.get("cursor") {
            (asked.n_before, asked.has_grown) = asked.place_of(cursor)?;
        }
        asked.n_rows = asked.n_before + n_wanted + 1;
        Ok(asked)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.values.text(name)
    }

    pub(crate) fn language(&self) -> Option<Language> {
        self.values.language()
    }

    /// Sources whose rows this caller does not see.
    pub(crate) fn kept_back(&self) -> &[String] {
        if self.caller.may_read_restricted { &[] } else { &self.site.shared.kept_back }
    }

    /// Everything that the answer depends on, as one number: the question, the moment, the lake, what may be seen.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.question_number(), cache::generation(&self.site.lake), self.n_before, self.n_wanted).hash(&mut hasher);
        (self.kept_back(), self.caller.may_read_restricted, self.has_grown).hash(&mut hasher);
        hasher.finish()
    }

    /// The question alone, as one number.
    fn question_number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.operation.name, self.values.question()).hash(&mut hasher);
        hasher.finish()
    }

    fn cursor_at(&self, n_before: usize) -> String {
        format!("{n_before}.{:x}.{:x}", cache::generation(&self.site.lake), self.question_number())
    }

    /// How many rows come before a cursor, and whether the lake has grown since it was given.
    fn place_of(&self, cursor: &str) -> Result<(usize, bool), ServeError> {
        let parts: Vec<&str> = cursor.split('.').collect();
        let read = match parts[..] {
            [n_before, generation, question] => {
                n_before.parse::<usize>().ok().zip(usize::from_str_radix(generation, 16).ok()).filter(
                    |(n_before, _)| *n_before <= N_ROWS_MAX && question == format!("{:x}", self.question_number()),
                )
            }
            _ => None,
        };
        let Some((n_before, generation)) = read else { return Err(ServeError::NotFound("this cursor".to_owned())) };
        Ok((n_before, generation != cache::generation(&self.site.lake)))
    }

    /// Asks.
    ///
    /// # Errors
    /// Those of the question; [`ServeError::TimedOut`]; [`ServeError::Panicked`].
    pub(crate) async fn part(&self) -> Result<Part, ServeError> {
        let asking = AssertUnwindSafe((self.operation.ask)(self)).catch_unwind();
        let whole = match tokio::time::timeout(TIME_LIMIT, asking).await {
            Ok(Ok(answered)) => answered?,
            Ok(Err(_)) => return Err(ServeError::Panicked),
            Err(_) => return Err(ServeError::TimedOut { seconds: TIME_LIMIT.as_secs() }),
        };
        let n_after = whole.rows.num_rows().saturating_sub(self.n_before);
        let is_last = n_after <= self.n_wanted;
        let mut answer = whole;
        answer.rows = answer.rows.slice(answer.rows.num_rows() - n_after, n_after.min(self.n_wanted));
        let has_left_out = self.operation.kind != Kind::Terms && !self.kept_back().is_empty();
        if self.operation.kind == Kind::Rows && has_left_out {
            answer = redistribution::leave_out(answer, self.kept_back())?;
        }
        let may_go_on = !is_last && self.operation.has_cursor();
        if !is_last && !may_go_on {
            answer.notes.push(format!("only the first {} rows; ask for more with limit", self.n_wanted));
        }
        if self.has_grown {
            answer.notes.push("the market has grown since the first part: rows may come twice or be missed".to_owned());
        }
        let next = may_go_on.then(|| self.cursor_at(self.n_before + self.n_wanted));
        Ok(Part { answer, next, has_left_out })
    }
}
