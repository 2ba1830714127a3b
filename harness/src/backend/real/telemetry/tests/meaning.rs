//! The simulation's observer and the exporter mean the same: one body of spans and log events,
//! performed in a run and in a process, enters the same.

use std::{fmt, io, thread, time::Duration};

use squall_reports::record::{EventKind, Level, Record, WARM_UP};
use tokio::runtime;
use tracing::{
    Dispatch, dispatcher::with_default, error, error_span, field, info, info_span, warn, warn_span,
};

use super::{super::Told, told};
use crate::{
    Scenario, Services,
    plan::{Plan, Topology},
    run::trace,
};

/// What is told of a span or log event, without times and hosts.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Span { id: u64, parent: u64, request: u32, name: String, attributes: Pairs },
    Log { level: Level, target: String, message: String, attributes: Pairs, request: u32 },
}

type Pairs = Vec<(String, String)>;

fn over_the_wire(told: Vec<Told>) -> Vec<Said> {
    // The upper half of an id is the process.
    let number = |id| id & u64::from(u32::MAX);
    let said = told.into_iter().map(|told| match told {
        Told::Span { id, parent, request, name, attributes, .. } => {
            Said::Span { id: number(id), parent: number(parent), request, name, attributes }
        }
        Told::Log { level, target, message, attributes, request, .. } => {
            Said::Log { level, target, message, attributes, request }
        }
        other => panic!("nobody said {other:?}"),
    });
    said.collect()
}

fn in_the_record(record: &Record) -> Vec<Said> {
    let pairs = |set| {
        let pairs = record.attributes(set);
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let said = record.events.iter().filter_map(|event| match &event.what {
        EventKind::Span(span) => Some(Said::Span {
            id: span.id.into(),
            parent: span.parent.into(),
            request: span.request,
            name: record.text(span.name).to_owned(),
            attributes: pairs(span.attributes),
        }),
        EventKind::Log(log) => Some(Said::Log {
            level: log.level,
            target: record.text(log.target).to_owned(),
            message: record.text(log.message).to_owned(),
            attributes: pairs(log.attributes),
            request: log.request,
        }),
        _ => None,
    });
    said.collect()
}

/// Shows nothing, and fails.
struct Broken;

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        Err(fmt::Error)
    }
}

fn trace_id(request: u32) -> String {
    trace::id_of(&trace::parent_of(request, 1)).to_owned()
}

