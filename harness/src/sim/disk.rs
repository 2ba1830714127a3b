//! The disk of a host: does one thing after the other, each in its time, for one process after
//! the other.
//!
//! A request is performed when its time is over, whether or not anybody still waits for the
//! answer, as a system call on another thread would be. What a process has asked for and the disk
//! has not come to yet dies with the process. What the disk has done survives the process, and a
//! power loss as far as it was synced: that is [`Volume`]'s business.

mod content;
mod directory;
pub(crate) mod faults;
mod volume;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use rand_chacha::ChaCha8Rng;

use self::{
    faults::Faults,
    volume::{Volume, refused},
};
use crate::{
    interpose::{self, DiskAnswer, DiskRequest},
    plan::{DiskConfig, DiskFault, nanos},
};

pub(crate) struct Disk {
    config: DiskConfig,
    volume: Volume,
    /// When it has done all that it was asked for.
    free_at: u64,
    queue: VecDeque<Queued>,
    /// What became of the requests that somebody waits for; `None` until it is known.
    answers: BTreeMap<u64, Option<io::Result<DiskAnswer>>>,
    /// The open files of the process, by their number in it.
    open: BTreeMap<u64, Open>,
    /// The number of the next request or open file. None comes twice, so that a process cannot
    /// take what belongs to an earlier one for its own.
    next: u64,
    faults: Faults,
    /// The fault that tears the last write of each file when the power fails, and its stream.
    tear: Option<(u16, ChaCha8Rng)>,
    /// Draws what of the directories is durable when the power fails.
    rng: ChaCha8Rng,
}

struct Queued {
    request: DiskRequest,
    number: u64,
    due: u64,
}

struct Open {
    file: u64,
    readable: bool,
    writable: bool,
}

impl Disk {
    pub(crate) fn new(config: DiskConfig, rng: ChaCha8Rng) -> Self {
        Self {
            config,
            volume: Volume::new(config.capacity_bytes),
            free_at: 0,
            queue: VecDeque::new(),
            answers: BTreeMap::new(),
            open: BTreeMap::new(),
            next: 0,
            faults: Faults::default(),
            tear: None,
            rng,
        }
    }

