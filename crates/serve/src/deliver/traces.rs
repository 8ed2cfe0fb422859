//! Traces: what this process did and for how long, in batches to the collector that the environment names, as OTLP over HTTP.
//!
//! In: the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` …). Out: a
//! tracer, for whoever sets up the log, and POSTs to that one address. Invariants:
//! - without an address nothing of it runs;
//! - what is sent are the spans of our own crates, which hold no address' query, no SQL and no secret;
//! - sending has a thread and a runtime of its own, so that pages wait for no collector; what it does not take is lost, and
//!   told once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Runtime;

use super::body::read_body;

/// One of these names the collector.
const ADDRESSES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// By what name the collector knows us, unless the environment says otherwise.
const SERVICE: &str = "crowsnest";
const TIMEOUT: Duration = Duration::from_secs(10);
/// So long the last batch may take when the process ends.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The traces of this process.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send; `None` where the environment names no collector, or switches it off (`OTEL_SDK_DISABLED`).
    ///
    /// # Errors
    /// In words, where the collector's address cannot be read, or the system gives no thread.
    pub fn begin() -> Result<Option<Self>, String> {
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_off || ADDRESSES.iter().all(|name| variable(name).is_none()) {
            return Ok(None);
        }
        let collector = Collector::new()?;
        let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        let provider = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        Ok(Some(Self { provider }))
    }

    /// What spans are made with.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer(SERVICE)
    }

    /// Sends what waits, and stops; takes five seconds at most.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(END_TIMEOUT) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn resource() -> Resource {
    let is_named = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|list| list.contains("service.name="));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if is_named { builder.build() } else { builder.with_service_name(SERVICE).build() }
}

/// The way to the collector.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Runtime,
    is_failing: AtomicBool,
}

impl Collector {
    fn new() -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("crowsnest/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("traces").enable_all().build();
        let runtime = runtime.map_err(|error| format!("no thread for traces: {error}"))?;
        Ok(Self { client, runtime, is_failing: AtomicBool::new(false) })
    }

    /// Tells of the first batch that is not taken, and of the first that is again.
    fn note(&self, failure: Option<String>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(message) if !was_failing => tracing::warn!(%message, "the collector takes no traces"),
            None if was_failing => tracing::warn!("the collector takes traces again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The exporter's thread has no runtime; the task's handle may be waited for anywhere.
        let sent = self.runtime.spawn(send(self.client.clone(), request)).await;
        let sent = sent.map_err(HttpError::from).and_then(|sent| sent);
        self.note(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        sent
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request)?;
    // The address may hold a password.
    let mut response = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let body = read_body(&mut response, ANSWER_BYTES_MAX).await.map_err(reqwest::Error::without_url)?;
    let mut answer = Response::new(Bytes::from(body.bytes));
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}
