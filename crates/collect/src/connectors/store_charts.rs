//! What the charts of app stores have in common: which there are, and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A chart of an app store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::enum_variant_names, reason = "the stores' own words for their charts")]
pub(crate) enum Chart {
    /// Free apps by downloads, as the store weighs them.
    TopFree,
    /// Bought apps by downloads, as the store weighs them.
    TopPaid,
    /// Apps by revenue, as the store weighs it.
    TopGrossing,
}

impl Chart {
    /// Its word in options, addresses and segments.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TopFree => "top-free",
            Self::TopPaid => "top-paid",
            Self::TopGrossing => "top-grossing",
        }
    }
}

/// The default of an option `charts`.
pub(crate) fn free_chart() -> Vec<Chart> {
    vec![Chart::TopFree]
}

/// Countries as stores write them in addresses, which are also the lake's regions; each once.
pub(crate) fn countries(written: &[String]) -> Result<Vec<String>, String> {
    if written.is_empty() {
        return Err("name at least one country in countries".into());
    }
    let mut countries = Vec::with_capacity(written.len());
    for country in written {
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(format!("countries: {country:?} is not a country's two letters (ISO 3166-1): write us, cn, …"));
        }
        let country = country.to_ascii_lowercase();
        if !countries.contains(&country) {
            countries.push(country);
        }
    }
    Ok(countries)
}
