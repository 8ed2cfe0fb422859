//! Bandits over HTTP: choices and rewards, what is refused, and that a server that ends without notice loses nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::{ServeOptions, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const FILE: &str =
    "floor = 0.1\n[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\n[[guard_rails]]\nname = \"crash\"\nat_most = 0.1\n";

fn market(folder: &Path) -> std::path::PathBuf {
    let dir = folder.join("market");
    Market::create(&dir, "test").unwrap();
    std::fs::create_dir(dir.join("bandits")).unwrap();
    std::fs::write(dir.join("bandits/home.toml"), FILE).unwrap();
    dir
}

async fn lake(dir: &Path) -> Lake {
    Lake::open(Market::open(dir).unwrap(), LakeOptions::default()).await.unwrap()
}

async fn pages(dir: &Path, listen: &str) -> Router {
    let options = ServeOptions {
        listen: listen.parse().unwrap(),
        hosts: vec!["127.0.0.1".into()],
        is_public: listen.starts_with('0'),
        ..ServeOptions::default()
    };
    router(lake(dir).await, &options)
}

async fn send(pages: &Router, path: &str, headers: &[(&str, &str)], body: String) -> (StatusCode, Value) {
    let mut request = Request::post(path).header("host", "127.0.0.1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = pages.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn post(pages: &Router, path: &str, body: Value) -> (StatusCode, Value) {
    send(pages, path, &[("content-type", "application/json")], body.to_string()).await
}

#[tokio::test]
async fn arms_are_given_rewarded_once_and_kept_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let dir = market(folder.path());
    let mut open = Vec::new();
    {
        let pages = pages(&dir, "127.0.0.1:7171").await;
        for at in 0..300 {
            let (status, choice) = post(&pages, "/v1/allocate", json!({ "bandit": "home", "segment": "new" })).await;
            assert_eq!(status, StatusCode::OK, "{choice}");
            let propensity = choice["propensity"].as_f64().unwrap();
            assert!((0.1 - 1e-9..=0.9 + 1e-9).contains(&propensity), "{choice}");
            if at < 200 {
                let reward = if choice["arm"] == "b" { 1 } else { 0 };
                let told =
                    json!({ "bandit": "home", "choice": choice["choice"], "reward": reward, "guards": { "crash": 0 } });
                assert_eq!(post(&pages, "/v1/reward", told.clone()).await.0, StatusCode::OK);
                let (status, refused) = post(&pages, "/v1/reward", told).await;
                assert_eq!(status, StatusCode::CONFLICT, "{refused}");
            } else {
                open.push(choice["choice"].as_u64().unwrap());
            }
        }
    }
    let again = pages(&dir, "127.0.0.1:7171").await;
    let (_, choice) = post(&again, "/v1/allocate", json!({ "bandit": "home" })).await;
    assert_eq!(choice["choice"], 301, "numbers go on");
    let share = if choice["arm"] == "b" {
        choice["propensity"].as_f64().unwrap()
    } else {
        1.0 - choice["propensity"].as_f64().unwrap()
    };
    assert!(share > 0.85, "what came back is remembered: {choice}");
    for choice in open {
        let told = json!({ "bandit": "home", "choice": choice, "reward": 0.5 });
        assert_eq!(post(&again, "/v1/reward", told).await.0, StatusCode::OK, "choice {choice} still waits");
    }
}

#[tokio::test]
async fn many_at_once_each_get_a_number_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = market(folder.path());
    let served = pages(&dir, "127.0.0.1:7171").await;
    let asked = (0..400).map(|_| {
        let served = served.clone();
        tokio::spawn(async move {
            post(&served, "/v1/allocate", json!({ "bandit": "home" })).await.1["choice"].as_u64().unwrap()
        })
    });
    let mut numbers = Vec::new();
    for one in asked.collect::<Vec<_>>() {
        numbers.push(one.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=400).collect::<Vec<u64>>());
    let mut n_lines = 0;
    lake(&dir).await.state().bandit_lines("home", 0, |_| n_lines += 1).unwrap();
    assert_eq!(n_lines, 400, "each line was written before its answer");
}

