//! The questions, on markets small enough to check by hand.

use crate::support::{self, market};
use arrow::array::AsArray as _;
use arrow::datatypes::UInt64Type;
use crowsnest_lake::questions::*;
use crowsnest_lake::{Answer, Lake, LakeError};
use serde_json::Value;

/// Numbers worked by hand. The older 豆包 value is restated; QuestMobile and the list disagree; Kimi's is denied.
const MARKET: &str = "
    List        product 豆包    mau 2024-12 71160000  estimated 2025-01-06
    QuestMobile product 豆包    mau 2024-12 75000000  estimated 2025-03-04
    List        product 豆包    mau 2024-11 59980000  estimated 2024-12-06
    List        product 豆包    mau 2024-11 60000000  estimated 2025-01-06
    List        product 文小言  mau 2024-12 12820000  estimated 2025-01-06
    List        product 文小言  mau 2024-11 12990000  estimated 2024-12-06
    List        product Kimi    mau 2024-12 20000000  estimated 2025-01-06
    List        product Kimi    mau 2024-12 20000000  denied    2025-02-06
    List        product 天工    mau 2024-11 3000000   estimated 2024-12-06
    List        segment AI应用  mau 2024-12 120000000 estimated 2025-01-06
    List        product 豆包    mau 2024    99000000  estimated 2025-01-06
    Other       product 無名    dau 2024-12 5         rumoured  2025-01-06
";

async fn rows(answer: &Answer) -> Vec<Value> {
    answer.rows_as().unwrap()
}

