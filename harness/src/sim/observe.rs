//! The observer: turns the `tracing` of the services into events of the record.
//!
//! Spans and events from `INFO` on are kept, with the host and the virtual time at which they
//! happened. A span belongs to the request of the load whose trace it is in: its own field
//! `trace_id`, or that of the span it is part of, holds the number that the load put into the
//! `traceparent` of the request. A log event belongs to the request of the span that it is in.

mod child;

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
};

use squall_reports::record::{
    Attribute, EventKind, Kept, Level, Log, RequestId, Span, SpanId, Symbol, set_attribute,
};
use tracing_core::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Current, Id, Record},
    subscriber::Interest,
};

pub(crate) use self::child::{ByThread, observe_threads};
use super::shared::{self, Shared};
use crate::{interpose, run::trace};

/// A subscriber for one run, on its thread.
#[derive(Default)]
pub(crate) struct Observer(());

struct Live {
    references: u32,
    metadata: &'static Metadata<'static>,
    parent: u32,
    request: RequestId,
    host: u16,
    name: Symbol,
    attributes: Vec<Attribute>,
    opened: u64,
    id: u32,
}

/// A subscriber must be `Sync`; what it keeps is of one thread.
#[derive(Default)]
struct Spans {
    /// By slot; the id of a span in tracing is its slot plus one.
    slots: Vec<Option<Live>>,
    free: Vec<usize>,
    entered: Vec<usize>,
    opened: u32,
    /// Closed because their process died.
    left_open: Vec<Live>,
}

thread_local! {
    static SPANS: RefCell<Spans> = RefCell::new(Spans::default());
}

fn slot(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).unwrap_or(usize::MAX)
}

fn id(slot: usize) -> Id {
    Id::from_u64(slot as u64 + 1)
}

