//! From the messages of OTLP to what was told, by our own exporter or by an SDK of OpenTelemetry.

use std::fmt::{self, Display, Write as _};

use squall_reports::record::{Kept, Level, RequestId};

use super::{
    DROPPED, HOST_NAME, SERVICE_NAME, Sink, Told,
    messages::{
        AnyValue, Distributions, KeyValue, LogRecord, Logs, Metric, Metrics, NO_RECORDED_VALUE,
        NumberPoint, Numbers, Resource, Scope, Span, SpanEvent, Traces,
    },
    set_attribute, unix_now,
};
use crate::run::trace;

/// More than an SDK sends by default.
const ATTRIBUTES_MAX: usize = 256;

/// `StatusCode::ERROR`.
const STATUS_ERROR: i32 = 2;

const NAMELESS: &str = "a resource has neither host.name nor service.name";

/// What of a message was not taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rejected {
    /// How many spans, log records or data points.
    pub(super) count: usize,
    /// Why, for the first of them; empty if none was.
    pub(super) reason: String,
}

impl Rejected {
    fn add(&mut self, count: usize, reason: impl Into<String>) {
        if count > 0 && self.count == 0 {
            self.reason = reason.into();
        }
        self.count += count;
    }
}

/// Tells the spans of a message, of `host` or else of the hosts that it names.
pub(super) fn traces(message: Traces, host: Option<&str>, tell: &Sink) -> Rejected {
    let mut rejected = Rejected::default();
    for resource in message.resource_spans {
        let host = host.map(str::to_owned).or_else(|| host_of(resource.resource.as_ref()));
        for scope in resource.scope_spans {
            let Some(host) = &host else {
                rejected.add(scope.spans.len(), NAMELESS);
                continue;
            };
            let target = target_of(scope.scope);
            for span in scope.spans {
                if let Err(reason) = tell_span(host, &target, span, tell) {
                    rejected.add(1, reason);
                }
            }
        }
    }
    rejected
}

/// As [`traces`], of log records.
pub(super) fn logs(message: Logs, host: Option<&str>, tell: &Sink) -> Rejected {
    let mut rejected = Rejected::default();
    for resource in message.resource_logs {
        let host = host.map(str::to_owned).or_else(|| host_of(resource.resource.as_ref()));
        for scope in resource.scope_logs {
            let Some(host) = &host else {
                rejected.add(scope.log_records.len(), NAMELESS);
                continue;
            };
            let target = target_of(scope.scope);
            for record in scope.log_records {
                tell_log(host, &target, record, tell);
            }
        }
    }
    rejected
}

/// As [`traces`], of gauges and sums.
pub(super) fn metrics(message: Metrics, host: Option<&str>, tell: &Sink) -> Rejected {
    let mut rejected = Rejected::default();
    for resource in message.resource_metrics {
        let host = host.map(str::to_owned).or_else(|| host_of(resource.resource.as_ref()));
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            let points = |data: &Option<Distributions>| {
                data.as_ref().map_or(0, |data| data.data_points.len())
            };
            let distributions = points(&metric.histogram)
                + points(&metric.exponential_histogram)
                + points(&metric.summary);
            let none = "of metrics only gauges and sums are kept";
            rejected.add(distributions, none);
            match &host {
                Some(host) => tell_metric(host, metric, tell),
                None => {
                    let points = |data: Option<Numbers>| data.map_or(0, |it| it.data_points.len());
                    rejected.add(points(metric.gauge) + points(metric.sum), NAMELESS);
                }
            }
        }
    }
    rejected
}

/// The host that a resource is, by name.
fn host_of(resource: Option<&Resource>) -> Option<String> {
    let named = |name: &str| {
        let found = resource?.attributes.iter().find(|attribute| attribute.key == name)?;
        let text = found.value.as_ref()?.string_value.as_deref()?;
        (!text.is_empty()).then(|| kept(text))
    };
    named(HOST_NAME).or_else(|| named(SERVICE_NAME))
}

