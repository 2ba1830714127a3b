//! Records made by hand. All times are milliseconds.

use squall_reports::{
    Record, SCHEMA,
    record::{
        ALL_HOSTS, AttributeTable, Attributes, End, EndCause, Event, EventKind, FaultAction,
        FaultSpan, Gauge, Header, Level, Log, Mark, OperationState, Outcome, Phase, PhaseSpan,
        PlannedOperation, Request, Span, Symbols, WARM_UP, set_attribute,
    },
};

use crate::objective::Quantity;

const MS: u64 = 1_000_000;

/// A record with four phases of a second each, on the hosts `client`, `api` and `worker`.
pub(super) struct RecordBuilder {
    header: Header,
    symbols: Symbols,
    attributes: AttributeTable,
    events: Vec<Event>,
    cause: EndCause,
    /// When it was cut short.
    cut: Option<u64>,
    requests: u32,
    spans: u32,
}

impl RecordBuilder {
    pub(super) fn new() -> Self {
        let phases = Phase::ALL.iter().zip(0..).map(|(phase, second)| PhaseSpan {
            phase: *phase,
            from: second * 1_000 * MS,
            until: (second + 1) * 1_000 * MS,
        });
        Self {
            header: Header {
                schema: SCHEMA,
                backend: squall_reports::record::Backend::Simulation,
                scenario: "handmade".to_owned(),
                hypothesis: String::new(),
                seed: 1,
                defects: Vec::new(),
                hosts: ["client", "api", "worker"].map(str::to_owned).to_vec(),
                faults: Vec::new(),
                operations: Vec::new(),
                phases: phases.collect(),
                plan: serde_json::Value::Null,
            },
            symbols: Symbols::default(),
            attributes: AttributeTable::default(),
            events: Vec::new(),
            cause: EndCause::Completed,
            cut: None,
            requests: 0,
            spans: 0,
        }
    }

    pub(super) fn build(mut self) -> Record {
        self.events.sort_by_key(|event| event.at);
        let end = self.cut.unwrap_or(4_000 * MS);
        self.events.retain(|event| self.cut.is_none() || event.at <= end);
        Record {
            header: self.header,
            symbols: self.symbols,
            attributes: self.attributes,
            events: self.events,
            end: End { at: end, cause: self.cause },
        }
    }

    /// Leaves only `phase`, from the beginning on.
    pub(super) fn only(mut self, phase: Phase) -> Self {
        self.header.phases = vec![PhaseSpan { phase, from: 0, until: 4_000 * MS }];
        self
    }

    pub(super) fn without_phases(mut self) -> Self {
        self.header.phases.clear();
        self
    }

    pub(super) fn ended(mut self, cause: EndCause) -> Self {
        self.cause = cause;
        self
    }

    /// A run that was interrupted at `at`: what comes later did not happen.
    pub(super) fn cut_short(mut self, at: u64) -> Self {
        self.cut = Some(at * MS);
        self.ended(EndCause::Interrupted)
    }

    fn at(mut self, at: u64, what: EventKind) -> Self {
        self.events.push(Event { at: at * MS, what });
        self
    }

    fn host(&self, host: &str) -> u16 {
        let place = self.header.hosts.iter().position(|name| name == host).expect("a known host");
        u16::try_from(place).expect("three hosts")
    }

    /// A request that succeeded.
    pub(super) fn ok(self, intended: u64, latency: u64) -> Self {
        self.request(Outcome::Succeeded, intended, latency)
    }

    /// A request that failed.
    pub(super) fn bad(self, intended: u64, latency: u64) -> Self {
        self.request(Outcome::Failed, intended, latency)
    }

    /// The next request, of route `GET /x`, sent once.
    pub(super) fn request(self, outcome: Outcome, intended: u64, latency: u64) -> Self {
        self.routed("GET /x", outcome, intended, latency)
    }

    pub(super) fn routed(self, route: &str, outcome: Outcome, intended: u64, latency: u64) -> Self {
        self.sent(1, route, outcome, intended, latency)
    }

    pub(super) fn sent(
        mut self,
        attempts: u8,
        route: &str,
        outcome: Outcome,
        intended: u64,
        latency: u64,
    ) -> Self {
        self.requests += 1;
        let request = Request {
            id: self.requests,
            client: 0,
            route: self.symbols.intern(route),
            intended: intended * MS,
            started: intended * MS,
            outcome,
            status: 200,
            attempts,
            note: self.symbols.intern(""),
        };
        self.at(intended + latency, EventKind::Request(request))
    }

    /// A request that was answered with this HTTP status after a millisecond.
    pub(super) fn answered(self, outcome: Outcome, status: u16) -> Self {
        let mut record = self.request(outcome, 0, 1);
        if let Some(Event { what: EventKind::Request(request), .. }) = record.events.last_mut() {
            request.status = status;
        }
        record
    }

    /// The next request is `id`.
    pub(super) fn numbered_from(mut self, id: u32) -> Self {
        self.requests = id - 1;
        self
    }

    /// A span on `api` for request 1, part of nothing. The first has the number 1.
    pub(super) fn span(self, name: &str, fields: &str, opened: u64, closed: u64) -> Self {
        self.span_of(1, 0, name, fields, opened, closed)
    }

