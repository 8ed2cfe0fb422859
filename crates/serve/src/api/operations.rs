//! Every question of the API, in one list: its address, what it is asked with, and how it is asked. From it come the
//! routes, the OpenAPI description and the agents' tools. To add one: an entry here; where it is for some only, a line in
//! `access.rs`, too.

use crowsnest_lake::Answer;
use futures::future::BoxFuture;

use super::asked::Asked;
use super::parameters::{Parameter, Takes};
use super::questions;
use crate::ServeError;

/// A question of the API.
pub(crate) struct Operation {
    /// The last part of its address, and its id: `/v1/NAME`.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    pub(crate) parameters: &'static [&'static Parameter],
    /// How it is asked; gives at least [`Asked::n_rows`] rows where there are as many.
    pub(crate) ask: for<'a> fn(&'a Asked) -> BoxFuture<'a, Result<Answer, ServeError>>,
    pub(crate) kind: Kind,
    /// What agents call it, where it is a tool of theirs.
    pub(crate) tool: Option<&'static str>,
}

/// What sets a question apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows of sources that may not be passed on are left out.
    Rows,
    /// Counts and terms, which may be told of every source.
    Terms,
    /// SQL, which is asked of narrowed tables; can be posted.
    Sql,
    /// A team's own figures, and what it is going to do: for those who may read everything.
    Own,
    /// The same, of what changes without the lake: nothing made of it is kept.
    OwnOfNow,
}

impl Kind {
    /// Whether it is for those alone who may read everything.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::OwnOfNow)
    }
}

const WORDS: Takes = Takes::Text(200);
const HUNDREDS: Takes = Takes::Count { most: 10_000, default: 100 };

const fn optional(name: &'static str, takes: Takes, about: &'static str, example: &'static str) -> Parameter {
    Parameter { name, takes, is_required: false, about, example }
}

const fn required(name: &'static str, takes: Takes, about: &'static str, example: &'static str) -> Parameter {
    Parameter { name, takes, is_required: true, about, example }
}

pub(crate) static LIMIT: Parameter = optional("limit", HUNDREDS, "At most so many rows.", "100");
pub(crate) static CURSOR: Parameter =
    optional("cursor", WORDS, "Where to go on: `next` of the answer before, with the same question.", "100.0.0");
static SQL_LIMIT: Parameter =
    optional("limit", Takes::Count { most: 100_000, default: 1000 }, "At most so many rows.", "1000");
static AS_OF: Parameter =
    optional("as_of", Takes::Day, "Only what was known by the end of this day (UTC).", "2025-02-01");
static LANG: Parameter = optional(
    "lang",
    Takes::OneOf(&["en", "zh-Hans", "zh-Hant"]),
    "The language of names; the market's own where not said.",
    "en",
);
static SEARCH: Parameter = optional("search", WORDS, "Text in any script, pinyin or initials.", "doubao");
static KIND: Parameter = optional(
    "kind",
    Takes::OneOf(&["product", "company", "segment"]),
    "What it is, where a name is several.",
    "product",
);
static NAME: Parameter = required("name", WORDS, "A name in any script, or an entity's id.", "Doubao");
static SOME_NAME: Parameter = optional("name", WORDS, "A name in any script, or an entity's id.", "Doubao");
static METRIC: Parameter = required("metric", Takes::Metric, "What is measured.", "mau");
static SOME_METRIC: Parameter = optional("metric", Takes::Metric, "What is measured.", "mau");
static PERIOD: Parameter = required("period", Takes::Period, "A day, week, month, quarter, half or year.", "2024-12");
static SOME_PERIOD: Parameter =
    optional("period", Takes::Period, "A day, week, month, quarter, half or year.", "2024-12");
