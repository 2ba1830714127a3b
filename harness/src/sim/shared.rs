//! What the kernel, the hosts' code, the load and the observer of a run share.
//!
//! A run has one thread, and this is that thread's state. Code on a host reaches it through
//! [`current`], because futures that are spawned must not hold it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
};

use squall_reports::record::{
    Attribute, Attributes, EndCause, Event, EventKind, FaultAction, Request, Symbol,
};

use super::{acting::Acting, net::Network, timers::Timers};
use crate::{interpose, plan::Plan, run::recorder::Recorder};

/// The state of a run that more than one part of it works on.
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) seed: u64,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) timers: RefCell<Timers>,
    /// How much each fault has affected, and whether it acts now.
    faults: Rc<[Acting]>,
    pub(crate) network: RefCell<Network>,
    /// The hosts by their names in small letters.
    names: BTreeMap<String, u16>,
    /// The host whose code runs now.
    host: Cell<u16>,
    /// Why the run must end, once something has said so.
    stop: RefCell<Option<EndCause>>,
    /// Services that ended by themselves: the host and what they returned.
    pub(crate) ended: RefCell<Vec<(u16, Result<(), String>)>>,
    /// Whether the tasks of a process are being dropped.
    dying: Cell<bool>,
    /// The requests that end because of it.
    left_open: RefCell<Vec<Request>>,
    /// Bytes that the record has grown by.
    record_bytes: Cell<i64>,
    /// Bytes of memory that stand for disks.
    disk_bytes: Cell<i64>,
    /// The number of the last request of the load.
    requests: Cell<u32>,
}

/// The hosts by their names. Of those that differ by case only the first is found, as in a file of
/// hosts.
fn names(plan: &Plan) -> BTreeMap<String, u16> {
    let mut names = BTreeMap::new();
    for (id, host) in (0..).zip(&plan.topology.hosts) {
        names.entry(host.name.to_ascii_lowercase()).or_insert(id);
    }
    names
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// The run of this thread, if it has one.
pub(crate) fn current() -> Option<Rc<Shared>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Makes `shared` the run of this thread until the guard is dropped.
pub(crate) fn install(shared: Rc<Shared>) -> Installed {
    CURRENT.set(Some(shared));
    Installed(())
}

/// The guard of [`install`].
#[must_use = "the run is current only while the guard lives"]
pub(crate) struct Installed(());

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

impl Shared {
    pub(crate) fn new(plan: Arc<Plan>, seed: u64) -> Rc<Self> {
        let faults: Rc<[Acting]> = plan.faults.iter().map(|_| Acting::default()).collect();
        Rc::new(Self {
            seed,
            network: RefCell::new(Network::new(&plan, seed, Rc::clone(&faults))),
            recorder: RefCell::new(Recorder::new(plan.limits.events_max)),
            timers: RefCell::default(),
            faults,
            names: names(&plan),
            host: Cell::new(0),
            stop: RefCell::new(None),
            ended: RefCell::default(),
            dying: Cell::new(false),
            left_open: RefCell::default(),
            record_bytes: Cell::new(0),
            disk_bytes: Cell::new(0),
            requests: Cell::new(0),
            plan,
        })
    }

    /// The host whose code runs now.
    pub(crate) fn host(&self) -> u16 {
        self.host.get()
    }

    pub(crate) fn set_host(&self, host: u16) {
        self.host.set(host);
    }

    /// A fault has affected `count` more.
    pub(crate) fn affect(&self, fault: u16, count: u64) {
        self.faults[usize::from(fault)].affect(count);
    }

    pub(crate) fn affected(&self, fault: u16) -> u64 {
        self.faults[usize::from(fault)].affected()
    }

    pub(crate) fn is_active(&self, fault: u16) -> bool {
        self.faults[usize::from(fault)].is_active()
    }

    /// Notes that a fault begins or ends to act.
    pub(crate) fn set_active(&self, fault: u16, active: bool) {
        self.faults[usize::from(fault)].set_active(active);
        let action = if active { FaultAction::Inject } else { FaultAction::Heal };
        self.record(EventKind::Fault { fault, action, affected: self.affected(fault) });
    }

    /// From now on the tasks of a process are being dropped, or no longer. Tokio drops them in an
    /// order that depends on how many tasks the whole program has had, so what they do meanwhile
    /// must leave no trace of it: they log nothing more, as a process that is killed does not, and
    /// the spans and requests that they leave open end in the order in which they began.
    pub(crate) fn set_dying(&self, dying: bool) {
        self.dying.set(dying);
    }

    /// Ends the requests that dropped tasks have left open.
    pub(crate) fn end_left_open(&self) {
        let mut requests = self.left_open.take();
        requests.sort_by_key(|request| request.id);
        for request in requests {
            self.record(EventKind::Request(request));
        }
    }

    /// Are the tasks of a process being dropped?
    pub(crate) fn is_dying(&self) -> bool {
        self.dying.get()
    }

    /// Appends to the record, at the time of the code that runs now.
    pub(crate) fn record(&self, what: EventKind) {
        if self.dying.get() {
            if let EventKind::Request(request) = what {
                self.left_open.borrow_mut().push(request);
            }
            return;
        }
        let event = Event { at: interpose::now(), what };
        let pushed = self.unaccounted(|| self.recorder.borrow_mut().push(event));
        if let Err(limit) = pushed {
            self.stop(EndCause::LimitReached { limit });
        }
    }

    pub(crate) fn intern(&self, text: &str) -> Symbol {
        self.unaccounted(|| self.recorder.borrow_mut().symbols.intern(text))
    }

    pub(crate) fn intern_attributes(&self, pairs: &[Attribute]) -> Attributes {
        self.unaccounted(|| self.recorder.borrow_mut().attributes.intern(pairs))
    }

    /// Does something whose memory is the record's, not the services'.
    fn unaccounted<R>(&self, act: impl FnOnce() -> R) -> R {
        let before = interpose::live_bytes().unwrap_or(0);
        let result = act();
        let kept = interpose::live_bytes().unwrap_or(0) - before;
        self.record_bytes.set(self.record_bytes.get() + kept);
        result
    }

    /// Bytes that the hosts hold, together with the network between them; `None` unless the
    /// program counts its memory.
    pub(crate) fn bytes_held(&self) -> Option<i64> {
        interpose::live_bytes().map(|live| live - self.record_bytes.get())
    }

    /// Bytes that the hosts hold besides what is on their disks.
    pub(crate) fn bytes_held_in_memory(&self) -> Option<i64> {
        self.bytes_held().map(|held| held - self.disk_bytes.get())
    }

    /// What is on the disks takes so much more memory.
    pub(crate) fn disks_grew(&self, bytes: i64) {
        self.disk_bytes.set(self.disk_bytes.get() + bytes);
    }

    /// How many requests the load has sent so far.
    pub(crate) fn requests_sent(&self) -> u32 {
        self.requests.get()
    }

    /// The number of the next request of the load.
    pub(crate) fn next_request(&self) -> u32 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// Ends the run. The first cause counts.
    pub(crate) fn stop(&self, cause: EndCause) {
        self.stop.borrow_mut().get_or_insert(cause);
    }

    pub(crate) fn stopped(&self) -> Option<EndCause> {
        self.stop.borrow().clone()
    }

    pub(crate) fn host_name(&self, host: u16) -> &str {
        &self.plan.topology.hosts[usize::from(host)].name
    }

    /// The host with this name, in whichever case it is written.
    pub(crate) fn host_named(&self, name: &str) -> Option<u16> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }
}
