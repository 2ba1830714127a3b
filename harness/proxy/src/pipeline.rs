//! One direction of one connection between its two sockets: the toxics in order, each with what
//! waits for it. It knows no socket and no clock.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::{
    draw::Seed,
    toxic::{Chunk, Effect, Inbox, Leaving, Noop, Step},
    toxics::Toxic,
};

/// Whose connection it is, for what is left to chance.
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    pub(crate) seed: Seed,
    pub(crate) proxy: Arc<str>,
    pub(crate) connection: u64,
}

/// A toxic at its place in the pipeline.
struct Stage {
    toxic: Arc<Toxic>,
    inbox: Inbox,
    effect: Box<dyn Effect>,
    draws: ChaCha8Rng,
    /// Below the toxicity the toxic meets this connection, otherwise all data passes.
    lot: f32,
    /// What the effect has let pass and the next stage has not taken.
    out: VecDeque<Chunk>,
    closed: bool,
}

impl Stage {
    fn new(toxic: &Arc<Toxic>, draws: &Draws) -> Self {
        let mut draws = draws.seed.draws(&draws.proxy, &toxic.name, draws.connection);
        let lot = draws.random();
        Self {
            toxic: Arc::clone(toxic),
            inbox: Inbox::new(),
            effect: toxic.attributes.effect(),
            draws,
            lot,
            out: VecDeque::new(),
            closed: false,
        }
    }

    fn is_met(&self) -> bool {
        self.lot < self.toxic.toxicity
    }

    fn step(&mut self, now: Instant) -> Step {
        if self.is_met() {
            self.effect.step(&mut self.inbox, now, &mut self.draws)
        } else {
            Noop::default().step(&mut self.inbox, now, &mut self.draws)
        }
    }

    fn accepts(&self) -> bool {
        !self.closed && self.inbox.chunks.len() < self.effect.capacity()
    }

    /// What the effect holds goes on, and it begins again.
    fn interrupt(&mut self) {
        self.out.extend(self.effect.interrupt());
    }

    /// All that is left in it, in order.
    fn drain(mut self) -> VecDeque<Chunk> {
        self.interrupt();
        self.out.append(&mut self.inbox.chunks);
        self.out
    }
}

/// The toxics of one direction of one connection, from the socket that is read to the one that is
/// written.
pub(crate) struct Pipeline {
    stages: Vec<Stage>,
    draws: Draws,
    out: VecDeque<Bytes>,
    /// Nothing will follow what is in `out`.
    ended: bool,
}

impl Pipeline {
    pub(crate) fn new(chain: &[Arc<Toxic>], draws: Draws) -> Self {
        let stages = chain.iter().map(|toxic| Stage::new(toxic, &draws)).collect();
        Self { stages, draws, out: VecDeque::new(), ended: false }
    }

    /// Are there no toxics? Then what is read may be written at once if nothing else is to be.
    pub(crate) fn is_plain(&self) -> bool {
        self.stages.is_empty()
    }

    /// May something be read?
    pub(crate) fn accepts(&self) -> bool {
        let full = self.stages.first().map_or(!self.out.is_empty(), |first| !first.accepts());
        !self.ended && !full && !self.stages.iter().any(|stage| stage.closed)
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, data: Bytes, now: Instant) {
        match self.stages.first_mut() {
            Some(first) => first.inbox.chunks.push_back(Chunk { data, at: now }),
            None => self.out.push_back(data),
        }
    }

    /// Nothing more will be read.
    pub(crate) fn end(&mut self) {
        match self.stages.first_mut() {
            Some(first) => first.inbox.ended = true,
            None => self.ended = true,
        }
    }

    /// The next bytes to write.
    pub(crate) fn front(&mut self) -> Option<&mut Bytes> {
        self.out.front_mut()
    }

    /// The front is written.
    pub(crate) fn written(&mut self) {
        self.out.pop_front();
    }

