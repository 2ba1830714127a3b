//! What all requests, the warm-up and the refreshes share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    Config, defect::Defects, entries::Entries, flags::Flags, flights::Flights, metrics::Metrics,
    place::Place, session::Sessions, source::Source,
};
use crate::{
    bulkhead::Bulkhead,
    config::{Invalid, Live},
    server::Answers,
    tls::{self, Trust},
};

/// Everything a pod is.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) config: Live<Config>,
    pub(super) defects: Defects,
    pub(super) entries: Entries,
    pub(super) source: Source,
    pub(super) flights: Flights,
    pub(super) flags: Flags,
    pub(super) sessions: Sessions,
    pub(super) metrics: Metrics,
    pub(super) in_flight: Bulkhead,
    pub(super) answers: Answers,
    streams: Arc<Semaphore>,
    warm: AtomicBool,
    stopping: AtomicBool,
}

impl Cache {
    pub(super) fn new(
        live: Live<Config>,
        listener: Option<&tls::Metrics>,
        trust: Option<&Trust>,
    ) -> Result<Self, Invalid> {
        let config = live.get();
        let defects = Defects::from(&config.defects);
        let mut metrics = Metrics::new();
        live.register(&mut metrics.registry);
        let sides = [("http", listener), ("client", trust.map(Trust::metrics))];
        tls::register(&mut metrics.registry, sides);
        let flags = Flags::new(live.clone(), defects.no_kill_switch);
        metrics.registry.register_collector(Box::new(flags.clone()));
        Ok(Self {
            defects,
            entries: Entries::new(config.items, &config.version, &config.freshness()),
            source: Source::new(&config, trust)?,
            flights: Flights::default(),
            flags,
            sessions: Sessions::new(&config),
            metrics,
            in_flight: Bulkhead::new(config.in_flight_max),
            answers: Answers::new(config.http.unread_bytes_max),
            streams: Arc::new(Semaphore::new(config.streams_max.min(Semaphore::MAX_PERMITS))),
            warm: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            config: live,
        })
    }

    /// A place for an answer that takes long or is large; `None` when all are taken.
    pub(super) fn stream(&self) -> Option<Place> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        Some(Place::new(permit, self.metrics.streams.clone()))
    }

    /// The cache holds all there is.
    pub(super) fn set_warm(&self) {
        self.metrics.warm.set(1);
        self.warm.store(true, Ordering::Relaxed);
    }

    /// Can requests be answered from the cache?
    pub(super) fn is_warm(&self) -> bool {
        // Defect: it does not wait to find out.
        self.warm.load(Ordering::Relaxed) || self.defects.no_readiness || self.is_nearly_warm()
    }

    /// Defect: what is nearly everything is taken for everything.
    fn is_nearly_warm(&self) -> bool {
        self.defects.ready_early && self.entries.held() * 10 >= self.entries.places() * 9
    }

    /// From now on no load balancer should send anything.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// How long the pre-stop hook takes.
    pub(super) fn prestop_delay(&self) -> Duration {
        if self.defects.no_pre_stop_delay {
            // Defect: those who have not heard yet go on sending.
            return Duration::ZERO;
        }
        Duration::from_millis(self.config.get().prestop_delay_ms)
    }

    /// Time for what is in flight.
    pub(super) fn drain(&self) -> Duration {
        if self.defects.kill_without_grace {
            // Defect: nothing in flight is waited for.
            return Duration::ZERO;
        }
        Duration::from_millis(self.config.get().drain_ms)
    }
}
