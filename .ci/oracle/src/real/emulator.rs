//! The link between the two namespaces: reads what one host sends, and lets the other receive it
//! when, and if, the link's conditions say so.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};
use tun_rs::SyncDevice;

use super::now;
use crate::{
    link::{Carrier, Conditions, Direction, Fate, nanos},
    priority,
};

/// The begin of the load, as long as it is not known.
pub(super) const NOT_YET: u64 = u64::MAX;

/// Packets that are read from one device before the other has its turn.
const BURST: usize = 64;

/// The most of a packet that is kept: its headers with all options.
const HEAD: usize = 120;

/// The longest sleep, after which it is looked whether to stop.
const NAP: u64 = 50_000_000;

/// A packet that the emulator has seen.
pub(crate) struct Passed {
    /// In nanoseconds since the begin of the load; negative before it.
    pub(crate) at: i64,
    pub(crate) direction: Direction,
    pub(crate) fate: Fate,
    /// The begin of the packet, from the header of IP on.
    pub(crate) head: Vec<u8>,
}

/// How many packets of one direction there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) full: u64,
    pub(crate) parted: u64,
}

/// What the link carried.
#[derive(Default)]
pub(crate) struct Capture {
    /// Every packet, if that was asked for.
    pub(crate) packets: Vec<Passed>,
    pub(crate) tallies: [Tally; 2],
    /// By how much packets came later than they should have, in nanoseconds: the most.
    pub(crate) latest: u64,
    /// How many of all came more than a millisecond late.
    pub(crate) late: u64,
    pub(crate) delivered: u64,
}

impl Capture {
    /// Was the machine quiet enough to keep the time of the link? One packet in five hundred may be
    /// more than a millisecond late, too few to show in a p99.
    pub(crate) fn is_in_time(&self) -> bool {
        self.late * 500 <= self.delivered
    }

    /// How late packets were, in words.
    pub(crate) fn lateness(&self) -> String {
        let (late, all, most) = (self.late, self.delivered, self.latest as f64 / 1e6);
        format!("{late} of {all} packets more than 1 ms late, {most:.1} ms the most")
    }
}

/// A packet on its way. Ordered by when it is due, then by when it was sent.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    due: u64,
    number: u64,
    direction: Direction,
    bytes: Vec<u8>,
}

pub(super) struct Emulator {
    partition: Option<(u64, u64)>,
    carriers: [Carrier; 2],
    flying: BinaryHeap<Reverse<Flying>>,
    captures: bool,
    capture: Capture,
    stop: Arc<AtomicBool>,
    begin: Arc<AtomicU64>,
}

impl Emulator {
    pub(super) fn new(
        conditions: &Conditions,
        seed: u64,
        captures: bool,
        stop: Arc<AtomicBool>,
        begin: Arc<AtomicU64>,
    ) -> Self {
        Self {
            partition: conditions.partition.map(|(from, lasts)| (nanos(from), nanos(lasts))),
            carriers: Direction::BOTH.map(|way| Carrier::new(conditions, way, seed)),
            flying: BinaryHeap::new(),
            captures,
            capture: Capture::default(),
            stop,
            begin,
        }
    }

    /// Carries packets between the devices of the client and of the server until it is told to stop.
    pub(super) fn run(mut self, ends: &[Arc<SyncDevice>; 2]) -> io::Result<Capture> {
        priority::raise(priority::LINK);
        let mut buffer = vec![0; 1 << 16];
        while !self.stop.load(Ordering::Relaxed) {
            self.deliver(ends)?;
            for direction in Direction::BOTH {
                for _ in 0..BURST {
                    match ends[direction as usize].recv(&mut buffer) {
                        Ok(length) => self.take(direction, &buffer[..length]),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            let next = self
                .flying
                .peek()
                .map_or(NAP, |Reverse(next)| next.due.saturating_sub(now()).min(NAP));
            let mut ready = ends.each_ref().map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
            let next = std::time::Duration::from_nanos(next);
            ppoll(&mut ready, Some(TimeSpec::from_duration(next)), None)?;
        }
        let begin = self.begin.load(Ordering::Relaxed);
        let begin = if begin == NOT_YET { 0 } else { begin };
        for packet in &mut self.capture.packets {
            packet.at -= begin.cast_signed();
        }
        Ok(self.capture)
    }

    fn take(&mut self, direction: Direction, bytes: &[u8]) {
        let now = now();
        let begin = self.begin.load(Ordering::Relaxed);
        let parted = self.partition.is_some_and(|(from, lasts)| {
            now.checked_sub(begin).is_some_and(|at| at >= from && at - from < lasts)
        });
        let fate = self.carriers[direction as usize].carry(now, bytes.len(), parted);
        let tally = &mut self.capture.tallies[direction as usize];
        let number = tally.sent;
        tally.sent += 1;
        match fate {
            Fate::Arrives(after) => {
                let bytes = bytes.to_vec();
                self.flying.push(Reverse(Flying { due: now + after, number, direction, bytes }));
            }
            Fate::Lost => tally.lost += 1,
            Fate::Full => tally.full += 1,
            Fate::Parted => tally.parted += 1,
        }
        if self.captures {
            let head = bytes[..bytes.len().min(HEAD)].to_vec();
            self.capture.packets.push(Passed { at: now.cast_signed(), direction, fate, head });
        }
    }

    fn deliver(&mut self, ends: &[Arc<SyncDevice>; 2]) -> io::Result<()> {
        while let Some(Reverse(next)) = self.flying.peek() {
            let now = now();
            let Some(late) = now.checked_sub(next.due) else { break };
            let Some(Reverse(packet)) = self.flying.pop() else { break };
            self.capture.delivered += 1;
            self.capture.latest = self.capture.latest.max(late);
            self.capture.late += u64::from(late > 1_000_000);
            ends[1 - packet.direction as usize].send(&packet.bytes)?;
        }
        Ok(())
    }
}