    /// Is all done that there was to do?
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.out.is_empty()
    }

    /// Lets everything go on as far as it can at `now`. The instant at which it can go on by itself.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let (mut moved, mut wake) = (false, None);
            if let Some(closed) = self.stages.iter().rposition(|stage| stage.closed) {
                // Whatever is on its way to it is lost.
                self.stages.drain(..closed);
            }
            for at in (0..self.stages.len()).rev() {
                moved |= self.hand_on(at);
                let stage = &mut self.stages[at];
                if stage.closed || !stage.out.is_empty() {
                    continue;
                }
                match stage.step(now) {
                    Step::Pass(chunk) => {
                        stage.out.push_back(chunk);
                        moved = true;
                    }
                    Step::Idle => {}
                    Step::Until(due) => {
                        wake = Some(wake.map_or(due, |wake: Instant| wake.min(due)));
                    }
                    Step::Close => {
                        stage.closed = true;
                        moved = true;
                    }
                }
            }
            if !moved {
                return wake;
            }
        }
    }

    /// Moves what a stage has let pass to what comes after it. Did anything move?
    fn hand_on(&mut self, at: usize) -> bool {
        let (before, after) = self.stages.split_at_mut(at + 1);
        let stage = &mut before[at];
        let mut moved = false;
        let next = after.first_mut();
        if let Some(next) = next {
            while next.accepts()
                && let Some(chunk) = stage.out.pop_front()
            {
                next.inbox.chunks.push_back(chunk);
                moved = true;
            }
            if stage.closed && stage.out.is_empty() && !next.inbox.ended {
                next.inbox.ended = true;
                moved = true;
            }
        } else {
            while self.out.is_empty()
                && let Some(chunk) = stage.out.pop_front()
            {
                self.out.push_back(chunk.data);
                moved = true;
            }
            if stage.closed && stage.out.is_empty() && !self.ended {
                self.ended = true;
                moved = true;
            }
        }
        moved
    }

    /// Makes its toxics those of `chain`: some are gone, some have changed, and what is new comes last.
    pub(crate) fn become_chain(&mut self, chain: &[Arc<Toxic>]) {
        let mut at = 0;
        while let Some(Stage { toxic: old, .. }) = self.stages.get(at) {
            let (id, revision) = (old.id, old.revision);
            match chain.iter().find(|toxic| toxic.id == id) {
                None if self.remove(at) => continue,
                Some(toxic) if toxic.revision != revision => self.change(at, toxic),
                _ => {}
            }
            at += 1;
        }
        let newest = self.stages.iter().map(|stage| stage.toxic.id).max().unwrap_or(0);
        let over = self.ended || self.stages.iter().any(|stage| stage.closed);
        for toxic in chain.iter().filter(|toxic| toxic.id > newest && !over) {
            if let Some(last) = self.stages.last_mut() {
                last.interrupt();
            }
            self.stages.push(Stage::new(toxic, &self.draws));
        }
    }

    fn change(&mut self, at: usize, toxic: &Arc<Toxic>) {
        let stage = &mut self.stages[at];
        stage.interrupt();
        stage.effect.change(&toxic.attributes);
        stage.toxic = Arc::clone(toxic);
    }

    /// Is it gone at once?
    fn remove(&mut self, at: usize) -> bool {
        let stage = &mut self.stages[at];
        if stage.closed || stage.effect.leaving() == Leaving::TooLate {
            return false;
        }
        if stage.effect.leaving() == Leaving::Close {
            // Also where the toxicity has spared the connection: so it is in Toxiproxy.
            stage.closed = true;
            return false;
        }
        let ended = stage.inbox.ended;
        let mut left = self.stages.remove(at).drain();
        if let Some(before) = at.checked_sub(1) {
            // As Toxiproxy does, which has to stop the toxic before it to connect it again.
            let before = &mut self.stages[before];
            before.interrupt();
            left.append(&mut before.out);
        }
        match self.stages.get_mut(at) {
            Some(next) => {
                next.inbox.chunks.append(&mut left);
                next.inbox.ended |= ended;
            }
            None => {
                self.out.extend(left.into_iter().map(|chunk| chunk.data));
                self.ended |= ended;
            }
        }
        true
    }
}

#[cfg(test)]
#[path = "pipeline/tests.rs"]
mod tests;
