//! Products beside each other: which line stands for whom, in which form, and nothing of what may not be passed on; and tenders.

use crowsnest_run::ReconcileRequest;
use serde_json::Value;

use crate::support::{HOME, SHARED, Small, get};

fn value_of<'a>(rows: &'a Value, name: &str, period: &str) -> Option<&'a Value> {
    let rows = rows.as_array()?;
    rows.iter().find(|row| row["name"] == name && row["period"] == period)
}

#[tokio::test]
async fn each_has_a_line_of_one_source_with_its_share_and_index() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    let reply = get(&pages, "/compare.json?name=Doubao&name=Kimi&name=Doubao&metric=mau&view=share").await;
    let rows = reply.json();
    assert_eq!(rows.as_array().unwrap().len(), 3, "{rows}");
    let doubao = value_of(&rows, "Doubao", "2024-12").unwrap();
    // Of Doubao's two sources the one that covers more periods speaks for it.
    assert_eq!(
        (doubao["value"].as_f64(), &doubao["source"], &doubao["basis"]),
        (Some(71_160_000.0), &"Open".into(), &"claims".into())
    );
    assert_eq!(doubao["claim"].as_str().map(str::len), Some(32));
    // The first period that both have is December: both are 100 there.
    assert_eq!(
        (doubao["index"].as_f64(), value_of(&rows, "Kimi", "2024-12").unwrap()["index"].as_f64()),
        (Some(100.0), Some(100.0))
    );
    let november = value_of(&rows, "Doubao", "2024-11").unwrap();
    assert!((november["index"].as_f64().unwrap() - 84.317).abs() < 0.001, "{november}");
    // The total of December is made of all three products.
    let total: f64 = doubao["value"].as_f64().unwrap() / doubao["share"].as_f64().unwrap();
    assert!(total > 71_160_000.0 + 16_690_000.0, "{total}");
}

#[tokio::test]
async fn reconciled_figures_are_shares_of_reconciled_figures() {
    let small = Small::new().await;
    Box::pin(crowsnest_run::reconcile(&small.lake, &ReconcileRequest::default())).await.unwrap();
    let pages = small.pages(HOME);
    let address = "name=Doubao&name=Kimi&name=Ernie&metric=mau&view=share";
    let rows = get(&pages, &format!("/compare.json?{address}")).await.json();
    let of_december = rows.as_array().unwrap().iter().filter(|row| row["period"] == "2024-12");
    let shares: Vec<(&Value, f64)> = of_december.map(|row| (&row["basis"], row["share"].as_f64().unwrap())).collect();
    assert!(shares.len() == 3 && shares.iter().all(|(basis, _)| *basis == "reconciled"), "{rows}");
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    assert!((sum - 1.0).abs() < 1e-9, "all three are all that there is: {rows}");
    let page = get(&pages, &format!("/compare?{address}&lang=en")).await.text();
    assert!(page.contains("reconciled figures of the same scope and period") && !page.contains("as claimed"), "{page}");
    let beyond = get(&small.pages(SHARED), &format!("/compare.json?{address}")).await.json();
    assert!(beyond.as_array().unwrap().iter().all(|row| row["share"].is_null()), "a sum would tell of the others");
}

#[tokio::test]
async fn where_there_are_no_tenders_there_is_a_page_and_no_rows() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    for address in ["/tenders", "/tenders.json", "/tenders.csv", "/tenders.parquet", "/tenders.json?year=2024"] {
        assert_eq!(get(&pages, address).await.status, 200, "{address}");
    }
    assert_eq!(get(&pages, "/tenders.json").await.json(), serde_json::json!([]));
    assert_eq!(get(&pages, "/tenders.csv").await.text().lines().count(), 1, "names of columns alone");
    assert_eq!(get(&pages, "/tenders.svg").await.status, 404, "there is nothing to draw");
    assert_eq!(get(&pages, "/tenders.json?year=soon").await.status, 400);
}

#[tokio::test]
async fn the_page_has_chart_table_forms_and_pictures() {
    let small = Small::new().await;
    let pages = small.pages(HOME);
    for view in ["", "&view=share", "&view=index", "&view=log"] {
        let page = get(&pages, &format!("/compare?name=Doubao&name=Kimi&metric=mau&lang=en{view}")).await.text();
        assert!(page.contains("class=\"line s0\"") && page.contains("class=\"line s1\""), "{view}");
        assert!(page.contains("href=\"/claim/") && page.contains("Leave out Kimi"), "{view}");
        assert!(page.contains(">SVG</a>") && page.contains("/compare.svg?name="), "{view}");
        let picture = get(&pages, &format!("/compare.svg?name=Doubao&name=Kimi&metric=mau&lang=en{view}")).await;
        let svg = picture.text();
        assert!(
            svg.starts_with("<svg xmlns") && svg.contains("Doubao · Open") && svg.contains("Sources: Open"),
            "{svg}"
        );
        assert!(picture.header("content-security-policy").contains("default-src 'none'"));
    }
    let empty = get(&pages, "/compare?lang=en").await;
    assert!(empty.status.is_success() && empty.text().contains("Nothing is compared yet"));
    let unknown = get(&pages, "/compare?name=Doubao&name=Nobody%20at%20all&lang=en").await;
    assert!(unknown.status.is_success() && unknown.text().contains("class=\"problem\""), "{}", unknown.text());
    assert_eq!(get(&pages, "/compare.csv?name=Nobody%20at%20all").await.status, 404);
    assert_eq!(get(&pages, "/compare?name=Doubao&metric=nonsense").await.status, 400);
    assert_eq!(get(&pages, "/compare?name=Doubao&view=pie").await.status, 400);
    assert_eq!(get(&pages, "/league.svg").await.status, 404, "a page without a picture has none");
}

#[tokio::test]
async fn beyond_this_machine_nothing_of_a_restricted_source_is_compared() {
    let small = Small::new().await;
    let pages = small.pages(SHARED);
    for ending in ["", ".json", ".csv", ".svg"] {
        for view in ["level", "share", "index", "log"] {
            let address = format!("/compare{ending}?name=Doubao&name=Ernie&name=Kimi&metric=mau&view={view}&lang=en");
            let reply = get(&pages, &address).await;
            // Without the others' figures there are no shares, and nothing to draw.
            let status: u16 = if (ending, view) == (".svg", "share") { 404 } else { 200 };
            assert_eq!(reply.status, status, "{address}");
            let text = reply.text();
            assert!(status == 404 || text.contains("Doubao"), "{address} tells of nobody: {text}");
            for secret in ["75000000", "75,000,000", "75M", "12000000", "12,000,000", "12M"] {
                assert!(!text.contains(secret), "{address} tells {secret}: {text}");
            }
        }
    }
    let rows = get(&pages, "/compare.json?name=Doubao&name=Kimi&metric=mau&view=share").await.json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["share"].is_null()), "a sum would tell of the others: {rows:?}");
}
