//! Queries over less than the whole market: what was known by a moment, and what may be passed on.
//!
//! The tables and views of a query are shadowed by ones without the other rows, so that sums and joins are without them
//! too. What cannot be shadowed is refused rather than let through.

use crowsnest_lake::VIEWS;
use crowsnest_lake::functions::FUNCTIONS;
use crowsnest_lake::sql;
use crowsnest_model::TABLES;

use crate::failure::Failure;

/// What a query may see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Narrowing {
    /// Only what was known by then, in microseconds.
    pub(crate) as_of: Option<i64>,
    /// Sources whose rows are left out.
    pub(crate) kept_back: Vec<String>,
    /// Whether plans are left out: a team's own figures, and what it is going to do.
    pub(crate) without_plans: bool,
}

impl Narrowing {
    /// The query over less.
    ///
    /// # Errors
    /// For queries that reach the tables in ways that cannot be shadowed.
    pub(crate) fn over(&self, query: &str) -> Result<String, Failure> {
        let lower = query.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let narrows_all = self.as_of.is_some() || !self.kept_back.is_empty();
        let is_about_plans = self.without_plans && words.contains(&PLANS);
        if !narrows_all && !is_about_plans {
            return Ok(query.to_owned());
        }
        // No function reads plans: where only they are left out, any may be asked.
        let functions = FUNCTIONS.iter().map(|function| function.name).filter(|_| narrows_all);
        let unshadowed = functions.chain(["public", "recursive"]).find(|word| words.contains(word));
        if let Some(word) = unshadowed {
            return Err(self.refused(word));
        }
        let names = TABLES.iter().map(|table| table.name).chain(VIEWS.iter().map(|(name, ..)| *name));
        let mentioned = names.filter(|name| words.contains(name));
        let shadows: Vec<String> =
            mentioned.filter_map(|name| Some(format!("{name} AS ({})", self.rows_of(name)?))).collect();
        if shadows.is_empty() {
            return Ok(query.to_owned());
        }
        let trimmed = query.trim_start();
        let has_with = trimmed.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("with "));
        if has_with {
            return Ok(format!("WITH {}, {}", shadows.join(", "), &trimmed[5..]));
        }
        Ok(format!("WITH {} {trimmed}", shadows.join(", ")))
    }

    fn refused(&self, word: &str) -> Failure {
        if self.kept_back.is_empty() && self.as_of.is_none() {
            return Failure::users(
                format!("plans, which are your own, cannot be kept out of a query with {word:?}"),
                "ask the table plans by its bare name, or add --include-restricted for your own use",
            );
        }
        if self.kept_back.is_empty() {
            return Failure::users(
                format!("--as-of does not reach into a query with {word:?}"),
                "ask the tables and views by their bare names, or leave --as-of out and give functions the day",
            );
        }
        let kept_back = self.kept_back.join(", ");
        Failure::users(
            format!(
                "rows of sources that may not be passed on ({kept_back}) cannot be kept out of a query with {word:?}"
            ),
            "ask the tables claims and events by their bare names, or add --include-restricted for your own use",
        )
    }

    /// The rows of a table or view that remain; `None` where all do.
    fn rows_of(&self, name: &str) -> Option<String> {
        let known = self.as_of.and_then(|as_of| known_by(name, as_of));
        let from = known.as_ref().map_or_else(|| name.to_owned(), |known| format!("({known})"));
        match self.may_leave(name) {
            Some(condition) => Some(format!("SELECT * FROM {from} WHERE {condition}")),
            None => known,
        }
    }

    /// The condition that a row may be passed on; `None` where rows are of no source, or all may.
    fn may_leave(&self, name: &str) -> Option<String> {
        if name == PLANS {
            return self.without_plans.then(|| "FALSE".to_owned());
        }
        if self.kept_back.is_empty() {
            return None;
        }
        let listed = sql::listed(&self.kept_back);
        if name == VALUES {
            // A mention is of one source; the name in full is the table itself, not its shadow.
            let theirs = format!("SELECT mention_id FROM public.mentions WHERE source IN ({listed})");
            return Some(format!("mention_id NOT IN ({theirs})"));
        }
        if RESTING_ON_CLAIMS.contains(&name) {
            // They name no single source: what is about an entity and metric of which such a source speaks stays here.
            let about = |entity: &str, metric: &str| format!("concat(CAST({entity} AS VARCHAR), ' ', {metric})");
            return Some(format!(
                "{} NOT IN (SELECT {} FROM public.claims c JOIN identities i ON c.mention_id = i.mention_id \
                 WHERE c.source IN ({listed}))",
                about("entity_id", "metric"),
                about("i.entity_id", "c.metric")
            ));
        }
        has_column(name, "source").then(|| format!("source IS NULL OR source NOT IN ({listed})"))
    }
}

