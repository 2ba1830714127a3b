//! One request of the load, from its first attempt to its entry in the record.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::header;
use http_body_util::Full;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use squall_os::sim::sleep_until;
use squall_reports::record::{Outcome, Request, RequestId, WARM_UP, What};

use super::{
    Source,
    answer::{Asked, Ending},
    trace,
};
use crate::{
    interpose,
    plan::{FaultKind, RequestSpec, fill_in, nanos},
    sim::{rng, shared},
};

/// A request that is about to be sent.
pub(crate) struct Task {
    source: Arc<Source>,
    /// Its place in the mix.
    kind: usize,
    resource: u64,
    /// Which of the clients that keep cookies sends it, if any does.
    session: Option<usize>,
    intended: u64,
    /// When the client goes away, and the fault that makes it.
    disconnect: Option<(Duration, u16)>,
    /// What the factors of the pauses between its attempts are drawn from: the same whatever
    /// other requests do meanwhile.
    pauses: u64,
}

impl Task {
    /// Draws what is requested, and whether the client stays for the answer.
    pub(crate) fn draw(source: &Arc<Source>, intended: u64, rng: &mut ChaCha8Rng) -> Self {
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
        let disconnect = (0_u16..).zip(&source.faults).find_map(|(number, fault)| {
            let FaultKind::Disconnect { rate, after } = fault.kind else { return None };
            let acts = fault.inject <= after_begin && after_begin < fault.heal;
            (acts && rng::chance(rate, rng)).then_some((after, number))
        });
        Self {
            source: Arc::clone(source),
            kind,
            resource,
            session: source.sessions.draw(rng),
            intended,
            disconnect,
            pauses: rng.random(),
        }
    }

    /// Sends the request and enters what became of it into the record.
    pub(crate) async fn perform(self) {
        let Some(id) = shared::current().map(|shared| shared.next_request()) else { return };
        let mut entry = Entry {
            id,
            source: Arc::clone(&self.source),
            kind: self.kind,
            intended: self.intended,
            started: interpose::now(),
            attempts: 0,
            written: false,
        };
        let deadline = tokio::time::sleep(self.source.load.timeout);
        let leaves = async {
            match self.disconnect {
                Some((after, fault)) => {
                    sleep_until(interpose::now() + nanos(after)).await;
                    fault
                }
                None => std::future::pending().await,
            }
        };
        let attempts = std::sync::atomic::AtomicU8::new(0);
        let count = || attempts.load(std::sync::atomic::Ordering::Relaxed);
        let ending = tokio::select! {
            biased;
            ending = self.attempt_all(id, &attempts) => ending,
            fault = leaves => {
                if let Some(shared) = shared::current() {
                    shared.affect(fault, 1);
                }
                Ending::without_answer(Outcome::Abandoned, "client disconnected")
            }
            () = deadline => Ending::without_answer(Outcome::Failed, "timeout"),
        };
        entry.attempts = count();
        entry.write(&ending);
    }

    /// The request alone, for what is not part of the load.
    pub(crate) fn warms_up(&self) -> http::Request<Full<Bytes>> {
        self.request(&self.source.load.mix[self.kind], WARM_UP, 1)
    }

    async fn attempt_all(&self, id: RequestId, count: &std::sync::atomic::AtomicU8) -> Ending {
        let retry = self.source.load.retry;
        let mut pause = retry.backoff;
        for attempt in 1.. {
            count.store(attempt, std::sync::atomic::Ordering::Relaxed);
            let ending = self.attempt(id, attempt).await;
            let may_pass = matches!(ending.outcome, Outcome::Failed | Outcome::Shed)
                && (ending.status == 0 || ending.status == 429 || ending.status >= 500);
            if !may_pass || attempt >= retry.attempts_max {
                return ending;
            }
            let factor: f64 = rng::stream(self.pauses, &format!("pause {attempt}")).random();
            sleep_until(interpose::now() + nanos(pause.mul_f64(factor))).await;
            pause = pause.saturating_mul(2);
        }
        unreachable!("an attempt number does not pass the last one")
    }

    async fn attempt(&self, id: RequestId, attempt: u8) -> Ending {
        let spec = &self.source.load.mix[self.kind];
        match self.source.client.send(self.request(spec, id, attempt)).await {
            Ok(answer) => {
                if let Some(session) = self.session {
                    self.source.sessions.keep(session, &answer.headers);
                }
                let asked = Asked { id: self.resource, request: id };
                Ending::of(&answer, &spec.expect, asked)
            }
            Err(reason) => Ending::without_answer(Outcome::Failed, reason),
        }
    }

    fn request(
        &self,
        spec: &RequestSpec,
        id: RequestId,
        attempt: u8,
    ) -> http::Request<Full<Bytes>> {
        // Those that warm up are none of the load.
        let number = if id == WARM_UP { 0 } else { id };
        let filled_in = |text: &str| fill_in(text, self.resource, number);
        let mut request = http::Request::builder()
            .method(spec.method.as_str())
            .uri(filled_in(&spec.path))
            .header(header::HOST, self.source.client.target())
            .header("traceparent", trace::parent_of(id, attempt));
        if !spec.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(cookies) = self.session.and_then(|client| self.source.sessions.header(client)) {
            request = request.header(header::COOKIE, cookies);
        }
        request
            .body(Full::from(filled_in(&spec.body)))
            .expect("a checked plan has methods and paths that make requests")
    }
}

/// Writes a request into the record, exactly once.
struct Entry {
    id: RequestId,
    source: Arc<Source>,
    kind: usize,
    intended: u64,
    started: u64,
    attempts: u8,
    written: bool,
}

impl Entry {
    fn write(&mut self, ending: &Ending) {
        self.written = true;
        let Some(shared) = shared::current() else { return };
        let request = Request {
            id: self.id,
            client: shared.host(),
            route: shared.intern(&self.source.load.mix[self.kind].route),
            intended: self.intended,
            started: self.started,
            outcome: ending.outcome,
            status: ending.status,
            attempts: self.attempts,
            note: shared.intern(&ending.note),
        };
        shared.record(What::Request(request));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.written {
            // The client's own process died: nobody waits for the answer any more.
            self.write(&Ending::without_answer(Outcome::Abandoned, "client died"));
        }
    }
}
