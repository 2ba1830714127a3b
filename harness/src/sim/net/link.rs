//! The state of one link in one direction: when its bandwidth is free, and its own random stream.

use rand_chacha::ChaCha8Rng;

use crate::{plan::Link, run::rng};

pub(crate) struct LinkState {
    link: Link,
    rng: ChaCha8Rng,
    /// When the last byte that was sent so far will have left.
    free_at: u64,
}

/// What a link does to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// It arrives after so many nanoseconds, perhaps twice.
    After { delay: u64, twice: bool },
    /// It is lost.
    Lost,
}

impl LinkState {
    pub(crate) fn new(link: Link, rng: ChaCha8Rng) -> Self {
        Self { link, rng, free_at: 0 }
    }

    /// Sends a packet of `bytes` at `now`.
    pub(crate) fn carry(&mut self, now: u64, bytes: u32) -> Carried {
        let Self { link, rng, free_at } = self;
        let mut delay = rng::draw(&link.latency, rng) + rng::up_to(link.jitter, rng);
        if let Some(bits_per_second) = link.bandwidth_bps {
            let wait = free_at.saturating_sub(now);
            if wait > transmission(link.queue_bytes, bits_per_second) {
                return Carried::Lost;
            }
            let sent = now + wait + transmission(u64::from(bytes), bits_per_second);
            *free_at = sent;
            delay += sent - now;
        }
        if rng::chance(link.loss, rng) || rng::chance(link.corrupt, rng) {
            return Carried::Lost;
        }
        if rng::chance(link.reorder, rng) {
            // Late enough for what was sent in the meantime to overtake it.
            delay += rng::draw(&link.latency, rng).max(1_000_000);
        }
        Carried::After { delay, twice: rng::chance(link.duplicate, rng) }
    }
}

/// How long so many bytes take, in nanoseconds.
pub(crate) fn transmission(bytes: u64, bits_per_second: u64) -> u64 {
    let nanoseconds = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(bits_per_second);
    u64::try_from(nanoseconds).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests;
