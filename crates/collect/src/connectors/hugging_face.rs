//! Models on Hugging Face: downloads of the last 30 days, likes, and places among the trending.
//!
//! Downloads are counted by requests for a model's main files, so that libraries which load several files count once;
//! the count is of 30 days before the moment and moves daily. Likes can be taken back. The order of the trending is
//! Hugging Face's own and undocumented. Lists come in pages with a header `Link`. A model that is renamed has its new name
//! from then on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, check_owner_and_name, next_page, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct HuggingFace;

/// Which models.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Authors whose models are read, the most downloaded first, for example `deepseek-ai` or `Qwen`.
    #[serde(default)]
    authors: Vec<String>,
    /// Single models, for example `deepseek-ai/DeepSeek-V3`.
    #[serde(default)]
    models: Vec<String>,
    /// Places of the list of trending models that are read; 0 for none, at most 1,000.
    #[serde(default)]
    n_trending: u32,
    /// Models of each author, at most 1,000.
    #[serde(default = "default_n_models")]
    n_models: u32,
    /// A token, as `{secret:NAME}`, for more requests or for models that are not public.
    #[serde(default)]
    token: Option<String>,
    /// Address of the hub.
    #[serde(default = "default_base")]
    base: String,
}

fn default_n_models() -> u32 {
    100
}

fn default_base() -> String {
    "https://huggingface.co".into()
}

const N_MAX: u32 = 1000;
/// Models of one page.
const PAGE_MAX: u32 = 100;

impl Connector for HuggingFace {
    const SPEC: Spec = Spec {
        name: "hugging_face",
        title: "Hugging Face models",
        doc: "Downloads in 30 days and likes of models on Hugging Face, and ranks of the trending ones.",
        homepage: "https://huggingface.co/docs/hub/api",
        licence: "Hugging Face's terms of service",
        redistribute: true,
        price: "free",
        freshness: "likes at once, downloads within a day",
        requests_per_minute: 30.0,
        schedule: "45 5 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against answers that are recorded in public programs (June to August 2026); not against live \
                  answers",
        example: "authors = [\"deepseek-ai\", \"Qwen\"]\nn_trending = 50",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.authors.is_empty() && options.models.is_empty() && options.n_trending == 0 {
            return Err("name authors or models, or set n_trending".into());
        }
        for (name, n) in [("n_trending", options.n_trending), ("n_models", options.n_models)] {
            if n > N_MAX {
                return Err(format!("{name} is {n}: at most {N_MAX} are read"));
            }
        }
        check_number_of_requests(options.authors.len() + options.models.len())?;
        let hub = base(&options.base);
        let mut requests = Vec::new();
        for author in &options.authors {
            check_owner_and_name(&format!("{author}/x"))
                .map_err(|_| format!("authors: {author:?} is not an author: write it as its address has it"))?;
            let n = options.n_models.min(PAGE_MAX);
            let url = format!("{hub}/api/models?author={author}&sort=downloads&direction=-1&limit={n}");
            let request = Request::get(author, "models", url).with("n_left", options.n_models.to_string());
            requests.push(asked(options, request));
        }
        for model in &options.models {
            check_owner_and_name(model).map_err(|fault| format!("models: {fault}"))?;
            requests.push(asked(options, Request::get(model, "model", format!("{hub}/api/models/{model}"))));
        }
        if options.n_trending > 0 {
            let n = options.n_trending.min(PAGE_MAX);
            let url = format!("{hub}/api/models?sort=trendingScore&direction=-1&limit={n}");
            let request = Request::get("trending", "trending", url).with("n_left", options.n_trending.to_string());
            requests.push(asked(options, request.with("rank", "1")));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let models = match page.json()? {
            Value::Array(models) => models,
            answer if !answer["error"].is_null() => {
                return Err(format!("Hugging Face answers: {}", shown(&answer["error"])));
            }
            model if model["id"].is_string() => vec![model],
            _ => return Err("the answer is neither a model nor a list of models".into()),
        };
        let day = page.day();
        let n_left: usize = page.context("n_left").parse().unwrap_or(models.len());
        let first_rank: Option<u64> = page.context("rank").parse().ok();
        let mut parsed = Parsed::default();
        for (model, n_before) in models.iter().take(n_left).zip(0_u64..) {
            add(&mut parsed, options, model, first_rank.map(|first| first + n_before), &day);
        }
        let n_left = n_left.saturating_sub(models.len());
        if n_left > 0 && !models.is_empty() {
            let next_rank = first_rank.map(|first| first + models.len() as u64);
            parsed.next.extend(next(options, page, n_left, next_rank)?);
        }
        Ok(parsed)
    }
}

/// The request for the page after this one.
fn next(options: &Options, page: &Page<'_>, n_left: usize, rank: Option<u64>) -> Result<Option<Request>, String> {
    let Some(url) = next_page(page)? else { return Ok(None) };
    let first_slot = page.slot.split(" after ").next().unwrap_or_default();
    let slot = format!("{first_slot} after {n_left}");
    let request = match rank {
        Some(rank) => Request::get(slot, "trending", url).with("rank", rank.to_string()),
        None => Request::get(slot, "models", url),
    };
    Ok(Some(asked(options, request.with("n_left", n_left.to_string()))))
}

fn asked(options: &Options, request: Request) -> Request {
    match &options.token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

fn add(parsed: &mut Parsed, options: &Options, model: &Value, rank: Option<u64>, day: &str) {
    let id = text(&model["id"]);
    if id.is_empty() {
        parsed.problem("id", shown(&model["id"]), "the model's name");
        return;
    }
    let url = format!("{}/{id}", base(&options.base));
    let figures =
        Figures { subject: id, native_id: id, period: day, url: &url, status: "official", ..Figures::default() };
    if let Some(rank) = rank {
        Figures { segment: "trending", ..figures }.add(parsed, "rank", "rank", &rank.into());
    }
    figures.add(parsed, "downloads_30d", "downloads", &model["downloads"]);
    figures.add(parsed, "likes", "likes", &model["likes"]);
}
