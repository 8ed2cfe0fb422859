//! Plans on their pages and over the API: what `grow` keeps is what is shown, an experiment whose groups are not as they were drawn
//! says so, the API has what the pages have, and who may see them on the pages may ask for them, and nobody else.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::StatusCode;
use crowsnest_grow::experiment::readout::{self, ReadoutRequest};
use crowsnest_grow::keeping::{self, Making, Origin};
use crowsnest_grow::{Case, Interval, PlanReport, ThreatReport};
use crowsnest_lake::Lake;
use crowsnest_lake::state::bandits::BanditLine;
use crowsnest_lake::state::people::{Role, Scope};
use serde_json::Value;

use crate::support::{HOME, SHARED, Small, get, get_with};
use crate::users::{add_user, token_of};

/// When the plan is made: 14 November 2023.
const NOW: i64 = 1_700_000_000_000_000;

const FILE: &str = "[history]
file = \"weekly.csv\"
outcome = \"revenue\"
[model]
method = \"laplace\"
n_held_out = 0
[[channels]]
name = \"tv\"
[[channels]]
name = \"radio\"
[plan]
budget = 4400
n_periods = 4
[plan.threat]
probability = 0.25
[[plan.scenarios]]
name = \"half of it\"
budget = 2200
";

/// Two years of weeks: two channels that are spent on in different rhythms, and what they bring.
fn weeks() -> String {
    let mut table = "date,tv,radio,revenue\n".to_owned();
    let first = jiff::civil::date(2023, 1, 2);
    for week in 0..104_i64 {
        let date = first.checked_add(jiff::Span::new().days(7 * week)).unwrap();
        let (tv, radio) = (400.0 + 200.0 * (week * 7 % 5) as f64, 100.0 + 60.0 * (week * 3 % 7) as f64);
        let revenue = 3000.0 + 40.0 * tv.sqrt() + 25.0 * radio.sqrt() + 10.0 * (week * 37 % 11) as f64;
        table += &format!("{date},{tv},{radio},{revenue:.2}\n");
    }
    table
}

fn about(mean: f64) -> Interval {
    Interval { mean, q05: mean - 0.1, q50: mean, q95: mean + 0.1 }
}

/// What a large company did elsewhere.
fn threat() -> ThreatReport {
    let case = Case {
        segment: "assistants".into(),
        company: "Giant & Sons".into(),
        product: "Giant App".into(),
        period: "2023-05-01".into(),
        n_incumbents: 4,
        effect: -0.3,
        before: 0.0,
    };
    ThreatReport {
        segment: "assistants".into(),
        metric: "mau".into(),
        grain: "month".into(),
        horizon: 6,
        effect: about(-0.3),
        change: about(-0.26),
        before: about(0.0),
        n_cases: 1,
        n_incumbents: 4,
        cases: vec![case],
        absent: Vec::new(),
        notes: Vec::new(),
        draws: vec![-0.4, -0.3, -0.2],
    }
}

async fn plan() -> PlanReport {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weekly.toml");
    std::fs::write(&path, FILE).unwrap();
    std::fs::write(folder.path().join("weekly.csv"), weeks()).unwrap();
    let file = crowsnest_grow::read_file(&path).unwrap();
    let history = Box::pin(crowsnest_grow::read_history(&path, &file, None)).await.unwrap();
    crowsnest_grow::plan(&history, &file, Some(&threat())).unwrap()
}

fn making(name: &str, now: i64) -> Making {
    let is_plan = name == "weekly";
    let origin = Origin {
        call: None,
        direction: is_plan.then(|| "assistants".to_owned()),
        plan: (!is_plan).then(|| "weekly".to_owned()),
    };
    Making { name: name.into(), origin, inputs: "a table".into(), vintage: now, now }
}

/// Keeps an experiment that was drawn half and half, with so many units in its groups.
async fn keep_experiment(lake: &Lake, name: &str, now: i64, n_units: [usize; 2]) {
    let mut table = "variant,revenue\n".to_owned();
    for (variant, n_units) in ["a", "b"].into_iter().zip(n_units) {
        (0..n_units).for_each(|unit| table += &format!("{variant},{}\n", unit % 7));
    }
    let request = ReadoutRequest {
        variant: "variant".into(),
        control: None,
        metrics: vec!["revenue".into()],
        before: BTreeMap::new(),
        shares: Vec::new(),
        alpha: 0.05,
        n_planned: None,
    };
    let found = readout::read(&table, &request).unwrap();
    let findings = [("revenue".to_owned(), "b".to_owned(), found.findings[0].difference.difference)];
    keeping::keep_experiment(lake, &making(name, now), "found", &findings, None, &found).await.unwrap();
}

/// A market with a plan, an experiment as it was drawn, and one that lost units.
async fn planned() -> Small {
    let small = Small::new().await;
    keeping::keep_plan(&small.lake, &making("weekly", NOW), &plan().await).await.unwrap();
    keep_experiment(&small.lake, "as-drawn", NOW + 1, [400, 400]).await;
    keep_experiment(&small.lake, "lost-units", NOW + 2, [400, 250]).await;
    small
}

