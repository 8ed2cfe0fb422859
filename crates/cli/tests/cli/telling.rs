//! What a running program tells of itself: traces to a collector that speaks OpenTelemetry's protocol, and its log as JSON.

use std::future::poll_fn;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::{CLAIMS, empty_market, file, on, said};

/// What a collector was sent: the address' path, and the body.
type Sent = (String, Vec<u8>);

/// A collector; it ends with the test's process. Gives its address, and what comes in.
fn collector() -> (String, Receiver<Sent>) {
    let (sender, receiver) = channel();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let sender = sender.clone();
                let answer = service_fn(move |request: hyper::Request<Incoming>| {
                    let sender = sender.clone();
                    async move {
                        let path = request.uri().path().to_owned();
                        sender.send((path, whole(request.into_body()).await)).unwrap();
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(String::new()))
                    }
                });
                tokio::spawn(async move {
                    // A client that goes away is its own affair.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
    });
    (format!("http://{}", told.recv().unwrap()), receiver)
}

async fn whole(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    bytes
}

/// All spans that came in, each with its service; and their bytes.
fn spans(receiver: &Receiver<Sent>) -> (Vec<(String, Span)>, Vec<u8>) {
    let (mut spans, mut all) = (Vec::new(), Vec::new());
    for (path, body) in receiver.try_iter() {
        assert_eq!(path, "/v1/traces");
        for of_resource in ExportTraceServiceRequest::decode(body.as_slice()).unwrap().resource_spans {
            let service = text(&of_resource.resource.unwrap().attributes, "service.name").unwrap();
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.push((service.clone(), span));
            }
        }
        all.extend(body);
    }
    (spans, all)
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// A server with its addresses, as it tells them. Whatever becomes of the test, it ends with it.
struct Serving {
    child: Child,
    pages: String,
    sql: Option<String>,
}

fn serve(market: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Serving {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--market"]).arg(market).args(arguments);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serving = Serving { child: command.spawn().unwrap(), pages: String::new(), sql: None };
    let mut lines = BufReader::new(serving.child.stdout.take().unwrap()).lines();
    while serving.pages.is_empty() || (serving.sql.is_none() && arguments.contains(&"--sql")) {
        let line = lines.next().unwrap().unwrap();
        match line.split_once("http://") {
            Some((_, rest)) => serving.pages = rest.split('/').next().unwrap().to_owned(),
            None => serving.sql = line.split_once('@').map(|(_, rest)| rest.split('/').next().unwrap().to_owned()),
        }
    }
    serving
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that was stopped has ended already, which is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn ask(&self, path: &str, header: &str) -> String {
        let mut stream = TcpStream::connect(&self.pages).unwrap();
        let end = "Connection: close\r\n\r\n";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\n{end}", self.pages).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Asks it to stop as a system does; what it said on standard error.
    fn stop(mut self) -> String {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{text}");
        text
    }
}

/// One statement over the Postgres wire, as plainly as can be: begin, wait until it is ready, ask, wait until it is again.
fn ask_sql(address: &str, statement: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let message = |kind: Option<u8>, body: &[u8]| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        kind.into_iter().chain(length).chain(body.iter().copied()).collect::<Vec<u8>>()
    };
    let until_ready = |stream: &mut TcpStream| loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        assert_ne!(head[0], b'E', "{}", String::from_utf8_lossy(&body));
        if head[0] == b'Z' {
            break;
        }
    };
    stream.write_all(&message(None, b"\0\x03\0\0user\0crowsnest\0database\0crowsnest\0\0")).unwrap();
    until_ready(&mut stream);
    stream.write_all(&message(Some(b'Q'), format!("{statement}\0").as_bytes())).unwrap();
    until_ready(&mut stream);
}

