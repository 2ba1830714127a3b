//! `slow_close`: the end of a stream takes `delay` longer.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Chunk, Effect, Inbox, Input, Kind, Step, millis};

/// Its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowClose {
    /// In milliseconds.
    pub delay: i64,
}

impl Kind for SlowClose {
    fn name(&self) -> &'static str {
        "slow_close"
    }

    fn go_type(&self) -> &'static str {
        "SlowCloseToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("delay", &mut self.delay)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(LateEnd { delay: self.delay, due: None })
    }
}

struct LateEnd {
    delay: i64,
    due: Option<Instant>,
}

impl Effect for LateEnd {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        match inbox.take() {
            Input::Chunk(chunk) => Step::Pass(chunk),
            Input::Nothing => Step::Idle,
            Input::End => {
                let due = *self.due.get_or_insert(now + millis(self.delay));
                if now < due { Step::Until(due) } else { Step::Close }
            }
        }
    }

    fn interrupt(&mut self) -> Option<Chunk> {
        self.due = None;
        None
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::SlowClose(to) = to {
            self.delay = to.delay;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    #[test]
    fn data_passes_at_once_and_the_end_is_late() {
        let mut it = Bench::new(Attributes::SlowClose(SlowClose { delay: 80 }));
        it.push(0, b"a");
        it.passes(0, b"a");
        it.is(5, &Step::Idle);
        it.end();
        it.waits(10, 90);
        it.waits(89, 90);
        it.is(90, &Step::Close);
    }

    #[test]
    fn a_changed_delay_counts_anew() {
        let mut it = Bench::new(Attributes::SlowClose(SlowClose { delay: 80 }));
        it.end();
        it.waits(0, 80);
        it.interrupt();
        it.change(Attributes::SlowClose(SlowClose { delay: 10 }));
        it.waits(50, 60);
        it.is(60, &Step::Close);
    }
}
