//! What takes long is found out once for all languages, and told in each.

use serde_json::Value;

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
