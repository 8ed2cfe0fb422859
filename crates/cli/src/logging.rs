//! The program's log on standard error, as text or as JSON, and its traces.
//!
//! In: what was asked for ([`Global`]), `CROWSNEST_LOG`, and the variables of OpenTelemetry. Out: lines, one event each, that name
//! the request they belong to; spans to a collector, where the environment names one.
//!
//! Deliberately absent: a log file. Whoever starts the program keeps what it says: systemd's journal, the container's log.

use std::fmt;

use crowsnest_serve::deliver::Traces;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt as lines};

use crate::options::{Color, Global, LogFormat};
use crate::print;

/// Fields that speak to whoever takes the traces, and to nobody else.
const OF_TRACES: &str = "otel.";

/// Sends the program's log to standard error, as much of it as was asked for, and its spans to a collector, if there is one.
pub(crate) fn set_up(global: &Global) -> Option<Traces> {
    print::use_json(global.log_format == LogFormat::Json);
    let traces = Traces::begin().unwrap_or_else(|message| {
        print::note(&format!("no traces are sent: {message}"));
        None
    });
    let log = (!global.quiet).then(|| log(global));
    if log.is_none() && traces.is_none() {
        return None;
    }
    let registry = tracing_subscriber::registry().with(log);
    let set_up = match &traces {
        None => registry.try_init(),
        Some(traces) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(traces.tracer())
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO));
            registry.with(spans).try_init()
        }
    };
    if set_up.is_err() {
        print::note("logging was set up already");
    }
    traces
}

/// Our own spans alone: what events say is for the log.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("crowsnest") && *metadata.level() <= Level::INFO
}

fn log(global: &Global) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Our crates' names begin alike. What other crates have to say is told in our own errors, if it matters.
    let level = match global.verbose {
        0 => "off,crowsnest=warn",
        1 => "warn,crowsnest=info",
        2 => "info,crowsnest=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("CROWSNEST_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let layer = lines::layer().with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Json => {
            layer.with_ansi(false).fmt_fields(JsonFields).event_format(JsonLine).with_filter(filter).boxed()
        }
        LogFormat::Text => {
            let is_colored = print::is_error_terminal() && global.color != Color::Never;
            layer.with_ansi(is_colored).fmt_fields(TextFields).with_filter(filter).boxed()
        }
    }
}

/// Fields as text, as the library writes them.
struct TextFields;

impl<'writer> FormatFields<'writer> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = ForPeople(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct ForPeople<'writer>(DefaultVisitor<'writer>);

impl Visit for ForPeople<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !field.name().starts_with(OF_TRACES) {
            self.0.record_debug(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !field.name().starts_with(OF_TRACES) {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.record_error(field, value);
    }
}

/// Fields of spans, as the text of a JSON object.
struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut known = Fields::default();
        fields.record(&mut known);
        write!(writer, "{}", Value::Object(known.0))
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &span::Record<'_>) -> fmt::Result {
        let mut known = Fields(object(&current.fields));
        fields.record(&mut known);
        current.fields = Value::Object(known.0).to_string();
        Ok(())
    }
}

/// The object that a text is; an empty one where it is none.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if !field.name().starts_with(OF_TRACES) {
            self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// An event as one line of JSON: when, how bad, where, what, its fields, the request's id, and the spans it lies in.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        let mut line = Map::new();
        line.insert("timestamp".into(), jiff::Timestamp::now().to_string().into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("target".into(), fields.remove("log.target").unwrap_or_else(|| event.metadata().target().into()));
        line.insert("message".into(), fields.remove("message").unwrap_or_default());
        fields.retain(|name, _| !name.starts_with("log."));
        if !fields.is_empty() {
            line.insert("fields".into(), fields.into());
        }
        let mut spans = Vec::new();
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let mut known = extensions.get::<FormattedFields<N>>().map_or_else(Map::new, |known| object(&known.fields));
            if let Some(id) = known.remove("request_id") {
                line.insert("request_id".into(), id);
            }
            known.insert("name".into(), span.name().into());
            spans.push(Value::Object(known));
        }
        if !spans.is_empty() {
            line.insert("spans".into(), spans.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}
