//! A record, sorted for judging: once for a run, not once for an objective.

use std::{borrow::Cow, cell::OnceCell, collections::BTreeMap};

use squall_reports::{
    Record,
    record::{
        Attributes, EventKind, FaultAction, Log, Mark, Outcome, Phase, PhaseSpan, RequestId, Span,
        SpanId, Symbol, WARM_UP,
    },
};

use super::{matcher::Matcher, sample::Sample};
use crate::objective::{Matching, Over, Scope, fits};

/// How many spans a span may be part of, one inside the other; a bound against records that are
/// wrong.
pub(super) const DEPTH_MAX: usize = 256;

pub(super) struct Index<'a> {
    pub(super) record: &'a Record,
    /// The parts that it is judged in: the phases of the record, unless it was made for others.
    pub(super) phases: Vec<PhaseSpan>,
    /// The requests of the load, in the order in which they were meant to start.
    pub(super) requests: Vec<Sample>,
    /// The spans with the times they closed at, in the order in which they closed.
    pub(super) spans: Vec<(u64, &'a Span)>,
    /// The log events with their times.
    pub(super) logs: Vec<(u64, &'a Log)>,
    pub(super) gauges: BTreeMap<Symbol, Vec<Reading>>,
    pub(super) load_begins: Option<u64>,
    pub(super) load_ends: Option<u64>,
    pub(super) settled: Option<u64>,
    /// The last heal that happened.
    pub(super) last_heal: Option<u64>,
    by_request: OnceCell<Vec<(RequestId, u32)>>,
    by_span: OnceCell<Vec<(SpanId, u32)>>,
}

/// A sample of a gauge.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) at: u64,
    pub(super) host: u16,
    pub(super) value: f64,
}

/// A span or log event that fits a pattern.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    /// When a span opened or a log event was logged.
    pub(super) at: u64,
    /// When a span closed; for a log event the same instant.
    pub(super) end: u64,
    /// Its place among its kind in the record.
    pub(super) place: usize,
    pub(super) request: RequestId,
    pub(super) host: u16,
    pub(super) attributes: Attributes,
    /// Its place among what began at the same instant: the number of a span, or of the last span
    /// that was opened before a log event, which comes after it.
    order: (SpanId, bool, usize),
}

impl Hit {
    /// Did this happen before `other`? At one instant, only what happened on one host has an
    /// order: nothing that crosses a network is there at once.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.at < other.at
            || (self.at == other.at && self.host == other.host && self.order < other.order)
    }

    /// Is it the same event as `other`?
    pub(super) fn is(&self, other: &Self) -> bool {
        self.order == other.order
    }

    /// The number of a span; of a log event, that of the last span that was opened before it.
    pub(super) fn span_id(&self) -> SpanId {
        self.order.0
    }

    /// The request of the load that it belongs to.
    pub(super) fn request(&self) -> Option<RequestId> {
        (self.request != 0 && self.request != WARM_UP).then_some(self.request)
    }
}

