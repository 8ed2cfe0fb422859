//! Counts of different values: the same answers as ever, within the memory that is allowed.

use crate::support::{empty, market, number};
use crowsnest_lake::{Lake, LakeOptions, Market};

/// Rows with gaps and repeats: two groups, and one without any value.
const ROWS: &str = "(VALUES ('a', 'x', 1.5, DATE '2024-01-01', 7), ('a', 'y', 1.5, DATE '2024-01-02', 7), \
     ('a', NULL, NULL, NULL, NULL), ('a', 'x', -0.5, DATE '2024-01-01', 8), ('b', 'x', 1.5, NULL, 7), \
     ('b', 'a text longer than a view holds in itself', 2.5, DATE '2024-01-01', 7), ('c', NULL, NULL, NULL, NULL)) \
     AS t (g, text, real, day, whole)";

async fn table(lake: &Lake, sql: &str) -> Vec<String> {
    let text = arrow::util::pretty::pretty_format_batches(&lake.query(sql).await.unwrap()).unwrap().to_string();
    let lines = text.lines().filter(|line| line.starts_with('|')).skip(1);
    lines.map(|line| line.split(['|', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn different_values_are_counted_beside_anything() {
    let (_folder, lake) = empty().await;
    let all =
        "count(*), count(DISTINCT text), count(DISTINCT real), count(DISTINCT day), count(DISTINCT whole), count(text)";
    let by_group = table(&lake, &format!("SELECT g, {all} FROM {ROWS} GROUP BY g ORDER BY g")).await;
    assert_eq!(by_group, ["a 4 2 2 2 2 3", "b 2 2 2 1 1 2", "c 1 0 0 0 0 0"]);
    assert_eq!(table(&lake, &format!("SELECT {all} FROM {ROWS}")).await, ["7 3 3 2 2 5"]);
    assert_eq!(table(&lake, &format!("SELECT {all} FROM {ROWS} WHERE g = 'z'")).await, ["0 0 0 0 0 0"]);
    let filtered = "count(*), count(DISTINCT text) FILTER (WHERE real > 0), count(DISTINCT upper(text)) AS n";
    let by_group = table(&lake, &format!("SELECT g, {filtered} FROM {ROWS} GROUP BY g ORDER BY n, g")).await;
    assert_eq!(by_group, ["c 1 0 0", "a 4 2 2", "b 2 2 2"]);
    let having = "SELECT g FROM {} GROUP BY g HAVING count(DISTINCT text) > 1 AND count(*) > 2".replace("{}", ROWS);
    assert_eq!(table(&lake, &having).await, ["a"]);
    let cube = format!("SELECT g, count(*), count(DISTINCT text) FROM {ROWS} GROUP BY ROLLUP (g) ORDER BY g");
    assert_eq!(table(&lake, &cube).await, ["a 4 2", "b 2 2", "c 1 0", "7 3"]);
}

#[tokio::test]
async fn columns_keep_their_names() {
    let (_folder, lake) = market("V product App mau 2024-12 1 estimated 2025-01-01").await;
    let found = lake.query("SELECT count(*), count(DISTINCT subject) FROM claims").await.unwrap();
    let names: Vec<String> = found[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["count(*)", "count(DISTINCT claims.subject)"]);
}

/// The engine's own count of different texts kept 20 KiB per group that nobody was told of.
#[tokio::test]
async fn many_groups_are_counted_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::create(&folder.path().join("market"), "test").unwrap();
    let lake = Lake::open(market, LakeOptions { memory_bytes: 48 << 20, n_threads: 2 }).await.unwrap();
    let sql = "SELECT count(*) FROM (SELECT n % 60000 AS g, count(*), count(DISTINCT CAST(n % 7 AS TEXT)) AS d \
         FROM (SELECT value AS n FROM generate_series(1, 840000)) GROUP BY n % 60000) WHERE d = 7";
    assert_eq!(number(&lake, sql).await, 60_000);
    let plan = lake.explain(sql).await.unwrap();
    assert!(plan.contains("count_distinct"), "{plan}");
}
