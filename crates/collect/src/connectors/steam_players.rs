//! Players of games on Steam at the moment of asking, and the chart of the most played games.
//!
//! Steam counts who is in a game right now; asked once a day at the same hour the figures can be compared, but say
//! nothing of the day's peak, which the chart gives for its first hundred. Both are open and need no key. The chart knows
//! games by number only; the source's file gives their names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct SteamPlayers;

/// Which games.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names of games, each with its number: `"Counter-Strike 2" = 730`.
    #[serde(default)]
    games: BTreeMap<String, u64>,
    /// Places of the chart of the most played games that are kept, of games with and without a name; none if 0.
    #[serde(default)]
    chart: u64,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://api.steampowered.com".into()
}

impl Connector for SteamPlayers {
    const SPEC: Spec = Spec {
        name: "steam_players",
        title: "Steam players",
        doc: "Players of named games at the moment, and places and daily peaks of the most played games on Steam.",
        homepage: "https://partner.steamgames.com/doc/webapi/ISteamUserStats#GetNumberOfCurrentPlayers",
        licence: "Steam Web API terms of use",
        redistribute: false,
        price: "free",
        freshness: "now; the chart is made once a day",
        requests_per_minute: 60.0,
        schedule: "0 14 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "chart = 100\n\n[games]\n\"Counter-Strike 2\" = 730",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.games.is_empty() && options.chart == 0 {
            return Err("name at least one game in games, or set chart".into());
        }
        let base = options.base.trim_end_matches('/');
        let mut requests = Vec::new();
        for (name, id) in &options.games {
            let url = format!("{base}/ISteamUserStats/GetNumberOfCurrentPlayers/v1/?appid={id}");
            let id = id.to_string();
            let mut request = Request::get(format!("game {id}"), "players", url).with("name", name).with("id", id);
            if let Via::Http(http) = &mut request.via {
                http.also_accepts.push(404);
            }
            requests.push(request);
        }
        if options.chart > 0 {
            let url = format!("{base}/ISteamChartsService/GetMostPlayedGames/v1/");
            requests.push(Request::get("chart", "chart", url));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let Some(response) = answer.get("response") else {
            return Err(format!("expected response, found {}", shown(Some(&answer))));
        };
        let mut parsed = Parsed::default();
        if page.context("id").is_empty() {
            read_chart(options, page, response, &mut parsed)?;
            return Ok(parsed);
        }
        let (name, id) = (page.context("name"), page.context("id"));
        match response.get("player_count").filter(|count| number(count).is_some()) {
            Some(count) => {
                push(&mut parsed, (name, id), "concurrent_users", &page.day(), count);
            }
            None => {
                parsed.problem("player_count", format!("game {id}: {}", shown(Some(response))), "a number of players")
            }
        }
        Ok(parsed)
    }
}

fn push(parsed: &mut Parsed, (name, id): (&str, &str), metric: &str, day: &str, value: &Value) {
    parsed.push([
        ("subject", name.into()),
        ("native_id", id.into()),
        ("metric", metric.into()),
        ("period", day.into()),
        ("platform", "steam".into()),
        ("value", value.clone()),
        ("status", "official".into()),
    ]);
}

fn read_chart(options: &Options, page: &Page<'_>, response: &Value, parsed: &mut Parsed) -> Result<(), String> {
    if !response.get("ranks").is_some_and(Value::is_array) {
        return Err(format!("expected ranks, found {}", shown(Some(response))));
    }
    let made_at =
        response.get("rollup_date").and_then(Value::as_i64).and_then(|at| jiff::Timestamp::from_second(at).ok());
    let day = made_at.map_or_else(|| page.day(), |at| jiff::tz::Offset::UTC.to_datetime(at).date().to_string());
    for row in list(response, "/ranks") {
        let (Some(id), Some(rank)) = (row.get("appid").and_then(Value::as_u64), row.get("rank")) else {
            parsed.problem("ranks", shown(Some(row)), "appid and rank");
            continue;
        };
        let named = options.games.iter().find(|(_, known)| **known == id).map(|(name, _)| name.clone());
        if named.is_none() && rank.as_u64().is_none_or(|rank| rank > options.chart) {
            continue;
        }
        let name = named.unwrap_or_else(|| format!("Steam game {id}"));
        let id = id.to_string();
        push(parsed, (&name, &id), "rank", &day, rank);
        if let Some(peak) = row.get("peak_in_game").filter(|peak| number(peak).is_some()) {
            push(parsed, (&name, &id), "concurrent_users_peak", &day, peak);
        }
    }
    Ok(())
}
