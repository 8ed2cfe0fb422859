//! The Reconciliation API as OpenRefine uses it: manifest, batches by GET and POST, suggestions, preview, more columns; and
//! what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::{ServeOptions, router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const ALIASES: &str = "entity,kind,alias,language\n\
    China Mobile,company,中国移动,zh-Hans\nChina Mobile,company,CMCC,en\nDoubao,product,豆包,zh-Hans\n\
    ByteDance,company,字节跳动,zh-Hans\nLLM,segment,大模型,zh-Hans\n";
const OWNERS: &str = "product,company\nDoubao,ByteDance\n";

async fn served() -> (TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    let market = folder.path().join("market");
    Market::create(&market, "test").unwrap();
    std::fs::write(market.join("catalogue/aliases.csv"), ALIASES).unwrap();
    std::fs::write(market.join("catalogue/owners.csv"), OWNERS).unwrap();
    let lake = Lake::open(Market::open(&market).unwrap(), LakeOptions::default()).await.unwrap();
    crowsnest_run::sync_catalogue(&lake).await.unwrap();
    (folder, router(lake, &ServeOptions::default()))
}

async fn ask(pages: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = pages.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn get(pages: &Router, address: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(address).header("host", "localhost:7171").header("origin", "http://127.0.0.1:3333");
    ask(pages, request.body(Body::empty()).unwrap()).await
}

async fn get_json(pages: &Router, address: &str) -> Value {
    serde_json::from_str(&get(pages, address).await.2).unwrap()
}

/// As OpenRefine sends it: a form with one field.
async fn post(pages: &Router, field: &str, value: &Value) -> (StatusCode, Value) {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair(field, &value.to_string()).finish();
    let request = Request::post("/reconcile")
        .header("host", "localhost:7171")
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    let (status, _, text) = ask(pages, request.body(Body::from(body)).unwrap()).await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn the_manifest_has_what_the_schema_requires() {
    let (_folder, pages) = served().await;
    let (status, headers, text) = get(&pages, "/reconcile").await;
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["access-control-allow-origin"], "http://127.0.0.1:3333");
    assert!(manifest["versions"].as_array().unwrap().contains(&json!("0.2")));
    for key in ["name", "identifierSpace", "schemaSpace"] {
        assert!(manifest[key].is_string(), "{key}");
    }
    assert_eq!(manifest["view"]["url"], "http://localhost:7171/product/{{id}}");
    assert!(manifest["preview"]["url"].as_str().unwrap().contains("{{id}}"));
    assert_eq!(manifest["defaultTypes"][1], json!({ "id": "company", "name": "Company" }));
}

#[tokio::test]
async fn a_batch_gives_candidates_with_scores() {
    let (_folder, pages) = served().await;
    let queries = json!({
        "q0": { "query": "中國移動", "type": "company", "type_strict": "should", "limit": 3 },
        "q1": { "query": "doubao", "type": ["product"], "properties": [{ "pid": "company", "v": "字节跳动" }] },
        "q2": { "query": "豆包", "properties": [{ "pid": "company", "v": { "id": "x", "name": "China Mobile" } }] },
        "q3": { "query": "豆包", "type": "Q5" },
        "q4": { "query": "" },
        "q5": { "query": "😀 שלום" },
        "q6": { "query": "中".repeat(10_001) },
    });
    let (status, found) = post(&pages, "queries", &queries).await;
    assert_eq!(status, StatusCode::OK);
    let first = |query: &str| found[query]["result"][0].clone();
    assert_eq!(
        (&first("q0")["name"], &first("q0")["match"], &first("q0")["score"]),
        (&json!("China Mobile"), &json!(true), &json!(100.0))
    );
    assert_eq!((&first("q1")["name"], &first("q1")["type"][0]["id"]), (&json!("Doubao"), &json!("product")));
    assert_eq!(first("q2")["match"], json!(false));
    for query in ["q3", "q4", "q5"] {
        assert_eq!(found[query], json!({ "result": [] }), "{query}");
    }
    assert!(found["q6"]["result"].is_array());
    let (_, _, by_address) = get(&pages, "/reconcile?queries=%7B%22q0%22%3A%7B%22query%22%3A%22CMCC%22%7D%7D").await;
    assert!(by_address.contains("China Mobile"), "{by_address}");
}

#[tokio::test]
async fn entities_are_suggested_previewed_and_extended() {
    let (_folder, pages) = served().await;
    let suggested = get_json(&pages, "/reconcile/suggest/entity?prefix=doub").await;
    let id = suggested["result"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(suggested["result"][0]["name"], "Doubao");
    assert_eq!(get_json(&pages, "/reconcile/suggest/type?prefix=comp").await["result"][0]["id"], "company");
    assert_eq!(get_json(&pages, "/reconcile/suggest/property?prefix=english").await["result"][0]["id"], "name_en");
    assert_eq!(get_json(&pages, "/reconcile/properties?type=product").await["type"], "product");
    let (status, headers, text) = get(&pages, &format!("/reconcile/preview?id={id}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("豆包") && headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(get(&pages, "/reconcile/preview?id=nobody").await.0 == StatusCode::NOT_FOUND);
    let wanted = json!({ "ids": [id, "0123456789abcdef"], "properties": [{ "id": "company" }, { "id": "name_zh_hans" }, { "id": "none" }] });
    let (_, extended) = post(&pages, "extend", &wanted).await;
    assert_eq!(extended["rows"][&id]["company"][0]["name"], "ByteDance");
    assert_eq!(extended["rows"][&id]["name_zh_hans"], json!([{ "str": "豆包" }]));
    assert_eq!(extended["rows"]["0123456789abcdef"]["company"], json!([]));
    assert_eq!(extended["meta"][0]["type"]["id"], "company");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let (_folder, pages) = served().await;
    let (status, refused) = post(&pages, "queries", &json!([1, 2])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["error"].as_str().unwrap().starts_with("queries: ") && refused["hint"].is_string());
    let foreign = Request::get("/reconcile").header("host", "localhost").header("origin", "https://evil.example");
    let (_, headers, _) = ask(&pages, foreign.body(Body::empty()).unwrap()).await;
    assert!(!headers.contains_key("access-control-allow-origin"));
    let elsewhere = Request::post("/products").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(ask(&pages, elsewhere).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_page_and_its_data_say_whose_name_it_is() {
    let (_folder, pages) = served().await;
    let rows = get_json(&pages, "/match.json?name=%E4%B8%AD%E5%9C%8B%E7%A7%BB%E5%8B%95").await;
    assert!(rows.to_string().contains("China Mobile"), "{rows}");
    let (status, _, page) = get(&pages, "/match?name=%E8%B1%86%E5%8C%85").await;
    assert!(status == StatusCode::OK && page.contains("Doubao"), "{page}");
    assert_eq!(get(&pages, "/match?name=%20").await.0, StatusCode::OK);
    assert_eq!(get(&pages, "/match?name=a&kind=nothing").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(get(&pages, &format!("/match?name={}", "a".repeat(10_001))).await.0, StatusCode::BAD_REQUEST);
}