/// Names in a list of a schema, or of an object's fields, in order.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn what_is_described_is_what_is_taken_and_given() {
    let folder = tempfile::tempdir().unwrap();
    let served = pages(&market(folder.path()), "127.0.0.1:7171").await;
    let request = Request::get("/v1/openapi.json").header("host", "127.0.0.1").body(Body::empty()).unwrap();
    let answer = served.clone().oneshot(request).await.unwrap();
    let described: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 8 << 20).await.unwrap()).unwrap();
    let mut choice = Value::Null;
    for (path, whole) in [
        ("/v1/allocate", json!({ "bandit": "home", "segment": "new" })),
        ("/v1/reward", json!({ "bandit": "home", "choice": 1, "reward": 0.5, "guards": { "crash": 0 } })),
    ] {
        let operation = &described["paths"][path]["post"];
        let taken = &operation["requestBody"]["content"]["application/json"]["schema"];
        let fields = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
        let (known, sent) = (fields(&taken["properties"]), fields(&whole));
        assert_eq!(sorted(known.iter().map(String::as_str)), sorted(sent.iter().map(String::as_str)), "{path}");
        for field in taken["required"].as_array().unwrap() {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert_eq!(post(&served, path, less).await.0, StatusCode::BAD_REQUEST, "{path} without {field}");
        }
        let (status, given) = post(&served, path, whole).await;
        assert_eq!(status, StatusCode::OK, "{path}: {given}");
        let promised = &operation["responses"]["200"]["content"]["application/json"]["schema"]["required"];
        let promised = promised.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        assert_eq!(sorted(promised), sorted(fields(&given).iter().map(String::as_str)), "{path}");
        if path == "/v1/allocate" {
            choice = given["choice"].clone();
        }
    }
    assert_eq!(choice, 1, "what was left out of a request was no choice");
}

/// Address, headers, body, status, and a word of the answer.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let dir = market(folder.path());
    let served = pages(&dir, "127.0.0.1:7171").await;
    let json_type = ("content-type", "application/json");
    let cases: &[Case<'_>] = &[
        ("/v1/allocate", &[json_type], "{\"bandit\": \"away\"}", 404, "only home"),
        ("/v1/allocate", &[json_type], "{\"bandit\": \"../state\"}", 404, "no bandit"),
        ("/v1/allocate", &[json_type], "{\"bandit\": ", 400, "cannot be read"),
        ("/v1/allocate", &[json_type], "{\"bandit\": \"home\", \"colour\": 1}", 400, "colour"),
        ("/v1/allocate", &[("content-type", "text/plain")], "{\"bandit\": \"home\"}", 415, "JSON"),
        (
            "/v1/allocate",
            &[json_type, ("origin", "https://evil.example")],
            "{\"bandit\": \"home\"}",
            403,
            "not from a page",
        ),
        ("/v1/reward", &[json_type], "{\"bandit\": \"home\", \"choice\": 9, \"reward\": 1}", 409, "not waiting"),
        ("/v1/reward", &[json_type], "{\"bandit\": \"home\", \"choice\": 9, \"reward\": 7}", 400, "from 0 to 1"),
    ];
    for (path, headers, body, status, word) in cases {
        let (found, told) = send(&served, path, headers, (*body).to_owned()).await;
        assert_eq!(found.as_u16(), *status, "{body}: {told}");
        assert!(told["detail"].as_str().unwrap().contains(word), "{body}: {told}");
        assert!(told["remedy"].is_string() && told["status"] == json!(status), "{body}: {told}");
    }
    let (status, _) = post(&served, "/v1/allocate", json!({ "bandit": "x".repeat(20_000) })).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&served, "/products", json!({})).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let beyond = pages(&dir, "0.0.0.0:7171").await;
    assert_eq!(post(&beyond, "/v1/allocate", json!({ "bandit": "home" })).await.0, StatusCode::FORBIDDEN);
}
