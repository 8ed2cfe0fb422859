//! The pages, one file each: the question, the view, the template. `routes.rs` says where they are.

pub(crate) mod account;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod bandits;
pub(crate) mod breakouts;
pub(crate) mod claim;
pub(crate) mod cluster;
pub(crate) mod collecting;
pub(crate) mod company;
pub(crate) mod compare;
pub(crate) mod digest;
pub(crate) mod directions;
pub(crate) mod document;
pub(crate) mod entity_view;
pub(crate) mod events;
pub(crate) mod figures;
pub(crate) mod identity;
pub(crate) mod league;
pub(crate) mod loops;
pub(crate) mod matching;
pub(crate) mod movers;
pub(crate) mod notes;
pub(crate) mod overview;
pub(crate) mod palette;
pub(crate) mod plan;
pub(crate) mod plan_tables;
pub(crate) mod plans;
pub(crate) mod product;
pub(crate) mod products;
pub(crate) mod record;
pub(crate) mod reports;
pub(crate) mod review;
pub(crate) mod source;
pub(crate) mod source_history;
pub(crate) mod source_view;
pub(crate) mod sources;
pub(crate) mod tenders;
pub(crate) mod users;
pub(crate) mod views;
pub(crate) mod watch;
pub(crate) mod worth;

use crowsnest_lake::Language;
use crowsnest_model::Metric;

use crate::request::PageRequest;

/// How the lake's note on other regions, platforms and segments begins, which pages show as choices or not at all.
pub(crate) const SCOPE_NOTE: &str = "shown: region ";

/// The metric's name in the visitor's language; its id where the registry lacks it.
pub(crate) fn metric_label(request: &PageRequest, id: &str) -> String {
    match request.lake.market().metrics.get(id) {
        Some(metric) => label(metric, request.language).to_owned(),
        None => id.replace('_', " "),
    }
}

pub(crate) fn label(metric: &Metric, language: Language) -> &str {
    match language {
        Language::En => &metric.label_en,
        Language::ZhHans => &metric.label_zh_hans,
        Language::ZhHant => &metric.label_zh_hant,
    }
}

/// Whether a smaller value of the metric is a better one.
pub(crate) fn is_lower_better(request: &PageRequest, id: &str) -> bool {
    request.lake.market().metrics.get(id).is_some_and(|metric| metric.lower_is_better)
}
