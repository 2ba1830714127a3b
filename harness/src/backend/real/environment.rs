//! The surroundings of what the harness itself does in a run on real processes: the load, the scrapes,
//! the sidecars and the cluster. They are tasks of one runtime, each on behalf of one host.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use rand_chacha::ChaCha8Rng;
use squall_reports::record::{
    Attribute, Attributes, EndCause, Event, EventKind, FaultAction, Gauge, RequestId, Span, SpanId,
    Symbol, set_attribute,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use super::{network::Network, timer::Timer};
use crate::{
    cluster::{ClusterEnvironment, State},
    plan::Plan,
    run::{command::Command, environment::Environment, recorder::Recorder, rng},
};

/// What the parts of one run share.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) seed: u64,
    pub(super) network: Network,
    /// When the run began, on the clock of the machine and on the wall. Until it does it is at 0.
    began: OnceLock<(Instant, u64)>,
    /// When it ended: nothing that is told later is of it.
    ended_at: AtomicU64,
    recorder: Mutex<Recorder>,
    faults: Vec<Acting>,
    requests: AtomicU32,
    lateness: Mutex<Lateness>,
    spans: Mutex<SpanNumbers>,
    stop: Mutex<Option<EndCause>>,
    pub(super) stopped: Notify,
    timer: Timer,
    cluster: Option<Mutex<State>>,
    commands: mpsc::UnboundedSender<Command>,
}

/// How much a fault has affected, and whether it acts now.
#[derive(Debug, Default)]
struct Acting {
    affected: AtomicU64,
    active: AtomicBool,
}

/// How late requests were sent, beside what was meant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    pub(super) sent: u64,
    /// Those that were later than the bound.
    pub(super) late: u64,
    /// The longest since it was last read, in nanoseconds.
    pub(super) longest: u64,
}

/// A request that is sent so much too late counts as late.
pub(super) const LATE: Duration = Duration::from_millis(10);

