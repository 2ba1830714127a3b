//! A clock that wakes tasks to the tenth of a millisecond, where Tokio's timers have a millisecond: a
//! load that is sent up to a millisecond late would be measured as latency of the service.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// What the thread of the timer sleeps for when nobody waits.
const IDLE: Duration = Duration::from_millis(100);

/// Wakes tasks at instants. Its thread ends with the last handle.
#[derive(Clone, Debug)]
pub(super) struct Timer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: Mutex<Waiting>,
    sooner: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By instant, and by number among those of one instant.
    wakers: BTreeMap<(Instant, u64), Waker>,
    number: u64,
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub(super) fn start() -> std::io::Result<Self> {
        let inner = Arc::new(Inner { waiting: Mutex::default(), sooner: Condvar::new() });
        let weak = Arc::downgrade(&inner);
        thread::Builder::new().name("timer".to_owned()).spawn(move || run(&weak))?;
        Ok(Self(inner))
    }

    /// Waits until `deadline`.
    pub(super) async fn sleep_until(&self, deadline: Instant) {
        let mut sleep = Sleep { inner: &self.0, deadline, place: None };
        std::future::poll_fn(|cx| sleep.poll(cx)).await;
    }
}

/// One wait; forgotten by the timer when it is dropped.
struct Sleep<'t> {
    inner: &'t Inner,
    deadline: Instant,
    place: Option<(Instant, u64)>,
}

impl Sleep<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut waiting = self.inner.lock();
        let place = *self.place.get_or_insert_with(|| {
            waiting.number += 1;
            (self.deadline, waiting.number)
        });
        let is_first = waiting.wakers.keys().next().is_none_or(|first| place < *first);
        waiting.wakers.insert(place, cx.waker().clone());
        if is_first {
            self.inner.sooner.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.inner.lock().wakers.remove(&place);
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(inner: &Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let mut waiting = inner.lock();
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some(entry) = waiting.wakers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        if due.is_empty() {
            let next = waiting.wakers.keys().next();
            let pause = next.map_or(IDLE, |(at, _)| at.duration_since(now).min(IDLE));
            let waited = inner.sooner.wait_timeout(waiting, pause);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        } else {
            drop(waiting);
            due.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Timer;

    #[test]
    fn tasks_wake_in_the_order_of_their_instants_and_not_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let timer = Timer::start().expect("a thread");
            let begin = Instant::now();
            let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
            for ms in [30_u64, 10, 20, 10] {
                let (timer, send) = (timer.clone(), send.clone());
                tokio::spawn(async move {
                    let deadline = begin + Duration::from_millis(ms);
                    timer.sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                    let _ = send.send(ms);
                });
            }
            drop(send);
            let mut woken = Vec::new();
            while let Some(ms) = receive.recv().await {
                woken.push(ms);
            }
            assert_eq!(woken, [10, 10, 20, 30]);
        });
    }

    #[test]
    fn a_wait_that_is_given_up_is_forgotten() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let timer = Timer::start().expect("a thread");
            let far = Instant::now() + Duration::from_secs(3600);
            let waits = timer.sleep_until(far);
            tokio::select! {
                biased;
                () = waits => unreachable!("an hour has not passed"),
                () = tokio::task::yield_now() => {}
            }
            assert!(timer.0.lock().wakers.is_empty());
        });
    }
}
