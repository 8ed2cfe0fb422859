//! Ratings of language models from blind votes: the leaderboards of LMArena (formerly Chatbot Arena).
//!
//! LMArena publishes them as a data set (CC BY 4.0), of which the rows of one arena (`text`, `vision`, …) hold every
//! category, a few times a month; rows are read through the data set viewer, 100 at a time. Ratings are Bradley–Terry
//! scores with 95 % intervals; their scale shifts when the method changes, so that two days are not quite alike. A
//! community's daily history, one file of all days, can be read too.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct Lmarena;

/// Which leaderboards.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Arenas, for example `text`, `text_style_control`, `vision`, `webdev`.
    #[serde(default = "default_arenas")]
    arenas: Vec<String>,
    /// Categories, for example `overall`, `chinese`, `coding`; all if empty.
    #[serde(default = "default_categories")]
    categories: Vec<String>,
    /// Part of the data set: `latest` for the newest leaderboards, `full` for all that were published.
    #[serde(default = "default_split")]
    split: String,
    /// Address of a history instead: JSON of days (`20250101`), arenas, categories and models with their ratings.
    #[serde(default)]
    history: Option<String>,
    /// Name of the data set.
    #[serde(default = "default_dataset")]
    dataset: String,
    /// Address of the data set viewer.
    #[serde(default = "default_base")]
    base: String,
}

fn default_arenas() -> Vec<String> {
    vec!["text".into()]
}

fn default_categories() -> Vec<String> {
    vec!["overall".into()]
}

fn default_split() -> String {
    "latest".into()
}

fn default_dataset() -> String {
    "lmarena-ai/leaderboard-dataset".into()
}

fn default_base() -> String {
    "https://datasets-server.huggingface.co".into()
}

/// Rows of one answer, at most; the viewer gives no more.
const ROWS_OF_PAGE: u64 = 100;
/// Rows of one arena that are read in one run, at most.
const ROWS_MAX: u64 = 50_000;

impl Connector for Lmarena {
    const SPEC: Spec = Spec {
        name: "lmarena",
        title: "LMArena leaderboards",
        doc: "Elo ratings with their intervals, ranks and votes of language models, by arena and category.",
        homepage: "https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset",
        licence: "CC BY 4.0; name LMArena",
        redistribute: true,
        price: "free",
        freshness: "leaderboards are published a few times a month",
        requests_per_minute: 30.0,
        schedule: "15 6 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against fixtures of programs that read the data set's rows and the community's history; not \
                  against live answers",
        example: "arenas = [\"text\", \"vision\"]\ncategories = [\"overall\", \"chinese\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if let Some(history) = &options.history {
            super::answers::address(history)?;
            return Ok(vec![Request::get("history", "history", history)]);
        }
        if options.arenas.is_empty() {
            return Err("name at least one arena in arenas, for example text".into());
        }
        Ok(options.arenas.iter().map(|arena| rows_from(options, arena, 0)).collect())
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        if options.history.is_some() {
            return read_history(options, &answer);
        }
        if !answer.get("rows").is_some_and(Value::is_array) {
            return Err(format!("expected rows of the data set, found {}", shown(answer.get("error"))));
        }
        let mut parsed = Parsed::default();
        let arena = page.context("arena");
        let rows = list(&answer, "/rows");
        for row in rows {
            read_row(options, arena, row.get("row").unwrap_or(&Value::Null), &mut parsed);
        }
        let offset: u64 = page.context("offset").parse().unwrap_or(0);
        let next = offset + ROWS_OF_PAGE;
        let n_total = answer.get("num_rows_total").and_then(Value::as_u64).unwrap_or(0);
        if next < n_total.min(ROWS_MAX) && !rows.is_empty() {
            parsed.next.push(rows_from(options, arena, next));
        }
        Ok(parsed)
    }
}

