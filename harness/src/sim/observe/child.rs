//! What threads that services have started say, told to the observer of their run.
//!
//! A span keeps the subscriber that it was made with, wherever it is used and closed afterwards: so
//! one subscriber serves all threads of a run, and looks on which it is called.

use std::{cell::RefCell, mem};

use tracing_core::{
    Dispatch, Event, Metadata, Subscriber,
    span::{Attributes, Current, Id, Record},
    subscriber::Interest,
};

use super::{Observer, SPANS};
use crate::interpose;

/// The subscriber of a run: calls the observer on the thread of the run, for the threads that services
/// have started each with the spans that it is in itself.
#[derive(Debug)]
pub(crate) struct ByThread;

thread_local! {
    static ENTERED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// What a span is called that nobody keeps: its thread goes on, and its process is gone.
fn nobodys() -> Id {
    Id::from_u64(u64::MAX)
}

fn tell<R>(act: impl FnOnce() -> R) -> Option<R> {
    if !interpose::is_child() {
        return Some(act());
    }
    let mut entered = ENTERED.try_with(RefCell::take).ok()?;
    let swap = |entered: &mut Vec<usize>| {
        SPANS.with_borrow_mut(|spans| mem::swap(&mut spans.entered, entered));
    };
    let result = interpose::lend(|| {
        swap(&mut entered);
        let result = act();
        swap(&mut entered);
        result
    });
    ENTERED.set(entered);
    result
}

impl Subscriber for ByThread {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        Observer::default().register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Observer::default().enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing_core::LevelFilter> {
        Observer::default().max_level_hint()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        tell(|| Observer::default().new_span(attributes)).unwrap_or_else(nobodys)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        tell(|| Observer::default().record(span, values));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        tell(|| Observer::default().event(event));
    }

    fn enter(&self, span: &Id) {
        tell(|| Observer::default().enter(span));
    }

    fn exit(&self, span: &Id) {
        tell(|| Observer::default().exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        tell(|| Observer::default().clone_span(span)).unwrap_or_else(nobodys)
    }

    fn try_close(&self, span: Id) -> bool {
        tell(|| Observer::default().try_close(span)).unwrap_or(false)
    }

    fn current_span(&self) -> Current {
        tell(|| Observer::default().current_span()).unwrap_or_else(Current::none)
    }
}

/// From now on the threads that the run of this thread starts tell it what they say.
pub(crate) fn observe_threads() {
    let dispatch = Dispatch::new(ByThread);
    interpose::on_each_thread(move || {
        // It is in force until the thread ends.
        mem::forget(tracing::dispatcher::set_default(&dispatch));
    });
}