#[test]
fn spans_of_requests_statements_and_steps_reach_a_collector() {
    let (address, receiver) = collector();
    let folder = empty_market();
    let market = folder.path().join("market");
    let claims = file(&folder, "claims.csv", CLAIMS);
    let imported = on(&market).arg("import").arg(claims).env("OTEL_EXPORTER_OTLP_ENDPOINT", &address).output().unwrap();
    assert!(imported.status.success(), "{}", said(&imported));
    let (of_import, _) = spans(&receiver);
    let import = of_import.iter().find(|(_, span)| span.name == "import");
    let (service, import) = import.unwrap_or_else(|| panic!("{of_import:?}"));
    assert_eq!(service, "crowsnest");
    let is_within = |span: &Span| span.trace_id == import.trace_id && !span.parent_span_id.is_empty();
    assert!(of_import.iter().any(|(_, span)| span.name == "resolve" && is_within(span)), "{of_import:?}");

    let traces = format!("{address}/v1/traces");
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str()), ("OTEL_SERVICE_NAME", "radar")];
    let serving = serve(&market, &["--sql", "127.0.0.1:0"], &variables);
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert!(serving.ask("/league?metric=mau&period=2024-12&q=whom-they-look-up", parent).starts_with("HTTP/1.1 200"));
    assert!(serving.ask("/healthz", "Accept: */*").starts_with("HTTP/1.1 200"));
    assert!(serving.ask("/wp-login.php", "Accept: */*").starts_with("HTTP/1.1 404"));
    ask_sql(serving.sql.as_deref().unwrap(), "SELECT 'whom-they-look-up'");
    serving.stop();
    let (served, bytes) = spans(&receiver);
    let named = |name: &str| {
        let found = served.iter().find(|(_, span)| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name}: {served:?}"))
    };
    let (service, league) = named("GET /league");
    assert_eq!(service, "radar");
    assert_eq!(league.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(league.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(text(&league.attributes, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(text(&league.attributes, "url.path").as_deref(), Some("/league"));
    let question = served.iter().find(|(_, span)| span.name == "question" && span.trace_id == league.trace_id);
    assert!(question.is_some(), "the page's questions are within its request: {served:?}");
    assert_ne!(named("GET /healthz").1.trace_id, league.trace_id);
    named("GET nowhere");
    assert_eq!(text(&named("sql statement").1.attributes, "sql.sha256").map(|digest| digest.len()), Some(16));
    assert!(!String::from_utf8_lossy(&bytes).contains("whom-they-look-up"), "spans hold what people ask");
}

#[test]
fn a_log_as_json_is_one_object_a_line_with_the_id_of_the_request() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let serving = serve(&market, &["-v"], &[("CROWSNEST_LOG_FORMAT", "json"), ("CROWSNEST_LOG", "crowsnest=info")]);
    let answer = serving.ask("/products?search=whom-they-look-up", "X-Request-Id: of-the-proxy-1");
    assert!(answer.to_lowercase().contains("x-request-id: of-the-proxy-1\r\n"), "{answer}");
    let answer = serving.ask("/healthz", "X-Request-Id: no id of one");
    assert!(answer.to_lowercase().contains("x-request-id: ") && !answer.contains("no id of one"), "{answer}");
    let log = serving.stop();
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {log}"));
    let lines: Vec<serde_json::Value> = log.lines().map(read).collect();
    let line = lines.iter().find(|line| line["request_id"] == "of-the-proxy-1").unwrap();
    assert_eq!((&line["message"], &line["level"]), (&"answered".into(), &"INFO".into()));
    assert_eq!((&line["fields"]["status"], &line["spans"][0]["url.path"]), (&200.into(), &"/products".into()));
    assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(!log.contains("whom-they-look-up") && !log.contains("otel."), "{log}");

    let failed = on(&market).args(["show", "nobody", "--log-format", "json"]).output().unwrap();
    let said: Vec<serde_json::Value> =
        String::from_utf8(failed.stderr).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&said[0]["level"], &said[1]["target"]), (&"ERROR".into(), &"hint".into()));
}

/// The names in a text that begin as our figures do.
fn figures_in(text: &str) -> std::collections::BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.split(|character| !is_part(character))
        .filter(|word| word.starts_with("crowsnest_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_figures_that_there_are_and_all_of_them_are_shown() {
    let folder = empty_market();
    let serving = serve(&folder.path().join("market"), &[], &[]);
    let told = serving.ask("/metrics", "Accept: */*");
    serving.stop();
    let families = told.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: Vec<(&str, &str)> = families.filter_map(|line| line.split_once(' ')).collect();
    assert!(families.len() >= 8, "{told}");
    let is_told = |name: &str| {
        families.iter().any(|(family, kind)| {
            let part = name.strip_prefix(family);
            part == Some("")
                || *kind == "histogram" && part.is_some_and(|part| ["_bucket", "_sum", "_count"].contains(&part))
        })
    };
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let dashboard = std::fs::read_to_string(deploy.join("grafana/crowsnest.json")).unwrap();
    let rules = std::fs::read_to_string(deploy.join("prometheus/rules.yaml")).unwrap();
    for name in figures_in(&dashboard).union(&figures_in(&rules)) {
        assert!(is_told(name), "/metrics has no {name}");
    }
    let shown = figures_in(&dashboard);
    for (family, _) in &families {
        assert!(shown.iter().any(|name| name.starts_with(family)), "{family} is on no panel of the dashboard");
    }
    assert!(!is_told("crowsnest_source_latest"), "the check can fail");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: std::collections::BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        let place = &panel["gridPos"];
        assert!(place["x"].as_i64().unwrap() + place["w"].as_i64().unwrap() <= 24, "{} is too wide", panel["title"]);
        assert!(!panel["description"].as_str().unwrap().is_empty() && !panel["targets"][0]["expr"].is_null());
    }
}
