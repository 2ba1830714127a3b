//! `reset_peer`: the connection is closed `timeout` after its first data, or after its end.
//!
//! It is a reset, and not an orderly end, on connections that began while the toxic was there: those
//! are told not to linger. So it is in Toxiproxy.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Effect, Inbox, Input, Kind, Leaving, Step, millis};

/// Its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResetPeer {
    /// In milliseconds.
    pub timeout: i64,
}

impl Kind for ResetPeer {
    fn name(&self) -> &'static str {
        "reset_peer"
    }

    fn go_type(&self) -> &'static str {
        "ResetToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![("timeout", &mut self.timeout)]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Fuse { timeout: self.timeout, due: None })
    }
}

struct Fuse {
    timeout: i64,
    /// Set by the first data; from then on nothing stops it.
    due: Option<Instant>,
}

impl Effect for Fuse {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        if self.due.is_none() {
            match inbox.take() {
                Input::Chunk(_) | Input::End => self.due = Some(now + millis(self.timeout)),
                Input::Nothing => {}
            }
        }
        match self.due {
            None => Step::Idle,
            Some(due) if now < due => Step::Until(due),
            Some(_) => Step::Close,
        }
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::ResetPeer(to) = to {
            self.timeout = to.timeout;
        }
    }

    fn leaving(&self) -> Leaving {
        if self.due.is_some() { Leaving::TooLate } else { Leaving::Flush }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::test::Bench, *};

    #[test]
    fn the_first_data_lights_the_fuse_and_is_lost() {
        let mut it = Bench::new(Attributes::ResetPeer(ResetPeer { timeout: 30 }));
        it.is(0, &Step::Idle);
        assert_eq!(it.leaving(), Leaving::Flush);
        it.push(10, b"a");
        it.waits(10, 40);
        it.push(20, b"b");
        it.change(Attributes::ResetPeer(ResetPeer { timeout: 1000 }));
        it.waits(20, 40);
        assert_eq!(it.leaving(), Leaving::TooLate);
        it.is(40, &Step::Close);
    }

    #[test]
    fn the_end_lights_it_as_well() {
        let mut it = Bench::new(Attributes::ResetPeer(ResetPeer { timeout: 0 }));
        it.end();
        it.is(7, &Step::Close);
    }
}
