//! An object store for tests: a server that speaks S3 (`s3s-fs`), over a folder whose sub-folders are buckets.

use std::path::Path;
use std::sync::Arc;

use assert_cmd::Command;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

pub(crate) const KEY: &str = "crowsnest-test-key";
pub(crate) const SECRET: &str = "a-secret-that-nobody-may-see";

/// Starts a server; it ends with the test's process. Gives its address.
pub(crate) fn serve(folder: &Path) -> String {
    let files = s3s_fs::FileSystem::new(folder).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut builder = S3ServiceBuilder::new(files);
            builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
            let service = builder.build();
            // The store looks whether an object is there, then writes it: S3 promises that both are one.
            let conditional = Arc::new(tokio::sync::Mutex::new(()));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let (service, conditional) = (service.clone(), Arc::clone(&conditional));
                let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (service, conditional) = (service.clone(), Arc::clone(&conditional));
                    async move {
                        let is_conditional = request.headers().contains_key("if-none-match");
                        let _turn = if is_conditional { Some(conditional.lock().await) } else { None };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    // A client that goes away is its own affair.
                    let _ = server.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
    });
    format!("http://{}", receiver.recv().unwrap())
}

/// What a command needs to know of the store.
pub(crate) fn with_store<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
}
