//! `noop`: all data passes. Toxiproxy has it for its own needs and lets anybody add it.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Effect, Inbox, Input, Kind, Step};

/// It has no attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noop {}

impl Kind for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn go_type(&self) -> &'static str {
        "NoopToxic"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        Vec::new()
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(*self)
    }
}

impl Effect for Noop {
    fn step(&mut self, inbox: &mut Inbox, _now: Instant, _draws: &mut ChaCha8Rng) -> Step {
        match inbox.take() {
            Input::Chunk(chunk) => Step::Pass(chunk),
            Input::End => Step::Close,
            Input::Nothing => Step::Idle,
        }
    }

    fn change(&mut self, _to: &Attributes) {}
}
