//! `/v1`: what is answered, in which forms, in parts, with tags; what is refused and how; and that the description says so.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{HOME, Reply, SHARED, Small, get, get_with, post};

const LEAGUE: &str = "/v1/league?metric=mau&period=2024-12";

fn names(reply: &Reply) -> Vec<String> {
    reply.json()["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn is_problem(reply: &Reply, status: u16) {
    let problem = reply.json();
    assert_eq!(reply.status.as_u16(), status, "{problem}");
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(problem["status"], json!(status));
    for part in ["detail", "remedy"] {
        assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
}

#[tokio::test]
async fn the_questions_of_the_pages_are_answered_with_facts_and_notes() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let league = get(&pages, LEAGUE).await;
    assert_eq!(names(&league), ["Doubao", "Kimi", "Ernie"]);
    let league = league.json();
    assert_eq!(league["next"], Value::Null);
    assert!(league["facts"].is_object() && league["notes"].is_array());
    let why = get(&pages, "/v1/why?name=Doubao&metric=mau&period=2024-12").await.json();
    assert_eq!(why["rows"].as_array().unwrap().len(), 2, "both sources");
    let then = get(&pages, &format!("{LEAGUE}&as_of=2025-01-31")).await;
    assert_eq!(names(&then), ["Doubao", "Kimi"], "Ernie was not known by then");
    assert_eq!(then.json()["as_of"], "2025-01-31");
    for name in ["products", "claims", "events", "breakouts", "record", "sources", "metrics"] {
        assert_eq!(get(&pages, &format!("/v1/{name}")).await.status, StatusCode::OK, "{name}");
    }
    for question in ["figures?name=Doubao", "series?name=Doubao", "periods?metric=mau"] {
        let reply = get(&pages, &format!("/v1/{question}")).await;
        assert!(!reply.json()["rows"].as_array().unwrap().is_empty(), "{question}");
    }
}

#[tokio::test]
async fn answers_come_in_parts() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let mut address = format!("{LEAGUE}&limit=2");
    let first = get(&pages, &address).await;
    assert_eq!(names(&first), ["Doubao", "Kimi"]);
    let link = first.header("link").to_owned();
    address = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    let second = get(&pages, &address).await;
    assert_eq!(names(&second), ["Ernie"]);
    assert_eq!((second.json()["next"].clone(), second.header("link")), (Value::Null, ""));
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    is_problem(&get(&pages, &format!("/v1/products?cursor={cursor}")).await, 404);
    small.grow().await;
    let grown = get(&pages, &address).await.json();
    assert!(grown["notes"].to_string().contains("has grown"), "{grown}");
}

