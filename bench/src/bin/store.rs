//! An object store for benchmarks: a server that speaks S3 over a folder whose sub-folders are buckets.
//!
//! It prints its address and serves until it is ended. Its credentials are those of its clients' environment,
//! `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
//!
//! The objects are s3s-fs's affair, but for lists: it goes through the whole bucket for each of them, so that a bench of
//! thousands of commits would measure that. Here a list goes through the folder of its prefix.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use hyper::body::Incoming;
use hyper::service::{Service as HyperService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
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
    let files =
        FileSystem::new(&arguments.folder).map_err(|error| format!("{}: {error:?}", arguments.folder.display()))?;
    let mut builder = S3ServiceBuilder::new(Objects { files, folder: arguments.folder });
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

/// Objects of a folder, listed by prefix.
struct Objects {
    files: FileSystem,
    folder: PathBuf,
}

/// A list's answer has at most so many objects.
const OBJECTS_MAX: usize = 1000;

/// What is handed on as it comes.
macro_rules! handed_on {
    ($($name:ident: $input:ident -> $output:ident,)*) => {
        #[async_trait::async_trait]
        impl S3 for Objects {
            $(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.files.$name(request).await
                }
            )*

            async fn list_objects_v2(
                &self,
                request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                if request.input.delimiter.is_some() {
                    return self.files.list_objects_v2(request).await;
                }
                let folder = self.folder.clone();
                let listed = tokio::task::spawn_blocking(move || list(&folder, request.input)).await;
                match listed {
                    Ok(Ok(output)) => Ok(S3Response::new(output)),
                    Ok(Err(error)) => Err(s3_error!(InternalError, "{error}")),
                    Err(error) => Err(s3_error!(InternalError, "{error}")),
                }
            }
        }
    };
}

handed_on! {
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput,
    copy_object: CopyObjectInput -> CopyObjectOutput,
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
    delete_object: DeleteObjectInput -> DeleteObjectOutput,
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput,
    get_object: GetObjectInput -> GetObjectOutput,
    head_bucket: HeadBucketInput -> HeadBucketOutput,
    head_object: HeadObjectInput -> HeadObjectOutput,
    put_object: PutObjectInput -> PutObjectOutput,
    upload_part: UploadPartInput -> UploadPartOutput,
}

/// The objects of a bucket whose keys begin with a prefix, after the key that is asked for, in the order of their keys.
fn list(folder: &Path, input: ListObjectsV2Input) -> io::Result<ListObjectsV2Output> {
    let bucket = folder.join(&input.bucket);
    let prefix = input.prefix.clone().unwrap_or_default();
    let deepest = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    let after = input.continuation_token.clone().max(input.start_after.clone()).unwrap_or_default();
    let mut objects = Vec::new();
    let mut folders = vec![bucket.join(deepest)];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let key = path.strip_prefix(&bucket).map_err(io::Error::other)?.to_string_lossy().into_owned();
            if key.starts_with(&prefix) && key > after {
                objects.push((key, path));
            }
        }
    }
    objects.sort();
    let n_asked = input.max_keys.and_then(|n| usize::try_from(n).ok()).unwrap_or(OBJECTS_MAX).min(OBJECTS_MAX);
    let is_truncated = objects.len() > n_asked;
    objects.truncate(n_asked);
    let next = objects.last().filter(|_| is_truncated).map(|(key, _)| key.clone());
    // One that is removed meanwhile is not there.
    let contents: Vec<Object> = objects.iter().filter_map(|(key, path)| object(key, path).ok()).collect();
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(contents.len()).ok(),
        contents: Some(contents),
        is_truncated: Some(is_truncated),
        next_continuation_token: next,
        name: Some(input.bucket),
        prefix: input.prefix,
        start_after: input.start_after,
        ..ListObjectsV2Output::default()
    })
}

fn object(key: &str, path: &Path) -> io::Result<Object> {
    let found = fs::metadata(path)?;
    Ok(Object {
        key: Some(key.to_owned()),
        size: i64::try_from(found.len()).ok(),
        last_modified: Some(Timestamp::from(found.modified()?)),
        ..Object::default()
    })
}