/// Numbers for the spans of all processes, which have ids of their own.
#[derive(Debug, Default)]
struct SpanNumbers {
    known: BTreeMap<u64, SpanId>,
    last: SpanId,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A run that begins now; what is wanted of processes is told to `commands`.
    pub(super) fn new(
        plan: Arc<Plan>,
        seed: u64,
        network: Network,
        timer: Timer,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Arc<Self> {
        let cluster = plan.cluster.as_ref();
        let cluster = cluster.map(|it| Mutex::new(State::new(it, &plan.topology, seed)));
        Arc::new(Self {
            network,
            began: OnceLock::new(),
            ended_at: AtomicU64::new(u64::MAX),
            recorder: Mutex::new(Recorder::new(plan.limits.events_max)),
            faults: plan.faults.iter().map(|_| Acting::default()).collect(),
            requests: AtomicU32::new(0),
            lateness: Mutex::default(),
            spans: Mutex::default(),
            stop: Mutex::new(None),
            stopped: Notify::new(),
            timer,
            cluster,
            commands,
            seed,
            plan,
        })
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        self.began
            .get()
            .map_or(0, |(began, _)| u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The run begins now.
    pub(super) fn begin(&self) {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.began.get_or_init(|| (Instant::now(), at));
    }

    /// The run has ended at this time.
    pub(super) fn end_at(&self, at: u64) {
        self.ended_at.store(at, Ordering::Relaxed);
    }

    /// The time of the run at an instant of the wall clock, in nanoseconds of its epoch.
    pub(super) fn at(&self, unix: u64) -> u64 {
        self.began.get().map_or(0, |(_, began)| unix.saturating_sub(*began))
    }

    pub(super) fn instant(&self, at: u64) -> Instant {
        let (began, _) = self.began.get().copied().unwrap_or((Instant::now(), 0));
        began + Duration::from_nanos(at)
    }

    pub(super) fn record(&self, what: EventKind) {
        self.record_at(self.now(), what);
    }

    /// Appends to the record at a time that has passed. What was open when the run ended ended with it.
    pub(super) fn record_at(&self, at: u64, what: EventKind) {
        let ended = self.ended_at.load(Ordering::Relaxed);
        let at = match what {
            EventKind::Span(_) | EventKind::Request(_) => at.min(ended),
            _ if at > ended => return,
            _ => at,
        };
        let pushed = lock(&self.recorder).push(Event { at, what });
        if let Err(limit) = pushed {
            self.stop(EndCause::LimitReached { limit });
        }
    }

    pub(super) fn gauge(&self, host: u16, name: &str, value: f64) {
        let name = self.intern(name);
        self.record(EventKind::Gauge(Gauge { host, name, value }));
    }

    pub(super) fn intern(&self, text: &str) -> Symbol {
        lock(&self.recorder).symbols.intern(text)
    }

    pub(super) fn intern_attributes(&self, pairs: &[Attribute]) -> Attributes {
        lock(&self.recorder).attributes.intern(pairs)
    }

    /// Names and values as attributes.
    pub(super) fn attributes<'p>(
        &self,
        pairs: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Attributes {
        let mut attributes = Vec::new();
        for (name, value) in pairs {
            set_attribute(&mut attributes, self.intern(name), self.intern(value));
        }
        self.intern_attributes(&attributes)
    }

    /// The number of a span that a process calls `id`; 0 for none.
    pub(super) fn span_number(&self, id: u64) -> SpanId {
        if id == 0 {
            return 0;
        }
        let mut spans = lock(&self.spans);
        let SpanNumbers { known, last } = &mut *spans;
        *known.entry(id).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    pub(super) fn last_span(&self) -> SpanId {
        lock(&self.spans).last
    }

    fn next_span(&self) -> SpanId {
        let mut spans = lock(&self.spans);
        spans.last += 1;
        spans.last
    }

    pub(super) fn affect(&self, fault: u16, count: u64) {
        self.faults[usize::from(fault)].affected.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn affected(&self, fault: u16) -> u64 {
        self.faults[usize::from(fault)].affected.load(Ordering::Relaxed)
    }

    pub(super) fn is_active(&self, fault: u16) -> bool {
        self.faults[usize::from(fault)].active.load(Ordering::Relaxed)
    }

    /// Notes that a fault begins or ends to act.
    pub(super) fn set_active(&self, fault: u16, active: bool) {
        self.faults[usize::from(fault)].active.store(active, Ordering::Relaxed);
        let action = if active { FaultAction::Inject } else { FaultAction::Heal };
        self.record(EventKind::Fault { fault, action, affected: self.affected(fault) });
    }

    pub(super) fn stop(&self, cause: EndCause) {
        lock(&self.stop).get_or_insert(cause);
        self.stopped.notify_one();
    }

    pub(super) fn stop_cause(&self) -> Option<EndCause> {
        lock(&self.stop).clone()
    }

    /// A process could not say so much of what it did.
    pub(super) fn lost_telemetry(&self, host: &str, count: u64) {
        let limit = format!("{count} spans or log events of {host} that got lost on their way");
        self.stop(EndCause::LimitReached { limit });
    }

    pub(super) fn requests_sent(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How late requests were; the longest is counted from here on again.
    pub(super) fn take_lateness(&self) -> Lateness {
        let mut lateness = lock(&self.lateness);
        let taken = *lateness;
        lateness.longest = 0;
        taken
    }

    /// Takes the record, which is empty from then on.
    pub(super) fn take_recorder(&self) -> Recorder {
        std::mem::replace(&mut *lock(&self.recorder), Recorder::empty())
    }

    pub(super) fn is_pod(&self, host: u16) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| lock(cluster).is_pod(host))
    }
}

/// The surroundings of one host.
#[derive(Clone)]
pub(super) struct Real {
    shared: Arc<Shared>,
    host: u16,
}

impl Real {
    pub(super) fn on(shared: &Arc<Shared>, host: u16) -> Self {
        Self { shared: Arc::clone(shared), host }
    }
}

impl Environment for Real {
    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.shared.plan)
    }

    fn host(&self) -> u16 {
        self.host
    }

    fn now(&self) -> u64 {
        self.shared.now()
    }

    async fn sleep_until(&self, at: u64) {
        self.shared.timer.sleep_until(self.shared.instant(at)).await;
    }

    async fn connect(&self, target: &str) -> io::Result<TcpStream> {
        let address = self.shared.network.way(self.host, target).await?;
        TcpStream::connect(address).await
    }

    async fn address_of(&self, target: &str) -> io::Result<String> {
        self.shared.network.way(self.host, target).await
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind(self.shared.network.layout().binds(self.host, port)).await
    }

    fn random(&self, concern: &str) -> ChaCha8Rng {
        rng::stream(self.shared.seed, concern)
    }

    fn record(&self, what: EventKind) {
        self.shared.record(what);
    }

    fn intern(&self, text: &str) -> Symbol {
        self.shared.intern(text)
    }

    fn intern_attributes(&self, pairs: &[Attribute]) -> Attributes {
        self.shared.intern_attributes(pairs)
    }

    fn note_span(
        &self,
        name: &str,
        request: RequestId,
        opened: u64,
        pairs: &[(&'static str, &str)],
    ) {
        let shared = &self.shared;
        let attributes = shared.attributes(pairs.iter().copied());
        let (id, host, name) = (shared.next_span(), self.host, shared.intern(name));
        shared.record(EventKind::Span(Span {
            id,
            parent: 0,
            request,
            host,
            name,
            attributes,
            opened,
        }));
    }

    fn last_span(&self) -> SpanId {
        self.shared.last_span()
    }

    fn next_request(&self) -> RequestId {
        self.shared.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Clients have no process that could die: whatever is sent late is sent, and counts as late.
    fn client_since(&self) -> u64 {
        0
    }

    fn sent_late(&self, by: u64) {
        let mut lateness = lock(&self.shared.lateness);
        lateness.sent += 1;
        lateness.late += u64::from(Duration::from_nanos(by) > LATE);
        lateness.longest = lateness.longest.max(by);
    }

    fn affect(&self, fault: u16, count: u64) {
        self.shared.affect(fault, count);
    }

    fn affected(&self, fault: u16) -> u64 {
        self.shared.affected(fault)
    }

    fn is_active(&self, fault: u16) -> bool {
        self.shared.is_active(fault)
    }

    fn stop(&self, cause: EndCause) {
        self.shared.stop(cause);
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop_cause().is_some()
    }
}

impl ClusterEnvironment for Real {
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let cluster = self.shared.cluster.as_ref().expect("the plan of this run has a cluster");
        act(&mut lock(cluster))
    }

    fn command(&self, command: Command) {
        // Nobody listens any more once the run is over.
        let _ = self.shared.commands.send(command);
    }

    fn seen_by(&self, viewer: &str, address: &str) -> impl Future<Output = String> + Send {
        let viewer = self.shared.network.find(viewer).map_or(self.host, |(host, _)| host);
        let (shared, address) = (Arc::clone(&self.shared), address.to_owned());
        async move {
            let way = shared.network.way(viewer, &address).await;
            way.unwrap_or(address)
        }
    }
}
