//! Importing from an object store: a server that speaks S3 (`s3s-fs`, over a folder) is started for it.

use std::path::Path;
use std::process::Output;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use crate::support::{self, empty_market, on, rows};

const KEY: &str = "crowsnest-test-key";
const SECRET: &str = "a-secret-that-nobody-may-see";

/// A server over a folder whose sub-folders are buckets; it ends with the test's process.
fn serve(folder: &Path) -> String {
    let files = s3s_fs::FileSystem::new(folder).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut builder = S3ServiceBuilder::new(files);
            builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
            let service = builder.build();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    // A client that goes away is its own affair.
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    format!("http://{}", receiver.recv().unwrap())
}

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
