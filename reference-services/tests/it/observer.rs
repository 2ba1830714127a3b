//! Who observes spans and events, as a collector would.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
pub(crate) struct Observer {
    spans: Arc<Mutex<Spans>>,
    pub(crate) breakers: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Default)]
struct Spans {
    /// By number, which the registry gives to a later span once this one is closed.
    open: BTreeMap<u64, Seen>,
    closed: Vec<Seen>,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Observer {
    /// Observes this thread, on which the whole world runs.
    pub(crate) fn watch() -> (Self, DefaultGuard) {
        // With a single subscriber alive, tracing asks whatever is current on the thread that
        // first reaches a callsite whether anybody listens, and that may be another test's,
        // where nobody does. With more alive it asks them all.
        static ALIVE: OnceLock<[Dispatch; 2]> = OnceLock::new();
        ALIVE.get_or_init(|| [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry())));
        let observer = Self::default();
        let subscriber = tracing_subscriber::registry().with(observer.clone());
        (observer, tracing::subscriber::set_default(subscriber))
    }

    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().expect("no panic")
    }

    /// The spans of this name that have ended.
    pub(crate) fn closed(&self, name: &str) -> Vec<Seen> {
        self.spans().closed.iter().filter(|span| span.name == name).cloned().collect()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Observer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !attributes.metadata().target().starts_with("reference_services") {
            return;
        }
        let parent = context.span(id).and_then(|span| span.parent().map(|it| it.id().into_u64()));
        let mut seen = Seen { name: attributes.metadata().name(), parent, ..Seen::default() };
        attributes.record(&mut seen);
        self.spans().open.insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        if let Some(seen) = self.spans().open.get_mut(&id.into_u64()) {
            record.record(seen);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut spans = self.spans();
        if let Some(seen) = spans.open.remove(&id.into_u64()) {
            spans.closed.push(seen);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "breaker" {
            let mut seen = Seen::default();
            event.record(&mut seen);
            self.breakers.lock().expect("no panic").push(seen);
        }
    }
}
