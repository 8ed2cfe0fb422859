//! What people keep on the pages: saved views, each one's own; and notes on charts, the team's own words.

use crate::served::{Client, Served};
use axum::http::StatusCode;
use crowsnest_lake::state::people::{Role, Scope};
use serde_json::Value;

const CLAIMS: &str = "subject,kind,metric,period,value,source,said_on\n\
    Doubao,product,mau,2024-10,55000000,AI list,2024-11-05\n\
    Doubao,product,mau,2024-11,60000000,AI list,2024-12-05\n\
    Doubao,product,mau,2024-12,71160000,AI list,2025-01-05\n\
    Kimi,product,mau,2024-12,16690000,AI list,2025-01-05\n";

async fn team() -> Served {
    let served = Served::new(CLAIMS, &[]).await;
    for (name, role) in [("ann", Role::Editor), ("mei", Role::Analyst), ("vic", Role::Viewer)] {
        served.add_user(name, role);
    }
    served
}

/// The rows of a page; empty where it has none.
async fn rows(served: &Served, client: &Client, path: &str) -> Vec<Value> {
    let text = served.get(client, path).await.text();
    let told: Value = serde_json::from_str(&text).unwrap();
    match told {
        Value::Array(rows) => rows,
        whole => whole["rows"].as_array().cloned().unwrap_or_default(),
    }
}

#[tokio::test]
async fn views_are_saved_by_a_form_listed_in_the_palette_and_removed() {
    let served = team().await;
    let mut vic = served.browser("vic");
    let league = served.get(&vic, "/league?metric=mau&lang=en").await.text();
    assert!(
        league.contains("id=\"save-view\"") && league.contains("value=\"/league?metric=mau&#38;lang=en\""),
        "{league}"
    );
    let path = "/views?save=%2Fleague%3Fmetric%3Dmau";
    let asked = served.get(&vic, path).await.text();
    assert!(asked.contains("name=\"address\" value=\"/league?metric=mau\""), "{asked}");
    let token = served.form_token(&mut vic, path).await;
    let save = [("form", token.as_str()), ("name", "<b>leaders</b>"), ("address", "/league?metric=mau")];
    let answer = served.post(&vic, "/views/save", &save).await;
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/views?did=saved"));
    let shown = served.get(&vic, "/views").await.text();
    assert!(shown.contains("&#60;b&#62;leaders") && !shown.contains("<b>leaders"), "{shown}");
    let listed = rows(&served, &vic, "/palette.json").await;
    let view = listed.iter().find(|row| row["group"] == "views").unwrap();
    assert_eq!((&view["label"], &view["address"]), (&"<b>leaders</b>".into(), &"/league?metric=mau".into()));
    let mei = served.browser("mei");
    assert!(rows(&served, &mei, "/views.json").await.is_empty(), "each has their own");
    for address in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/logout", ""]
    {
        let wrong = [("form", token.as_str()), ("name", "x"), ("address", address)];
        assert_eq!(served.post(&vic, "/views/save", &wrong).await.status, StatusCode::BAD_REQUEST, "{address}");
        let page = served.get(&vic, &format!("/views?save={address}")).await.text();
        assert!(!page.contains("action=\"/views/save\""), "{address}");
    }
    let unsigned = [("form", "x"), ("name", "y"), ("address", "/")];
    assert!(served.post(&vic, "/views/save", &unsigned).await.status.is_client_error());
    let remove = [("form", token.as_str()), ("name", "<b>leaders</b>")];
    assert_eq!(served.post(&vic, "/views/remove", &remove).await.header("location"), "/views?did=removed");
    assert_eq!(served.post(&vic, "/views/remove", &remove).await.status, StatusCode::BAD_REQUEST, "it is gone");
    let actions: Vec<String> =
        served.lake.state().audit_lines(Some("vic"), 9).unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["view.remove", "view.save"]);
}

#[tokio::test]
async fn the_log_tells_a_program_from_a_person() {
    let served = team().await;
    let program = served.program("vic", Scope::Read);
    let view = [("name", "start"), ("address", "/")];
    for (path, action) in [("/views/save", "view.save"), ("/views/remove", "view.remove")] {
        assert_eq!(served.post(&program, path, &view).await.status, StatusCode::SEE_OTHER, "{path}");
        let line = served.lake.state().audit_lines(Some("vic"), 1).unwrap().remove(0);
        assert_eq!((line.action.as_str(), line.via.as_str()), (action, "token"));
    }
    let mut vic = served.browser("vic");
    let token = served.form_token(&mut vic, "/views?save=%2F").await;
    served.post(&vic, "/views/save", &[("form", token.as_str()), ("name", "start"), ("address", "/")]).await;
    let line = served.lake.state().audit_lines(Some("vic"), 1).unwrap().remove(0);
    assert_eq!((line.action.as_str(), line.via.as_str()), ("view.save", "page"));
}

#[tokio::test]
async fn a_user_that_is_removed_takes_their_views_along() {
    let served = team().await;
    let mut vic = served.browser("vic");
    let token = served.form_token(&mut vic, "/views?save=%2F").await;
    let save = [("form", token.as_str()), ("name", "start"), ("address", "/")];
    assert_eq!(served.post(&vic, "/views/save", &save).await.status, StatusCode::SEE_OTHER);
    served.lake.state().remove_user("vic").unwrap();
    assert!(served.lake.state().views("vic").unwrap().is_empty());
}