static REGION: Parameter = optional("region", WORDS, "The region; the most covered where not said.", "cn");
static PLATFORM: Parameter = optional("platform", WORDS, "The platform; the most covered where not said.", "all");
static SEGMENT: Parameter = optional("segment", WORDS, "The segment; the most covered where not said.", "all");
static SOURCE: Parameter = optional("source", WORDS, "Only what this source says.", "QuestMobile");
static STATUS: Parameter = optional(
    "status",
    Takes::OneOf(&["reported", "estimated", "official", "rumoured", "denied", "confirmed", "withdrawn"]),
    "Only claims of this status.",
    "official",
);
static DOCUMENT: Parameter = optional(
    "document",
    Takes::Hex(64),
    "Only what this document says, by its SHA-256.",
    "0000000000000000000000000000000000000000000000000000000000000000",
);
static CLAIM: Parameter = optional("claim", Takes::Hex(32), "This claim alone.", "00000000000000000000000000000000");
static EVENT: Parameter = optional("event", WORDS, "Only events of this kind.", "funding");
static BY: Parameter = optional(
    "by",
    Takes::OneOf(&["product", "company", "group", "source"]),
    "A row for each product, for each company or group with what its products come to, or for each product and source.",
    "product",
);
static PRIZE: Parameter =
    optional("prize", Takes::Share, "How much the expected size counts beside the probability.", "0.3");
static LEAST: Parameter = optional("least", Takes::Share, "At least this probability.", "0.1");
static PLAN: Parameter = required("name", WORDS, "The plan's name, as /v1/plans has it.", "weekly");
static PLAN_KIND: Parameter = optional(
    "kind",
    Takes::OneOf(&["plan", "fit", "experiment", "outcome"]),
    "Only what is of this kind.",
    "experiment",
);
/// Calls of which nothing came yet.
pub(super) static OPEN_CALLS: Parameter = optional(
    "open",
    Takes::Count { most: 1_000, default: 10 },
    "So many calls of which nothing came yet: the latest and likeliest.",
    "10",
);
static QUERY: Parameter = required(
    "query",
    Takes::Text(20_000),
    "One SELECT over the tables and views: claims, events, mentions, figures, signals, claims_named, claims_in_force, \
     figures_in_force, entities; and the functions league(metric, period) and series(name).",
    "SELECT metric, count(*) AS n FROM claims GROUP BY metric ORDER BY n DESC",
);

