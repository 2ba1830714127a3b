//! What an observer learns from spans and events: names, fields, parents, and when each ends.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use reference_services::{
    aggregation::Defect,
    dependency::{self, FailCode, Kind},
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

use crate::world::Plan;

#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
struct Observer {
    spans: Arc<Mutex<Spans>>,
    breakers: Arc<Mutex<Vec<Seen>>>,
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
    fn watch() -> (Self, DefaultGuard) {
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
    fn closed(&self, name: &str) -> Vec<Seen> {
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

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_request_and_its_calls_are_one_trace() {
    let (observer, _watching) = Observer::watch();
    let world = Plan::default().down(Kind::Reviews).start().await;
    let request = format!(
        "GET /products/1 HTTP/1.1\r\nhost: api\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n\
         connection: close\r\n\r\n"
    );
    assert_eq!(world.send(&request).await.status, 200);

    let requests = observer.closed("request");
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].fields["trace_id"], TRACE);
    assert_eq!(requests[0].fields["outcome"], "degraded");
    assert!(requests[0].parent.is_none());

    let calls = observer.closed("call");
    assert!(calls.iter().all(|call| call.parent.is_some()), "{calls:?}");
    let outcomes: BTreeMap<_, _> = calls
        .iter()
        .map(|call| {
            let fields = &call.fields;
            ((&*fields["dependency"], &*fields["attempt"]), &*fields["outcome"])
        })
        .collect();
    let expected = [
        (("inventory", "1"), "ok"),
        (("pricing", "1"), "ok"),
        (("recommendations", "1"), "ok"),
        (("reviews", "1"), "error"),
        (("reviews", "2"), "error"),
    ];
    assert_eq!(outcomes, BTreeMap::from(expected));

    let served = observer.closed("serve");
    assert_eq!(served.len(), 3, "{served:?}");
    assert!(served.iter().all(|it| it.fields["trace_id"] == TRACE), "{served:?}");
    assert!(served.iter().all(|it| it.fields["outcome"] == "ok"), "{served:?}");
}

#[tokio::test]
async fn without_a_trace_one_begins() {
    let (observer, _watching) = Observer::watch();
    let world = Plan::default().start().await;
    world.get("/products/1").await;
    world.get("/products/1").await;
    let requests = observer.closed("request");
    let ids: Vec<_> = requests.iter().map(|request| &request.fields["trace_id"]).collect();
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 32 && **id != "0".repeat(32)), "{ids:?}");
}

#[tokio::test]
async fn a_call_that_outlives_its_request_still_names_its_trace() {
    let (observer, _watching) = Observer::watch();
    let refusing = |config: &mut dependency::Config| {
        config.fail_first = 1;
        config.fail_code = FailCode::PermissionDenied;
    };
    let plan = Plan::default().down(Kind::Reviews).tuned(Kind::Inventory, refusing);
    let plan = plan.api(|config| {
        config.defects.insert(Defect::UncancelledCalls);
        // The retry comes long after the inventory has settled the request.
        config.retry.backoff_ms = 1000;
        config.request_deadline_ms = 5000;
        config.call_timeout_ms = 5000;
    });
    let world = plan.start().await;
    world.get("/products/1").await.problem(503);
    let second = r#"aggregation_api_calls_total{dependency="reviews",outcome="error"}"#;
    world.reaches(second, 2.0).await;
    let calls = observer.closed("call");
    let late = calls.iter().find(|call| call.fields["attempt"] == "2").expect("a second attempt");
    assert!(late.parent.is_some() || late.fields.contains_key("trace_id"), "{late:?}");
}

#[tokio::test]
async fn each_move_of_a_breaker_is_one_event() {
    let (observer, _watching) = Observer::watch();
    let plan = Plan::default().tuned(Kind::Pricing, |config| config.fail_first = 2);
    let plan = plan.api(|config| {
        config.retry.attempts_max = 1;
        config.breaker.calls_min = 2;
        config.breaker.open_ms = 50;
    });
    let world = plan.start().await;
    for _ in 0..3 {
        world.get("/products/1").await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.get("/products/1").await;
    let moves: Vec<_> = {
        let breakers = observer.breakers.lock().expect("no panic");
        let name = |seen: &Seen| {
            let fields = &seen.fields;
            format!("{}: {} -> {}", fields["dependency"], fields["from"], fields["to"])
        };
        breakers.iter().map(name).collect()
    };
    let expected =
        ["pricing: closed -> open", "pricing: open -> half-open", "pricing: half-open -> closed"];
    assert_eq!(moves, expected);
    let rejected = observer.closed("call").into_iter();
    assert_eq!(rejected.filter(|call| call.fields["outcome"] == "rejected").count(), 1);
}
