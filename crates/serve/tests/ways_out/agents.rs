//! `/mcp`: tools, their answers with what it takes to cite them, and what is refused.

use axum::Router;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{HOME, SHARED, Small, get, post, send};

async fn call(pages: &Router, method: &str, params: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let reply = post(pages, "/mcp", "application/json", &message.to_string()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["result"].clone()
}

async fn tool(pages: &Router, name: &str, arguments: Value) -> Value {
    call(pages, "tools/call", json!({ "name": name, "arguments": arguments })).await
}

#[tokio::test]
async fn tools_are_described_and_only_read() {
    let small = Small::new().await;
    let found = call(&small.pages(HOME), "tools/list", json!({})).await;
    let tools = found["tools"].as_array().unwrap();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["breakouts", "figures", "league", "search_products", "sql", "why"]);
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        assert_eq!(tool["inputSchema"]["type"], "object");
    }
}

#[tokio::test]
async fn answers_can_be_cited() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let arguments = json!({ "metric": "mau", "period": "2024-12", "as_of": "2025-01-31", "lang": null });
    let league = tool(&pages, "league", arguments).await["structuredContent"].clone();
    assert_eq!(league["as_of"], "2025-01-31");
    assert_eq!(league["rows"][0]["name"], "Doubao");
    let cite = league["rows"][0]["cite"].as_str().unwrap();
    assert!(cite.starts_with("http://127.0.0.1:7171/claim/") && cite.ends_with("?as_of=2025-01-31"), "{cite}");
    let page = get(&pages, cite.strip_prefix("http://127.0.0.1:7171").unwrap()).await;
    assert_eq!(page.status, StatusCode::OK, "the address leads to a page");
    assert_eq!(league["sources"][0]["source"], "Open");
    assert_eq!(league["sources"][0]["licence"], "CC-BY");
}

#[tokio::test]
async fn what_is_wrong_is_told_so_that_the_agent_can_mend_it() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    for (name, arguments, told) in [
        ("league", json!({ "metric": "maus", "period": "2024-12" }), "did you mean mau"),
        ("league", json!({ "metric": "mau" }), "period is missing"),
        ("sql", json!({ "query": "DROP TABLE claims" }), "DDL not supported"),
        ("nothing", json!({}), "there is no tool"),
    ] {
        let result = tool(&pages, name, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(result["content"][0]["text"].as_str().unwrap().contains(told), "{result}");
    }
}

#[tokio::test]
async fn restricted_rows_stay_here_and_pages_of_elsewhere_are_refused() {
    let small = Small::new().await;
    let pages = small.pages(SHARED);
    let query = json!({ "query": "SELECT source, value FROM claims" });
    let result = tool(&pages, "sql", query).await;
    assert_eq!(result["isError"], false, "{result}");
    assert!(!result.to_string().contains("Secret"), "{result}");
    assert!(result["structuredContent"]["notes"].to_string().contains("left out"), "{result}");
    let request = Request::post("/mcp")
        .header("host", "127.0.0.1:7171")
        .header("origin", "https://evil.example")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    let refused = send(&pages, request.body("{}".into()).unwrap()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
