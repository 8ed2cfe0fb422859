//! An object store for benchmarks: a server that speaks S3 over a folder whose sub-folders are buckets.
//!
//! It prints its address and serves until it is ended. Its credentials are those of its clients' environment,
//! `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use hyper::body::Incoming;
use hyper::service::{Service as HyperService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// Serves a folder as an object store, at a free port of this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder; its sub-folders are buckets.
    folder: PathBuf,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide = true)]
    key: String,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide = true, hide_env_values = true)]
    secret: String,
}

/// Headers of requests that look before they write.
const CONDITIONS: [&str; 2] = ["if-none-match", "if-match"];

#[tokio::main]
async fn main() -> Result<Infallible, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let files = s3s_fs::FileSystem::new(&arguments.folder)
        .map_err(|error| format!("{}: {error:?}", arguments.folder.display()))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(arguments.key, arguments.secret));
    let service = builder.build();
    // The store looks whether an object is there, then writes it: S3 promises that both are one.
    let conditional = Arc::new(Mutex::new(()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        // Answers are small: none waits to be sent together with the next.
        socket.set_nodelay(true)?;
        let (service, conditional) = (service.clone(), Arc::clone(&conditional));
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let (service, conditional) = (service.clone(), Arc::clone(&conditional));
            async move {
                let is_conditional = CONDITIONS.iter().any(|name| request.headers().contains_key(*name));
                let _turn = if is_conditional { Some(conditional.lock().await) } else { None };
                // The service has a method of its own of that name, for requests of another type.
                HyperService::call(&service, request).await
            }
        });
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is its own affair.
            let _ = server.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}