fn target_of(scope: Option<Scope>) -> String {
    scope.map(|scope| kept(scope.name)).unwrap_or_default()
}

/// Tells a span, after the events that an SDK has put into it.
fn tell_span(host: &str, target: &str, span: Span, tell: &Sink) -> Result<(), String> {
    let request = request_of(&span.trace_id)
        .ok_or_else(|| format!("a span has the trace id {:02x?}", span.trace_id))?;
    let id = id_of(&span.span_id)
        .ok_or_else(|| format!("a span has the span id {:02x?}", span.span_id))?;
    let parent = match span.parent_span_id.as_slice() {
        [] => 0,
        // Some write the id of no span as zeros.
        [0, 0, 0, 0, 0, 0, 0, 0] => 0,
        other => id_of(other).ok_or_else(|| format!("a span has the parent id {other:02x?}"))?,
    };
    let (from, until) = (span.start_time_unix_nano, span.end_time_unix_nano);
    if from == 0 || until == 0 {
        return Err(format!("a span lasts from {from} to {until}"));
    }
    let mut attributes = attributes_of(span.attributes);
    if let Some(status) = span.status.filter(|status| status.code == STATUS_ERROR) {
        // As OpenTelemetry names them where a protocol has no status.
        set_attribute(&mut attributes, "otel.status_code".to_owned(), "ERROR".to_owned());
        if !status.message.is_empty() {
            let name = "otel.status_description".to_owned();
            set_attribute(&mut attributes, name, kept(status.message));
        }
    }
    for event in span.events {
        tell(event_of(host, target, request, until, event));
    }
    tell(Told::Span {
        host: host.to_owned(),
        id,
        parent,
        request,
        name: kept(span.name),
        attributes,
        opened: from,
        closed: until.max(from),
    });
    Ok(())
}

/// An event within a span is a log event of its request. Bridges from other libraries give its level
/// and target as attributes.
fn event_of(host: &str, target: &str, request: RequestId, until: u64, event: SpanEvent) -> Told {
    let mut attributes = attributes_of(event.attributes);
    let mut take = |name: &str| {
        let place = attributes.iter().position(|(known, _)| known == name)?;
        Some(attributes.remove(place).1)
    };
    let level = match take("level").as_deref() {
        Some("ERROR") => Level::Error,
        Some("WARN") => Level::Warn,
        None if event.name == "exception" => Level::Error,
        _ => Level::Info,
    };
    Told::Log {
        host: host.to_owned(),
        at: first_known([event.time_unix_nano, until]),
        level,
        target: take("target").unwrap_or_else(|| target.to_owned()),
        message: kept(event.name),
        attributes,
        request,
    }
}

fn tell_log(host: &str, target: &str, record: LogRecord, tell: &Sink) {
    let level = match record.severity_number {
        // Not told how grave.
        0 => Level::Info,
        ..9 => return,
        9..13 => Level::Info,
        13..17 => Level::Warn,
        17.. => Level::Error,
    };
    let message = record.body.map(|body| kept(Shown(&body))).unwrap_or_default();
    tell(Told::Log {
        host: host.to_owned(),
        at: first_known([record.time_unix_nano, record.observed_time_unix_nano]),
        level,
        target: target.to_owned(),
        message: if message.is_empty() { kept(record.event_name) } else { message },
        attributes: attributes_of(record.attributes),
        request: request_of(&record.trace_id).unwrap_or(0),
    });
}

fn tell_metric(host: &str, metric: Metric, tell: &Sink) {
    let numbers = [metric.gauge, metric.sum].into_iter().flatten();
    for point in numbers.flat_map(|numbers| numbers.data_points) {
        if metric.name == DROPPED {
            let count = point.as_int.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
            tell(Told::Dropped { host: host.to_owned(), count });
        } else if let Some(value) = value_of(&point) {
            tell(Told::Gauge {
                host: host.to_owned(),
                at: first_known([point.time_unix_nano, 0]),
                name: series(&metric.name, point.attributes),
                value,
            });
        }
    }
}

