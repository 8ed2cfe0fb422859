//! Licences: what leaves the market in an export is without the rows of sources that may not be passed on.
//!
//! The tables and views of a query are shadowed by ones without those rows, so that sums and joins are without them
//! too. What cannot be told apart by source is refused rather than let through.

use crowsnest_lake::{Market, VIEWS};

use crate::failure::Failure;

/// Tables whose rows name their source.
const TABLES: &[&str] = &["claims", "events", "mentions", "documents"];

/// Names of the sources that may not be passed on.
pub(crate) fn kept_back(market: &Market) -> Vec<String> {
    market
        .sources
        .iter()
        .filter(|card| !card.redistribute)
        .flat_map(|card| std::iter::once(&card.name).chain(&card.aliases))
        .cloned()
        .collect()
}

/// SQL's list of names.
pub(crate) fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    quoted.join(", ")
}

/// The query over tables without the rows that are kept back.
///
/// # Errors
/// For queries that reach the tables in ways that cannot be shadowed.
pub(crate) fn without(query: &str, kept_back: &[String]) -> Result<String, Failure> {
    let lower = query.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let functions = ["league", "series", "claims_as_of", "public", "recursive"];
    if let Some(word) = functions.into_iter().find(|word| words.contains(word)) {
        return Err(Failure::users(
            format!(
                "rows of sources that may not be passed on ({}) cannot be kept out of a query with {word:?}",
                kept_back.join(", ")
            ),
            "ask the tables claims and events by their bare names, or add --include-restricted for your own use",
        ));
    }
    let listed = listed(kept_back);
    let views = VIEWS.iter().map(|(name, ..)| *name);
    let shadows: Vec<String> = TABLES
        .iter()
        .copied()
        .chain(views)
        .filter(|name| words.contains(name))
        .map(|name| format!("{name} AS (SELECT * FROM {name} WHERE source IS NULL OR source NOT IN ({listed}))"))
        .collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_shadowed() {
        let kept = vec!["O'Neill".to_owned()];
        let shadowed = without("SELECT sum(value) FROM claims", &kept).unwrap();
        assert!(shadowed.starts_with(
            "WITH claims AS (SELECT * FROM claims WHERE source IS NULL OR source NOT IN ('O''Neill')) SELECT"
        ));
        let merged = without("with a as (select * from events) select * from a", &kept).unwrap();
        assert!(merged.starts_with("WITH events AS (") && merged.contains("), a as (select"), "{merged}");
        assert_eq!(without("SELECT 1", &kept).unwrap(), "SELECT 1");
        assert!(without("SELECT * FROM league('mau', '2024')", &kept).is_err());
        assert!(without("SELECT * FROM public.claims", &kept).is_err());
    }
}
