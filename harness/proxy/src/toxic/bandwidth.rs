//! `bandwidth`: data passes at `rate` KB (1,000 bytes) a second.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Chunk, Effect, Inbox, Input, Kind, Step, WAIT_MAX};

/// A chunk that takes longer passes in pieces, one after each such interval.
const INTERVAL: Duration = Duration::from_millis(100);

/// Its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bandwidth {
    /// In KB a second, which is bytes a millisecond; nothing passes at zero.
    pub rate: i64,
}

impl Kind for Bandwidth {
    fn name(&self) -> &'static str {
        "bandwidth"
    }

    fn go_type(&self) -> &'static str {
        "BandwidthToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("rate", &mut self.rate)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Throttle { rate: self.rate, debt: 0, held: None })
    }
}

struct Throttle {
    rate: i64,
    /// Nanoseconds that the rate still demands; less than none if a wait was longer than it had to be.
    debt: i128,
    held: Option<Held>,
}

struct Held {
    chunk: Chunk,
    since: Instant,
}

impl Throttle {
    /// Bytes that pass in one interval.
    fn piece(&self) -> usize {
        usize::try_from(self.rate.saturating_mul(100)).unwrap_or(0)
    }

    fn charge(&mut self, bytes: usize) {
        let bytes = i128::try_from(bytes).unwrap_or(i128::MAX);
        self.debt += bytes.saturating_mul(1_000_000) / i128::from(self.rate);
    }
}

/// As a time to wait.
fn wait(nanoseconds: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX)).min(WAIT_MAX)
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

impl Effect for Throttle {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        let mut held = match self.held.take() {
            Some(held) => held,
            None => match inbox.take() {
                Input::Chunk(chunk) => {
                    if self.rate > 0 {
                        self.charge(chunk.data.len());
                    }
                    Held { chunk, since: now }
                }
                Input::End => return Step::Close,
                Input::Nothing => return Step::Idle,
            },
        };
        if self.rate <= 0 {
            self.held = Some(held);
            return Step::Idle;
        }
        let in_pieces = held.chunk.data.len() > self.piece();
        let due = held.since + if in_pieces { INTERVAL } else { wait(self.debt) };
        if now < due {
            self.held = Some(held);
            return Step::Until(due);
        }
        if !in_pieces {
            self.debt -= nanoseconds(now - held.since);
            return Step::Pass(held.chunk);
        }
        self.debt -= nanoseconds(INTERVAL);
        let data = held.chunk.data.split_to(self.piece());
        let at = held.chunk.at;
        self.held = Some(Held { since: now, ..held });
        Step::Pass(Chunk { data, at })
    }

    fn interrupt(&mut self) -> Option<Chunk> {
        self.debt = 0;
        self.held.take().map(|held| held.chunk)
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::Bandwidth(to) = to {
            self.rate = to.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    fn bench(rate: i64) -> Bench {
        Bench::new(Attributes::Bandwidth(Bandwidth { rate }))
    }

    #[test]
    fn a_small_chunk_waits_as_long_as_its_bytes_take() {
        let mut it = bench(10);
        it.push(0, &[1; 500]);
        it.waits(0, 50);
        it.passes(50, &[1; 500]);
        it.is(50, &Step::Idle);
    }

    #[test]
    fn a_large_chunk_passes_in_pieces_of_a_tenth_of_a_second() {
        let mut it = bench(1);
        it.push(0, &[1; 250]);
        it.waits(0, 100);
        it.passes(100, &[1; 100]);
        it.waits(100, 200);
        it.passes(200, &[1; 100]);
        it.waits(200, 250);
        it.passes(250, &[1; 50]);
    }

    #[test]
    fn a_wait_that_took_too_long_is_made_up_for() {
        let mut it = bench(1);
        for _ in 0..3 {
            it.push(0, &[1; 20]);
        }
        it.waits(0, 20);
        it.passes(35, &[1; 20]);
        it.waits(35, 40);
        it.passes(40, &[1; 20]);
        it.waits(40, 60);
    }

    #[test]
    fn nothing_passes_at_zero_or_less_until_that_changes() {
        for rate in [0, -1, i64::MIN] {
            let mut it = bench(rate);
            it.push(0, b"abc");
            it.is(0, &Step::Idle);
            it.is(1_000_000, &Step::Idle);
            assert_eq!(it.interrupt().as_deref(), Some(&b"abc"[..]));
            it.change(Attributes::Bandwidth(Bandwidth { rate: 1 }));
            it.push(0, b"d");
            it.waits(0, 1);
        }
    }

    #[test]
    fn no_rate_is_too_high() {
        let mut it = bench(i64::MAX);
        it.push(0, b"abc");
        it.passes(0, b"abc");
        it.end();
        it.is(0, &Step::Close);
    }
}
