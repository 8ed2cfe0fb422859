//! What the pages tell of collecting, over a state that was written by hand: to the owner all of it, to others who can
//! reach the server no word of what servers said; and to nobody anything that a browser would run.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use crowsnest_lake::state::collecting::{Journalled, LedgerLine, SourceProgress, SourceRun, TakenSource};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::{ServeOptions, router};
use tempfile::TempDir;
use tower::ServiceExt as _;

const NPM: &str = r#"
name = "npm <b>registry</b>"
aliases = ["npm"]
homepage = "https://example.org/npm"
licence = "open interface"
price = "free"
owner = "Mei"
retention_days = 730
[cost]
currency = "USD"
per_call = 0.5
budget_per_month = 10.0
[collect]
connector = "npm_downloads"
schedule = "30 13 * * *"
time_zone = "Asia/Shanghai"
[options]
packages = ["openai"]
"#;

/// What no page may hold as it is, and none beyond this machine at all.
const NASTY: &str = "http://10.1.2.3:8080/internal answers 500 <script>alert(1)</script>";

const MINUTE: i64 = 60_000_000;

struct Served {
    _folder: TempDir,
    /// Its last run goes on.
    _taken: TakenSource,
    pages: Router,
}

async fn served(listen: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let market = folder.path().join("market");
    Market::create(&market, "test").unwrap();
    std::fs::write(market.join("sources/npm.toml"), NPM).unwrap();
    std::fs::write(market.join("sources/by-hand.toml"), "name = \"By hand\"\nlicence = \"quoted\"\n").unwrap();
    let lake = Lake::open(Market::open(&market).unwrap(), LakeOptions::default()).await.unwrap();
    fill(&lake, jiff::Timestamp::now().as_microsecond());
    let _taken = lake.state().take_source(&lake.market().source_called("npm").unwrap().name).unwrap().unwrap();
    let options = ServeOptions {
        listen: listen.parse().unwrap(),
        hosts: vec!["127.0.0.1".into()],
        is_public: !listen.starts_with("127."),
        ..ServeOptions::default()
    };
    Served { _folder: folder, _taken, pages: router(lake, &options) }
}

fn fill(lake: &Lake, now: i64) {
    let name = lake.market().source_called("npm").unwrap().name.clone();
    let state = lake.state();
    let run = |run: &str, minutes: i64, outcome: &str, message: &str| SourceRun {
        run: run.into(),
        source: name.clone(),
        started_at: now - minutes * MINUTE,
        finished_at: (outcome != "running").then_some(now - minutes * MINUTE + 12_000_000),
        outcome: outcome.into(),
        message: message.into(),
        n_calls: 3,
        n_documents: 2,
        n_claims: 180,
        n_added: 1234,
        n_rejects: 7,
        ..SourceRun::default()
    };
    state.note_source_run(&run("a", 5, "failed", NASTY)).unwrap();
    state.note_source_run(&run("b", 4, "running", "")).unwrap();
    state.note_source_run(&run("c", 1, "running", "")).unwrap();
    let progress = SourceProgress {
        n_failures: 1,
        last_run_at: Some(now - 5 * MINUTE),
        last_error: NASTY.into(),
        ..SourceProgress::default()
    };
    state.set_progress(&name, &progress).unwrap();
    let fetched = Journalled {
        source: name.clone(),
        slot: "openai <i>2024</i>".into(),
        document: "ab".repeat(32),
        origin: "http://10.1.2.3:8080/internal".into(),
        fetched_at: now - 5 * MINUTE,
        ..Journalled::default()
    };
    let id = state.journal(&fetched, None).unwrap();
    let diff = "- downloads (number)\n+ downloads (text)\n+ <img src=x onerror=alert(2)>";
    state.put_in_quarantine(&Journalled { id, ..fetched }, &format!("its form changed: {NASTY}"), diff).unwrap();
    let line = LedgerLine {
        source: name,
        at: now - 5 * MINUTE,
        kind: "call".into(),
        what: NASTY.into(),
        n_calls: 3,
        amount: 1.5,
        currency: "USD".into(),
    };
    state.spend(&line).unwrap();
}

