//! Importing from an object store.

use std::path::Path;
use std::process::Output;

use crate::s3::{KEY, SECRET, serve};
use crate::support::{self, empty_market, on, rows};

fn import(market: &Path, endpoint: &str, secret: &str, address: &str) -> Output {
    on(market)
        .args(["import", "--source", "test", address])
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .output()
        .unwrap()
}

#[test]
fn objects_and_patterns_of_objects() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let bucket = folder.path().join("store/exports/2024");
    std::fs::create_dir_all(&bucket).unwrap();
    for month in ["2024-11", "2024-12"] {
        let text = format!("subject,metric,period,value\n豆包,mau,{month},71160000\nKimi,mau,{month},16000000\n");
        std::fs::write(bucket.join(format!("mau-{month}.csv")), text).unwrap();
    }
    std::fs::write(bucket.join("other.csv"), "nothing of ours\n").unwrap();
    let endpoint = serve(&folder.path().join("store"));

    let one = import(&market, &endpoint, SECRET, "s3://exports/2024/mau-2024-11.csv");
    assert!(one.status.success(), "{}", support::said(&one));
    assert_eq!(rows(&market, "SELECT count(*) AS n FROM claims")[0]["n"], 2);

    let both = import(&market, &endpoint, SECRET, "s3://exports/2024/mau-*.csv");
    assert!(both.status.success(), "{}", support::said(&both));
    let documents = rows(&market, "SELECT name, origin FROM documents ORDER BY name");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1]["origin"], "s3://exports/2024/mau-2024-12.csv");
    assert_eq!(rows(&market, "SELECT count(*) AS n FROM claims")[0]["n"], 4);
}

#[test]
fn what_cannot_be_read_is_told_without_secrets() {
    let folder = empty_market();
    let market = folder.path().join("market");
    std::fs::create_dir_all(folder.path().join("store/exports")).unwrap();
    let endpoint = serve(&folder.path().join("store"));
    for (secret, address) in [
        (SECRET, "s3://exports/nothing.csv"),
        (SECRET, "s3://exports/*.csv"),
        ("another-secret", "s3://exports/nothing.csv"),
    ] {
        let output = import(&market, &endpoint, secret, address);
        let said = support::said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(address) && said.contains("hint: "), "{said}");
        assert!(!said.contains(secret), "{said}");
    }
}