fn league_of(period: &str) -> LeagueQuestion {
    LeagueQuestion { metric: "mau".into(), period: period.into(), ..LeagueQuestion::default() }
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn asked(lake: &Lake, question: &LeagueQuestion) -> (Vec<Value>, Answer) {
    let answer = league(lake, question).await.unwrap();
    (rows(&answer).await, answer)
}

#[tokio::test]
async fn a_league_ranks_one_period_against_the_one_before() {
    let (_folder, lake) = market(MARKET).await;
    let (rows, answer) = asked(&lake, &league_of("2024-12")).await;
    assert_eq!(names(&rows), ["豆包", "文小言"]);
    assert_eq!(rows[0]["value"], 75_000_000.0);
    assert_eq!(rows[0]["source"], "QuestMobile");
    assert_eq!((rows[0]["lowest"].as_f64(), rows[0]["highest"].as_f64()), (Some(71_160_000.0), Some(75_000_000.0)));
    assert_eq!(rows[0]["previous_value"], 60_000_000.0);
    assert_eq!(rows[0]["change_percent"], 0.25);
    assert_eq!((rows[0]["rank"].as_i64(), rows[0]["rank_change"].as_i64()), (Some(1), Some(0)));
    let totals = &answer.facts["totals"];
    assert_eq!((totals["claimed"].as_f64(), totals["summed"].as_f64()), (Some(120e6), Some(87_820_000.0)));
    assert_eq!(totals["gap"], 120e6 - 87_820_000.0);
    // Shares 75/87.82 and 12.82/87.82: squares sum to 0.72935 + 0.02131.
    let hhi = answer.facts["concentration"]["hhi"].as_f64().unwrap();
    assert!((hhi - 0.750_66).abs() < 1e-4, "{hhi}");
    assert_eq!(answer.facts["exits"], serde_json::json!(["天工"]));
    assert_eq!(answer.facts["entries"], serde_json::json!([]));
}

#[tokio::test]
async fn as_of_an_earlier_day_only_what_was_known_counts() {
    let (_folder, lake) = market(MARKET).await;
    let as_of = |day: &str| LeagueQuestion { as_of: Some(parse_as_of(day).unwrap()), ..league_of("2024-12") };
    let (rows, _) = asked(&lake, &as_of("2025-01-06")).await;
    assert_eq!(names(&rows), ["豆包", "Kimi", "文小言"]);
    assert_eq!(rows[0]["value"], 71_160_000.0);
    let error = league(&lake, &as_of("2025-01-05")).await.unwrap_err();
    assert!(error.hint().unwrap().contains("2024-11"), "{:?}", error.hint());
    let question = LeagueQuestion { as_of: Some(parse_as_of("2024-12-31").unwrap()), ..league_of("2024-11") };
    let (rows, _) = asked(&lake, &question).await;
    assert_eq!(rows[0]["value"], 59_980_000.0);
}

#[tokio::test]
async fn by_source_gives_each_its_own_row_and_sums_each_entity_once() {
    let (_folder, lake) = market(MARKET).await;
    let question = LeagueQuestion { by_source: true, ..league_of("2024-12") };
    let (rows, answer) = asked(&lake, &question).await;
    assert_eq!(names(&rows), ["豆包", "豆包", "文小言"]);
    assert_eq!(answer.facts["totals"]["summed"], 87_820_000.0);
}

#[tokio::test]
async fn a_source_has_one_word_on_a_product_however_it_writes_the_name() {
    let (_folder, lake) = market(
        "List  product Doubao mau 2024-12 70000000 estimated 2025-01-06
         List  product 豆包   mau 2024-12 71160000 estimated 2025-02-06
         Other product 豆包   mau 2024-12 75000000 estimated 2025-01-06",
    )
    .await;
    let asked = ShowQuestion { name: "Doubao".into(), ..ShowQuestion::default() };
    assert_eq!(rows(&show(&lake, &asked).await.unwrap()).await.len(), 1);
    support::alias(&lake, "Doubao", "豆包").await;
    let shown = rows(&show(&lake, &asked).await.unwrap()).await;
    let values: Vec<_> = shown.iter().map(|row| (row["source"].as_str(), row["value"].as_f64())).collect();
    assert_eq!(values, [(Some("List"), Some(71_160_000.0)), (Some("Other"), Some(75_000_000.0))]);
    assert_eq!(shown[0]["n_vintages"], 2);
    assert_eq!(support::number(&lake, "SELECT count(*) FROM claims_in_force").await, 2);
    assert_eq!(support::number(&lake, "SELECT count(*) FROM values_in_force").await, 2);
    let told = rows(&why(&lake, &asked).await.unwrap()).await;
    let in_force = told.iter().filter(|row| row["in_force"] == true).count();
    assert_eq!((told.len(), in_force), (3, 2));
}

#[tokio::test]
async fn side_by_side_says_of_each_what_is_said_of_it_alone() {
    let (_folder, lake) = market(MARKET).await;
    let asked = ["豆包", "文小言", "天工"];
    let question = SideBySideQuestion { names: asked.map(str::to_owned).into(), as_of: None };
    let together = rows(&claims_side_by_side(&lake, &question).await.unwrap()).await;
    let mut n_rows = 0;
    for name in asked {
        let question = ShowQuestion { name: name.into(), ..ShowQuestion::default() };
        let alone = rows(&show(&lake, &question).await.unwrap()).await;
        let own: Vec<&Value> = together.iter().filter(|row| row["entity"] == alone[0]["entity"]).collect();
        let claims = |rows: &[&Value]| rows.iter().map(|row| row["claim"].clone()).collect::<Vec<_>>();
        assert_eq!(claims(&own), claims(&alone.iter().collect::<Vec<_>>()), "{name}");
        n_rows += own.len();
    }
    assert_eq!((n_rows, together.len()), (7, 7));
    assert_eq!(figures_side_by_side(&lake, &question).await.unwrap().rows.num_rows(), 0, "nothing is reconciled here");
    let unknown = SideBySideQuestion { names: vec!["Nobody at all".into()], as_of: None };
    assert!(matches!(claims_side_by_side(&lake, &unknown).await, Err(LakeError::UnknownName { .. })));
}

#[tokio::test]
async fn amounts_in_several_currencies_are_compared_in_the_markets() {
    // The market of a test compares in USD. ECB averages of 2024: 1.08238 USD and 7.78747 CNY a euro, so that
    // 1,000 CNY are 138.99 USD, less than 150 USD; 100 EUR are 108.24.
    let (_folder, lake) = market(
        "List company A valuation 2024 1000 reported 2025-01-06 CNY all/all/all
         List company B valuation 2024 150  reported 2025-01-06 USD all/all/all
         List company C valuation 2024 100  reported 2025-01-06 EUR all/all/all
         List company D valuation 2023 7    reported 2024-01-06 CNY all/all/all",
    )
    .await;
    let question = LeagueQuestion { metric: "valuation".into(), ..league_of("2024") };
    let (found, answer) = asked(&lake, &question).await;
    assert_eq!(names(&found), ["B", "A", "C"]);
    assert_eq!((found[1]["value"].as_f64(), found[1]["unit"].as_str()), (Some(1000.0), Some("CNY")));
    let converted = found[1]["converted"].as_f64().unwrap();
    assert!((converted - 138.99).abs() < 0.01, "{converted}");
    let totals = &answer.facts["totals"];
    assert_eq!(totals["unit"], "USD");
    assert!((totals["summed"].as_f64().unwrap() - 397.23).abs() < 0.01, "{totals}");
    assert!(answer.notes.iter().any(|note| note.contains("1 CNY = 0.1390 USD")), "{:?}", answer.notes);
    // One currency stays itself.
    let (_, answer) = asked(&lake, &LeagueQuestion { metric: "valuation".into(), ..league_of("2023") }).await;
    assert_eq!(
        (answer.facts["totals"]["unit"].as_str(), answer.facts["totals"]["summed"].as_f64()),
        (Some("CNY"), Some(7.0))
    );
    let asked = ShareQuestion { metric: "valuation".into(), grain: Some("year".into()), ..ShareQuestion::default() };
    let answer = share(&lake, &asked).await.unwrap();
    assert_eq!(answer.facts["unit"], "USD");
    let found = rows(&answer).await;
    let of_2024: Vec<_> = found.iter().filter(|row| row["period"] == "2024").collect();
    assert_eq!(of_2024[0]["name"], "B");
    assert!((of_2024[0]["share"].as_f64().unwrap() - 150.0 / 397.23).abs() < 1e-4, "{of_2024:?}");
}

#[tokio::test]
async fn the_function_keeps_to_one_slice_as_the_question_does() {
    let (_folder, lake) = market(
        "List product A mau 2024-12 10 estimated 2025-01-06
         List product B mau 2024-12 20 estimated 2025-01-06
         List product C mau 2024-12 90 estimated 2025-01-06 users global/all/all
         List product B mau 2024-12 30 estimated 2025-03-06",
    )
    .await;
    let sql = "SELECT CAST(sum(value) AS BIGINT) FROM league('mau', '2024-12')";
    assert_eq!(support::number(&lake, sql).await, 40);
    let sql = "SELECT CAST(sum(value) AS BIGINT) FROM league('mau', '2024-12', '2025-02-01')";
    assert_eq!(support::number(&lake, sql).await, 30);
    let sql = "SELECT CAST(sum(value) AS BIGINT) FROM league('mau', '2024-12', 'global', 'all', 'all')";
    assert_eq!(support::number(&lake, sql).await, 90);
    let ranks = lake.query("SELECT rank FROM league('mau', '2024-12')").await.unwrap();
    assert_eq!(ranks[0].column(0).as_primitive::<UInt64Type>().values(), &[1, 2]);
}

#[tokio::test]
async fn before_a_name_was_spoken_of_it_is_not_there() {
    let (_folder, lake) = market(MARKET).await;
    let as_of = Some(parse_as_of("2024-12-31").unwrap());
    let asked = ProductsQuestion { as_of, ..ProductsQuestion::default() };
    let found = rows(&products(&lake, &asked).await.unwrap()).await;
    assert_eq!(found.len(), 3, "{found:?}");
    let state = overview(&lake, &OverviewQuestion { as_of, ..OverviewQuestion::default() }).await.unwrap();
    assert_eq!(state.facts["counts"]["n_products"], 3);
}

#[tokio::test]
async fn companies_are_found_whatever_their_legal_form() {
    let (_folder, lake) = market("List company Tencent revenue 2024 7 reported 2025-01-06 CNY all/all/all").await;
    for name in ["Tencent Inc.", "TENCENT LTD", "Tencent, Inc"] {
        assert_eq!(lake.identity().find(name, None).unwrap().name_en, "Tencent", "{name}");
    }
}

#[tokio::test]
async fn periods_are_never_mixed() {
    let (_folder, lake) = market(MARKET).await;
    let (rows, _) = asked(&lake, &league_of("2024")).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], 99_000_000.0);
    let error = league(&lake, &league_of("2024-Q4")).await.unwrap_err();
    assert!(matches!(error, LakeError::BadQuestion { .. }));
}

