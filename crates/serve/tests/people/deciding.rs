//! What editors decide on the pages: it shows at once everywhere, is signed, told in the audit log, and taken back.

use crate::served::{Client, Served};
use axum::http::StatusCode;
use crowsnest_lake::state::people::Role;
use serde_json::Value;

const CLAIMS: &str = "subject,kind,metric,period,value,source,said_on\n\
    文心一言,product,downloads,2024-12,100,QiMai,2025-01-05\n\
    文小言,product,downloads,2024-12,40,DianDian,2025-01-06\n\
    ByteSpark Writer,product,downloads,2024-12,70,QiMai,2025-01-05\n\
    ByteSpark Writers,product,downloads,2024-11,60,DianDian,2025-01-06\n\
    Kimi,product,downloads,2024-12,50,QiMai,2025-01-05\n";

async fn editor() -> (Served, Client, String) {
    let served = Served::new(CLAIMS, &[]).await;
    served.add_user("ann", Role::Editor);
    served.add_user("vic", Role::Viewer);
    let mut ann = served.browser("ann");
    let token = served.form_token(&mut ann, "/account").await;
    (served, ann, token)
}

async fn n_products(served: &Served, client: &Client) -> usize {
    let text = served.get(client, "/products.json?kind=product").await.text();
    serde_json::from_str::<Vec<Value>>(&text).unwrap().len()
}

#[tokio::test]
async fn a_merge_shows_at_once_for_everybody_and_is_taken_back() {
    let (served, ann, token) = editor().await;
    let vic = served.browser("vic");
    let before = n_products(&served, &vic).await;
    let page = served
        .get(&ann, "/identity/文心一言".replace("文心一言", "%E6%96%87%E5%BF%83%E4%B8%80%E8%A8%80").as_str())
        .await;
    assert!(page.text().contains("action=\"/identity/merge\""), "{}", page.text());
    assert!(
        !served.get(&vic, "/identity/Kimi").await.text().contains("<form method=\"post\""),
        "a viewer has no forms"
    );
    let merge = [
        ("form", token.as_str()),
        ("entity", "文心一言"),
        ("other", "文小言"),
        ("kind", "product"),
        ("why", "renamed"),
    ];
    let answer = served.post(&ann, "/identity/merge", &merge).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let address = answer.header("location");
    assert!(address.starts_with("/identity/") && address.ends_with("?did=merge"), "{address}");
    assert_eq!(n_products(&served, &vic).await, before - 1, "at once");
    let shown = served.get(&ann, &address).await.text();
    assert!(shown.contains("文小言") && shown.contains("renamed") && shown.contains("ann"), "{shown}");
    let again = served.post(&ann, "/identity/merge", &merge).await;
    assert!(again.status == StatusCode::BAD_REQUEST && again.text().contains("one already"), "{}", again.text());
    let undone = served.post(&ann, "/identity/undo", &[("form", &token), ("entity", "文心一言")]).await;
    assert!(undone.header("location").ends_with("did=undone"));
    assert_eq!(n_products(&served, &vic).await, before);
    let lines = served.lake.state().audit_lines(Some("ann"), 9).unwrap();
    let told: Vec<(&str, &str)> = lines.iter().map(|line| (line.action.as_str(), line.via.as_str())).collect();
    assert_eq!(told, [("undo", "page"), ("merge", "page")]);
    assert!(lines[1].what.ends_with("(renamed)"), "{}", lines[1].what);
}

#[tokio::test]
async fn renaming_and_splitting_work_by_forms_and_say_why_not() {
    let (served, ann, token) = editor().await;
    let rename = [("form", token.as_str()), ("entity", "Kimi"), ("to", "Kimi by Moonshot"), ("language", "en")];
    assert_eq!(served.post(&ann, "/identity/rename", &rename).await.status, StatusCode::SEE_OTHER);
    assert!(served.get(&ann, "/products?lang=en").await.text().contains("Kimi by Moonshot"));
    let split = [("form", token.as_str()), ("name", "Kimi")];
    let refused = served.post(&ann, "/identity/split", &split).await;
    assert!(refused.status == StatusCode::BAD_REQUEST && refused.text().contains("is all that"), "{}", refused.text());
    for (path, fields) in [
        ("/identity/merge", vec![("entity", "Kimi"), ("other", "")]),
        ("/identity/merge", vec![("entity", "nobody"), ("other", "Kimi")]),
        ("/identity/rename", vec![("entity", "Kimi"), ("to", "  ")]),
        ("/identity/rename", vec![("entity", "Kimi"), ("to", "x"), ("language", "klingon")]),
        ("/identity/rename", vec![("entity", "Kimi"), ("to", "x"), ("kind", "planet")]),
        ("/review/judge", vec![("left", "1"), ("right", "2"), ("verdict", "same")]),
        ("/review/judge", vec![("left", "x"), ("right", "2"), ("verdict", "same")]),
        ("/review/judge", vec![("left", "1"), ("right", "2"), ("verdict", "perhaps")]),
    ] {
        let mut fields = fields;
        fields.push(("form", &token));
        let status = served.post(&ann, path, &fields).await.status;
        assert!(status.is_client_error(), "{path} {fields:?}: {status}");
    }
}

/// What a form on the page holds in a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn pairs_are_judged_one_after_the_other_and_the_last_is_taken_back() {
    let (served, ann, token) = editor().await;
    let page = served.get(&ann, "/review?lang=en").await.text();
    assert!(page.contains("action=\"/review/judge\"") && page.contains("data-key=\"s\""), "{page}");
    assert!(page.contains("class=\"reasons\""), "the evidence is there, in words");
    let first = (hidden(&page, "left").to_owned(), hidden(&page, "right").to_owned());
    let judge = |verdict| {
        [("form", token.clone()), ("left", first.0.clone()), ("right", first.1.clone()), ("verdict", verdict)]
    };
    let send = async |path: &str, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        served.post(&ann, path, &fields).await
    };
    let answer = send("/review/judge", &judge("different".to_owned())).await;
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/review?did=different"));
    let after = served.get(&ann, "/review?lang=en").await.text();
    let is_gone =
        !after.contains("name=\"left\"") || (hidden(&after, "left"), hidden(&after, "right")) != (&first.0, &first.1);
    assert!(is_gone, "it is not asked again");
    assert!(after.contains("different: "), "what was decided last is told");
    let undone = send("/review/undo", &[("form", token.clone()), ("skip", "0".into())]).await;
    assert_eq!(undone.header("location"), "/review?did=undone");
    let again = served.get(&ann, "/review?lang=en").await.text();
    assert_eq!((hidden(&again, "left"), hidden(&again, "right")), (first.0.as_str(), first.1.as_str()), "asked anew");
    let nothing = send("/review/undo", &[("form", token.clone()), ("skip", "3".into())]).await;
    assert_eq!(nothing.header("location"), "/review?skip=3&did=nothing");
    let vic = served.browser("vic");
    let read_only = served.get(&vic, "/review?lang=en").await.text();
    assert!(!read_only.contains("<form class=\"verdicts\"") && read_only.contains("Judging is for editors"));
}
