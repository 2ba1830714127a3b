//! One request of the load, from its first attempt to its entry in the record.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use squall_reports::record::{EventKind, Outcome, Request, RequestId, WARM_UP};

use super::{Source, answer::Ending, attempt::Attempt, faults::Disconnect};
use crate::{
    plan::nanos,
    run::{environment::Environment, rng},
};

/// A request that is about to be sent.
pub(super) struct Task<E> {
    source: Arc<Source<E>>,
    /// Its place in the mix.
    kind: usize,
    resource: u64,
    /// Which of the clients that keep cookies sends it, if any does.
    session: Option<usize>,
    intended: u64,
    /// When the client goes away, and the fault that makes it.
    disconnect: Option<(Duration, u16)>,
    /// What else is drawn for it, such as the factors of the pauses between its attempts, is drawn
    /// from this: the same whatever other requests do meanwhile.
    seed: u64,
}

impl<E: Environment> Task<E> {
    /// Draws what is requested, and whether the client stays for the answer.
    pub(super) fn draw(source: &Arc<Source<E>>, intended: u64, rng: &mut ChaCha8Rng) -> Self {
        let mix = &source.load.mix;
        let total: u64 = mix.iter().map(|request| u64::from(request.weight)).sum();
        let mut drawn = rng.random_range(0..total.max(1));
        let mut kind = 0;
        for (place, request) in mix.iter().enumerate() {
            if drawn < u64::from(request.weight) {
                kind = place;
                break;
            }
            drawn -= u64::from(request.weight);
        }
        let resource = rng.random_range(1..=mix[kind].ids.max(1));
        let after_begin = Duration::from_nanos(intended.saturating_sub(source.begin));
        let disconnect = source.faults.disconnects.iter().find_map(|fault| {
            let Disconnect { rate, after } = fault.what;
            (fault.acts(after_begin) && rng::chance(rate, rng)).then_some((after, fault.number))
        });
        Self {
            source: Arc::clone(source),
            kind,
            resource,
            session: source.sessions.draw(rng),
            intended,
            disconnect,
            seed: rng.random(),
        }
    }

    /// Sends the request and enters what became of it into the record.
    pub(super) async fn perform(self) {
        let environment = &self.source.environment;
        let id = environment.next_request();
        let mut entry = Entry {
            id,
            source: Arc::clone(&self.source),
            kind: self.kind,
            intended: self.intended,
            started: environment.now(),
            attempts: 0,
            written: false,
        };
        let deadline = tokio::time::sleep(self.source.load.timeout);
        let leaves = async {
            match self.disconnect {
                Some((after, fault)) => {
                    environment.sleep_until(environment.now() + nanos(after)).await;
                    fault
                }
                None => std::future::pending().await,
            }
        };
        let attempts = std::sync::atomic::AtomicU8::new(0);
        let count = || attempts.load(std::sync::atomic::Ordering::Relaxed);
        let ending = tokio::select! {
            biased;
            ending = self.attempt_all(id, entry.started, &attempts) => ending,
            fault = leaves => {
                environment.affect(fault, 1);
                Ending::without_answer(Outcome::Abandoned, "client disconnected")
            }
            () = deadline => Ending::without_answer(Outcome::Failed, "timeout"),
        };
        entry.attempts = count();
        entry.write(&ending);
    }

    /// Sends the request once, as one that is not part of the load.
    pub(super) async fn warm_up(self) {
        let now = self.source.environment.now();
        self.attempt(WARM_UP, 1, now).perform().await;
    }

    async fn attempt_all(
        &self,
        id: RequestId,
        started: u64,
        count: &std::sync::atomic::AtomicU8,
    ) -> Ending {
        let retry = self.source.load.retry;
        let mut pause = retry.backoff;
        for attempt in 1.. {
            count.store(attempt, std::sync::atomic::Ordering::Relaxed);
            let ending = self.attempt(id, attempt, started).perform().await;
            if !ending.may_pass_again() || attempt >= retry.attempts_max {
                return ending;
            }
            let factor: f64 = rng::stream(self.seed, &format!("pause {attempt}")).random();
            let environment = &self.source.environment;
            environment.sleep_until(environment.now() + nanos(pause.mul_f64(factor))).await;
            pause = pause.saturating_mul(2);
        }
        unreachable!("an attempt number does not pass the last one")
    }

    fn attempt(&self, request: RequestId, number: u8, started: u64) -> Attempt<'_, E> {
        Attempt {
            source: &self.source,
            spec: &self.source.load.mix[self.kind],
            request,
            number,
            id: self.resource,
            session: self.session,
            intended: self.intended,
            started,
            seed: self.seed,
        }
    }
}

/// Writes a request into the record, exactly once.
struct Entry<E: Environment> {
    id: RequestId,
    source: Arc<Source<E>>,
    kind: usize,
    intended: u64,
    started: u64,
    attempts: u8,
    written: bool,
}

impl<E: Environment> Entry<E> {
    fn write(&mut self, ending: &Ending) {
        self.written = true;
        let environment = &self.source.environment;
        let request = Request {
            id: self.id,
            client: environment.host(),
            route: environment.intern(&self.source.load.mix[self.kind].route),
            intended: self.intended,
            started: self.started,
            outcome: ending.outcome,
            status: ending.status,
            attempts: self.attempts,
            note: environment.intern(&ending.note),
        };
        environment.record(EventKind::Request(request));
    }
}

impl<E: Environment> Drop for Entry<E> {
    fn drop(&mut self) {
        if !self.written {
            // The client's own process died: nobody waits for the answer any more.
            self.write(&Ending::without_answer(Outcome::Abandoned, "client died"));
        }
    }
}