fn rows_from(options: &Options, arena: &str, offset: u64) -> Request {
    let base = options.base.trim_end_matches('/');
    let escaped = super::answers::escaped;
    let url = format!(
        "{base}/rows?dataset={}&config={}&split={}&offset={offset}&length={ROWS_OF_PAGE}",
        escaped(&options.dataset),
        escaped(arena),
        escaped(&options.split),
    );
    Request::get(format!("{arena} {offset}"), "rows", url).with("arena", arena).with("offset", offset.to_string())
}

fn is_wanted(options: &Options, category: &str) -> bool {
    options.categories.is_empty() || options.categories.iter().any(|wanted| wanted == category)
}

fn read_row(options: &Options, arena: &str, row: &Value, parsed: &mut Parsed) {
    let (model, category, day) =
        (text(row, "/model_name"), text(row, "/category"), text(row, "/leaderboard_publish_date"));
    let rating = row.get("rating");
    if model.is_empty() || day.is_empty() || rating.and_then(number).is_none() {
        return parsed.problem("row", shown(Some(row)), "model_name, rating and leaderboard_publish_date");
    }
    parsed.cursor = parsed.cursor.take().max(Some(day.to_owned()));
    if !is_wanted(options, category) {
        return;
    }
    let field = |name: &str| row.get(name).cloned().unwrap_or_default();
    let figures = [
        ("elo", field("rating"), field("rating_lower"), field("rating_upper")),
        ("rank", field("rank"), Value::Null, Value::Null),
        ("votes", field("vote_count"), Value::Null, Value::Null),
    ];
    for (metric, value, low, high) in figures.into_iter().filter(|(_, value, _, _)| !value.is_null()) {
        parsed.push([
            ("subject", model.into()),
            ("native_id", model.into()),
            ("metric", metric.into()),
            ("period", day.into()),
            ("segment", format!("{arena}/{category}").into()),
            ("value", value),
            ("low", low),
            ("high", high),
            ("status", if metric == "votes" { "official" } else { "estimated" }.into()),
            ("said_on", day.into()),
        ]);
    }
}

/// `{"20250101": {"text": {"overall": {"model": 1300.2}}}}`
fn read_history(options: &Options, answer: &Value) -> Result<Parsed, String> {
    let days = answer.as_object().filter(|days| days.keys().any(|day| iso(day).is_some()));
    let days = days.ok_or("expected a history of days such as 20250101, each with its arenas")?;
    let mut parsed = Parsed::default();
    for (written, arenas) in days {
        let Some(day) = iso(written) else {
            parsed.problem("day", written.as_str(), "a day such as 20250101");
            continue;
        };
        parsed.cursor = parsed.cursor.take().max(Some(day.clone()));
        for arena in &options.arenas {
            let Some(categories) = arenas.get(arena).and_then(Value::as_object) else { continue };
            for (category, models) in categories.iter().filter(|(category, _)| is_wanted(options, category)) {
                for (model, rating) in models.as_object().into_iter().flatten() {
                    push_rating(&mut parsed, (model, &day), &format!("{arena}/{category}"), rating);
                }
            }
        }
    }
    Ok(parsed)
}

fn push_rating(parsed: &mut Parsed, (model, day): (&str, &str), segment: &str, rating: &Value) {
    if number(rating).is_none() {
        return parsed.problem("rating", format!("{model} on {day}: {}", shown(Some(rating))), "a number");
    }
    parsed.push([
        ("subject", model.into()),
        ("native_id", model.into()),
        ("metric", "elo".into()),
        ("period", day.into()),
        ("segment", segment.into()),
        ("value", rating.clone()),
        ("status", "estimated".into()),
        ("said_on", day.into()),
    ]);
}

/// `20250101` as ISO text.
fn iso(day: &str) -> Option<String> {
    let date: jiff::civil::Date = jiff::civil::Date::strptime("%Y%m%d", day).ok()?;
    Some(date.to_string())
}