/// The section of a page below the heading with that id; empty where there is none.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let begun = page.split_once(&format!("<h2 id=\"{id}\">")).map_or("", |(_, rest)| rest);
    begun.split_once("</section>").map_or("", |(section, _)| section)
}

async fn text(pages: &Router, address: &str) -> String {
    let reply = get(pages, address).await;
    assert_eq!(reply.status, StatusCode::OK, "{address}: {}", reply.text());
    reply.text()
}

/// The rows of a page as data, or of an answer of the API.
async fn rows(pages: &Router, address: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&text(pages, address).await).unwrap();
    let rows = if answer.is_array() { &answer } else { &answer["rows"] };
    rows.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_plans_page_shows_its_curves_its_money_its_scenarios_and_the_threat() {
    let small = planned().await;
    let page = text(&small.pages(HOME), "/plans/weekly?lang=en").await;
    let money = section(&page, "money");
    for channel in ["tv", "radio"] {
        assert!(money.contains(&format!("<th scope=\"row\">{channel}")), "{money}");
    }
    assert_eq!(money.matches("<td class=\"n\"><strong>").count(), 2, "{money}");
    let curves = section(&page, "curves");
    assert_eq!(curves.matches("<svg").count(), 2, "{curves}");
    for part in ["Response curve of tv", "Response curve of radio", "class=\"line s0\"", "class=\"dot s0\""] {
        assert!(curves.contains(part), "{part}: {curves}");
    }
    assert!(curves.contains(">now</text>") && curves.contains(">planned</text>"), "{curves}");
    assert!(curves.contains("/plans/weekly.csv?") && curves.contains("rows=curves"), "{curves}");
    let scenarios = section(&page, "scenarios");
    for part in [">this plan</th>", ">half of it</th>", "<th scope=\"row\">tv</th>"] {
        assert!(scenarios.contains(part), "{part}: {scenarios}");
    }
    let threat = section(&page, "threat");
    for part in ["<dd>25%</dd>", "Giant &#38; Sons", "Giant App", "2023-05-01"] {
        assert!(threat.contains(part), "{part}: {threat}");
    }
    assert!(section(&page, "returns").contains("tv") && section(&page, "made").contains("a table"));
    assert!(
        section(&page, "findings").is_empty() && !page.contains("class=\"alert\""),
        "nothing was tried by that name"
    );
}

#[tokio::test]
async fn only_an_experiment_that_is_not_as_it_was_drawn_says_that_it_cannot_be_trusted() {
    let small = planned().await;
    let pages = small.pages(HOME);
    let page = text(&pages, "/plans/lost-units?lang=en").await;
    let findings = section(&page, "findings");
    let (before_table, table) = findings.split_once("<table").unwrap();
    assert!(before_table.contains("class=\"alert\"") && before_table.contains("cannot be trusted"), "{findings}");
    assert!(before_table.contains("(a 400, b 250, p "), "{findings}");
    assert!(table.contains("<th scope=\"row\">revenue</th>"), "{findings}");
    let (_, notes) = table.split_once("</table>").unwrap();
    assert!(notes.contains("<li>the variants do not have the shares that were drawn"), "{findings}");
    for (lang, warning, note) in
        [("zh-Hans", "以下结果不可信", "不要相信任何差异"), ("zh-Hant", "以下結果不可信", "不要相信任何差異")]
    {
        let page = text(&pages, &format!("/plans/lost-units?lang={lang}")).await;
        let findings = section(&page, "findings");
        assert!(findings.contains(warning) && findings.contains(note), "{lang}: {findings}");
        assert!(!findings.contains("the variants do not"), "{lang}: {findings}");
    }
    let page = text(&pages, "/plans/as-drawn?lang=en").await;
    let findings = section(&page, "findings");
    assert!(findings.contains("<th scope=\"row\">revenue</th>"), "{findings}");
    assert!(!page.contains("class=\"alert\"") && !findings.contains("<li>"), "{findings}");
    assert!(page.contains("tries the plan weekly"), "{page}");
}

const QUESTIONS: [(&str, &str); 4] = [
    ("/v1/plans", "/plans.json"),
    ("/v1/plan?name=weekly&limit=1000", "/plans/weekly.json"),
    ("/v1/curves?name=weekly&limit=1000", "/plans/weekly.json?rows=curves"),
    ("/v1/loop?lang=en", "/loop.json?lang=en"),
];