#[tokio::test]
async fn why_tells_every_saying_with_its_vintage() {
    let (_folder, lake) = market(MARKET).await;
    let question = WhyQuestion {
        name: "doubao".into(),
        metric: Some("mau".into()),
        period: Some("2024-11".into()),
        ..WhyQuestion::default()
    };
    let answer = why(&lake, &question).await.unwrap();
    let said = rows(&answer).await;
    let told: Vec<_> =
        said.iter().map(|row| (row["value"].as_f64(), row["vintage"].as_i64(), row["in_force"].as_bool())).collect();
    assert_eq!(told, [(Some(59_980_000.0), Some(1), Some(false)), (Some(60_000_000.0), Some(2), Some(true))]);
    let shown = show(&lake, &question).await.unwrap();
    assert_eq!(rows(&shown).await.len(), 1);
    let denied = WhyQuestion { name: "Kimi".into(), period: Some("2024-12".into()), ..question };
    let told = rows(&why(&lake, &denied).await.unwrap()).await;
    assert!(told.iter().all(|row| row["in_force"] == false), "{told:?}");
    assert_eq!(show(&lake, &denied).await.unwrap().rows.num_rows(), 0);
}

#[tokio::test]
async fn names_are_found_in_any_script_and_by_pinyin() {
    let (_folder, lake) = market(MARKET).await;
    for (text, expected) in
        [("豆包", "豆包"), ("doubao", "豆包"), ("db", "豆包"), ("无名", "無名"), ("wenxiao", "文小言"), ("kim", "Kimi")]
    {
        let question = ProductsQuestion { search: Some(text.into()), ..ProductsQuestion::default() };
        let found = rows(&products(&lake, &question).await.unwrap()).await;
        assert_eq!(found[0]["name"], expected, "{text}: {found:?}");
    }
    let error = lake.identity().find("豆沙包子", None).unwrap_err();
    assert!(matches!(error, LakeError::UnknownName { .. }));
}