impl Served {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", "127.0.0.1").body(Body::empty()).unwrap();
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn page(&self, path: &str) -> String {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

const PAGES: [&str; 4] = ["/?lang=en", "/sources?lang=en", "/source?name=npm&lang=en", "/collecting?lang=en"];

/// What stands between `<main>` and `</main>`, a line an element, without drawings, moments and what differs by day.
fn main_of(page: &str) -> String {
    let main = page.split_once("<main").unwrap().1.split_once('>').unwrap().1.split_once("</main>").unwrap().0;
    let mut text = String::new();
    let mut rest = main;
    while let Some((before, drawing)) = rest.split_once("<svg") {
        text.push_str(before);
        text.push_str("[drawing]");
        rest = drawing.split_once("</svg>").unwrap().1;
    }
    text.push_str(rest);
    let text = text.replace("><", ">\n<");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn check(name: &str, page: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (r"20\d\d-\d\d-\d\d \d\d:\d\d", "[moment]"),
        (r"20\d\d-\d\d-\d\d", "[day]"),
        (r"20\d\d-\d\d", "[month]"),
        (r"\b\d+ (s|min)\b", "[time]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, main_of(page)));
}

#[tokio::test]
async fn the_owner_sees_all_of_it() {
    let served = served("127.0.0.1:7171").await;
    for (name, path) in [
        ("sources", "/sources?lang=en"),
        ("source", "/source?name=npm&lang=en"),
        ("source_by_hand", "/source?name=By+hand&lang=zh-Hans"),
        ("collecting", "/collecting?lang=zh-Hant"),
    ] {
        check(name, &served.page(path).await);
    }
    let overview = served.page("/?lang=en").await;
    assert!(overview.contains("Late:") && overview.contains("In quarantine:"), "{overview}");
    assert!(overview.contains(r#"<span class="badge running">running</span>"#));
    let past = served.page("/?lang=en&as_of=2025-01-01").await;
    assert!(!past.contains("Late:"), "the past knows nothing of now");
}

#[tokio::test]
async fn what_strangers_wrote_is_text() {
    let served = served("127.0.0.1:7171").await;
    for path in PAGES {
        let page = served.page(path).await;
        for raw in ["<script>alert", "<b>registry", "<i>2024", "<img src=x"] {
            assert!(!page.contains(raw), "{path} holds {raw}");
        }
    }
    let page = served.page("/source?name=npm&lang=en").await;
    assert!(page.contains("&#60;script&#62;alert(1)"), "the message is there, as text");
    assert!(page.contains("<ins><span>+</span> &#60;img src=x onerror=alert(2)&#62;</ins>"));
    assert!(page.contains("<del><span>−</span> downloads (number)</del>"));
}

#[tokio::test]
async fn others_see_outcomes_and_no_word_of_what_servers_said() {
    let served = served("0.0.0.0:7171").await;
    for path in PAGES.into_iter().chain(["/sources.json", "/sources.csv", "/source.json?name=npm", "/collecting.csv"]) {
        let page = served.page(path).await;
        for secret in ["10.1.2.3", "internal", "alert(", "openai", "downloads (text)", "abababab"] {
            assert!(!page.contains(secret), "{path} tells {secret}");
        }
    }
    let page = served.page("/source?name=npm&lang=en").await;
    assert!(page.contains(r#"<span class="badge failed">failed</span>"#), "how it ended is told");
    assert!(page.contains("Document 1"), "that something is in quarantine is told");
    assert!(page.contains("shown to analysts and on the market&#39;s own machine only"));
}

#[tokio::test]
async fn the_data_of_a_source_are_its_runs() {
    let served = served("127.0.0.1:7171").await;
    let runs: Vec<serde_json::Value> = serde_json::from_str(&served.page("/source.json?name=npm").await).unwrap();
    let told: Vec<&str> = runs.iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(told, ["c", "b", "a"]);
    assert_eq!(runs[2]["message"], NASTY);
    assert_eq!(runs[2]["n_added"], 1234);
    let states: Vec<serde_json::Value> = serde_json::from_str(&served.page("/sources.json").await).unwrap();
    assert_eq!(states.len(), 1, "a card whose files nobody imported is no source yet");
    assert_eq!((states[0]["is_late"].as_bool(), states[0]["n_in_quarantine"].as_i64()), (Some(true), Some(1)));
    assert_eq!(states[0]["spent_this_month"].as_f64(), Some(1.5));
}

#[tokio::test]
async fn a_source_that_is_not_there_is_not_found() {
    let served = served("127.0.0.1:7171").await;
    for (path, status) in [
        ("/source?name=nobody", StatusCode::NOT_FOUND),
        ("/source.csv?name=nobody", StatusCode::NOT_FOUND),
        ("/source", StatusCode::BAD_REQUEST),
        ("/collecting?limit=many", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(served.get(path).await.0, status, "{path}");
    }
    let (_, page) = served.get("/source?name=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(!page.contains("<script>alert"));
}

#[tokio::test]
async fn prometheus_is_told_what_is_late_and_what_waits() {
    let text = served("127.0.0.1:7171").await.page("/metrics").await;
    for name in ["crowsnest_source_late", "crowsnest_source_quarantined_documents"] {
        let line = format!("{name}{{source=\"npm <b>registry</b>\"}} 1");
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(text.contains("# TYPE crowsnest_source_last_ok_timestamp_seconds gauge"));
}