/// All of them.
pub(crate) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "products",
        summary: "Who is in the market",
        about: "Products, companies and segments: the matches of a search, best first, or those with the most sources.",
        parameters: &[&SEARCH, &KIND, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::products,
        kind: Kind::Rows,
        tool: Some("search_products"),
    },
    Operation {
        name: "figures",
        summary: "What is said of a name, with its evidence",
        about: "The claims in force of a product, company or segment: per source the last one that was neither denied nor \
                withdrawn. `figures` beside the rows are what the sources come to together, with an interval, the claims \
                each rests on and the reason.",
        parameters: &[&NAME, &KIND, &SOME_METRIC, &SOME_PERIOD, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::figures,
        kind: Kind::Rows,
        tool: Some("figures"),
    },
    Operation {
        name: "series",
        summary: "How a name developed",
        about: "Every claim in force on a name over time, in order, with how often its source restated it.",
        parameters: &[&NAME, &KIND, &SOME_METRIC, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::series,
        kind: Kind::Rows,
        tool: None,
    },
    Operation {
        name: "league",
        summary: "Who leads in a metric",
        about: "One period's table, against the period before. Periods, regions, platforms and segments are never mixed; \
                `facts` has totals, concentration, and which other dimensions there are.",
        parameters: &[&METRIC, &PERIOD, &BY, &REGION, &PLATFORM, &SEGMENT, &SOURCE, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::league,
        kind: Kind::Rows,
        tool: Some("league"),
    },
    Operation {
        name: "why",
        summary: "Why a figure is what it is",
        about: "Everything that any source ever said of one figure, restatements, rumours and denials included, with \
                whether each is in force.",
        parameters: &[&NAME, &METRIC, &PERIOD, &KIND, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::why,
        kind: Kind::Rows,
        tool: Some("why"),
    },
    Operation {
        name: "claims",
        summary: "What was said, claim by claim",
        about: "Claims, the latest known first.",
        parameters: &[
            &SOME_NAME,
            &SOME_METRIC,
            &SOME_PERIOD,
            &SOURCE,
            &STATUS,
            &DOCUMENT,
            &CLAIM,
            &AS_OF,
            &LANG,
            &LIMIT,
            &CURSOR,
        ],
        ask: questions::claims,
        kind: Kind::Rows,
        tool: None,
    },
    Operation {
        name: "events",
        summary: "What happened",
        about: "Funding, acquisitions, launches, departures, awards, each with its status, the latest known first.",
        parameters: &[&SOME_NAME, &EVENT, &SOURCE, &STATUS, &DOCUMENT, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::events,
        kind: Kind::Rows,
        tool: None,
    },
    Operation {
        name: "breakouts",
        summary: "What is about to take off",
        about: "The products likeliest to multiply, with calibrated probability, interval, expected level and evidence.",
        parameters: &[&SOME_METRIC, &PRIZE, &LEAST, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::breakouts,
        kind: Kind::Rows,
        tool: Some("breakouts"),
    },
    Operation {
        name: "record",
        summary: "How often calls were right",
        about: "Past calls with what came of each; `facts` has every caller's score.",
        parameters: &[&SOME_METRIC, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::record,
        kind: Kind::Rows,
        tool: None,
    },
    Operation {
        name: "sources",
        summary: "Who provides data",
        about: "Sources, how much each said, and on which terms.",
        parameters: &[&AS_OF, &LIMIT, &CURSOR],
        ask: questions::sources,
        kind: Kind::Terms,
        tool: None,
    },
    Operation {
        name: "metrics",
        summary: "What is measured",
        about: "The metrics that have claims, the most covered first.",
        parameters: &[&AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::metrics,
        kind: Kind::Terms,
        tool: None,
    },
    Operation {
        name: "periods",
        summary: "For which periods",
        about: "The periods that a metric has claims for, the newest first.",
        parameters: &[&METRIC, &AS_OF, &LIMIT, &CURSOR],
        ask: questions::periods,
        kind: Kind::Terms,
        tool: None,
    },
    Operation {
        name: "plans",
        summary: "What was planned, fitted and tried",
        about: "The last version of each plan, fit, experiment and outcome, the last made first. Own figures: for analysts.",
        parameters: &[&PLAN_KIND, &AS_OF, &LIMIT, &CURSOR],
        ask: questions::plans,
        kind: Kind::Own,
        tool: None,
    },
    Operation {
        name: "plan",
        summary: "One plan, with all that was found",
        about: "The rows of a plan, its fit, its experiments and what came of it; `facts.reports` has the whole reports, by \
                kind, and `facts.versions` when they were made. Own figures: for analysts.",
        parameters: &[&PLAN, &AS_OF, &LIMIT, &CURSOR],
        ask: questions::plan,
        kind: Kind::Own,
        tool: None,
    },
    Operation {
        name: "curves",
        summary: "The response curves of a plan",
        about: "Point by point, what a channel brings a period by the money a period that is spent on it, with the interval \
                that holds it with probability 0.9. Own figures: for analysts.",
        parameters: &[&PLAN, &AS_OF, &LIMIT, &CURSOR],
        ask: questions::curves,
        kind: Kind::Own,
        tool: None,
    },
    Operation {
        name: "loop",
        summary: "What became of calls",
        about: "For each thread its call, direction, plan, experiments and outcomes, in this order; then calls of which \
                nothing came yet. Own figures: for analysts.",
        parameters: &[&OPEN_CALLS, &AS_OF, &LANG, &LIMIT, &CURSOR],
        ask: questions::the_loop,
        kind: Kind::Own,
        tool: None,
    },
    Operation {
        name: "bandits",
        summary: "Who gets which share of day-to-day traffic",
        about: "Choices, shares and rewards of each arm on each of the last 60 days (UTC), as they are now. Own figures: for \
                analysts.",
        parameters: &[&LIMIT, &CURSOR],
        ask: questions::bandits,
        kind: Kind::OwnOfNow,
        tool: None,
    },
    Operation {
        name: "sql",
        summary: "Any question, in SQL",
        about: "One SELECT; nothing can be changed. Tables hold what the caller may see, and with as_of what was known \
                by then.",
        parameters: &[&QUERY, &AS_OF, &SQL_LIMIT],
        ask: questions::sql,
        kind: Kind::Sql,
        tool: Some("sql"),
    },
];

/// The question of that name.
pub(crate) fn called(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

impl Operation {
    /// The parameter that limits the rows.
    pub(crate) fn limit(&self) -> &'static Parameter {
        self.parameters.iter().find(|parameter| parameter.name == "limit").copied().unwrap_or(&LIMIT)
    }

    pub(crate) fn has_cursor(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == "cursor")
    }
}
