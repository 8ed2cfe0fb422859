//! Retries, conditional requests, paging, authentication, politeness.

use std::io::Write as _;

use crowsnest_collect::{Clock, CollectRequest};

use crate::market::{Played, json_source, rows_text};
use crate::server::{Reply, Server, json, status};

/// A clock on which waits pass a thousand times faster.
fn fast() -> Clock {
    let now = jiff::Timestamp::now();
    Clock::parse(&format!("{now}@{now}*1000")).unwrap()
}

async fn collect(played: &Played) -> crowsnest_collect::SourceReport {
    played.collect_with(CollectRequest::default(), fast()).await.remove(0)
}

const ROW: &[(&str, &str, f64)] = &[("Kimi", "2024-12", 1.0)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_a_while_is_asked_again_and_what_is_refused_is_not() {
    let server = Server::start(|asked| match (asked.path.as_str(), asked.n_before) {
        ("/flaky", 0) => status(503),
        ("/flaky", 1) => Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"rows\":[".to_vec()),
        ("/reset", 0) => Reply::Reset,
        ("/limited", 0) => Reply::Http(429, vec![("retry-after", "30".into())], Vec::new()),
        ("/forbidden", _) => status(403),
        ("/never", _) => status(500),
        ("/later", _) => Reply::Http(503, vec![("retry-after", "86400".into())], Vec::new()),
        _ => json(rows_text(ROW)),
    })
    .await;
    let source = |name: &str| json_source(&format!("{}/{name}", server.url), "").replace("Played", name);
    for (name, outcome, n_asked) in [
        ("flaky", "done", 3),
        ("reset", "done", 2),
        ("limited", "done", 2),
        ("forbidden", "failed", 1),
        ("never", "failed", 3),
        ("later", "failed", 1),
    ] {
        let played = Played::new(&[(name, &source(name))]);
        let report = collect(&played).await;
        let asked = server.paths().iter().filter(|path| **path == format!("/{name}")).count();
        assert_eq!((report.outcome.as_str(), asked), (outcome, n_asked), "{name}: {report:?}");
        let not_before = played.lake().await.state().progress(name).unwrap().not_before;
        assert_eq!(not_before.is_some(), name == "later", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_is_not_sent_again() {
    let server = Server::start(|asked| match asked.headers.get("if-none-match").map(String::as_str) {
        Some("\"one\"") => status(304),
        _ => Reply::Http(200, vec![("etag", "\"one\"".into())], rows_text(ROW).into_bytes()),
    })
    .await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    assert_eq!(collect(&played).await.n_documents, 1);
    let report = collect(&played).await;
    assert_eq!((report.outcome.as_str(), report.n_documents, report.n_unchanged), ("done", 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_answers_are_unpacked_and_archived_as_they_are() {
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(rows_text(ROW).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let server = Server::start(move |asked| {
        assert!(asked.headers["accept-encoding"].contains("gzip"));
        Reply::Http(200, vec![("content-encoding", "gzip".into())], packed.clone())
    })
    .await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    assert_eq!(collect(&played).await.n_added, 1);
    let document = played.rows("SELECT document FROM documents").await.remove(0);
    let (bytes, _) = played.lake().await.documents().read_up_to(&document, 10_000).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), rows_text(ROW));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_paging_comes_to_its_end() {
    let server = Server::start(|asked| {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let value = query.rsplit('=').next().unwrap_or_default().to_owned();
        let page: usize = value.parse().unwrap_or(1);
        let rows = |n: usize| rows_text(&[(format!("p{n}").as_str(), "2024-12", n as f64)]);
        match path {
            "/page" if page > 3 => json("{\"rows\":[]}"),
            "/page" => json(rows(page)),
            "/cursor" => {
                let n = if value.is_empty() { 1 } else { page };
                let next = if n < 3 { format!("\"{}\"", n + 1) } else { "null".into() };
                json(rows(n).replace("{\"rows\"", &format!("{{\"next\":{next},\"rows\"")))
            }
            _ => {
                let n = if query.is_empty() { 1 } else { page };
                let link = if n < 3 { format!("</link?p={}>; rel=\"next\"", n + 1) } else { String::new() };
                Reply::Http(200, vec![("link", link)], rows(n).into_bytes())
            }
        }
    })
    .await;
    for (path, paging) in [
        ("page", "{ kind = \"page\", parameter = \"p\" }"),
        ("cursor", "{ kind = \"cursor\", parameter = \"c\", next = \".next\" }"),
        ("link", "{ kind = \"link\" }"),
    ] {
        let source = json_source(&format!("{}/{path}", server.url), "")
            .replace("records = \".rows[]\"", &format!("records = \".rows[]\"\npaging = {paging}"));
        let played = Played::new(&[("played", &source)]);
        let report = collect(&played).await;
        assert_eq!((report.outcome.as_str(), report.n_added), ("done", 3), "{path}: {report:?}");
        assert_eq!(played.in_force().await.len(), 3, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_shows_who_one_is_and_no_secret_is_told() {
    let server = Server::start(|asked| {
        let authorization = asked.headers.get("authorization").cloned().unwrap_or_default();
        let is_known = match asked.path.split('?').next().unwrap_or_default() {
            "/token" => {
                let is_right =
                    authorization == "Basic aWQ6czNjcmV0LXZhbHVl" && asked.body.contains("client_credentials");
                let answer = json("{\"access_token\":\"t0ken-value\",\"expires_in\":3600}");
                return if is_right { answer } else { status(401) };
            }
            "/bearer" => authorization == "Bearer s3cret-value",
            "/basic" => authorization == "Basic dXNlcjpzM2NyZXQtdmFsdWU=",
            "/header" => asked.headers.get("x-api-key").is_some_and(|key| key == "s3cret-value"),
            "/query" => asked.path.ends_with("key=s3cret-value"),
            "/oauth2" => authorization == "Bearer t0ken-value",
            _ => return status(418),
        };
        if is_known { json(rows_text(ROW)) } else { status(401) }
    })
    .await;
    let token = format!("{}/token", server.url);
    let ways = [
        ("bearer", "{ kind = \"bearer\", token = \"{secret:KEY}\" }".to_owned()),
        ("basic", "{ kind = \"basic\", user = \"user\", password = \"{secret:KEY}\" }".to_owned()),
        ("header", "{ kind = \"header\", name = \"X-Api-Key\", value = \"{secret:KEY}\" }".to_owned()),
        ("query", "{ kind = \"query\", name = \"key\", value = \"{secret:KEY}\" }".to_owned()),
        (
            "oauth2",
            format!(
                "{{ kind = \"oauth2\", token_url = \"{token}\", client_id = \"id\", client_secret = \"{{secret:KEY}}\" }}"
            ),
        ),
        ("refused", "{ kind = \"query\", name = \"key\", value = \"{secret:KEY}\" }".to_owned()),
    ];
    for (path, auth) in ways {
        let source = json_source(&format!("{}/{path}", server.url), "")
            .replace("records = \".rows[]\"", &format!("records = \".rows[]\"\nauth = {auth}"));
        let played = Played::new(&[("played", &source)]);
        played.keep_secret("KEY", "s3cret-value");
        let report = collect(&played).await;
        assert_eq!(report.outcome, if path == "refused" { "failed" } else { "done" }, "{path}: {report:?}");
        assert!(!format!("{report:?}").contains("s3cret"), "{report:?}");
        if path != "refused" {
            let told = played.rows("SELECT origin, mapping_toml, name FROM documents").await.join("\n");
            assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{told}");
        }
        let state = std::fs::read(played.dir().join("state.db")).unwrap();
        assert!(!state.windows(6).any(|window| window == b"s3cret"), "{path}: the state holds the secret");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_not_set_is_named() {
    let source = json_source("http://127.0.0.1:9/", "").replace(
        "records = \".rows[]\"",
        "records = \".rows[]\"\nauth = { kind = \"bearer\", token = \"{secret:NOT_SET_ANYWHERE}\" }",
    );
    let report = collect(&Played::new(&[("played", &source)])).await;
    assert!(report.message.contains("NOT_SET_ANYWHERE"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn robots_txt_is_obeyed_where_a_source_wants_it() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => Reply::Http(200, Vec::new(), b"User-agent: *\nDisallow: /closed\n".to_vec()),
        _ => json(rows_text(ROW)),
    })
    .await;
    for (path, outcome) in [("open", "done"), ("closed", "failed")] {
        let source = json_source(&format!("{}/{path}", server.url), "").replace("retry_max = 2", "obey_robots = true");
        let report = collect(&Played::new(&[("played", &source)])).await;
        assert_eq!(report.outcome, outcome, "{report:?}");
    }
    assert!(!server.paths().contains(&"/closed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_are_missing_are_fetched_and_those_that_are_done_are_not() {
    let server = Server::start(|asked| {
        let day = asked.path.rsplit('/').next().unwrap_or_default().to_owned();
        if day == "2025-06-02" && asked.n_before == 0 { status(404) } else { json(rows_text(&[("a", &day, 1.0)])) }
    })
    .await;
    let source = json_source(&format!("{}/{{day}}", server.url), "")
        .replace("records = \".rows[]\"", "records = \".rows[]\"\ndaily = true")
        .replace("retry_max = 2", "retry_max = 2\nstart = \"2025-06-01\"");
    let played = Played::new(&[("played", &source)]);
    let until = |day: &str| CollectRequest { until: Some(day.parse().unwrap()), ..CollectRequest::default() };
    let report = played.collect_with(until("2025-06-03"), fast()).await.remove(0);
    assert_eq!((report.outcome.as_str(), report.n_added), ("failed", 2), "{report:?}");
    let report = played.collect_with(until("2025-06-04"), fast()).await.remove(0);
    assert_eq!((report.outcome.as_str(), report.n_added, report.n_calls), ("done", 2, 2), "{report:?}");
    let since = CollectRequest { since: Some("2025-05-30".parse().unwrap()), ..until("2025-06-04") };
    let report = played.collect_with(since, fast()).await.remove(0);
    assert_eq!((report.outcome.as_str(), report.n_added, report.n_calls), ("done", 2, 2), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_added_to_a_list_gets_its_whole_history() {
    let server = Server::start(|asked| {
        let since = asked.path.rsplit('/').next().unwrap_or_default().to_owned();
        json(rows_text(&[
            (asked.path.split('/').nth(1).unwrap_or_default(), "2025-06-10", 1.0),
            ("first", &since, 1.0),
        ]))
    })
    .await;
    let source = |items: &str| {
        json_source(&format!("{}/{{item}}/{{since}}", server.url), "").replace(
            "records = \".rows[]\"",
            &format!("records = \".rows[]\"\nitems = [{items}]\ndays = 100\ncursor = \"[.rows[].month] | max\""),
        )
    };
    let played = Played::new(&[("played", &source("\"a\""))]);
    let clock = || Clock::parse("2025-06-11T00:00:00Z@2025-06-11T00:00:00Z*1").unwrap();
    let until = || CollectRequest { until: Some("2025-06-11".parse().unwrap()), ..CollectRequest::default() };
    played.collect_with(until(), clock()).await;
    played.write("played", &source("\"a\", \"b\""));
    for _ in 0..2 {
        let report = played.collect_with(until(), clock()).await.remove(0);
        assert_eq!(report.outcome, "done", "{report:?}");
    }
    let mut paths = server.paths();
    paths.sort();
    let (whole, more) = ("2025-03-03", "2025-06-10");
    let expected = [
        format!("/a/{whole}"),
        format!("/a/{more}"),
        format!("/a/{more}"),
        format!("/b/{whole}"),
        format!("/b/{more}"),
    ];
    assert_eq!(paths, {
        let mut expected = expected.to_vec();
        expected.sort();
        expected
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_not_over_is_asked_for_again() {
    let server = Server::start(|asked| json(rows_text(&[("a", asked.path.trim_start_matches('/'), 1.0)]))).await;
    let source = json_source(&format!("{}/{{day}}", server.url), "")
        .replace("records = \".rows[]\"", "records = \".rows[]\"\ndaily = true\ndays = 2");
    let played = Played::new(&[("played", &source)]);
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    for n_calls in [2, 1] {
        let until = CollectRequest { until: Some(today), ..CollectRequest::default() };
        let report = played.collect_with(until, Clock::default()).await.remove(0);
        assert_eq!((report.outcome.as_str(), report.n_calls), ("done", n_calls), "{report:?}");
    }
}
