//! Sessions for programs that ask from outside: one is made for what may be seen, and each asker has a copy.

use crowsnest_lake::Lake;
use crowsnest_lake::sessions::{MemoryShare, Narrowing, Session};

use crate::support::{market, tell};

const MARKET: &str = "
    List  product Kimi mau 2024-12 20 estimated 2025-01-06
    Other product Kimi mau 2024-12 30 estimated 2025-02-06
";

async fn session(lake: &Lake, kept_back: &[&str]) -> Session {
    let kept_back = kept_back.iter().map(|source| (*source).to_owned()).collect();
    lake.session(&Narrowing { kept_back, ..Narrowing::default() }, &MemoryShare::new(16 << 20)).await.unwrap()
}

async fn n_rows(session: &Session, query: &str) -> usize {
    session.ask(query, 100).await.unwrap().0.rows.num_rows()
}

#[tokio::test]
async fn each_sees_what_it_may_however_many_were_made_before() {
    let (_folder, lake) = market(MARKET).await;
    for _ in 0..2 {
        assert_eq!(n_rows(&session(&lake, &[]).await, "SELECT * FROM claims_named").await, 2);
        assert_eq!(n_rows(&session(&lake, &["Other"]).await, "SELECT * FROM claims_named").await, 1);
        assert_eq!(n_rows(&session(&lake, &["Other", "List"]).await, "SELECT * FROM claims").await, 0);
        assert_eq!(n_rows(&session(&lake, &["List"]).await, "SELECT * FROM series('Kimi', 'mau')").await, 1);
    }
    tell(&lake, "Other product Kimi mau 2025-01 40 estimated 2025-02-06").await;
    assert_eq!(n_rows(&session(&lake, &[]).await, "SELECT * FROM claims").await, 3);
}

#[tokio::test]
async fn what_a_protocol_adds_to_its_own_is_in_no_other() {
    let (_folder, lake) = market(MARKET).await;
    let (own, other) = (session(&lake, &[]).await, session(&lake, &[]).await);
    own.engine().sql("CREATE VIEW mine AS SELECT 1 AS n").await.unwrap();
    assert_eq!(n_rows(&own, "SELECT * FROM mine").await, 1);
    other.ask("SELECT * FROM mine", 1).await.unwrap_err();
    session(&lake, &[]).await.ask("SELECT * FROM mine", 1).await.unwrap_err();
    other.ask("CREATE VIEW theirs AS SELECT 1 AS n", 1).await.unwrap_err();
}