#[tokio::test]
async fn shares_sum_to_one_in_every_period() {
    let (_folder, lake) = market(MARKET).await;
    let question = ShareQuestion { metric: "mau".into(), ..ShareQuestion::default() };
    let found = rows(&share(&lake, &question).await.unwrap()).await;
    for period in ["2024-11", "2024-12"] {
        let sum: f64 =
            found.iter().filter(|row| row["period"] == period).map(|row| row["share"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{period}: {sum}");
    }
    assert!(found.iter().all(|row| row["period"] != "2024"));
}

#[tokio::test]
async fn functions_say_what_the_questions_say() {
    let (_folder, lake) = market(MARKET).await;
    let count = |sql: &'static str| {
        let lake = lake.clone();
        async move { support::number(&lake, sql).await }
    };
    assert_eq!(count("SELECT count(*) FROM league('mau', '2024-12')").await, 2);
    assert_eq!(count("SELECT count(*) FROM league('mau', '2024-12', 'us', 'app', 'all')").await, 0);
    assert_eq!(count("SELECT count(*) FROM series('doubao', 'mau')").await, 5);
    assert_eq!(count("SELECT count(*) FROM claims_as_of('2024-12-31')").await, 3);
    assert_eq!(count("SELECT count(*) FROM claims_in_force").await, 9);
    assert_eq!(count("SELECT count(*) FROM claims_as_of('2030-01-01')").await, 9);
    let error = lake.query("SELECT * FROM claims_as_of(3)").await.unwrap_err();
    assert!(error.to_string().contains("call it as claims_as_of"), "{error}");
}

#[tokio::test]
async fn the_other_questions_answer() {
    let (_folder, lake) = market(MARKET).await;
    assert_eq!(rows(&sources(&lake, &SourcesQuestion::default()).await.unwrap()).await[0]["source"], "List");
    let found = rows(&metrics(&lake, &MetricsQuestion::default()).await.unwrap()).await;
    assert_eq!(found[0]["metric"], "mau");
    let asked = PeriodsQuestion { metric: "mau".into(), as_of: None };
    assert_eq!(rows(&periods(&lake, &asked).await.unwrap()).await[0]["period"], "2024-12");
    let state = overview(&lake, &OverviewQuestion::default()).await.unwrap();
    assert_eq!(state.facts["counts"]["n_claims"], 12);
    assert_eq!(state.facts["counts"]["n_products"], 5);
    let asked = SeriesQuestion { name: "豆包".into(), metric: Some("mau".into()), ..SeriesQuestion::default() };
    assert_eq!(series(&lake, &asked).await.unwrap().rows.num_rows(), 5);
    let asked = ClaimsQuestion { source: Some("QuestMobile".into()), ..ClaimsQuestion::default() };
    let found = rows(&claims(&lake, &asked).await.unwrap()).await;
    assert_eq!(found.len(), 1);
    let asked = ClaimsQuestion { claim: found[0]["claim"].as_str().map(str::to_owned), ..ClaimsQuestion::default() };
    assert_eq!(claims(&lake, &asked).await.unwrap().rows.num_rows(), 1);
    assert_eq!(events(&lake, &EventsQuestion::default()).await.unwrap().rows.num_rows(), 0);
    let error = league(&lake, &LeagueQuestion { metric: "maus".into(), ..league_of("2024-12") }).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean mau"));
}

#[tokio::test]
async fn values_in_force_are_those_of_the_claims_in_force() {
    let (_folder, lake) = market(MARKET).await;
    let both = [("values_in_force", "claims_in_force"), ("values_as_of('2025-01-20')", "claims_as_of('2025-01-20')")];
    for (values, claims) in both {
        let columns =
            "metric, period, period_start, region, platform, segment, unit, mention_id, CAST(value AS BIGINT)";
        let sql = format!(
            "SELECT count(*) FROM ((SELECT {columns} FROM {values}) EXCEPT ALL (SELECT {columns} FROM {claims}))"
        );
        assert_eq!(support::number(&lake, &sql).await, 0, "{values}");
        let n_claims = support::number(&lake, &format!("SELECT count(*) FROM {claims}")).await;
        assert_eq!(support::number(&lake, &format!("SELECT count(*) FROM {values}")).await, n_claims);
    }
}

/// 豆包 falls by its own list, rises by QuestMobile, which sees less of the year; Kimi's one figure is no movement, and a
/// quarter is not compared with a month.
const MOVING: &str = "
    List        product 豆包    mau 2025-01 80000000 estimated 2025-02-06
    List        product 豆包    mau 2025-06 70000000 estimated 2025-07-06
    List        product 豆包    mau 2025-12 60000000 estimated 2026-01-06
    List        product 豆包    mau 2025-12 64000000 estimated 2026-02-06
    QuestMobile product 豆包    mau 2025-02 50000000 estimated 2025-03-06
    QuestMobile product 豆包    mau 2025-03 60000000 estimated 2025-04-06
    List        product 文小言  mau 2025-01 10000000 estimated 2025-02-06
    List        product 文小言  mau 2025-12 15000000 estimated 2026-01-06
    List        product Kimi    mau 2025-01 20000000 estimated 2025-02-06
    List        product Kimi    mau 2025-Q4 10000000 estimated 2026-01-06
    List        product 豆包    mau 2024-12 99000000 estimated 2025-01-06
";

fn movers_of(within: &str) -> MoversQuestion {
    MoversQuestion { metric: "mau".into(), within: within.into(), ..MoversQuestion::default() }
}

#[tokio::test]
async fn movers_compare_a_source_with_itself_and_show_the_others() {
    let (_folder, lake) = market(MOVING).await;
    let answer = movers(&lake, &movers_of("2025")).await.unwrap();
    let found = rows(&answer).await;
    assert_eq!(names(&found), ["豆包", "文小言"]);
    assert_eq!((found[0]["first_value"].as_f64(), found[0]["last_value"].as_f64()), (Some(8e7), Some(6.4e7)));
    assert_eq!((found[0]["change_percent"].as_f64(), found[0]["source"].as_str()), (Some(-0.2), Some("List")));
    assert_eq!((found[0]["n_figures"].as_i64(), found[0]["n_lines"].as_i64()), (Some(3), Some(2)));
    let others = found[0]["others"].as_str().unwrap();
    assert!(others.starts_with("QuestMobile +20% (2025-02 to 2025-03"), "{others}");
    let lost = movers(&lake, &MoversQuestion { direction: Some(Direction::Lost), ..movers_of("2025") }).await.unwrap();
    assert_eq!(names(&rows(&lost).await), ["豆包"]);
    let by_percent = MoversQuestion { by_percent: true, by_source: true, ..movers_of("2025") };
    let by_percent = rows(&movers(&lake, &by_percent).await.unwrap()).await;
    assert_eq!(names(&by_percent), ["文小言", "豆包", "豆包"]);
    // In January 2026 the restatement of December was not known yet.
    let as_of = Some(parse_as_of("2026-01-20").unwrap());
    let then = rows(&movers(&lake, &MoversQuestion { as_of, ..movers_of("2025") }).await.unwrap()).await;
    assert_eq!(then[0]["last_value"], 6e7);
    let nothing = movers(&lake, &movers_of("2023")).await.unwrap_err();
    assert!(matches!(nothing, LakeError::BadQuestion { .. }), "{nothing}");
}