/// Tables and views of what was made of claims, of whichever sources.
const RESTING_ON_CLAIMS: [&str; 3] = ["figures", "figures_in_force", "signals"];

/// Plans rest on own figures, name no source and say what is going to be done: what leaves for others has none of them.
pub(crate) const PLANS: &str = "plans";

/// The view of values alone, whose rows name no source.
const VALUES: &str = "values_in_force";

/// What was known by a moment of a table or view; `None` for those that are as they are now.
fn known_by(name: &str, as_of: i64) -> Option<String> {
    let function = match name {
        "claims_in_force" => "claims_as_of",
        VALUES => "values_as_of",
        _ => {
            let instant = sql::instant(as_of);
            return has_column(name, "known_at").then(|| format!("SELECT * FROM {name} WHERE known_at <= {instant}"));
        }
    };
    let when = jiff::Timestamp::from_microsecond(as_of).ok()?;
    Some(format!("SELECT * FROM {function}('{when}')"))
}

/// Views of claims and events have the columns of their table, and more.
fn has_column(name: &str, column: &str) -> bool {
    let of = TABLES.iter().find(|table| table.name == name);
    let of = of.or_else(|| TABLES.iter().find(|table| name.starts_with(&format!("{}_", table.name))));
    of.is_some_and(|table| table.column(column).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_shadowed() {
        let kept = Narrowing { kept_back: vec!["O'Neill".to_owned()], without_plans: true, as_of: None };
        let shadowed = kept.over("SELECT sum(value) FROM claims").unwrap();
        assert!(shadowed.starts_with(
            "WITH claims AS (SELECT * FROM claims WHERE source IS NULL OR source NOT IN ('O''Neill')) SELECT"
        ));
        let merged = kept.over("with a as (select * from events) select * from a").unwrap();
        assert!(merged.starts_with("WITH events AS (") && merged.contains("), a as (select"), "{merged}");
        assert_eq!(kept.over("SELECT 1").unwrap(), "SELECT 1");
        for function in FUNCTIONS {
            assert!(kept.over(&format!("SELECT * FROM {}('x')", function.name)).is_err());
        }
        assert!(kept.over("SELECT * FROM public.claims").is_err());
        for name in VIEWS.iter().map(|(name, ..)| *name).chain(["figures", "signals", "plans"]) {
            assert!(kept.over(&format!("SELECT * FROM {name}")).unwrap().starts_with("WITH "), "{name}");
        }
    }

    #[test]
    fn plans_are_kept_back_though_no_source_is() {
        let shared = Narrowing { without_plans: true, ..Narrowing::default() };
        let shadowed = shared.over("SELECT plan FROM plans JOIN claims USING (known_at)").unwrap();
        assert_eq!(
            shadowed,
            "WITH plans AS (SELECT * FROM plans WHERE FALSE) SELECT plan FROM plans JOIN claims USING (known_at)"
        );
        assert!(shared.over("SELECT * FROM \"PLANS\"").unwrap().starts_with("WITH plans AS"));
        for query in ["SELECT * FROM public.plans", "WITH RECURSIVE a AS (SELECT * FROM plans) SELECT * FROM a"] {
            assert!(shared.over(query).is_err(), "{query}");
        }
        for query in ["SELECT * FROM claims", "SELECT * FROM public.claims", "SELECT * FROM league('mau', '2024')"] {
            assert_eq!(shared.over(query).unwrap(), query);
        }
        assert_eq!(
            Narrowing::default().over("SELECT * FROM plans").unwrap(),
            "SELECT * FROM plans",
            "the owner sees all"
        );
        let then = Narrowing { as_of: Some(0), ..shared };
        assert!(then.over("SELECT * FROM plans").unwrap().contains("WHERE known_at <= "), "as of a day");
        assert!(then.over("SELECT * FROM plans").unwrap().contains(") WHERE FALSE)"), "and of none");
    }

    #[test]
    fn a_moment_narrows_what_has_one() {
        let then = Narrowing { as_of: Some(1_738_454_399_999_999), ..Narrowing::default() };
        let shadowed = then.over("SELECT * FROM claims_named").unwrap();
        assert!(
            shadowed.starts_with("WITH claims_named AS (SELECT * FROM claims_named WHERE known_at <= "),
            "{shadowed}"
        );
        let shadowed = then.over("SELECT * FROM claims_in_force").unwrap();
        assert!(shadowed.contains("claims_as_of('2025-02-01T23:59:59.999999Z')"), "{shadowed}");
        assert_eq!(then.over("SELECT * FROM entities").unwrap(), "SELECT * FROM entities");
        assert!(then.over("SELECT * FROM league('mau', '2024')").is_err());
        let both = Narrowing { kept_back: vec!["X".to_owned()], ..then };
        let shadowed = both.over("SELECT * FROM events").unwrap();
        assert!(shadowed.contains("FROM (SELECT * FROM events WHERE known_at <= "), "{shadowed}");
    }
}
