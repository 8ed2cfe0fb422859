//! Users and their tokens at each way out for programs: the API, agents, the SQL port.

use axum::http::StatusCode;
use crowsnest_lake::state::people::{Role, Scope, User};
use crowsnest_serve::credentials;
use serde_json::json;

use crate::support::{HOME, SHARED, Small, get, get_with, send};

pub(crate) const PASSWORD: &str = "correct horse battery";
const SQL: &str = "/v1/sql?query=SELECT+source,value+FROM+claims";

/// Adds a user.
pub(crate) fn add_user(small: &Small, name: &str, role: Role) {
    let password_hash = credentials::hash_password(PASSWORD).unwrap();
    let user = User { name: name.to_owned(), role, password_hash, created_at: 0, last_seen_at: None };
    assert!(small.lake.state().add_user(&user).unwrap());
}

/// A token of theirs.
pub(crate) fn token_of(small: &Small, name: &str, scope: Scope) -> String {
    let now = jiff::Timestamp::now().as_microsecond();
    let (token, secret) = credentials::new_token(name, "test", &[scope], 1, now).unwrap();
    small.lake.state().add_token(&token, &secret).unwrap();
    secret
}

#[tokio::test]
async fn the_api_and_agents_know_whose_token_it_is() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    assert_eq!(get(&pages, SQL).await.status, StatusCode::OK, "without users the owner needs nothing");
    add_user(&small, "ann", Role::Analyst);
    add_user(&small, "vic", Role::Viewer);
    for address in [SQL, "/v1/products", "/v1/openapi.json", "/v1/nothing"] {
        let refused = get(&pages, address).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{address}");
        assert_eq!(refused.header("content-type"), "application/problem+json", "{address}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"), "{address}");
        assert!(refused.json()["remedy"].as_str().unwrap().contains("Authorization"), "{}", refused.text());
    }
    let asked = async |name: &str, scope: Scope| {
        let bearer = format!("Bearer {}", token_of(&small, name, scope));
        let by_address = get_with(&pages, SQL, &[("authorization", &bearer)]).await;
        assert_eq!(by_address.status, StatusCode::OK, "{}", by_address.text());
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "sql", "arguments": { "query": "SELECT source, value FROM claims" } } });
        let request = axum::http::Request::post("/mcp")
            .header("host", "127.0.0.1:7171")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("authorization", &bearer);
        let by_agent = send(&pages, request.body(message.to_string().into()).unwrap()).await;
        assert_eq!(by_agent.status, StatusCode::OK, "{}", by_agent.text());
        let sees = by_address.text().contains("Secret");
        assert_eq!(by_agent.text().contains("Secret"), sees, "{}", by_agent.text());
        sees
    };
    assert!(asked("ann", Scope::Licensed).await);
    assert!(!asked("ann", Scope::Read).await, "a token for less");
    assert!(!asked("vic", Scope::Admin).await, "never for more than its user");
    let refused = get_with(&pages, SQL, &[("authorization", "Bearer crowsnest_x")]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_public_server_answers_whoever_comes_and_keeps_plans_and_restricted_rows_back() {
    let small = Small::new().await;
    let pages = small.pages(SHARED);
    let reply = get(&pages, SQL).await;
    assert!(reply.status == StatusCode::OK && !reply.text().contains("Secret"), "{}", reply.text());
    for (address, status) in [("/plans", 403), ("/loop.json", 403), ("/bandits.csv", 403), ("/products", 200)] {
        assert_eq!(get(&pages, address).await.status.as_u16(), status, "{address}");
    }
    assert!(!get(&pages, "/").await.text().contains("href=\"/plans\""), "no way leads where nobody may go");
    let post = axum::http::Request::post("/v1/allocate")
        .header("host", "127.0.0.1:7171")
        .header("content-type", "application/json");
    let refused = send(&pages, post.body("{\"bandit\": \"home\"}".into()).unwrap()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
}
