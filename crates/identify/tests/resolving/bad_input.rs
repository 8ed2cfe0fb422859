//! Names that are empty, huge, odd or all the same: no blow-up, no panic.

use crate::support::Fixture;

#[tokio::test]
async fn odd_names_are_names() {
    let mut lines: Vec<String> = ["", " ", "😀😀", "™", "שלום עולם", "مرحبا بالعالم", "\u{202e}evil"]
        .iter()
        .map(|name| format!("product|{name}|s"))
        .collect();
    lines.push(format!("product|{}|s", "x".repeat(10_000)));
    lines.push(format!("product|{}|t", "长".repeat(10_000)));
    lines.push("product|😀😀|t".to_owned());
    lines.push("product|שלום עולם!|t".to_owned());
    let fixture = Fixture::of(lines).await;
    let resolved = fixture.resolve().await;
    assert!(resolved.n_names >= 8, "{resolved:?}");
    assert!(fixture.are_one("שלום עולם", "שלום עולם!"));
}

#[tokio::test]
async fn a_hundred_thousand_equal_names_are_one() {
    let lines = (0..100_000).map(|n| format!("product|ChatGPT|source {}|id-{n}", n % 7)).collect();
    let fixture = Fixture::of(lines).await;
    let resolved = fixture.resolve().await;
    assert_eq!((resolved.n_names, resolved.n_candidates), (1, 0), "{resolved:?}");
}

#[tokio::test]
async fn a_key_that_all_names_have_pairs_none_of_them() {
    let lines = (0..20_000).map(|n| format!("product|name {n} of many|s{}||One Maker|one.example", n % 3)).collect();
    let fixture = Fixture::of(lines).await;
    let resolved = fixture.resolve().await;
    assert!(resolved.n_candidates <= 20_000 * 40, "{resolved:?}");
    assert!(resolved.n_grouped < 200, "{resolved:?}");
}
