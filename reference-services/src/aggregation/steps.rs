//! Requests are begun in steps: so many, then a turn of the runtime for all that is under way.
//!
//! When a thousand connections open at once, each with a request, the one thread begins all of them
//! before it sees an answer to any. Each then waits for the work on all others, and calls that were
//! answered in time are found to be late: failures out of nothing but a burst. Begun in steps, the
//! first are done while the last still wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

/// The shortest step: as exact as timers are.
const STEP: Duration = Duration::from_millis(1);

/// Lets requests begin, in the order in which they came. Those that wait are bounded by the requests
/// in flight.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    most: usize,
    lasts: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// The step that now is.
    since: Instant,
    begun: usize,
    waiting: VecDeque<oneshot::Sender<()>>,
}

impl Steps {
    /// At most so many in a step.
    pub(super) fn new(most: usize) -> Self {
        let state = State { since: Instant::now(), begun: 0, waiting: VecDeque::new() };
        Self { most, lasts: STEP, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place in a step.
    pub(super) async fn enter(&self) {
        let turn = {
            let mut state = self.state();
            if state.waiting.is_empty() {
                if state.since.elapsed() >= self.lasts {
                    (state.since, state.begun) = (Instant::now(), 0);
                }
                if state.begun < self.most {
                    state.begun += 1;
                    return;
                }
                tokio::spawn(self.clone().go_on());
            }
            let (turn, comes) = oneshot::channel();
            state.waiting.push_back(turn);
            comes
        };
        // Nobody who waits is forgotten.
        let _ = turn.await;
    }

    /// Takes step after step until nobody waits.
    async fn go_on(self) {
        loop {
            sleep(self.lasts).await;
            let mut state = self.state();
            (state.since, state.begun) = (Instant::now(), 0);
            while state.begun < self.most {
                let Some(turn) = state.waiting.pop_front() else { return };
                // One who has gone leaves the place to the next.
                state.begun += usize::from(turn.send(()).is_ok());
            }
            if state.waiting.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    /// Far longer than what is done within one.
    const LONG: Duration = Duration::from_millis(300);

    fn steps(most: usize) -> Steps {
        Steps { lasts: LONG, ..Steps::new(most) }
    }

    #[tokio::test]
    async fn a_burst_is_begun_in_steps_and_in_order() {
        let steps = steps(10);
        let begun = Arc::new(Mutex::new(Vec::new()));
        let mut requests = JoinSet::new();
        let start = Instant::now();
        for number in 0..35 {
            let (steps, begun) = (steps.clone(), Arc::clone(&begun));
            requests.spawn(async move {
                steps.enter().await;
                begun.lock().unwrap().push(number);
            });
        }
        while requests.join_next().await.is_some() {}
        assert_eq!(*begun.lock().unwrap(), (0..35).collect::<Vec<_>>());
        assert!(start.elapsed() >= LONG * 3, "it took {:?}", start.elapsed());
        // And then nobody waits.
        sleep(LONG * 2).await;
        steps.enter().now_or_never().expect("at once");
    }

    #[tokio::test]
    async fn who_goes_away_holds_up_nobody() {
        let steps = steps(1);
        steps.enter().await;
        let gone = tokio::time::timeout(Duration::ZERO, steps.enter()).await;
        assert!(gone.is_err(), "it had to wait");
        steps.enter().await;
        assert!(steps.state().waiting.is_empty());
    }
}
