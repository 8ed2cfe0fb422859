//! Every page, with its address. To add one: a file in `pages/` and a line here; its `.json`, `.csv` and `.parquet`
//! come with it. A page's parameter is always the last part of its path.

use crate::page::Page;
use crate::pages::{
    account, alerts, audit, bandits, breakouts, claim, cluster, collecting, company, compare, digest, directions,
    document, events, figures, identity, league, loops, matching, movers, notes, overview, palette, plan, plans,
    product, products, record, reports, review, source, sources, tenders, users, views, watch, worth,
};

/// A page and its address.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) page: &'static dyn Page,
}

impl Route {
    /// Whether a path without an ending is one of this page's.
    pub(crate) fn is_of(&self, path: &str) -> bool {
        match self.path.split_once('{') {
            Some((folder, _)) => path.strip_prefix(folder).is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            None => path == self.path,
        }
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route { path: "/", page: &overview::Overview },
    Route { path: "/products", page: &products::Products },
    Route { path: "/product/{entity}", page: &product::Product },
    Route { path: "/company/{entity}", page: &company::Company },
    Route { path: "/league", page: &league::League },
    Route { path: "/movers", page: &movers::Movers },
    Route { path: "/compare", page: &compare::Compare },
    Route { path: "/match", page: &matching::Matching },
    Route { path: "/tenders", page: &tenders::Tenders },
    Route { path: "/events", page: &events::Events },
    Route { path: "/breakouts", page: &breakouts::Breakouts },
    Route { path: "/record", page: &record::Record },
    Route { path: "/digest", page: &digest::Digest },
    Route { path: "/alerts", page: &alerts::Alerts },
    Route { path: "/reports", page: &reports::Reports },
    Route { path: "/report/{report}", page: &reports::Report },
    Route { path: "/directions", page: &directions::Directions },
    Route { path: "/plans", page: &plans::Plans },
    Route { path: "/plans/{plan}", page: &plan::Plan },
    Route { path: "/loop", page: &loops::Loop },
    Route { path: "/bandits", page: &bandits::Bandits },
    Route { path: "/sources", page: &sources::Sources },
    Route { path: "/sources/worth", page: &worth::SourcesWorth },
    Route { path: "/figures/{entity}", page: &figures::Figures },
    Route { path: "/source", page: &source::Source },
    Route { path: "/review", page: &review::Review },
    Route { path: "/identity/{entity}", page: &identity::IdentityPage },
    Route { path: "/account", page: &account::AccountPage },
    Route { path: "/audit", page: &audit::Audit },
    Route { path: "/users", page: &users::UsersPage },
    Route { path: "/collecting", page: &collecting::Collecting },
    Route { path: "/watch", page: &watch::WatchLists },
    Route { path: "/watch/{list}", page: &watch::Watched },
    Route { path: "/notes/{entity}", page: &notes::Notes },
    Route { path: "/views", page: &views::Views },
    Route { path: "/palette", page: &palette::Palette },
    Route { path: "/cluster", page: &cluster::Cluster },
    Route { path: "/claim/{claim}", page: &claim::Claim },
    Route { path: "/document/{document}", page: &document::Document },
];
