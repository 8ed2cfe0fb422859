//! Tokens that models process on OpenRouter each day, and their list prices.
//!
//! The ranking holds the top 50 public models of a day and the rest as one row; tokens are counted by each provider's own
//! tokenizer, so that two rows are not quite alike. It needs a key of OpenRouter (30 requests a minute, 500 a day) and
//! may be passed on with its source named (CC BY 4.0). Prices need no key, and are those of the day of fetching. Variants
//! such as `:free` have prices of their own and no row in the ranking; a negative price means that it varies, and is no
//! claim.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct OpenrouterRankings;

/// What of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Key of OpenRouter for the ranking, `{secret:NAME}`; only prices if not given.
    #[serde(default)]
    key: String,
    /// Whether prices are fetched.
    #[serde(default = "yes")]
    prices: bool,
    /// Only models whose id begins with one of these, for example `deepseek/`; all if empty.
    #[serde(default)]
    models: Vec<String>,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn yes() -> bool {
    true
}

fn default_days() -> u32 {
    90
}

fn default_base() -> String {
    "https://openrouter.ai".into()
}

/// Days that are asked for again: figures of the last days are restated.
const DAYS_REVISITED: u32 = 3;
/// The row that stands for all models beyond the top 50.
const OTHER: &str = "other";

impl Connector for OpenrouterRankings {
    const SPEC: Spec = Spec {
        name: "openrouter_rankings",
        title: "OpenRouter rankings and prices",
        doc: "Tokens per day of the top 50 models on OpenRouter and of all others together, and list prices per million tokens \
              of every model.",
        homepage: "https://openrouter.ai/docs/cookbook/administration/data-api",
        licence: "CC BY 4.0; name the source: OpenRouter (openrouter.ai/rankings) and the day",
        redistribute: true,
        price: "free; the ranking needs a key",
        freshness: "a day is there in the early morning of the next (UTC)",
        requests_per_minute: 20.0,
        schedule: "30 4 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against OpenRouter's reference pages of rankings-daily and of models; not against live answers",
        example: "key = \"{secret:OPENROUTER_KEY}\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        let base = options.base.trim_end_matches('/');
        let mut requests = Vec::new();
        if !options.key.is_empty() {
            let first = window.first_day(DAYS_REVISITED, options.days);
            let last = window.until.min(days_before(window.today, 1));
            let url = format!("{base}/api/v1/datasets/rankings-daily?start_date={first}&end_date={last}");
            let request = Request::get("rankings", "rankings", url).with("kind", "rankings");
            requests.push(request.header("authorization", format!("Bearer {}", options.key)));
        }
        if options.prices {
            requests.push(Request::get("prices", "prices", format!("{base}/api/v1/models")).with("kind", "prices"));
        }
        if requests.is_empty() {
            return Err("give a key for the ranking, or set prices = true: there is nothing to fetch".into());
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        if !answer.get("data").is_some_and(Value::is_array) {
            let message = text(&answer, "/error/message");
            return Err(format!("expected a list in data, found {message:?}"));
        }
        let mut parsed = Parsed::default();
        for row in list(&answer, "/data") {
            match page.context("kind") {
                "prices" => read_prices(options, row, page, &mut parsed),
                _ => read_tokens(options, row, &mut parsed),
            }
        }
        Ok(parsed)
    }
}

fn is_wanted(options: &Options, id: &str) -> bool {
    options.models.is_empty() || options.models.iter().any(|start| id.starts_with(start.as_str()))
}

fn read_tokens(options: &Options, row: &Value, parsed: &mut Parsed) {
    let (model, day) = (text(row, "/model_permaslug"), text(row, "/date"));
    let tokens = row.get("total_tokens");
    if model.is_empty() || day.is_empty() || tokens.and_then(number).is_none() {
        return parsed.problem("data", shown(Some(row)), "model_permaslug, date and total_tokens");
    }
    parsed.cursor = parsed.cursor.take().max(Some(day.to_owned()));
    if model != OTHER && !is_wanted(options, model) {
        return;
    }
    let (subject, kind) = if model == OTHER { ("other models on OpenRouter", "segment") } else { (model, "product") };
    parsed.push([
        ("subject", subject.into()),
        ("native_id", model.into()),
        ("kind", kind.into()),
        ("metric", "tokens_per_day".into()),
        ("period", day.into()),
        ("platform", "openrouter".into()),
        ("value", tokens.cloned().unwrap_or_default()),
        ("status", "official".into()),
    ]);
}

fn read_prices(options: &Options, row: &Value, page: &Page<'_>, parsed: &mut Parsed) {
    let id = text(row, "/id");
    if id.is_empty() {
        return parsed.problem("data", shown(Some(row)), "a model with an id");
    }
    if !is_wanted(options, id) {
        return;
    }
    // A variant has the canonical name of its model, and another price.
    let canonical = text(row, "/canonical_slug");
    let native_id = if canonical.is_empty() || id.contains(':') { id } else { canonical };
    let name = text(row, "/name");
    let metrics = [("prompt", "price_per_million_tokens_in"), ("completion", "price_per_million_tokens_out")];
    for (field, metric) in metrics {
        let Some(found) = row.pointer(&format!("/pricing/{field}")).filter(|price| !price.is_null()) else { continue };
        let Some(price) = number(found) else {
            parsed.problem(&format!("pricing.{field}"), format!("{id}: {}", shown(Some(found))), "a price per token");
            continue;
        };
        if price < 0.0 {
            continue;
        }
        // Times a million, without the tail that binary fractions leave.
        let per_million = (price * 1e12).round() / 1e6;
        parsed.push([
            ("subject", if name.is_empty() { id } else { name }.into()),
            ("native_id", native_id.into()),
            ("metric", metric.into()),
            ("period", page.day().into()),
            ("platform", "openrouter".into()),
            ("value", per_million.into()),
            ("unit", "USD".into()),
            ("status", "official".into()),
        ]);
    }
}
