//! `cited`: who said some claims, and since when that is known.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Lake, Result};

/// Who said a claim.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Cited {
    /// The claim, 32 hexadecimal digits.
    pub claim: String,
    /// Its source.
    pub source: String,
    /// Since when it is known, RFC 3339.
    pub known_at: String,
}

/// The claims that some references name, by reference; what is no reference, or names nothing, is left out.
pub async fn cited(lake: &Lake, claims: &[String]) -> Result<BTreeMap<String, Cited>> {
    let pairs: Vec<(i64, i64)> = claims.iter().filter_map(|claim| crowsnest_model::parse_claim_ref(claim)).collect();
    if pairs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let numbers = |of: fn(&(i64, i64)) -> i64| -> String {
        let listed: Vec<String> = pairs.iter().map(|pair| of(pair).to_string()).collect();
        listed.join(", ")
    };
    let sql = format!(
        "SELECT claim_ref(mention_id, claim_id) AS claim, source, known_at FROM claims \
         WHERE mention_id IN ({}) AND claim_id IN ({})",
        numbers(|pair| pair.0),
        numbers(|pair| pair.1)
    );
    let rows: Vec<Cited> = super::run_few(lake, &sql).await?.rows_as()?;
    Ok(rows.into_iter().map(|row| (row.claim.clone(), row)).collect())
}
