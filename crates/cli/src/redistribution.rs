//! Licences: which sources' rows may not leave the market in an export.

use crowsnest_lake::Market;

/// Names of the sources that may not be passed on.
pub(crate) fn kept_back(market: &Market) -> Vec<String> {
    market
        .sources
        .iter()
        .filter(|card| !card.may_be_passed_on())
        .flat_map(|card| std::iter::once(&card.name).chain(&card.aliases))
        .cloned()
        .collect()
}