#[tokio::test]
async fn the_api_has_of_plans_what_the_pages_have() {
    let small = planned().await;
    let pages = small.pages(HOME);
    for (question, page) in QUESTIONS {
        let found = rows(&pages, question).await;
        assert!(found.len() > 2, "{question}: {found:?}");
        assert_eq!(found, rows(&pages, page).await, "{question}");
    }
    let experiments = rows(&pages, "/v1/plans?kind=experiment").await;
    assert_eq!(experiments.len(), 2, "{experiments:?}");
    let (whole, shown) = (
        get(&pages, "/v1/plan?name=weekly").await.json(),
        serde_json::from_str::<Value>(&text(&pages, "/plans/weekly.json").await).unwrap(),
    );
    assert!(whole["facts"]["reports"]["plan"]["channels"].is_array(), "{whole}");
    assert_eq!(whole["facts"]["reports"], shown["reports"]);
    let steps = rows(&pages, "/v1/loop").await;
    let of_thread = steps.iter().filter(|row| row["thread"] == "assistants");
    let of_steps: Vec<&str> = of_thread.map(|row| row["step"].as_str().unwrap()).collect();
    assert_eq!(of_steps, ["direction", "plan", "experiment", "experiment"]);
    let curves = rows(&pages, "/v1/curves?name=weekly&limit=1000").await;
    let drawn = whole["facts"]["reports"]["plan"]["channels"][1]["curve"].as_array().unwrap();
    let last = curves.last().unwrap();
    for number in ["spend", "mean", "q05", "q95"] {
        let (told, kept) = (last[number].as_f64().unwrap(), drawn.last().unwrap()[number].as_f64().unwrap());
        assert!((told - kept).abs() <= 1e-9 * kept.abs(), "{number}: {told}, {kept}");
    }
    assert_eq!(last["channel"], whole["facts"]["reports"]["plan"]["channels"][1]["channel"]);
    let csv = text(&pages, "/plans/weekly.csv?rows=curves").await;
    assert!(csv.starts_with("channel,product,spend,mean,q05,q95\n"), "{csv}");
    assert_eq!(csv, text(&pages, "/v1/curves.csv?name=weekly&limit=1000").await);
    let parquet = get(&pages, "/v1/plans.parquet").await;
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let unknown = get(&pages, "/v1/plan?name=weakly").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.json()["remedy"].as_str().unwrap().contains("weekly"), "{}", unknown.text());
    let before = rows(&pages, "/v1/plans?as_of=2023-11-13").await;
    assert!(before.is_empty(), "nothing was planned by then: {before:?}");
}

fn choice(seq: i64, arm: &str) -> BanditLine {
    BanditLine {
        bandit: "home".into(),
        seq,
        at: jiff::Timestamp::now().as_microsecond(),
        what: "choice".into(),
        choice: seq,
        arm: arm.into(),
        propensity: 0.5,
        ..BanditLine::default()
    }
}

#[tokio::test]
async fn shares_of_traffic_are_those_of_now_though_the_lake_is_the_same() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    assert!(rows(&pages, "/v1/bandits").await.is_empty());
    small.lake.state().note_bandits(&[choice(1, "doubao"), choice(2, "kimi")]).unwrap();
    let first = get(&pages, "/v1/bandits").await;
    assert_eq!(first.header("etag"), "", "nobody is told that it is as before");
    let shares = rows(&pages, "/v1/bandits").await;
    assert_eq!(shares.iter().map(|row| row["n_choices"].as_i64().unwrap()).sum::<i64>(), 2, "{shares:?}");
    small.lake.state().note_bandits(&[choice(3, "kimi")]).unwrap();
    let shares = rows(&pages, "/v1/bandits").await;
    assert_eq!(shares.iter().map(|row| row["n_choices"].as_i64().unwrap()).sum::<i64>(), 3, "{shares:?}");
    assert_eq!(shares, rows(&pages, "/bandits.json").await);
}

#[tokio::test]
async fn who_may_not_see_plans_on_the_pages_gets_none_over_the_api() {
    let small = planned().await;
    let public = small.pages(SHARED);
    let every = QUESTIONS.into_iter().chain([("/v1/bandits", "/bandits.json"), ("/v1/plans.csv", "/plans.csv")]);
    let every: Vec<(&str, &str)> = every.collect();
    for (question, page) in &every {
        for address in [question, page] {
            let refused = get(&public, address).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "a visitor, {address}");
            assert!(!refused.text().contains("weekly"), "{address}: {}", refused.text());
        }
    }
    let pages = small.pages(HOME);
    for (name, role) in [("ann", Role::Analyst), ("ed", Role::Editor), ("vic", Role::Viewer)] {
        add_user(&small, name, role);
    }
    for (name, scope, may) in [
        ("ann", Scope::Licensed, true),
        ("ann", Scope::Read, false),
        ("ed", Scope::Admin, true),
        ("ed", Scope::Decide, false),
        ("vic", Scope::Admin, false),
    ] {
        let bearer = format!("Bearer {}", token_of(&small, name, scope));
        let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
        for (question, page) in &every {
            for address in [question, page] {
                let reply = get_with(&pages, address, &[("authorization", &bearer)]).await;
                assert_eq!(reply.status, expected, "{name}, {scope:?}, {address}: {}", reply.text());
            }
            let reply = get_with(&pages, question, &[("authorization", &bearer)]).await;
            let is_problem = reply.header("content-type") == "application/problem+json";
            assert_eq!(is_problem, !may, "{name}, {scope:?}, {question}");
        }
    }
    assert_eq!(get(&pages, "/v1/plans").await.status, StatusCode::UNAUTHORIZED, "nobody");
}