/// The value of a point, unless it is none.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a real number")]
fn value_of(point: &NumberPoint) -> Option<f64> {
    let value = point.as_double.or(point.as_int.map(|value| value as f64))?;
    (point.flags & NO_RECORDED_VALUE == 0 && !value.is_nan()).then_some(value)
}

/// The name of a series, as pages of metrics write it: `name` or `name{label="value"}`.
fn series(name: &str, attributes: Vec<KeyValue>) -> String {
    let labels = attributes_of(attributes);
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    match labels.is_empty() {
        true => kept(name),
        false => kept(format_args!("{name}{{{}}}", labels.join(","))),
    }
}

/// The first of these times that is known; the present if none is.
fn first_known(times: [u64; 2]) -> u64 {
    times.into_iter().find(|time| *time != 0).unwrap_or_else(unix_now)
}

/// The request whose trace this is, 0 if it is somebody else's; `None` if it is no trace id.
fn request_of(trace_id: &[u8]) -> Option<RequestId> {
    let trace_id: [u8; 16] = trace_id.try_into().ok().filter(|id| *id != [0; 16])?;
    Some(trace::request_in(trace_id).unwrap_or(0))
}

/// The number of a span; `None` if this is no id of one.
fn id_of(span_id: &[u8]) -> Option<u64> {
    let id = u64::from_be_bytes(span_id.try_into().ok()?);
    (id != 0).then_some(id)
}

fn attributes_of(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for KeyValue { key, value } in attributes.into_iter().take(ATTRIBUTES_MAX) {
        if !trace::FIELDS.contains(&key.as_str()) {
            let value = value.map(|value| kept(Shown(&value))).unwrap_or_default();
            set_attribute(&mut pairs, kept(key), value);
        }
    }
    pairs
}

/// A text as a record keeps it.
fn kept(text: impl Display) -> String {
    let mut kept = Kept::default();
    // Keeping a text does not fail.
    let _ = write!(kept, "{text}");
    kept.take().to_owned()
}

/// A value of no kind.
const NOTHING: AnyValue = AnyValue {
    string_value: None,
    bool_value: None,
    int_value: None,
    double_value: None,
    array_value: None,
    kvlist_value: None,
    bytes_value: None,
};

/// A value as the fields of `tracing` show it: text as it is, all else as `Debug` does.
struct Shown<'a>(&'a AnyValue);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.string_value {
            Some(text) => f.write_str(text),
            None if *self.0 == NOTHING => Ok(()),
            None => write!(f, "{:?}", Inner(self.0)),
        }
    }
}

/// A value inside of another one.
struct Inner<'a>(&'a AnyValue);

impl fmt::Debug for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AnyValue {
            string_value,
            bool_value,
            int_value,
            double_value,
            array_value,
            kvlist_value,
            bytes_value,
        } = self.0;
        if let Some(text) = string_value {
            write!(f, "{text:?}")
        } else if let Some(value) = bool_value {
            write!(f, "{value:?}")
        } else if let Some(value) = int_value {
            write!(f, "{value:?}")
        } else if let Some(value) = double_value {
            write!(f, "{value:?}")
        } else if let Some(array) = array_value {
            f.debug_list().entries(array.values.iter().map(Inner)).finish()
        } else if let Some(list) = kvlist_value {
            let mut map = f.debug_map();
            for KeyValue { key, value } in &list.values {
                map.entry(key, &value.as_ref().map_or(Inner(&NOTHING), Inner));
            }
            map.finish()
        } else if let Some(bytes) = bytes_value {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            write!(f, "[{}]", hex.join(" "))
        } else {
            f.write_str("None")
        }
    }
}