#[tokio::test]
async fn notes_are_on_charts_at_once_escaped_for_those_who_may_and_withdrawn() {
    let served = team().await;
    let doubao = served.lake.identity().find("Doubao", None).unwrap().hex();
    let (mut ann, mei, vic) = (served.browser("ann"), served.browser("mei"), served.browser("vic"));
    let product = format!("/product/{doubao}?lang=en");
    let notes = format!("/notes/{doubao}");
    assert!(!served.get(&mei, &product).await.text().contains("class=\"annotations\""));
    let token = served.form_token(&mut ann, &notes).await;
    let words = "<script>alert(1)</script> campaign";
    let write = [
        ("form", token.as_str()),
        ("entity", doubao.as_str()),
        ("metric", "mau"),
        ("day", "2024-11-20"),
        ("words", words),
    ];
    let answer = served.post(&ann, "/notes/add", &write).await;
    assert_eq!(answer.header("location"), format!("{notes}?did=written"), "{}", answer.text());
    let shown = served.get(&mei, &product).await.text();
    assert!(shown.contains("class=\"annotations\"") && shown.contains("&#60;script&#62;alert(1)"), "{shown}");
    assert!(shown.contains("class=\"signal\"") && !shown.contains("<script>alert"), "a mark on the chart");
    let picture = served.get(&mei, &format!("/product/{doubao}.svg?metric=mau")).await;
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.text().contains("&#60;script&#62;") && !picture.text().contains("<script"), "{}", picture.text());
    let viewers = served.get(&vic, &product).await.text();
    assert!(!viewers.contains("campaign") && !viewers.contains("/notes/"), "a team's own words");
    assert_eq!(served.get(&vic, &notes).await.status, StatusCode::FORBIDDEN);
    let kept = rows(&served, &mei, &format!("{notes}.json")).await;
    assert_eq!((&kept[0]["words"], &kept[0]["by"]), (&words.into(), &"ann".into()));
    assert!(!served.get(&mei, &notes).await.text().contains("action=\"/notes/add\""), "an analyst reads");
    for (field, wrong) in [("day", "yesterday"), ("metric", "nonsense"), ("words", " "), ("entity", "nobody at all")] {
        let fields = write.map(|(name, value)| (name, if name == field { wrong } else { value }));
        assert!(served.post(&ann, "/notes/add", &fields).await.status.is_client_error(), "{field}");
    }
    let id = kept[0]["id"].to_string();
    let withdraw = [("form", token.as_str()), ("entity", doubao.as_str()), ("note", id.as_str())];
    assert!(served.post(&ann, "/notes/withdraw", &withdraw).await.header("location").ends_with("did=withdrawn"));
    assert!(!served.get(&mei, &product).await.text().contains("campaign"), "at once");
    assert_eq!(served.post(&ann, "/notes/withdraw", &withdraw).await.status, StatusCode::BAD_REQUEST, "once");
    let actions: Vec<String> =
        served.lake.state().audit_lines(Some("ann"), 9).unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["note.withdraw", "note.add"]);
}

#[tokio::test]
async fn a_watch_list_shows_figures_changes_and_who_is_not_known_yet() {
    let served = team().await;
    let vic = served.browser("vic");
    assert!(served.get(&vic, "/watch?lang=en").await.text().contains("This market has no watch-lists"));
    let folder = served.lake.market().dir.join("watch");
    std::fs::create_dir_all(&folder).unwrap();
    let list = "title = \"Assistants\"\nproducts = [\"Kimi\", \"Doubao\", \"Nobody yet\"]\n";
    std::fs::write(folder.join("assistants.toml"), list).unwrap();
    assert_eq!(rows(&served, &vic, "/watch.json").await[0]["list"], "assistants");
    let told = rows(&served, &vic, "/watch/assistants.json").await;
    let doubao = told.iter().find(|row| row["name"] == "Doubao").unwrap();
    assert_eq!((doubao["value"].as_f64(), doubao["period"].as_str()), (Some(71_160_000.0), Some("2024-12")));
    assert!((doubao["change"].as_f64().unwrap() - 0.186).abs() < 1e-9, "{doubao}");
    let page = served.get(&vic, "/watch/assistants?lang=en").await.text();
    assert!(page.contains("<h1>Assistants</h1>") && page.contains("+18.6%"), "{page}");
    assert!(page.contains("Not known yet: Nobody yet") && page.contains("/compare?name="), "{page}");
    let list = list.replace("Assistants", "Helpers").replace(", \"Doubao\"", "");
    std::fs::write(folder.join("assistants.toml"), list).unwrap();
    let page = served.get(&vic, "/watch/assistants?lang=en").await.text();
    assert!(page.contains("<h1>Helpers</h1>") && !page.contains("+18.6%"), "what the file says now: {page}");
    assert!(rows(&served, &vic, "/watch/assistants.json").await.iter().all(|row| row["name"] == "Kimi"));
    std::fs::write(folder.join("assistants.toml"), "products = 1\n").unwrap();
    assert!(!served.get(&vic, "/watch/assistants?lang=en").await.status.is_success(), "nothing kept is shown instead");
    std::fs::remove_file(folder.join("assistants.toml")).unwrap();
    assert_eq!(served.get(&vic, "/watch/assistants?lang=en").await.status, StatusCode::NOT_FOUND);
    assert_eq!(served.get(&vic, "/watch/others").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_empty_market_says_how_to_begin() {
    let served = Served::new("", &[]).await;
    for (lang, title) in [("en", "Three ways to begin"), ("zh-Hans", "三种开始方式"), ("zh-Hant", "三種開始方式")]
    {
        let page = served.get(&Client::default(), &format!("/?lang={lang}")).await.text();
        assert!(page.contains(title) && page.contains("data-copy=\"crowsnest demo\""), "{page}");
    }
    assert_eq!(served.get(&Client::default(), "/compare?lang=en").await.status, StatusCode::OK);
    assert_eq!(served.get(&Client::default(), "/palette?lang=en").await.status, StatusCode::OK);
}
