//! Backups of a small market, and what is refused.

use super::*;
use crate::state::people::{Role, User};
use crate::{LakeOptions, Market};

async fn lake(folder: &Path) -> Lake {
    let market = Market::create(&folder.join("market"), "test").unwrap();
    std::fs::write(market.dir.join("secrets.toml"), "AWS_SECRET_ACCESS_KEY = \"hidden\"\n").unwrap();
    let config = market.dir.join("crowsnest.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("secrets = \"secrets.toml\"\n{text}")).unwrap();
    let market = Market::open(&market.dir).unwrap();
    let lake = Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
    for n in 1..4 {
        lake.append(&MENTIONS, vec![crate::maintain::tests::row(n)]).await.unwrap();
    }
    lake.documents().put("豆包,7116万\n".as_bytes()).unwrap();
    let ann =
        User { name: "ann".into(), role: Role::Admin, password_hash: "$x".into(), created_at: 1, last_seen_at: None };
    lake.state().add_user(&ann).unwrap();
    lake.state().begin_session("s", "ann", 1).unwrap();
    lake
}

async fn opened(folder: &Path) -> Lake {
    let market = Market::open(folder).unwrap();
    Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap()
}

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up_but_for_secrets_and_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    // Rows that come after the lake was looked at last are in the backup, too.
    for name in ["a.zip", "a"] {
        let to = folder.path().join(name);
        let done = back_up(&lake, &to, 7).await.unwrap();
        assert_eq!((done.n_rows, done.n_documents), (3, 1));
        assert!(matches!(back_up(&lake, &to, 7).await, Err(LakeError::BadQuestion { .. })), "nothing is overwritten");
        assert_eq!(verify(&to).unwrap().n_rows, 3);
        let into = folder.path().join(format!("{name}.restored"));
        let restored = restore(&to, &into).unwrap();
        assert_eq!((restored.market.as_str(), restored.made_at, restored.n_rows), ("test", 7, 3));
        assert!(restore(&to, &into).is_err(), "a market is not written over");
        assert!(!into.join("secrets.toml").exists());
        let config = std::fs::read_to_string(into.join("crowsnest.toml")).unwrap();
        std::fs::write(into.join("crowsnest.toml"), config.replace("secrets = \"secrets.toml\"\n", "")).unwrap();
        let again = opened(&into).await;
        assert_eq!(again.n_rows(&MENTIONS), 3);
        let document = again.documents().packed().unwrap()[0][3..67].to_owned();
        again.documents().verify(&document).unwrap();
        assert_eq!(again.state().user("ann").unwrap().unwrap().role, Role::Admin);
        assert!(again.state().session_user("s", 2).unwrap().is_none(), "nobody is logged in by a backup");
        again.append(&MENTIONS, vec![crate::maintain::tests::row(9)]).await.unwrap();
        again.refresh().await.unwrap();
        assert_eq!(again.n_rows(&MENTIONS), 4, "it goes on");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains('-')), "{left:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for path in ["a.zip", "a/state.db", "a.restored/state.db"] {
            let mode = std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path}");
        }
    }
}

#[tokio::test]
async fn a_backup_that_was_damaged_or_tampered_with_makes_no_market() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let good = folder.path().join("good");
    back_up(&lake, &good, 7).await.unwrap();
    let into = folder.path().join("into");
    let refuses = |what: &str| {
        let error = restore(&good, &into).unwrap_err();
        assert!(!into.exists() && !pack::beside(&into, "restoring").exists(), "{what} left something");
        error.to_string()
    };
    let manifest = good.join(MANIFEST);
    let text = std::fs::read_to_string(&manifest).unwrap();
    for bad in ["../evil", "/etc/evil", "a/../../evil", "a\\evil", ""] {
        let named = serde_json::to_string(bad).unwrap();
        std::fs::write(&manifest, text.replacen("\"state.db\"", &named, 1)).unwrap();
        assert!(refuses(bad).contains("names a file"), "{bad}");
    }
    std::fs::write(&manifest, text.replacen("\"state.db\"", "\"crowsnest.toml\"", 1)).unwrap();
    assert!(refuses("twice the same").contains("names a file"));
    std::fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(refuses("a later form").contains("newer"));
    std::fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    assert!(refuses("half a list").contains("no backup"));
    std::fs::write(&manifest, &text).unwrap();
    let config = std::fs::read(good.join("crowsnest.toml")).unwrap();
    for changed in [[config.as_slice(), b"#"].concat(), config[1..].to_vec(), vec![b'#'; config.len()]] {
        std::fs::write(good.join("crowsnest.toml"), changed).unwrap();
        assert!(refuses("another byte").contains("differs"));
    }
    std::fs::remove_file(good.join("crowsnest.toml")).unwrap();
    refuses("a file less");
    assert!(restore(&folder.path().join("market/crowsnest.toml"), &into).is_err());
    assert!(restore(&folder.path().join("nothing"), &into).is_err());
}

#[test]
fn a_log_is_copied_up_to_its_version() {
    let is = |name: &str| is_of_log(&StorePath::from(format!("_delta_log/{name}")), 12);
    assert!(is("00000000000000000012.json") && is("00000000000000000010.checkpoint.parquet"));
    for other in
        ["00000000000000000013.json", "_last_checkpoint", "00000000000000000012.json.tmp", "_commit_x.json.tmp"]
    {
        assert!(!is(other), "{other}");
    }
}

#[test]
fn what_refers_comes_before_what_is_referred_to() {
    let order: Vec<&str> = in_order().iter().map(|table| table.name).collect();
    assert_eq!(order.len(), TABLES.len());
    let place = |name: &str| order.iter().position(|table| *table == name).unwrap();
    assert!(place("figures") < place("claims") && place("documents") < place("claims"));
    assert!(place("claims") < place("mentions") && place("judgements") < place("mentions"));
}