impl<'a> Index<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        Self::in_phases(record, record.header.phases.clone())
    }

    /// The same with other phases than those of the record.
    pub(super) fn in_phases(record: &'a Record, phases: Vec<PhaseSpan>) -> Self {
        let mut index = Self {
            record,
            phases,
            requests: Vec::new(),
            spans: Vec::new(),
            logs: Vec::new(),
            gauges: BTreeMap::new(),
            load_begins: None,
            load_ends: None,
            settled: None,
            last_heal: None,
            by_request: OnceCell::new(),
            by_span: OnceCell::new(),
        };
        for event in &record.events {
            index.add(event.at, &event.what);
        }
        index.requests.sort_unstable_by_key(|sample| (sample.start, sample.request, sample.end));
        index
    }

    fn add(&mut self, at: u64, what: &'a EventKind) {
        match what {
            EventKind::Request(request) => {
                let phase = self.phase_at(request.intended);
                self.requests.push(Sample {
                    start: request.intended,
                    end: at,
                    request: request.id,
                    span: 0,
                    route: request.route,
                    host: request.client,
                    attempts: request.attempts,
                    outcome: request.outcome,
                    status: request.status,
                    phase,
                });
            }
            EventKind::Span(span) => self.spans.push((at, span)),
            EventKind::Log(log) => self.logs.push((at, log)),
            EventKind::Gauge(gauge) => {
                let (host, value) = (gauge.host, gauge.value);
                self.gauges.entry(gauge.name).or_default().push(Reading { at, host, value });
            }
            EventKind::Mark(Mark::LoadBegins) => self.load_begins = Some(at),
            EventKind::Mark(Mark::LoadEnds) => self.load_ends = Some(at),
            EventKind::Mark(Mark::Settled) => self.settled = Some(at),
            EventKind::Fault { action: FaultAction::Heal, .. } => {
                self.last_heal = self.last_heal.max(Some(at));
            }
            _ => {}
        }
    }

    /// The phase that `at` lies in.
    pub(super) fn phase_at(&self, at: u64) -> Phase {
        PhaseSpan::phase_at(&self.phases, at)
    }

    /// Was `phase` over when the run ended? One that the run does not have is.
    pub(super) fn is_over(&self, phase: Phase) -> bool {
        let span = self.phases.iter().find(|span| span.phase == phase);
        span.is_none_or(|span| span.until <= self.record.end.at)
    }

    /// Did the run end before a fault of its plan was to heal?
    pub(super) fn awaits_heal(&self) -> bool {
        self.record.header.faults.iter().any(|fault| fault.heal >= self.record.end.at)
    }

    /// When judging begins: with the load, or with the run where `scope` says so.
    pub(super) fn begins(&self, scope: &Scope) -> u64 {
        if scope.boot { 0 } else { self.load_begins.unwrap_or(0) }
    }

    /// When the load began and ended; where there are no marks, the phases.
    pub(super) fn load(&self) -> (u64, u64) {
        let phases = &self.record.header.phases;
        let begins = self.load_begins.or(phases.first().map(|span| span.from));
        let ends = self.load_ends.or(phases.last().map(|span| span.until));
        (begins.unwrap_or(0), ends.unwrap_or(self.record.end.at))
    }

    /// The phase of what was done for a request: that of the request, if one is known.
    pub(super) fn phase_of(&self, hit: &Hit) -> Phase {
        let request = self.request(hit.request);
        request.map_or_else(|| self.phase_at(hit.at), |request| request.phase)
    }

    /// The value of an attribute.
    pub(super) fn value(&self, hit: &Hit, name: &str) -> Option<&'a str> {
        self.record.attribute(hit.attributes, name)
    }

    /// The requests, or the calls, that `scope` leaves, in the order in which they started. The
    /// phases of the scope are left to [`in_phase`].
    pub(super) fn samples(&self, scope: &Scope) -> Cow<'_, [Sample]> {
        if let Some(calls) = &scope.calls {
            return Cow::Owned(self.calls(calls, scope));
        }
        if scope.route.is_none() && scope.host.is_none() {
            return Cow::Borrowed(&self.requests);
        }
        let route = self.route_filter(scope);
        let kept = self.requests.iter().copied().filter(|sample| {
            route.is_none_or(|route| route == Some(sample.route)) && self.is_on(scope, sample.host)
        });
        Cow::Owned(kept.collect())
    }

    fn calls(&self, calls: &Matching, scope: &Scope) -> Vec<Sample> {
        let scope = Scope { over: Over::Run, ..scope.clone() };
        let mut outcomes = BTreeMap::new();
        let sample = |hit: Hit| Sample {
            start: hit.at,
            end: hit.end,
            request: hit.request().unwrap_or(0),
            span: hit.span_id(),
            route: Symbol::default(),
            host: hit.host,
            attempts: 1,
            outcome: *outcomes
                .entry(hit.attributes)
                .or_insert_with(|| call_outcome(self.value(&hit, "outcome"))),
            status: 0,
            phase: self.phase_at(hit.at),
        };
        self.hits(calls, &scope).into_iter().map(sample).collect()
    }

    /// What fits `pattern` within `scope` and began with the load or later, in the order in which
    /// it happened.
    pub(super) fn hits(&self, pattern: &Matching, scope: &Scope) -> Vec<Hit> {
        let mut hits = self.hits_at_any_time(pattern, scope);
        if !scope.boot {
            let begins = self.begins(scope);
            hits.retain(|hit| hit.at >= begins && hit.request != WARM_UP);
        }
        hits
    }

    /// What fits `pattern` within `scope`, boot and warm-up included.
    pub(super) fn hits_at_any_time(&self, pattern: &Matching, scope: &Scope) -> Vec<Hit> {
        let matcher = Matcher::new(self.record, pattern, scope.host.as_deref());
        let mut hits: Vec<Hit> = if pattern.is_log() {
            let fit = |(place, (at, log)): (usize, &(u64, &Log))| {
                matcher.log(log).then_some(Hit {
                    at: *at,
                    end: *at,
                    place,
                    request: log.request,
                    host: log.host,
                    attributes: log.attributes,
                    order: (log.after, true, place),
                })
            };
            self.logs.iter().enumerate().filter_map(fit).collect()
        } else {
            let fit = |(place, (at, span)): (usize, &(u64, &Span))| {
                matcher.span(span).then_some(Hit {
                    at: span.opened,
                    end: *at,
                    place,
                    request: span.request,
                    host: span.host,
                    attributes: span.attributes,
                    order: (span.id, false, place),
                })
            };
            self.spans.iter().enumerate().filter_map(fit).collect()
        };
        if let Some(route) = self.route_filter(scope) {
            hits.retain(|hit| {
                self.request(hit.request).is_some_and(|request| Some(request.route) == route)
            });
        }
        hits.sort_by_key(|hit| (hit.at, hit.order));
        hits
    }

    /// The route of `scope` as a symbol: outside, whether there is one; inside, whether the
    /// record knows it.
    fn route_filter(&self, scope: &Scope) -> Option<Option<Symbol>> {
        scope.route.as_deref().map(|route| self.record.symbols.find(route))
    }

    pub(super) fn is_on(&self, scope: &Scope, host: u16) -> bool {
        scope.host.as_deref().is_none_or(|pattern| fits(pattern, self.record.host(host)))
    }

    /// The request with this number.
    pub(super) fn request(&self, id: RequestId) -> Option<&Sample> {
        let by_request = self
            .by_request
            .get_or_init(|| sorted(self.requests.iter().map(|sample| sample.request)));
        find(by_request, id).map(|place| &self.requests[place])
    }

    /// The span with this number and the time it closed at.
    pub(super) fn span(&self, id: SpanId) -> Option<(u64, &'a Span)> {
        let by_span =
            self.by_span.get_or_init(|| sorted(self.spans.iter().map(|(_, span)| span.id)));
        find(by_span, id).map(|place| self.spans[place])
    }

    /// The spans that a span is part of, from the innermost outwards.
    pub(super) fn ancestors(&self, hit: &Hit) -> impl Iterator<Item = SpanId> {
        let parent = self.span(hit.span_id()).map(|(_, span)| span.parent);
        let outwards = std::iter::successors(parent, |id| self.span(*id).map(|(_, it)| it.parent));
        outwards.take(DEPTH_MAX).filter(|id| *id != 0)
    }

    /// The samples of a gauge on the hosts of `scope`, from the beginning of the load on.
    pub(super) fn gauge(&self, name: &str, scope: &Scope) -> Vec<Reading> {
        let mut readings = self.gauge_at_any_time(name, scope);
        let begins = self.begins(scope);
        readings.retain(|reading| reading.at >= begins);
        readings
    }

    /// The samples of a gauge on the hosts of `scope`; empty for a gauge that nobody sampled.
    pub(super) fn gauge_at_any_time(&self, name: &str, scope: &Scope) -> Vec<Reading> {
        let readings = self.record.symbols.find(name).and_then(|name| self.gauges.get(&name));
        let readings = readings.into_iter().flatten().copied();
        readings.filter(|reading| self.is_on(scope, reading.host)).collect()
    }
}

/// Is `phase` the one that a finding is on? A finding on the whole run is on all of them.
pub(super) fn in_phase(finding: Option<Phase>, phase: Phase) -> bool {
    finding.is_none_or(|judged| judged == phase)
}

#[expect(clippy::cast_possible_truncation, reason = "span and request numbers are 32 bits wide")]
fn sorted(ids: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut places: Vec<(u32, u32)> =
        ids.enumerate().map(|(place, id)| (id, place as u32)).collect();
    places.sort_unstable();
    places
}

fn find(places: &[(u32, u32)], id: u32) -> Option<usize> {
    let found = places.binary_search_by_key(&id, |(id, _)| *id).ok()?;
    Some(places[found].1 as usize)
}

/// The outcome that a span says its call had, see `Objective::of_calls`.
fn call_outcome(text: Option<&str>) -> Outcome {
    match text {
        Some("ok" | "success" | "succeeded") => Outcome::Succeeded,
        Some("degraded") => Outcome::Degraded,
        Some("shed" | "rejected") => Outcome::Shed,
        None | Some("cancelled" | "canceled" | "abandoned") => Outcome::Abandoned,
        Some(_) => Outcome::Failed,
    }
}