impl Subscriber for Observer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Other runs, and what else the process does, have subscribers of their own: whether a
        // callsite matters is asked each time unless it never does.
        if *metadata.level() <= tracing_core::Level::INFO {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing_core::Level::INFO
    }

    fn max_level_hint(&self) -> Option<tracing_core::LevelFilter> {
        Some(tracing_core::LevelFilter::INFO)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let metadata = attributes.metadata();
        let shared = shared::current();
        let mut fields = Fields::new(shared.as_deref());
        attributes.record(&mut fields);
        SPANS.with_borrow_mut(|spans| {
            let parent = match attributes.parent() {
                Some(parent) => Some(slot(parent)),
                None if attributes.is_root() => None,
                None => spans.entered.last().copied(),
            };
            let parent = parent.and_then(|parent| spans.slots.get(parent)?.as_ref());
            let (parent, inherited) = parent.map_or((0, 0), |span| (span.id, span.request));
            let request = fields.request.unwrap_or(inherited);
            let (host, name) = shared.as_ref().map_or((0, Symbol::default()), |shared| {
                (shared.host(), shared.intern(metadata.name()))
            });
            spans.opened += 1;
            let live = Live {
                references: 1,
                metadata,
                parent,
                request,
                host,
                name,
                attributes: fields.pairs,
                opened: interpose::now(),
                id: spans.opened,
            };
            let free = spans.free.pop().unwrap_or_else(|| {
                spans.slots.push(None);
                spans.slots.len() - 1
            });
            spans.slots[free] = Some(live);
            id(free)
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let shared = shared::current();
        let mut fields = Fields::new(shared.as_deref());
        values.record(&mut fields);
        SPANS.with_borrow_mut(|spans| {
            if let Some(Some(live)) = spans.slots.get_mut(slot(span)) {
                for (name, value) in fields.pairs {
                    set_attribute(&mut live.attributes, name, value);
                }
                live.request = fields.request.unwrap_or(live.request);
            }
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(shared) = shared::current().filter(|shared| !shared.is_dying()) else { return };
        let metadata = event.metadata();
        let mut fields = Fields::new(Some(&shared));
        fields.is_event = true;
        event.record(&mut fields);
        let level = match *metadata.level() {
            tracing_core::Level::ERROR => Level::Error,
            tracing_core::Level::WARN => Level::Warn,
            _ => Level::Info,
        };
        let (request, after) = SPANS.with_borrow(|spans| {
            let parent = match event.parent() {
                Some(parent) => Some(slot(parent)),
                None if event.is_root() => None,
                None => spans.entered.last().copied(),
            };
            let parent = parent.and_then(|parent| spans.slots.get(parent)?.as_ref());
            (parent.map_or(0, |span| span.request), spans.opened)
        });
        let log = Log {
            host: shared.host(),
            level,
            target: shared.intern(metadata.target()),
            message: fields.message,
            attributes: shared.intern_attributes(&fields.pairs),
            request,
            after,
        };
        shared.record(EventKind::Log(Box::new(log)));
    }

    fn enter(&self, span: &Id) {
        SPANS.with_borrow_mut(|spans| spans.entered.push(slot(span)));
    }

    fn exit(&self, span: &Id) {
        SPANS.with_borrow_mut(|spans| {
            let slot = slot(span);
            if let Some(place) = spans.entered.iter().rposition(|entered| *entered == slot) {
                spans.entered.remove(place);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        SPANS.with_borrow_mut(|spans| {
            if let Some(Some(live)) = spans.slots.get_mut(slot(span)) {
                live.references += 1;
            }
        });
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let slot = slot(&span);
        let closed = SPANS.with_borrow_mut(|spans| {
            let live = spans.slots.get_mut(slot)?;
            let inside = live.as_mut()?;
            inside.references -= 1;
            if inside.references > 0 {
                return None;
            }
            spans.free.push(slot);
            live.take()
        });
        let Some(live) = closed else { return false };
        match shared::current() {
            Some(shared) if shared.is_dying() => {
                SPANS.with_borrow_mut(|spans| spans.left_open.push(live));
            }
            Some(shared) => close(&shared, &live),
            None => {}
        }
        true
    }

    fn current_span(&self) -> Current {
        SPANS.with_borrow(|spans| {
            let live = spans
                .entered
                .last()
                .and_then(|slot| Some((id(*slot), spans.slots.get(*slot)?.as_ref()?.metadata)));
            live.map_or_else(Current::none, |(id, metadata)| Current::new(id, metadata))
        })
    }
}

/// The number of the last span that was opened in this run.
pub(crate) fn last_opened() -> SpanId {
    SPANS.with_borrow(|spans| spans.opened)
}

/// Closes the spans that a process has left open, in the order in which they were opened.
pub(crate) fn close_left_open(shared: &Shared) {
    let mut left_open = SPANS.with_borrow_mut(|spans| std::mem::take(&mut spans.left_open));
    left_open.sort_by_key(|live| live.id);
    for live in &left_open {
        close(shared, live);
    }
}

/// Enters a span of the current host that has ended now and says so only now, in which something
/// was done for a request since `opened`.
pub(crate) fn note_span(
    shared: &Shared,
    name: &str,
    request: RequestId,
    opened: u64,
    pairs: &[(&'static str, &str)],
) {
    if shared.is_dying() {
        return;
    }
    let mut attributes = Vec::new();
    for (name, value) in pairs {
        set_attribute(&mut attributes, shared.intern(name), shared.intern(value));
    }
    let id = SPANS.with_borrow_mut(|spans| {
        spans.opened += 1;
        spans.opened
    });
    let attributes = shared.intern_attributes(&attributes);
    let (host, name) = (shared.host(), shared.intern(name));
    shared.record(EventKind::Span(Span { id, parent: 0, request, host, name, attributes, opened }));
}

fn close(shared: &Shared, live: &Live) {
    let attributes = shared.intern_attributes(&live.attributes);
    shared.record(EventKind::Span(Span {
        id: live.id,
        parent: live.parent,
        request: live.request,
        host: live.host,
        name: live.name,
        attributes,
        opened: live.opened,
    }));
}

/// Collects what a span or event says of itself. Outside of a run nothing is kept.
struct Fields<'a> {
    shared: Option<&'a Shared>,
    pairs: Vec<Attribute>,
    /// Whether the message is that of a log event; a span has it as an attribute.
    is_event: bool,
    message: Symbol,
    request: Option<RequestId>,
    kept: Kept,
}

impl<'a> Fields<'a> {
    fn new(shared: Option<&'a Shared>) -> Self {
        let (pairs, message, kept) = (Vec::new(), Symbol::default(), Kept::default());
        Self { shared, pairs, is_event: false, message, request: None, kept }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let (name, Some(shared)) = (field.name(), self.shared) else { return };
        if trace::FIELDS.contains(&name) {
            if name == "trace_id" {
                self.request = trace::request_of(&format!("{value:?}"));
            }
            return;
        }
        self.kept.clear();
        // Keeping a text does not fail, and what fails to show itself shows what it can.
        let _ = write!(self.kept, "{value:?}");
        let value = shared.intern(self.kept.take());
        if self.is_event && name == "message" {
            self.message = value;
        } else {
            set_attribute(&mut self.pairs, shared.intern(name), value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Without the quotation marks of `Debug`.
        self.record_debug(field, &format_args!("{value}"));
    }
}