    /// A span on `api` for `request`, part of the span `parent`.
    pub(super) fn span_of(
        self,
        request: u32,
        parent: u32,
        name: &str,
        fields: &str,
        opened: u64,
        closed: u64,
    ) -> Self {
        self.span_on("api", request, parent, (name, fields), opened, closed)
    }

    pub(super) fn span_on(
        mut self,
        host: &str,
        request: u32,
        parent: u32,
        (name, fields): (&str, &str),
        opened: u64,
        closed: u64,
    ) -> Self {
        self.spans += 1;
        let span = Span {
            id: self.spans,
            parent,
            request,
            host: self.host(host),
            name: self.symbols.intern(name),
            attributes: self.attributes(fields),
            opened: opened * MS,
        };
        self.at(closed, EventKind::Span(span))
    }

    /// A span on `api` for a request that warms up.
    pub(super) fn warm_up_span(self, name: &str, fields: &str, opened: u64, closed: u64) -> Self {
        self.span_of(WARM_UP, 0, name, fields, opened, closed)
    }

    /// A log event on `api` with these attributes, whatever is in their values.
    pub(super) fn log_with(mut self, at: u64, message: &str, attributes: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> = attributes
            .iter()
            .map(|(name, value)| (self.symbols.intern(name), self.symbols.intern(value)))
            .collect();
        let attributes = self.attributes.intern(&pairs);
        let mut record = self.log(at, message, "");
        if let Some(Event { what: EventKind::Log(log), .. }) = record.events.last_mut() {
            log.attributes = attributes;
        }
        record
    }

    /// A log event on `api`.
    pub(super) fn log(self, at: u64, message: &str, fields: &str) -> Self {
        self.log_as("api", Level::Info, "service", at, message, fields)
    }

    pub(super) fn log_as(
        mut self,
        host: &str,
        level: Level,
        target: &str,
        at: u64,
        message: &str,
        fields: &str,
    ) -> Self {
        let log = Log {
            host: self.host(host),
            level,
            target: self.symbols.intern(target),
            message: self.symbols.intern(message),
            attributes: self.attributes(fields),
            request: 0,
            after: self.spans,
        };
        self.at(at, EventKind::Log(Box::new(log)))
    }

    /// The attributes of `text`, which has them as `name=value`, apart by spaces.
    fn attributes(&mut self, text: &str) -> Attributes {
        let mut pairs = Vec::new();
        for (name, value) in text.split(' ').filter_map(|word| word.split_once('=')) {
            let (name, value) = (self.symbols.intern(name), self.symbols.intern(value));
            set_attribute(&mut pairs, name, value);
        }
        self.attributes.intern(&pairs)
    }

    pub(super) fn gauge(mut self, host: &str, name: &str, at: u64, value: impl Quantity) -> Self {
        let value = value.value();
        let (host, name) = (self.host(host), self.symbols.intern(name));
        self.at(at, EventKind::Gauge(Gauge { host, name, value }))
    }

    /// What the load says at `at` to have sent.
    pub(super) fn requests_sent(mut self, at: u64, value: u64) -> Self {
        let value = value.value();
        let name = self.symbols.intern("requests_sent");
        self.at(at, EventKind::Gauge(Gauge { host: ALL_HOSTS, name, value }))
    }

    /// The marks of a load.
    pub(super) fn load(self, begins: u64, ends: u64, settled: u64) -> Self {
        self.at(begins, EventKind::Mark(Mark::LoadBegins))
            .at(ends, EventKind::Mark(Mark::LoadEnds))
            .at(settled, EventKind::Mark(Mark::Settled))
    }

    /// An operation that began at `from`, with when it ended and how.
    pub(super) fn operation(
        self,
        label: &str,
        from: u64,
        ended: Option<(u64, OperationState)>,
    ) -> Self {
        let operation = u16::try_from(self.header.operations.len()).expect("few operations");
        let state = OperationState::Began;
        let record = self.planned(label).at(from, EventKind::Operation { operation, state });
        match ended {
            Some((at, state)) => record.at(at, EventKind::Operation { operation, state }),
            None => record,
        }
    }

    /// An operation that never began.
    pub(super) fn planned(mut self, label: &str) -> Self {
        self.header.operations.push(PlannedOperation { label: label.to_owned(), at: 0 });
        self
    }

    /// A fault that is injected at the beginning of `during`.
    pub(super) fn fault(mut self, label: &str, healed: u64, affected: u64) -> Self {
        let fault = u16::try_from(self.header.faults.len()).expect("few faults");
        self.header.faults.push(FaultSpan {
            kind: "latency".to_owned(),
            label: label.to_owned(),
            inject: 1_000 * MS,
            heal: healed * MS,
            counts: "packets".to_owned(),
        });
        self.at(1_000, EventKind::Fault { fault, action: FaultAction::Inject, affected: 0 })
            .at(healed, EventKind::Fault { fault, action: FaultAction::Heal, affected })
            .at(4_000, EventKind::Fault { fault, action: FaultAction::Count, affected })
    }
}
