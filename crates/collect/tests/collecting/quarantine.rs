//! Answers of another form are kept out, told with their differences, and can be taken in later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::market::{Played, json_source, rows_text};
use crate::server::{Server, json};

const GOOD: &[(&str, &str, f64)] = &[("a", "2024-11", 1.0), ("b", "2024-11", 2.0), ("c", "2024-11", 3.0)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_form_is_kept_out_told_and_accepted() {
    let is_changed = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&is_changed);
    let server = Server::start(move |_| match now.load(Ordering::SeqCst) {
        false => json(rows_text(GOOD)),
        true => json(
            "{\"rows\":[{\"name\":\"a\",\"month\":\"2024-12\",\"users\":{\"n\":4}},\
             {\"name\":\"b\",\"month\":\"2024-12\",\"users\":{\"n\":5}}]}",
        ),
    })
    .await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    played.collect().await;
    is_changed.store(true, Ordering::SeqCst);
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), reports[0].n_quarantined), ("quarantined", 1), "{reports:?}");
    assert_eq!(played.rows("SELECT count(*) FROM claims").await, ["3"]);
    let lake = played.lake().await;
    let held = lake.state().quarantined(Some("Played"), true).unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].diff, "- users (number)\n+ users (object)");
    // With a mapping that knows the new form, the document itself comes in.
    let source = json_source(&server.url, "").replace("value = \"users\"", "value = \"users.n\"");
    played.write("played", &source);
    lake.state().set_shape("Played", "", None, "", 0).unwrap();
    lake.state().resolve_quarantine(&held[0], "dropped", 1).unwrap();
    drop(lake);
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), reports[0].n_added), ("done", 2), "{reports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_read_by_what_the_sources_file_says_then() {
    let renamed = rows_text(&[("a", "2024-12", 4.0), ("b", "2024-12", 5.0)]).replace("users", "active");
    let server = Server::start(move |asked| match asked.n_before {
        0 => json(rows_text(GOOD)),
        // Asked once more, as it could not be read.
        1 | 2 => json(renamed.clone()),
        _ => json("{\"rows\":[]}"),
    })
    .await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    played.collect().await;
    let reports = played.collect().await;
    assert_eq!(reports[0].outcome, "quarantined", "{reports:?}");
    assert!(reports[0].message.contains("users"), "{reports:?}");
    let lake = played.lake().await;
    let held = lake.state().quarantined(Some("Played"), true).unwrap();
    lake.state().resolve_quarantine(&held[0], "accepted", 1).unwrap();
    lake.state().set_shape("Played", "", None, "", 0).unwrap();
    drop(lake);
    played.write("played", &json_source(&server.url, "").replace("value = \"users\"", "value = \"active\""));
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), reports[0].n_added), ("done", 2), "{reports:?}");
    let recipe = played.rows("SELECT mapping_toml FROM documents WHERE n_claims = 2").await;
    assert!(recipe[0].contains("active"), "how it was read is told: {recipe:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_fields_missing_optional_ones_and_empty_answers_are_no_change() {
    let answers = [
        rows_text(GOOD),
        "{\"rows\":[{\"name\":\"a\",\"month\":\"2024-12\",\"users\":1,\"new\":true}]}".to_owned(),
        "{\"rows\":[]}".to_owned(),
        rows_text(&[("d", "2024-12", 9.0)]),
    ];
    let server = Server::start(move |asked| json(answers[asked.n_before.min(3)].clone())).await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    for _ in 0..4 {
        let reports = played.collect().await;
        assert_eq!(reports[0].outcome, "done", "{reports:?}");
    }
    assert_eq!(played.rows("SELECT count(*) FROM claims").await, ["5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_rejects_and_what_is_no_json_are_kept_out_and_few_rejects_are_not() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/html" => json("<html>maintenance</html>"),
        "/many" => json(rows_text(&[("a", "soon", 1.0), ("b", "2024-12", 2.0), ("c", "never", 3.0)])),
        _ => json(rows_text(&[
            ("a", "2024-12", 1.0),
            ("b", "2024-12", 2.0),
            ("c", "2024-12", 3.0),
            ("d", "2024-12", 4.0),
            ("e", "2024-12", 5.0),
            ("f", "soon", 6.0),
        ])),
    })
    .await;
    let source = |name: &str| json_source(&format!("{}/{name}", server.url), "").replace("Played", name);
    let played = Played::new(&[("html", &source("html")), ("many", &source("many")), ("few", &source("few"))]);
    let reports = played.collect().await;
    let told: Vec<(&str, &str, u64)> =
        reports.iter().map(|report| (report.source.as_str(), report.outcome.as_str(), report.n_added)).collect();
    assert_eq!(told, [("few", "done", 5), ("html", "quarantined", 0), ("many", "quarantined", 0)], "{reports:?}");
    assert_eq!(reports[0].n_rejects, 1);
    let held = played.lake().await.state().quarantined(None, true).unwrap();
    assert!(held.iter().any(|held| held.reason.contains("2 of 3 records cannot be read")), "{held:?}");
    assert!(held.iter().any(|held| held.reason.contains("not JSON")), "{held:?}");
    // A bad answer was asked for once more before it was held against the source.
    assert_eq!(server.paths().iter().filter(|path| *path == "/html").count(), 2);
}