#[tokio::test]
async fn every_form_holds_the_same_rows() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let csv = get_with(&pages, LEAGUE, &[("accept", "text/csv")]).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text().lines().count(), 4);
    assert_eq!(csv.body, get(&pages, "/v1/league.csv?metric=mau&period=2024-12").await.body);
    let parquet = get(&pages, "/v1/league.parquet?metric=mau&period=2024-12").await;
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let arrow = get_with(&pages, LEAGUE, &[("accept", "application/vnd.apache.arrow.stream")]).await;
    let reader = arrow::ipc::reader::StreamReader::try_new(arrow.body.as_slice(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
    is_problem(&get_with(&pages, LEAGUE, &[("accept", "image/png")]).await, 406);
    is_problem(&get(&pages, "/v1/sql.csv?query=SELECT+make_array(1)").await, 406);
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let first = get(&pages, LEAGUE).await;
    let tag = first.header("etag").to_owned();
    let again = get_with(&pages, LEAGUE, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (StatusCode::NOT_MODIFIED, 0, tag.as_str()));
    assert_ne!(get(&pages, &format!("{LEAGUE}&limit=1")).await.header("etag"), tag);
    assert_ne!(get_with(&pages, LEAGUE, &[("accept", "text/csv")]).await.header("etag"), tag);
    small.grow().await;
    let after = get_with(&pages, LEAGUE, &[("if-none-match", &tag)]).await;
    assert_eq!(after.status, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_what_to_do() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    for (address, status) in [
        ("/v1/league?metric=maus&period=2024-12", 400),
        ("/v1/league?metric=mau", 400),
        ("/v1/league?metric=mau&period=2024-13", 400),
        ("/v1/league?metric=mau&metric=mau&period=2024-12", 400),
        ("/v1/league?metric=mau&period=2024-12&unheard_of=1", 400),
        ("/v1/league?metric=mau&period=2024-12&limit=0", 400),
        ("/v1/league?metric=mau&period=2024-12&as_of=2024-02-30", 400),
        ("/v1/league?metric=mau&period=1999-12", 404),
        ("/v1/figures?name=nobody+at+all", 404),
        ("/v1/claims?claim=00000000000000000000000000000000", 404),
        ("/v1/nothing", 404),
        ("/v1", 404),
        ("/v1/sql?query=DROP+TABLE+claims", 400),
        ("/v1/sql?query=SELEC+1", 400),
        ("/v1/sql?query=SELECT+1;SELECT+2", 400),
        ("/v1/sql?query=SELECT+*+FROM+%27/etc/passwd%27", 400),
        ("/v1/sql?query=SELECT+range(1,9000000000000)", 400),
        ("/v1/sql?query=SELECT+array_agg(value)+OVER+()+FROM+claims", 400),
    ] {
        is_problem(&get(&pages, address).await, status);
    }
    let close = get(&pages, "/v1/league?metric=maus&period=2024-12").await.json();
    assert_eq!(close["remedy"], "did you mean mau");
    is_problem(&post(&pages, "/v1/sql", "text/plain", "{\"query\": \"SELECT 1\"}").await, 415);
    is_problem(&post(&pages, "/v1/sql", "application/json", "[]").await, 400);
    is_problem(&post(&pages, "/v1/sql", "application/json", "{\"query\": 1}").await, 400);
    is_problem(
        &post(&pages, "/v1/sql", "application/json", &format!("{{\"query\": \"{}\"}}", "x".repeat(200_000))).await,
        413,
    );
    let refused = post(&pages, "/v1/league", "application/json", "{}").await;
    is_problem(&refused, 405);
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn sql_is_asked_by_address_and_by_post() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let body = json!({ "query": "SELECT count(*) AS n FROM claims", "as_of": "2025-01-31" }).to_string();
    let posted = post(&pages, "/v1/sql", "application/json", &body).await.json();
    assert_eq!(posted["rows"], json!([{ "n": 3 }]));
    let asked = get(&pages, "/v1/sql?query=SELECT+*+FROM+claims&limit=2").await.json();
    assert_eq!(asked["rows"].as_array().unwrap().len(), 2);
    assert!(asked["notes"].to_string().contains("only the first 2 rows"), "{asked}");
}

#[tokio::test]
async fn beyond_this_machine_restricted_rows_are_in_no_answer() {
    let small = Small::new().await;
    let pages = small.pages(SHARED);
    for address in [
        "/v1/claims",
        "/v1/why?name=Doubao&metric=mau&period=2024-12",
        "/v1/league?metric=mau&period=2024-12&by=source",
        "/v1/series?name=Doubao",
        "/v1/figures?name=Ernie",
        "/v1/sql?query=SELECT+source,value+FROM+claims",
        "/v1/sql?query=SELECT+source,value+FROM+claims_in_force",
        "/v1/sql?query=SELECT+*+FROM+league(%27mau%27,%272024-12%27)",
        "/v1/sql?query=SELECT+*+FROM+crowsnest.public.claims",
        "/v1/sql?query=SELECT+max(value)+FROM+values_in_force",
    ] {
        let reply = get(&pages, address).await;
        assert_eq!(reply.status, StatusCode::OK, "{address}: {}", reply.text());
        assert!(!reply.text().contains("Secret") && !reply.text().contains("75000000"), "{address}: {}", reply.text());
        assert_eq!(reply.json()["left_out"], true, "{address}");
        assert!(reply.header("crowsnest-left-out").contains("passed on"), "{address}");
    }
    assert!(get(&small.pages(HOME), "/v1/claims").await.text().contains("Secret"), "at home they are");
}

#[tokio::test]
async fn own_figures_are_beyond_this_machine_only_where_their_card_says_so() {
    for (lines, may_leave) in [("own = true", false), ("own = true\nredistribute = true", true)] {
        let small = Small::with_card(lines).await;
        let pages = small.pages(SHARED);
        for address in ["/v1/claims", "/v1/sql?query=SELECT+source,value+FROM+claims_in_force", "/v1/claims.csv"] {
            let reply = get(&pages, address).await;
            assert_eq!(reply.status, StatusCode::OK, "{address}: {}", reply.text());
            assert_eq!(reply.text().contains("Secret"), may_leave, "{lines}: {address}: {}", reply.text());
        }
        let home = small.pages(HOME);
        assert!(get(&home, "/v1/claims").await.text().contains("Secret"), "{lines}: their owner sees all");
        assert!(get(&home, "/source?name=Secret").await.text().contains("Own figures"), "{lines}: and whose they are");
    }
}

#[tokio::test]
async fn somebody_who_asks_too_fast_is_told_when_to_come_back() {
    let small = Small::new().await;
    let pages = small.pages(SHARED);
    for _ in 0..2000 {
        let reply = get(&pages, "/v1/nothing").await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            is_problem(&reply, 429);
            assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
            return;
        }
    }
    panic!("2000 questions at once were taken");
}

#[tokio::test]
async fn the_description_names_every_question_and_its_parameters() {
    let small = Small::new().await;
    let described = get(&small.pages(HOME), "/v1/openapi.json").await.json();
    assert_eq!(described["openapi"], "3.1.0");
    let league = &described["paths"]["/v1/league"]["get"];
    let metric = &league["parameters"].as_array().unwrap()[0];
    assert_eq!((&metric["name"], &metric["required"]), (&json!("metric"), &json!(true)));
    assert!(metric["schema"]["enum"].as_array().unwrap().contains(&json!("mau")));
    let posted = &described["paths"]["/v1/sql"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(posted["required"], json!(["query"]));
    assert_eq!(posted["additionalProperties"], false);
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("200") && responses.contains_key("404"), "{method} {path}");
        }
    }
}
