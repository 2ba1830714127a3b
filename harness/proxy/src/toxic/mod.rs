//! The toxics: what each is told (attributes) and what each does to a stream (an [`Effect`]).
//!
//! An effect takes chunks from its [`Inbox`] and hands them on, at an instant that it is told. It
//! knows no socket and no clock, so that a test can step through it.

mod bandwidth;
mod latency;
mod limit_data;
mod noop;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub use self::{
    bandwidth::Bandwidth, latency::Latency, limit_data::LimitData, noop::Noop,
    reset_peer::ResetPeer, slicer::Slicer, slow_close::SlowClose, timeout::Timeout,
};

/// Longer than anybody waits, and short enough to be added to an instant.
const WAIT_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The way of a stream through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// What clients send to the service.
    Upstream,
    /// What the service sends to clients.
    Downstream,
}

impl Direction {
    /// `upstream` or `downstream`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }

    /// In any case, as Toxiproxy reads it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Upstream, Self::Downstream]
            .into_iter()
            .find(|direction| direction.name() == text.to_lowercase())
    }
}

/// A type of toxic with its attributes, which are those of Toxiproxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "attributes", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attributes {
    /// Data takes longer.
    Latency(Latency),
    /// Data passes at a limited rate.
    Bandwidth(Bandwidth),
    /// The end of a stream takes longer.
    SlowClose(SlowClose),
    /// Data vanishes, and the connection is closed after a time.
    Timeout(Timeout),
    /// The connection is reset.
    ResetPeer(ResetPeer),
    /// Data passes in slices.
    Slicer(Slicer),
    /// So many bytes pass, and then the connection is closed.
    LimitData(LimitData),
    /// Nothing happens.
    Noop(Noop),
}

/// What all types have in common.
trait Kind {
    /// Its name in the API.
    fn name(&self) -> &'static str;
    /// Toxiproxy's type, which messages name.
    fn go_type(&self) -> &'static str;
    /// The Go type of its attributes.
    fn go_integer(&self) -> &'static str {
        "int64"
    }
    /// Its attributes in the order of answers.
    fn fields(&mut self) -> Vec<(&'static str, &mut i64)>;
    /// It at work on one connection.
    fn effect(&self) -> Box<dyn Effect>;
}

impl Attributes {
    /// Those of a type of this name, all of them zero.
    pub(crate) fn of_type(name: &str) -> Option<Self> {
        let mut all = [
            Self::Latency(Latency::default()),
            Self::Bandwidth(Bandwidth::default()),
            Self::SlowClose(SlowClose::default()),
            Self::Timeout(Timeout::default()),
            Self::ResetPeer(ResetPeer::default()),
            Self::Slicer(Slicer::default()),
            Self::LimitData(LimitData::default()),
            Self::Noop(Noop::default()),
        ]
        .into_iter();
        all.find(|attributes| attributes.type_name() == name)
    }

    fn kind(&self) -> &dyn Kind {
        match self {
            Self::Latency(kind) => kind,
            Self::Bandwidth(kind) => kind,
            Self::SlowClose(kind) => kind,
            Self::Timeout(kind) => kind,
            Self::ResetPeer(kind) => kind,
            Self::Slicer(kind) => kind,
            Self::LimitData(kind) => kind,
            Self::Noop(kind) => kind,
        }
    }

    fn kind_mut(&mut self) -> &mut dyn Kind {
        match self {
            Self::Latency(kind) => kind,
            Self::Bandwidth(kind) => kind,
            Self::SlowClose(kind) => kind,
            Self::Timeout(kind) => kind,
            Self::ResetPeer(kind) => kind,
            Self::Slicer(kind) => kind,
            Self::LimitData(kind) => kind,
            Self::Noop(kind) => kind,
        }
    }

    /// The name of the type in the API: `latency`, `slow_close`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.kind().name()
    }

    pub(crate) fn go_type(&self) -> &'static str {
        self.kind().go_type()
    }

    pub(crate) fn go_integer(&self) -> &'static str {
        self.kind().go_integer()
    }

    pub(crate) fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        self.kind_mut().fields()
    }

    pub(crate) fn effect(&self) -> Box<dyn Effect> {
        self.kind().effect()
    }
}

/// Bytes that were read at once, with the instant from which their delays count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) data: Bytes,
    pub(crate) at: Instant,
}

