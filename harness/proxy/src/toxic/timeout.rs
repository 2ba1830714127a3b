//! `timeout`: data vanishes, and the connection is closed `timeout` after the last that came.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Chunk, Effect, Inbox, Input, Kind, Leaving, Step, millis};

/// Its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeout {
    /// In milliseconds; at zero the connection stays open until the toxic is removed.
    pub timeout: i64,
}

impl Kind for Timeout {
    fn name(&self) -> &'static str {
        "timeout"
    }

    fn go_type(&self) -> &'static str {
        "TimeoutToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("timeout", &mut self.timeout)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Blackhole { timeout: self.timeout, due: None })
    }
}

struct Blackhole {
    timeout: i64,
    due: Option<Instant>,
}

impl Effect for Blackhole {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        loop {
            match inbox.take() {
                Input::Chunk(_) => self.due = None,
                Input::End => return Step::Close,
                Input::Nothing => break,
            }
        }
        if self.timeout <= 0 {
            return Step::Idle;
        }
        let due = *self.due.get_or_insert(now + millis(self.timeout));
        if now < due { Step::Until(due) } else { Step::Close }
    }

    fn interrupt(&mut self) -> Option<Chunk> {
        self.due = None;
        None
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::Timeout(to) = to {
            self.timeout = to.timeout;
        }
    }

    fn leaving(&self) -> Leaving {
        Leaving::Close
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    fn bench(timeout: i64) -> Bench {
        Bench::new(Attributes::Timeout(Timeout { timeout }))
    }

    #[test]
    fn data_vanishes_and_each_puts_off_the_end() {
        let mut it = bench(50);
        it.waits(0, 50);
        it.push(40, b"a");
        it.waits(40, 90);
        assert_eq!(it.waiting(), 0);
        it.is(90, &Step::Close);
    }

    #[test]
    fn at_zero_it_never_ends_by_itself() {
        for timeout in [0, -1] {
            let mut it = bench(timeout);
            it.push(0, b"a");
            it.is(1_000_000, &Step::Idle);
            assert_eq!(it.waiting(), 0);
            assert_eq!(it.leaving(), Leaving::Close);
            it.end();
            it.is(1_000_000, &Step::Close);
        }
    }
}
