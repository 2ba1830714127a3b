//! How an order is driven through its saga: write down the stage, ask, write down what came of it.

use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, field::Empty};

use super::{
    Config, Defect,
    consumer::Consumer,
    ledger::{Ledger, Placed},
    metrics::Metrics,
    party::{CallError, Client},
    record::{Event, Order},
    saga::{Ask, Outcome, Party},
};
use crate::{
    backoff::pause,
    config::{Invalid, Live},
    journal::{Keeper, Undecided},
    server::Trace,
};

/// What all orders share.
#[derive(Debug)]
pub(super) struct Work {
    config: Live<Config>,
    keeper: Keeper<Ledger>,
    parties: [Client; 3],
    consumer: Consumer,
    metrics: Metrics,
}

impl Work {
    pub(super) fn new(
        live: Live<Config>,
        keeper: Keeper<Ledger>,
        consumer: Consumer,
        metrics: Metrics,
    ) -> Result<Self, Invalid> {
        let config = live.get();
        let [stock, payments, shipping] = config.parties()?;
        let client = |party: Party, uri| {
            let gauge = metrics.breakers[party as usize].clone();
            let breaker = (&config.breaker, gauge);
            Client::new(party, uri, config.calls_max, config.call_timeout(), breaker)
        };
        let parties = [
            client(Party::Stock, stock),
            client(Party::Payments, payments),
            client(Party::Shipping, shipping),
        ];
        Ok(Self { config: live, keeper, parties, consumer, metrics })
    }

    /// Writes an order down that was handed in.
    pub(super) async fn place(&self, order: Order) -> Result<Placed, Undecided> {
        let id = order.id.clone();
        self.keeper.decide(&id, |ledger, batch| ledger.place(order, batch)).await
    }

    /// Drives an order that is written down until it is final, or until the service has gone.
    pub(super) async fn drive(&self, mut order: Order) {
        let trace_id = Trace::resume(&order.traceparent);
        let span = tracing::info_span!(
            parent: None, "saga", order = order.id, trace_id = %trace_id, outcome = Empty
        );
        trace_id.adopt(&span);
        let saga = async {
            let gives_up = Instant::now() + order.left(self.give_up_after());
            while let Some(ask) = order.stage().ask() {
                let (outcome, reason) = self.ask(&order, ask, gives_up).await;
                order = self.advance(&order, outcome, reason).await?;
            }
            self.announce(&order).await;
            Some(order.stage().name())
        };
        if let Some(outcome) = saga.instrument(span.clone()).await {
            span.record("outcome", outcome);
        }
    }

    fn give_up_after(&self) -> Duration {
        Duration::from_millis(self.config.get().give_up_after_ms)
    }

    /// Asks until there is an outcome. What is to be done is given up after a while; what is to be undone
    /// is not.
    async fn ask(&self, order: &Order, ask: Ask, gives_up: Instant) -> (Outcome, String) {
        let (party, forwards) = match ask {
            Ask::Perform(party) => (party, true),
            Ask::Undo(party) => (party, false),
        };
        let (mut last, mut attempt) = (Duration::ZERO, 0);
        let mut error = format!("{} was not asked in time", party.name());
        loop {
            if forwards && Instant::now() >= gives_up {
                return (Outcome::GivenUp, error);
            }
            attempt += 1;
            let key = self.key(order, ask, attempt);
            match self.parties[party as usize].ask(ask, order, key, attempt).await {
                Ok(()) => return (Outcome::Done, String::new()),
                Err(CallError::Refused(why)) if forwards => return (Outcome::Refused, why),
                Err(CallError::Refused(why) | CallError::Failed(why)) => error = why,
            }
            self.metrics.retries.inc();
            last = pause(&self.config.get().backoff, last, &mut rand::rng());
            let next = Instant::now() + last;
            sleep_until(if forwards { next.min(gives_up) } else { next }).await;
        }
    }

    /// What one who takes part knows this by, however often they are asked.
    fn key(&self, order: &Order, ask: Ask, attempt: u32) -> String {
        let again = ask == Ask::Perform(Party::Payments) && attempt > 1;
        if again && self.config.get().has(Defect::ChargeRetriedWithoutKey) {
            // Defect: whoever gets this has never seen it before.
            return format!("{}.{:08x}", order.id, rand::rng().random::<u32>());
        }
        order.id.clone()
    }

    /// Writes down where an order is then, for as long as the disk refuses it. Nothing if the service has
    /// gone: the order is taken up again by the next one.
    async fn advance(&self, order: &Order, outcome: Outcome, reason: String) -> Option<Order> {
        loop {
            let (id, from, reason) = (order.id.clone(), order.stage(), reason.clone());
            let decide =
                move |ledger: &Ledger, _: &[_]| ledger.advance(&id, from, outcome, &reason);
            match self.keeper.decide(&order.id, decide).await {
                Ok(order) => return order,
                Err(Undecided::Gone) => return None,
                Err(Undecided::Disk) => {
                    let pause = pause(&self.config.get().backoff, Duration::ZERO, &mut rand::rng());
                    sleep(pause).await;
                }
            }
        }
    }

    /// Defect: sends the event of an order that was just written down, if nobody else does.
    pub(super) async fn announce(&self, order: &Order) {
        if !self.config.get().has(Defect::DualWrite) {
            return;
        }
        let mut last = Duration::ZERO;
        while self.consumer.deliver(&[Event::of(order)]).await.is_err() {
            last = pause(&self.config.get().backoff, last, &mut rand::rng());
            sleep(last).await;
        }
    }
}