    /// Takes a request at `now` and returns its number.
    pub(crate) fn submit(&mut self, request: DiskRequest, now: u64) -> u64 {
        let number = self.number();
        if let DiskRequest::Length { file } = request {
            // Nothing that a disk is needed for.
            let answer = self.length(file).map(DiskAnswer::Number);
            self.answers.insert(number, Some(answer));
            return number;
        }
        if let DiskRequest::StatusInMemory { path } = &request {
            let answer = self.volume.status_at(path).map(DiskAnswer::Status);
            self.answers.insert(number, Some(answer));
            return number;
        }
        let cost = if self.is_at_the_end(&request) { 0 } else { self.cost(&request) };
        let cost = self.faults.slowed(cost);
        self.free_at = self.free_at.max(now) + cost;
        // Nobody waits for the end of an open file.
        if !matches!(request, DiskRequest::Close { .. }) {
            self.answers.insert(number, None);
        }
        self.queue.push_back(Queued { request, number, due: self.free_at });
        number
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Would it read behind the end of a file? There is nothing to fetch.
    fn is_at_the_end(&mut self, request: &DiskRequest) -> bool {
        let DiskRequest::ReadAt { file, at, .. } = request else { return false };
        self.queue.is_empty() && self.length(*file).is_ok_and(|length| *at >= length)
    }

    /// How long it takes to perform a request.
    fn cost(&self, request: &DiskRequest) -> u64 {
        nanos(match request {
            DiskRequest::ReadAt { .. }
            | DiskRequest::Open { .. }
            | DiskRequest::StatusAt { .. }
            | DiskRequest::ReadDir { .. } => self.config.read,
            DiskRequest::WriteAt { .. }
            | DiskRequest::SetLen { .. }
            | DiskRequest::CreateDir { .. }
            | DiskRequest::Rename { .. }
            | DiskRequest::RemoveFile { .. }
            | DiskRequest::RemoveDir { .. } => self.config.write,
            DiskRequest::Sync { .. } | DiskRequest::SyncDir { .. } => self.config.sync,
            // What is known of an open file is in memory.
            DiskRequest::Close { .. }
            | DiskRequest::Status { .. }
            | DiskRequest::StatusInMemory { .. }
            | DiskRequest::Length { .. } => {
                return 0;
            }
        })
    }

    /// Performs what is due by `now`.
    fn settle(&mut self, now: u64) {
        while self.queue.front().is_some_and(|queued| queued.due <= now) {
            let Some(queued) = self.queue.pop_front() else { return };
            let answer = self.perform_or_fail(queued.request, queued.due);
            if let Some(waiting) = self.answers.get_mut(&queued.number) {
                *waiting = Some(answer);
            }
        }
    }

    /// The answer to a request, or the time at which there will be one; `None` for a request
    /// that died with the process that made it.
    pub(crate) fn answer(
        &mut self,
        number: u64,
        now: u64,
    ) -> Option<Result<io::Result<DiskAnswer>, u64>> {
        self.settle(now);
        if self.answers.get(&number)?.is_some() {
            return self.answers.remove(&number).flatten().map(Ok);
        }
        let at = self.queue.binary_search_by_key(&number, |queued| queued.number).ok()?;
        Some(Err(self.queue[at].due))
    }

    /// The process has ended at `now`: by itself, in which case what it has written is still
    /// written, as Tokio sees to, or not.
    pub(crate) fn process_ended(&mut self, in_order: bool, now: u64) {
        self.settle(now);
        if in_order {
            self.queue.retain(|queued| matches!(queued.request, DiskRequest::WriteAt { .. }));
            self.settle(u64::MAX);
        }
        self.queue.clear();
        self.answers.clear();
        for (_, open) in std::mem::take(&mut self.open) {
            self.volume.close(open.file);
        }
        self.free_at = now;
    }

    /// From now on a fault acts; what was due before does not meet it.
    pub(crate) fn inject(&mut self, number: u16, fault: &DiskFault, seed: u64, now: u64) {
        self.settle(now);
        self.faults.inject(number, fault, seed);
    }

    /// A fault acts no longer, but on what was due before.
    pub(crate) fn heal(&mut self, fault: u16, now: u64) {
        self.settle(now);
        self.faults.heal(fault);
    }

    /// The faults that have affected something since this was last asked.
    pub(crate) fn take_hits(&mut self) -> Vec<u16> {
        self.faults.take_hits()
    }

    /// The memory that the content of its files takes.
    pub(crate) fn memory_bytes(&self) -> i64 {
        self.volume.memory_bytes()
    }

    /// When the power next fails, a fault tears the last write of each file.
    pub(crate) fn tear(&mut self, fault: u16, rng: ChaCha8Rng) {
        self.tear = Some((fault, rng));
    }

    /// The power fails, after the process has ended.
    pub(crate) fn lose_power(&mut self) {
        let mut tear = self.tear.take();
        let torn = self.volume.lose_power(&mut self.rng, tear.as_mut().map(|(_, rng)| rng));
        if let Some((fault, _)) = tear {
            (0..torn).for_each(|_| self.faults.hit(fault));
        }
    }

    fn length(&mut self, file: u64) -> io::Result<u64> {
        let open = opened(&mut self.open, file, |_| true)?;
        Ok(self.volume.len(open.file))
    }

    /// Does what a request asks for, as far as the faults let it.
    fn perform_or_fail(&mut self, request: DiskRequest, at: u64) -> io::Result<DiskAnswer> {
        if !matches!(request, DiskRequest::Close { .. }) && self.faults.fails() {
            match request {
                DiskRequest::Sync { file } => {
                    if let Some(open) = self.open.get(&file) {
                        self.volume.fail_sync(open.file);
                    }
                }
                DiskRequest::SyncDir { path } => self.volume.fail_sync_dir(&path),
                _ => {}
            }
            return Err(refused(libc::EIO));
        }
        self.volume.full = self.faults.is_full();
        let mut answer = self.perform(request, at);
        if self.volume.take_starved() {
            self.faults.found_full();
        }
        if let Ok(DiskAnswer::Data(data)) = &mut answer {
            self.faults.corrupt(data);
        }
        answer
    }

    /// Does what a request asks for, at the time `at`.
    fn perform(&mut self, request: DiskRequest, at: u64) -> io::Result<DiskAnswer> {
        let now = interpose::wall_clock(at);
        match request {
            DiskRequest::Open { .. } => return self.open(&request, at).map(DiskAnswer::Number),
            DiskRequest::Close { file } => {
                if let Some(open) = self.open.remove(&file) {
                    self.volume.close(open.file);
                }
            }
            DiskRequest::ReadAt { file, at, bytes_max } => {
                let open = opened(&mut self.open, file, |open| open.readable)?;
                return Ok(DiskAnswer::Data(self.volume.read(open.file, at, bytes_max)));
            }
            DiskRequest::WriteAt { file, at, data } => {
                let open = opened(&mut self.open, file, |open| open.writable)?;
                let at = at.unwrap_or_else(|| self.volume.len(open.file));
                let bytes = self.volume.write(open.file, at, &data, now);
                if bytes == 0 && !data.is_empty() {
                    return Err(refused(libc::ENOSPC));
                }
                return Ok(DiskAnswer::Written { at, bytes });
            }
            DiskRequest::Length { file } => return self.length(file).map(DiskAnswer::Number),
            DiskRequest::SetLen { file, len } => {
                let open = opened(&mut self.open, file, |open| open.writable)?;
                self.volume.set_len(open.file, len, now)?;
            }
            DiskRequest::Sync { file } => {
                let open = opened(&mut self.open, file, |_| true)?;
                self.volume.sync(open.file);
            }
            DiskRequest::Status { file } => {
                let open = opened(&mut self.open, file, |_| true)?;
                return Ok(DiskAnswer::Status(self.volume.status(open.file)));
            }
            DiskRequest::StatusAt { path } | DiskRequest::StatusInMemory { path } => {
                return self.volume.status_at(&path).map(DiskAnswer::Status);
            }
            DiskRequest::ReadDir { path } => {
                return self.volume.read_dir(&path).map(DiskAnswer::Names);
            }
            DiskRequest::CreateDir { path } => self.volume.create_dir(&path, now)?,
            DiskRequest::Rename { from, to } => self.volume.rename(&from, &to, now)?,
            DiskRequest::RemoveFile { path } => self.volume.remove_file(&path, now)?,
            DiskRequest::RemoveDir { path } => self.volume.remove_dir(&path, now)?,
            DiskRequest::SyncDir { path } => self.volume.sync_dir(&path)?,
        }
        Ok(DiskAnswer::Done)
    }

    fn open(&mut self, request: &DiskRequest, at: u64) -> io::Result<u64> {
        let DiskRequest::Open { path, read, write, truncate, create, create_new } = request else {
            return Err(refused(libc::EINVAL));
        };
        let now = interpose::wall_clock(at);
        let file = self.volume.open(path, *create, *create_new, now)?;
        if *truncate {
            self.volume.set_len(file, 0, now)?;
        }
        let open = Open { file, readable: *read, writable: *write };
        let number = self.number();
        self.open.insert(number, open);
        Ok(number)
    }
}

/// The open file with this number, if it may be used in this way.
fn opened(
    files: &mut BTreeMap<u64, Open>,
    number: u64,
    allowed: impl Fn(&Open) -> bool,
) -> io::Result<&mut Open> {
    files.get_mut(&number).filter(|open| allowed(open)).ok_or_else(|| refused(libc::EBADF))
}
