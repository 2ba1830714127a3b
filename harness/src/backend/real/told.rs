//! What processes say, as events of the record.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use squall_reports::record::{EventKind, Gauge, Log, Span};

use super::{environment::Shared, telemetry::Told};

/// Takes what the receiver hands over. What is said before the run begins is said at its beginning.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<Inner>);

#[derive(Default)]
struct Inner {
    run: OnceLock<Arc<Shared>>,
    early: Mutex<Vec<Told>>,
    /// Bytes that each host holds, as it last said.
    held: Mutex<BTreeMap<u16, f64>>,
}

/// The gauge of functions that the record has only as the growth of all of them together.
const MEMORY: &str = "memory_bytes";

impl Listener {
    /// The run begins.
    pub(super) fn begin(&self, run: &Arc<Shared>) {
        let _ = self.0.run.set(Arc::clone(run));
        let early =
            std::mem::take(&mut *self.0.early.lock().unwrap_or_else(PoisonError::into_inner));
        early.into_iter().for_each(|told| self.enter(run, told));
    }

    /// Somebody has said something.
    pub(super) fn take(&self, told: Told) {
        match self.0.run.get() {
            Some(run) => self.enter(run, told),
            None => self.0.early.lock().unwrap_or_else(PoisonError::into_inner).push(told),
        }
    }

    /// Bytes that all hosts together hold, as they last said; `None` if nobody does.
    pub(super) fn held(&self) -> Option<f64> {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        (!held.is_empty()).then(|| held.values().sum())
    }

    fn enter(&self, run: &Arc<Shared>, told: Told) {
        let number = |host: &str| {
            let hosts = run.plan.topology.hosts.iter();
            (0_u16..).zip(hosts).find(|(_, it)| it.name == host).map(|(number, _)| number)
        };
        let pairs = |all: &[(String, String)]| {
            run.attributes(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        };
        match told {
            Told::Span { host, id, parent, request, name, attributes, opened, closed } => {
                let Some(host) = number(&host) else { return };
                let span = Span {
                    id: run.span_number(id),
                    parent: run.span_number(parent),
                    request,
                    host,
                    name: run.intern(&name),
                    attributes: pairs(&attributes),
                    opened: run.at(opened),
                };
                run.record_at(run.at(closed), EventKind::Span(span));
            }
            Told::Log { host, at, level, target, message, attributes, request } => {
                let Some(host) = number(&host) else { return };
                let log = Log {
                    host,
                    level,
                    target: run.intern(&target),
                    message: run.intern(&message),
                    attributes: pairs(&attributes),
                    request,
                    after: run.last_span(),
                };
                run.record_at(run.at(at), EventKind::Log(Box::new(log)));
            }
            Told::Gauge { host, name, value, .. } if name == MEMORY => {
                let Some(host) = number(&host) else { return };
                self.0.held.lock().unwrap_or_else(PoisonError::into_inner).insert(host, value);
            }
            Told::Gauge { host, at, name, value } => {
                let Some(host) = number(&host) else { return };
                let name = run.intern(&name);
                run.record_at(run.at(at), EventKind::Gauge(Gauge { host, name, value }));
            }
            Told::Dropped { host, count } => run.lost_telemetry(&host, count),
        }
    }
}
