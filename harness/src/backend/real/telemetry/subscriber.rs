//! The subscriber of a process: turns the `tracing` of its services into OTLP, on whichever thread
//! they run.
//!
//! It means what the simulation's observer means. Spans and events from `INFO` on are told. A span
//! belongs to the request whose trace its field `trace_id` names, or else to that of the span that
//! it is part of; an event to that of the span that it is in.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::{self, Write as _},
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use squall_reports::record::{Kept, RequestId};
use tracing_core::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Current, Id, Record},
    subscriber::Interest,
};

use super::{
    messages::{
        AnyValue, KIND_INTERNAL, KeyValue, LogRecord, Logs, ResourceLogs, ResourceSpans, Scope,
        ScopeLogs, ScopeSpans, Span, Traces,
    },
    set_attribute, unix_now,
    wire::{Connection, Signal},
};
use crate::run::trace;

/// The spans of a process, and the connection over which they are told.
pub(super) struct Spans {
    connection: Arc<Connection>,
    /// By their ids in tracing, which are numbers in the order in which they were opened.
    live: Mutex<BTreeMap<u64, Live>>,
    opened: AtomicU64,
    /// The trace of all spans that belong to no request.
    own_trace: [u8; 16],
}

struct Live {
    references: u64,
    metadata: &'static Metadata<'static>,
    /// The number of the span that it is part of, 0 if of none.
    parent: u64,
    request: RequestId,
    attributes: Vec<(&'static str, String)>,
    opened: u64,
}

thread_local! {
    /// The spans that this thread is in, innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The innermost span that this thread is in. A thread that ends is in none.
fn innermost() -> Option<u64> {
    ENTERED.try_with(|entered| entered.borrow().last().copied()).ok().flatten()
}

/// The subscriber, of which there may be several for the same spans.
pub(super) struct Teller(pub(super) Arc<Spans>);

impl Spans {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        // Two processes of a host are never begun at the same nanosecond with the same number.
        let own_trace = (u128::from(unix_now()) << 64) | u128::from(process::id());
        Self {
            connection,
            live: Mutex::default(),
            opened: AtomicU64::new(0),
            own_trace: own_trace.to_be_bytes(),
        }
    }

    /// Tells the spans that are still open, in the order in which they were opened.
    pub(super) fn close_all(&self) {
        let open = std::mem::take(&mut *self.live());
        for (number, live) in open {
            self.tell(number, live);
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, Live>> {
        // No code of a service runs while it is locked.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace_of(&self, request: RequestId) -> Vec<u8> {
        match request {
            0 => self.own_trace.to_vec(),
            request => trace::bytes_of(request).to_vec(),
        }
    }

    fn tell(&self, number: u64, live: Live) {
        let span = Span {
            trace_id: self.trace_of(live.request),
            span_id: span_id(number),
            parent_span_id: if live.parent == 0 { Vec::new() } else { span_id(live.parent) },
            name: live.metadata.name().to_owned(),
            kind: KIND_INTERNAL,
            start_time_unix_nano: live.opened,
            // The clock of the machine may have been set back meanwhile.
            end_time_unix_nano: unix_now().max(live.opened),
            attributes: key_values(live.attributes),
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { scope: None, spans: vec![span] }];
        let resource = self.connection.resource();
        let message = Traces { resource_spans: vec![ResourceSpans { resource, scope_spans }] };
        self.connection.say(Signal::Traces, &message);
    }
}

/// The id of a span among those of all processes of a host.
fn span_id(number: u64) -> Vec<u8> {
    let id = (u64::from(process::id()) << 32) | (number & u64::from(u32::MAX));
    id.to_be_bytes().to_vec()
}

fn key_values(attributes: Vec<(&'static str, String)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(name, value)| KeyValue::text(name, value)).collect()
}

impl Subscriber for Teller {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<tracing_core::LevelFilter> {
        Some(tracing_core::LevelFilter::INFO)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_root() => None,
            None => innermost(),
        };
        let number = self.0.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let mut spans = self.0.live();
        let parent = parent.and_then(|parent| Some((parent, spans.get(&parent)?.request)));
        let (parent, inherited) = parent.unwrap_or((0, 0));
        let live = Live {
            references: 1,
            metadata: attributes.metadata(),
            parent,
            request: fields.request.unwrap_or(inherited),
            attributes: fields.pairs,
            opened: unix_now(),
        };
        spans.insert(number, live);
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(live) = self.0.live().get_mut(&span.into_u64()) {
            for (name, value) in fields.pairs {
                set_attribute(&mut live.attributes, name, value);
            }
            live.request = fields.request.unwrap_or(live.request);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut fields = Fields { is_event: true, ..Fields::default() };
        event.record(&mut fields);
        let (severity_number, severity_text) = match *metadata.level() {
            Level::ERROR => (17, "ERROR"),
            Level::WARN => (13, "WARN"),
            _ => (9, "INFO"),
        };
        let parent = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if event.is_root() => None,
            None => innermost(),
        };
        let request = parent.and_then(|span| Some((span, self.0.live().get(&span)?.request)));
        let (trace_id, span_id) = request.map_or_else(Default::default, |(span, request)| {
            (self.0.trace_of(request), span_id(span))
        });
        let now = unix_now();
        let record = LogRecord {
            time_unix_nano: now,
            observed_time_unix_nano: now,
            severity_number,
            severity_text: severity_text.to_owned(),
            body: fields.message.map(AnyValue::text),
            attributes: key_values(fields.pairs),
            trace_id,
            span_id,
            ..LogRecord::default()
        };
        let scope = Some(Scope { name: metadata.target().to_owned() });
        let scope_logs = vec![ScopeLogs { scope, log_records: vec![record] }];
        let resource = self.0.connection.resource();
        let message = Logs { resource_logs: vec![ResourceLogs { resource, scope_logs }] };
        self.0.connection.say(Signal::Logs, &message);
    }

    fn enter(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(place) = entered.iter().rposition(|entered| *entered == span.into_u64()) {
                entered.remove(place);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        if let Some(live) = self.0.live().get_mut(&span.into_u64()) {
            live.references += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let number = span.into_u64();
        let closed = {
            let mut spans = self.0.live();
            let Some(live) = spans.get_mut(&number) else { return false };
            live.references -= 1;
            if live.references > 0 {
                return false;
            }
            spans.remove(&number)
        };
        if let Some(live) = closed {
            self.0.tell(number, live);
        }
        true
    }

    fn current_span(&self) -> Current {
        let live =
            innermost().and_then(|number| Some((number, self.0.live().get(&number)?.metadata)));
        live.map_or_else(Current::none, |(number, metadata)| {
            Current::new(Id::from_u64(number), metadata)
        })
    }
}

/// Collects what a span or event says of itself.
#[derive(Default)]
struct Fields {
    pairs: Vec<(&'static str, String)>,
    /// Whether the message is that of a log event; a span has it as an attribute.
    is_event: bool,
    message: Option<String>,
    request: Option<RequestId>,
    kept: Kept,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        if trace::FIELDS.contains(&name) {
            if name == "trace_id" {
                self.request = trace::request_of(&format!("{value:?}"));
            }
            return;
        }
        self.kept.clear();
        // Keeping a text does not fail, and what fails to show itself shows what it can.
        let _ = write!(self.kept, "{value:?}");
        let value = self.kept.take().to_owned();
        if self.is_event && name == "message" {
            self.message = Some(value);
        } else {
            set_attribute(&mut self.pairs, name, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Without the quotation marks of `Debug`.
        self.record_debug(field, &format_args!("{value}"));
    }
}
