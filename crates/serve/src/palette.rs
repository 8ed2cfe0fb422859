//! Where one can go from anywhere: the pages of the site and the keys that lead to them.
//!
//! The one list of pages for people: the navigation takes its sections from it, and the page `/palette` the rest. To show a
//! new page there: a line here, and its phrase in `words.tsv`.

/// A page that one can go to without knowing anything of it.
pub(crate) struct Place {
    pub(crate) path: &'static str,
    /// The key of its phrase.
    pub(crate) key: &'static str,
    /// The letter that leads to it after "g"; of pages in the navigation alone.
    pub(crate) letter: &'static str,
    /// Whether it stands in the navigation.
    pub(crate) is_section: bool,
}

const fn section(path: &'static str, key: &'static str, letter: &'static str) -> Place {
    Place { path, key, letter, is_section: true }
}

const fn page(path: &'static str, key: &'static str) -> Place {
    Place { path, key, letter: "", is_section: false }
}

pub(crate) const PLACES: &[Place] = &[
    section("/", "nav.overview", "o"),
    section("/digest", "nav.digest", "i"),
    section("/watch", "nav.watch", "w"),
    section("/products", "nav.products", "p"),
    section("/league", "nav.league", "l"),
    section("/compare", "nav.compare", "c"),
    section("/movers", "nav.movers", "m"),
    section("/tenders", "nav.tenders", "t"),
    section("/events", "nav.events", "e"),
    section("/breakouts", "nav.breakouts", "b"),
    section("/record", "nav.record", "r"),
    section("/directions", "nav.directions", "d"),
    section("/plans", "nav.plans", "n"),
    section("/sources", "nav.sources", "s"),
    page("/views", "views.title"),
    page("/reports", "reports.title"),
    page("/alerts", "alerts.title"),
    page("/review", "review.title"),
    page("/collecting", "collecting.title"),
    page("/sources/worth", "worth.title"),
    page("/account", "account.title"),
    page("/palette", "palette.title"),
];

/// Pages of the owner and of analysts, which others do not see.
pub(crate) fn is_for_analysts(path: &str) -> bool {
    path == "/plans"
}

/// The letter that leads to a page after "g"; empty where none does.
pub(crate) fn letter_of(path: &str) -> &'static str {
    PLACES.iter().find(|place| place.path == path).map_or("", |place| place.letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_place_is_a_page_and_every_letter_leads_to_one() {
        let mut letters: Vec<&str> =
            PLACES.iter().map(|place| place.letter).filter(|letter| !letter.is_empty()).collect();
        for place in PLACES {
            assert!(ROUTES.iter().any(|route| route.path == place.path), "{}", place.path);
            assert!(crate::words::find(crowsnest_lake::Language::En, place.key).is_some(), "{}", place.key);
            assert_eq!(place.is_section, !place.letter.is_empty(), "{}", place.path);
        }
        let n = letters.len();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), n, "each letter leads to one page");
    }
}
