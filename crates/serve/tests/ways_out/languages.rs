//! What takes long is found out once for all languages, and told in each.

use serde_json::{Value, json};

use crate::support::{HOME, Small, get};

#[tokio::test]
async fn movers_and_products_are_named_in_the_language_asked_for() {
    let small = Small::new().await;
    let aliases = "entity,kind,alias,language\nDoubao,product,豆包,zh-Hans\n";
    std::fs::write(small.lake.market().dir.join("catalogue/aliases.csv"), aliases).unwrap();
    small.grow().await;
    let pages = small.pages(HOME);
    for (language, name, label) in [
        ("en", "Doubao", "Monthly active users"),
        ("zh-Hans", "豆包", "月活跃用户"),
        ("en", "Doubao", "Monthly active users"),
    ] {
        let movers = get(&pages, &format!("/movers.json?metric=mau&within=2024&lang={language}")).await.json();
        assert_eq!((&movers["rows"][0]["name"], &movers["metric_label"]), (&name.into(), &label.into()), "{movers}");
        assert_eq!(movers["rows"][0]["change"], 11_160_000.0);
        let products = get(&pages, &format!("/products.json?lang={language}")).await.json();
        let names: Vec<&Value> = products.as_array().unwrap().iter().map(|row| &row["name"]).collect();
        assert!(names.contains(&&name.into()), "{names:?}");
        let page = get(&pages, &format!("/movers?metric=mau&within=2024&lang={language}")).await.text();
        assert!(page.contains(&format!(">{name}</a>")), "{language}");
    }
    let nothing = get(&pages, "/movers?metric=mau&within=1990&lang=en").await;
    assert_eq!(nothing.status, 200, "the page offers other years");
    assert!(nothing.text().contains("no source has two figures"));
}

#[tokio::test]
async fn league_tables_are_in_the_language_asked_for() {
    let small = Small::new().await;
    let names = "entity,kind,alias,language\nDoubao,product,豆包,zh-Hans\nKimi,product,月之暗面,zh-Hans\n\
                 Assistants,segment,全部助手,zh-Hans\n";
    std::fs::write(small.lake.market().dir.join("catalogue/aliases.csv"), names).unwrap();
    let mut more = "subject,metric,period,value,kind,source\nKimi,mau,2024-06,40000000,product,Open\n\
                    Newcomer,mau,2024-07,20000000,product,Open\nAssistants,mau,2024-07,90000000,segment,Open\n"
        .to_owned();
    // Nineteen months, of which a line shows eighteen.
    for month in 0..19 {
        let (year, number) = (2023 + month / 12, month % 12 + 1);
        more.push_str(&format!("Doubao,mau,{year}-{number:02},{},product,Open\n", 41_000_000 + month * 1_000_000));
    }
    small.tell(&more).await;
    let pages = small.pages(HOME);
    for (language, [first, gone, whole], label) in [
        ("en", ["Doubao", "Kimi", "Assistants"], "Monthly active users"),
        ("zh-Hans", ["豆包", "月之暗面", "全部助手"], "月活跃用户"),
        ("en", ["Doubao", "Kimi", "Assistants"], "Monthly active users"),
    ] {
        let league = get(&pages, &format!("/league.json?metric=mau&period=2024-07&lang={language}")).await.json();
        assert_eq!((&league["rows"][0]["name"], &league["metric_label"]), (&first.into(), &label.into()), "{league}");
        assert_eq!((&league["exits"], &league["entries"]), (&json!([gone]), &json!(["Newcomer"])), "{league}");
        let totals = &league["totals"];
        assert_eq!((&totals["claimed_name"], &totals["claims"][0]["name"]), (&whole.into(), &whole.into()), "{totals}");
        assert_eq!(totals["claimed"], 90_000_000.0);
        let page = get(&pages, &format!("/league?metric=mau&period=2024-07&lang={language}")).await.text();
        assert!(page.contains(&format!(">{first}</a>")) && page.contains(gone), "{language}");
        let line = page.split(" d=\"M2.0,21.0L").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert_eq!((line.matches('L').count(), line.ends_with("L94.0,3.0")), (16, true), "{language}: {line}");
    }
    let nothing = get(&pages, "/league?metric=mau&period=1990-01&lang=en").await;
    assert_eq!(nothing.status, 200, "the page offers other periods");
}