/// Every kind of field.
fn fields() {
    let wrong = io::Error::other("no such thing");
    let wrong: &(dyn std::error::Error + 'static) = &wrong;
    drop(info_span!(
        "fields",
        text = "a=b \"c\"\n\u{e9}",
        empty = "",
        small = -7,
        large = u64::MAX,
        huge = i128::MIN,
        vast = u128::MAX,
        real = 1.5,
        whole = 2.0,
        tiny = 1e-300,
        none = f64::NAN,
        endless = f64::NEG_INFINITY,
        yes = true,
        shown = %Duration::from_millis(3).as_secs_f64(),
        listed = ?["a", "b"],
        maybe = ?Some(1),
        wrong = wrong,
        bytes = &[0u8, 255][..],
        broken = ?Broken,
        message = "of a span",
        absent = field::Empty,
        long = %"\u{e9}".repeat(9_000),
        span_id = "1",
        parent_id = "2",
        dotted.name = 1,
        "with spaces" = 2,
    ));
}

/// Where events are, and what they say.
fn events() {
    info!("outside");
    let outer = error_span!("outer", trace_id = trace_id(7));
    let inside = outer.enter();
    warn!(job = 9, trace_id = trace_id(8), "inside of {}", "outer");
    error!(target: "elsewhere", code = 3);
    info!(parent: None, "of nobody");
    tracing::debug!("below");
    tracing::trace!(target: "elsewhere", "below");
    let other = warn_span!(parent: None, "other", trace_id = trace_id(WARM_UP));
    info!(parent: &other, "of the other one");
    drop(inside);
    info!("outside again");
}

/// Which spans are part of which, and whose they are.
fn nesting() {
    let outer = info_span!("outer", trace_id = field::Empty, outcome = "ok", job = 1);
    let early = info_span!(parent: &outer, "early");
    outer.record("trace_id", trace_id(5).as_str());
    outer.record("outcome", "error");
    outer.record("job", 2);
    outer.in_scope(|| {
        let unseen = tracing::debug_span!("unseen");
        let _in_unseen = unseen.enter();
        let inner = info_span!("inner", trace_id = ?trace_id(6));
        let root = info_span!(parent: None, "root");
        let stranger = info_span!("stranger", trace_id = "0af7651916cd43dd8448eb211c80319c");
        inner.in_scope(|| stranger.in_scope(|| drop(info_span!("innermost"))));
        // Left in another order than they were entered in.
        let (first, second) = (inner.enter(), root.enter());
        drop(first);
        info!("in root");
        drop(second);
        drop(root);
        info!("in outer");
    });
    early.follows_from(&outer);
    let again = early.clone();
    drop(early);
    info!("not closed yet");
    drop(again);
    let current = tracing::Span::current();
    assert!(current.is_none(), "{current:?}");
    outer.in_scope(|| assert_eq!(tracing::Span::current().id(), outer.id()));
}

/// A thread says something of its own.
fn threads(dispatch: Option<Dispatch>) {
    let entered = info_span!("of the first thread").entered();
    let says = || {
        info!("a thread is in no span");
        let span = info_span!("outer", trace_id = trace_id(3));
        span.in_scope(|| drop(info_span!("inner")));
        info!(parent: &span, "of the outer one");
    };
    let thread = thread::spawn(move || match dispatch {
        Some(dispatch) => with_default(&dispatch, says),
        None => says(),
    });
    thread.join().expect("said");
    info!("still in it");
    drop(entered);
}

/// Two spans that go from one thread to another; one of them comes back.
fn handed_over(dispatch: Dispatch) {
    let given = info_span!("given away", trace_id = trace_id(3));
    let lent = info_span!("lent");
    let entered = lent.clone().entered();
    given.in_scope(|| info!("in the one given away"));
    let says = move || {
        info!("a thread is in no span");
        given.in_scope(|| {
            lent.in_scope(|| info!("in both"));
            given.record("span_id", 1);
            drop(info_span!("child"));
        });
        drop(lent);
        // It closes here.
        drop(given);
    };
    thread::spawn(move || with_default(&dispatch, says)).join().expect("said");
    info!("still in the one lent");
    drop(entered);
}

#[track_caller]
fn means_the_same(say: fn(Option<Dispatch>)) -> Vec<Said> {
    let seconds = Duration::from_secs;
    let topology = Topology::new().host("web", "says", serde_json::Value::Null);
    let plan = Plan::new(topology)
        .boot(seconds(0))
        .lasts(seconds(1))
        .settle(seconds(0))
        .recovery(seconds(0))
        .sample_every(seconds(3600));
    let service = move |_: serde_json::Value| async move {
        say(None);
        Ok::<_, io::Error>(())
    };
    let services = Services::new().with("says", service);
    let scenario = Scenario::new("says", "a service says something", plan, services);
    let run = crate::run(&scenario, 1).expect("the plan can be performed");
    let simulated = in_the_record(&run.record);
    let real = over_the_wire(told(|exporter| say(Some(exporter.dispatch()))));
    assert_eq!(real, simulated);
    real
}

/// How many spans and log events there are.
fn counts(said: &[Said]) -> (usize, usize) {
    let spans = said.iter().filter(|it| matches!(it, Said::Span { .. })).count();
    (spans, said.len() - spans)
}

#[test]
fn every_kind_of_field_is_shown_alike() {
    let said = means_the_same(|_| fields());
    let [Said::Span { attributes, .. }] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(attributes.len(), 23 - 1, "{attributes:?}");
    assert!(attributes.contains(&("bytes".to_owned(), "[00 ff]".to_owned())), "{attributes:?}");
}

#[test]
fn an_event_is_of_the_span_that_it_is_in() {
    assert_eq!(counts(&means_the_same(|_| events())), (2, 6));
}

#[test]
fn a_span_is_of_the_request_whose_trace_it_is_in() {
    let said = means_the_same(|_| nesting());
    assert_eq!(counts(&said), (6, 3));
    let requests = said.iter().filter_map(|said| match said {
        Said::Span { name, request, .. } => Some((name.as_str(), *request)),
        Said::Log { .. } => None,
    });
    let expected =
        [("innermost", 5), ("root", 0), ("stranger", 5), ("inner", 6), ("early", 0), ("outer", 5)];
    assert_eq!(requests.collect::<Vec<_>>(), expected);
}

#[test]
fn each_thread_is_in_spans_of_its_own() {
    assert_eq!(counts(&means_the_same(threads)), (3, 3));
}

#[test]
fn a_span_may_close_on_another_thread() {
    let said = over_the_wire(told(|exporter| handed_over(exporter.dispatch())));
    let seen = said.iter().map(|said| match said {
        Said::Span { id, parent, request, name, .. } => (name.as_str(), *request, *id, *parent),
        Said::Log { message, request, .. } => (message.as_str(), *request, 0, 0),
    });
    let expected = [
        ("in the one given away", 3, 0, 0),
        ("a thread is in no span", 0, 0, 0),
        ("in both", 0, 0, 0),
        ("child", 3, 3, 1),
        ("given away", 3, 1, 0),
        ("still in the one lent", 0, 0, 0),
        ("lent", 0, 2, 0),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_open_at_the_end_is_told_in_the_order_of_opening() {
    let mut kept = Vec::new();
    let said = told(|_| {
        for name in ["first", "second", "third"] {
            let span = info_span!("open", name, trace_id = trace_id(4));
            span.in_scope(|| kept.push(info_span!("within")));
            kept.push(span);
        }
    });
    // Nobody is told twice.
    drop(kept);
    let spans: Vec<u64> = over_the_wire(said.clone())
        .into_iter()
        .map(|said| match said {
            Said::Span { id, request: 4, .. } => id,
            other => panic!("expected a span of the request, found {other:?}"),
        })
        .collect();
    assert_eq!(spans, [1, 2, 3, 4, 5, 6]);
    for told in said {
        let Told::Span { host, opened, closed, .. } = told else { panic!("{told:?}") };
        assert_eq!(host, "web");
        assert!(1_700_000_000_000_000_000 < opened && opened <= closed, "{opened} {closed}");
    }
}

#[test]
fn tasks_are_sampled() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listening = super::Listening::begin();
    let mut exporter = super::Exporter::connect(listening.address, "web").expect("it listens");
    let tasks: Vec<_> = (0..3).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
    exporter.gauges(runtime.handle().clone(), Duration::from_secs(3600), false).expect("a thread");
    while listening.so_far().is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    exporter.finish();
    let said = listening.stop();
    drop(tasks);
    let [Told::Gauge { host, name, value, .. }] = said.as_slice() else { panic!("{said:?}") };
    // These tests do not count their memory.
    assert_eq!((host.as_str(), name.as_str(), *value), ("web", "tasks", 3.0));
}
