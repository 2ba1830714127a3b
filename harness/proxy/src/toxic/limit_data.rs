//! `limit_data`: so many bytes pass on a connection, and then it is closed.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Effect, Inbox, Input, Kind, Step};

/// Its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitData {
    /// How many bytes pass.
    pub bytes: i64,
}

impl Kind for LimitData {
    fn name(&self) -> &'static str {
        "limit_data"
    }

    fn go_type(&self) -> &'static str {
        "LimitDataToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("bytes", &mut self.bytes)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Quota { bytes: self.bytes, passed: 0, spent: false })
    }
}

struct Quota {
    bytes: i64,
    /// Counted on, whatever the limit is changed to.
    passed: u64,
    spent: bool,
}

impl Effect for Quota {
    fn step(&mut self, inbox: &mut Inbox, _now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        if self.spent {
            return Step::Close;
        }
        let mut chunk = match inbox.take() {
            Input::Chunk(chunk) => chunk,
            Input::End => return Step::Close,
            Input::Nothing => return Step::Idle,
        };
        let remaining = u64::try_from(self.bytes).unwrap_or(0).saturating_sub(self.passed);
        let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(chunk.data.len());
        chunk.data.truncate(length);
        self.passed += length as u64;
        self.spent = length as u64 == remaining;
        if length == 0 { Step::Close } else { Step::Pass(chunk) }
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::LimitData(to) = to {
            self.bytes = to.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    fn limit(bytes: i64) -> Attributes {
        Attributes::LimitData(LimitData { bytes })
    }

    #[test]
    fn the_chunk_that_reaches_the_limit_is_cut_off_and_the_last() {
        let mut it = Bench::new(limit(5));
        it.push(0, b"abc");
        it.push(0, b"def");
        it.passes(0, b"abc");
        it.passes(0, b"de");
        it.is(0, &Step::Close);
    }

    #[test]
    fn the_connection_ends_with_its_last_byte() {
        let mut it = Bench::new(limit(3));
        it.push(0, b"abc");
        it.passes(0, b"abc");
        it.is(0, &Step::Close);
    }

    #[test]
    fn a_changed_limit_counts_from_the_beginning_of_the_connection() {
        let mut it = Bench::new(limit(100));
        it.push(0, b"abcd");
        it.passes(0, b"abcd");
        it.is(0, &Step::Idle);
        it.change(limit(6));
        it.push(0, b"efgh");
        it.passes(0, b"ef");
        it.is(0, &Step::Close);
    }

    #[test]
    fn a_limit_that_was_passed_already_or_none_ends_it_at_the_next_data() {
        for bytes in [2, 0, -1] {
            let mut it = Bench::new(limit(100));
            it.push(0, b"abcd");
            it.passes(0, b"abcd");
            it.change(limit(bytes));
            it.is(0, &Step::Idle);
            it.push(0, b"e");
            it.is(0, &Step::Close);
        }
    }
}
