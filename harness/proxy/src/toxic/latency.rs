//! `latency`: each chunk passes `latency` after it was read, plus or minus up to `jitter`.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Chunk, Effect, Inbox, Input, Kind, Step, millis};

/// Its attributes, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// How much longer data takes.
    pub latency: i64,
    /// It takes up to this much less or more than `latency`.
    pub jitter: i64,
}

impl Kind for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn go_type(&self) -> &'static str {
        "LatencyToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("latency", &mut self.latency), ("jitter", &mut self.jitter)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Delay { attributes: *self, held: None })
    }
}

/// A chunk at a time: later ones wait in the inbox, and their delays count from when they were read.
struct Delay {
    attributes: Latency,
    held: Option<Held>,
}

struct Held {
    /// As it goes on: with the instant from which the delays of later toxics count.
    chunk: Chunk,
    due: Instant,
}

impl Delay {
    fn hold(&self, chunk: Chunk, now: Instant, draws: &mut ChaCha8Rng) -> Held {
        let Latency { latency, jitter } = self.attributes;
        let jitter = if jitter > 0 { draws.random_range(-jitter..jitter) } else { 0 };
        let due = chunk.at + millis(latency.saturating_add(jitter));
        // What it has waited already, behind others, counts for the toxics behind this one as well.
        let at = due.checked_sub(now.duration_since(chunk.at)).unwrap_or(chunk.at);
        Held { chunk: Chunk { data: chunk.data, at }, due }
    }
}

impl Effect for Delay {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, draws: &mut ChaCha8Rng) -> Step {
        let held = match self.held.take() {
            Some(held) => held,
            None => match inbox.take() {
                Input::Chunk(chunk) => self.hold(chunk, now, draws),
                Input::End => return Step::Close,
                Input::Nothing => return Step::Idle,
            },
        };
        if now >= held.due {
            return Step::Pass(held.chunk);
        }
        let due = held.due;
        self.held = Some(held);
        Step::Until(due)
    }

    fn interrupt(&mut self) -> Option<Chunk> {
        self.held.take().map(|held| held.chunk)
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::Latency(to) = to {
            self.attributes = *to;
        }
    }

    fn capacity(&self) -> usize {
        1024
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    fn bench(latency: i64, jitter: i64) -> Bench {
        Bench::new(Attributes::Latency(Latency { latency, jitter }))
    }

    #[test]
    fn each_chunk_is_late_by_the_latency_since_it_was_read() {
        let mut it = bench(100, 0);
        it.push(0, b"a");
        it.push(30, b"b");
        it.waits(0, 100);
        it.waits(99, 100);
        it.passes(100, b"a");
        it.waits(100, 130);
        it.passes(130, b"b");
        it.is(130, &Step::Idle);
        it.end();
        it.is(130, &Step::Close);
    }

    #[test]
    fn jitter_is_drawn_for_each_chunk_and_order_stays() {
        let mut it = bench(100, 50);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..200 {
            it.push(1000 * n, b"x");
            match it.step(1000 * n) {
                Step::Until(due) => {
                    let late = due - it.at(1000 * n);
                    assert!((50..150).contains(&late.as_millis()), "{late:?}");
                    seen.insert(late);
                }
                other => panic!("{other:?}"),
            }
            it.passes(1000 * n + 150, b"x");
        }
        assert!(seen.len() > 50, "{}", seen.len());
    }

    #[test]
    fn what_it_holds_is_given_back_at_an_interrupt_and_the_rest_waits() {
        let mut it = bench(100, 0);
        it.push(0, b"a");
        it.push(0, b"b");
        it.waits(0, 100);
        assert_eq!(it.interrupt().as_deref(), Some(&b"a"[..]));
        it.change(Attributes::Latency(Latency { latency: 20, jitter: 0 }));
        it.waits(10, 20);
        it.passes(20, b"b");
    }

    #[test]
    fn numbers_out_of_all_bounds_do_no_harm() {
        for (latency, jitter) in
            [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (-5, 0), (0, i64::MAX)]
        {
            let mut it = bench(latency, jitter);
            it.push(0, b"a");
            it.step(0);
        }
    }
}