/// What waits for an effect.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) chunks: VecDeque<Chunk>,
    /// No more chunks will come.
    pub(crate) ended: bool,
}

/// The next thing in an [`Inbox`].
pub(crate) enum Input {
    Chunk(Chunk),
    End,
    Nothing,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { chunks: VecDeque::new(), ended: false }
    }

    pub(crate) fn take(&mut self) -> Input {
        match self.chunks.pop_front() {
            Some(chunk) => Input::Chunk(chunk),
            None if self.ended => Input::End,
            None => Input::Nothing,
        }
    }
}

/// What an effect came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These bytes go on.
    Pass(Chunk),
    /// Nothing to do until something comes in.
    Idle,
    /// Nothing to do until then.
    Until(Instant),
    /// The stream ends here, whatever may still come in.
    Close,
}

/// How a toxic leaves a connection that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// What it holds goes on without delay.
    Flush,
    /// It takes the connection with it.
    Close,
    /// It is about to close the connection and no longer to be stopped.
    TooLate,
}

/// A toxic at work on one connection.
pub(crate) trait Effect: Send {
    /// Goes one step. Called again after [`Step::Pass`] once that chunk is out of the way.
    fn step(&mut self, inbox: &mut Inbox, now: Instant, draws: &mut ChaCha8Rng) -> Step;

    /// Gives back what it had taken from its inbox and begins again, as the neighbour of a toxic that
    /// comes or goes and as one that is changed.
    fn interrupt(&mut self) -> Option<Chunk> {
        None
    }

    /// Takes other attributes of its own type.
    fn change(&mut self, to: &Attributes);

    /// Chunks that may wait for it.
    fn capacity(&self) -> usize {
        1
    }

    fn leaving(&self) -> Leaving {
        Leaving::Flush
    }
}

/// Milliseconds of an attribute as a time to wait; none if negative.
fn millis(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0)).min(WAIT_MAX)
}

#[cfg(test)]
mod test {
    //! An effect on its own, at instants of the test's choosing.

    use rand::SeedableRng;

    use super::*;

    pub(super) struct Bench {
        effect: Box<dyn Effect>,
        inbox: Inbox,
        draws: ChaCha8Rng,
        begin: Instant,
    }

    impl Bench {
        pub(super) fn new(attributes: Attributes) -> Self {
            let draws = ChaCha8Rng::seed_from_u64(1);
            let begin = Instant::now();
            Self { effect: attributes.effect(), inbox: Inbox::new(), draws, begin }
        }

        pub(super) fn at(&self, millis: u64) -> Instant {
            self.begin + Duration::from_millis(millis)
        }

        pub(super) fn push(&mut self, millis: u64, data: &[u8]) {
            let chunk = Chunk { data: Bytes::copy_from_slice(data), at: self.at(millis) };
            self.inbox.chunks.push_back(chunk);
        }

        pub(super) fn end(&mut self) {
            self.inbox.ended = true;
        }

        pub(super) fn step(&mut self, millis: u64) -> Step {
            let now = self.at(millis);
            self.effect.step(&mut self.inbox, now, &mut self.draws)
        }

        /// Must pass these bytes.
        #[track_caller]
        pub(super) fn passes(&mut self, millis: u64, data: &[u8]) {
            match self.step(millis) {
                Step::Pass(chunk) => assert_eq!(chunk.data, data),
                other => panic!("expected bytes, found {other:?}"),
            }
        }

        /// Must do nothing until then.
        #[track_caller]
        pub(super) fn waits(&mut self, millis: u64, until: u64) {
            assert_eq!(self.step(millis), Step::Until(self.at(until)));
        }

        #[track_caller]
        pub(super) fn is(&mut self, millis: u64, expected: &Step) {
            assert_eq!(&self.step(millis), expected);
        }

        pub(super) fn interrupt(&mut self) -> Option<Bytes> {
            self.effect.interrupt().map(|chunk| chunk.data)
        }

        pub(super) fn change(&mut self, to: Attributes) {
            self.effect.change(&to);
        }

        pub(super) fn leaving(&self) -> Leaving {
            self.effect.leaving()
        }

        pub(super) fn waiting(&self) -> usize {
            self.inbox.chunks.len()
        }
    }
}
