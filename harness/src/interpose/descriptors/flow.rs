//! Bytes on their way from one end of a channel to the other. What fits is Linux's: `pipe(7)` and
//! `net.core.wmem_default`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
};

use super::watch::notify;
use crate::interpose::answers::os;

const SOCKET_BYTES: usize = 208 << 10;

/// A pipe is so many pages, of which each holds what was written to it until all of that was read.
const PIPE_PAGES: usize = 16;
const PAGE_BYTES: usize = 4096;

/// How much of its bytes a channel holds.
enum Room {
    Socket,
    Pipe(RefCell<VecDeque<Page>>),
}

struct Page {
    /// How far it is filled.
    end: usize,
    /// How much of that nobody has read.
    unread: usize,
}

/// Bytes in one direction.
pub(crate) struct Flow {
    bytes: RefCell<VecDeque<u8>>,
    room: Room,
    /// Nothing more comes, or is taken.
    ended: Cell<bool>,
    refused: Cell<bool>,
    /// Who reads and who writes, by the numbers that objects are notified by.
    pub(crate) reader: Cell<Option<u32>>,
    pub(crate) writer: Cell<Option<u32>>,
}

impl Flow {
    fn new(room: Room) -> Rc<Self> {
        Rc::new(Self {
            bytes: RefCell::default(),
            room,
            ended: Cell::new(false),
            refused: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
        })
    }

    pub(crate) fn of_pipe() -> Rc<Self> {
        Self::new(Room::Pipe(RefCell::default()))
    }

    pub(crate) fn of_socket() -> Rc<Self> {
        Self::new(Room::Socket)
    }

    fn tell(whom: &Cell<Option<u32>>) {
        if let Some(number) = whom.get() {
            notify(number);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused.get()
    }

    /// How many bytes are there to be read?
    pub(crate) fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// Would a write find room? A pipe has some if a page is free.
    pub(crate) fn has_room(&self) -> bool {
        match &self.room {
            Room::Socket => self.len() < SOCKET_BYTES,
            Room::Pipe(pages) => pages.borrow().len() < PIPE_PAGES,
        }
    }

    pub(crate) fn end(&self) {
        if !self.ended.replace(true) {
            Self::tell(&self.reader);
        }
    }

    pub(crate) fn refuse(&self) {
        if !self.refused.replace(true) {
            Self::tell(&self.writer);
        }
    }

    /// Takes bytes out, or shows them.
    pub(crate) fn take(&self, most: usize, peek: bool) -> io::Result<Vec<u8>> {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.is_empty() && most > 0 && !self.ended.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(most);
        if peek {
            return Ok(bytes.iter().take(count).copied().collect());
        }
        let taken = bytes.drain(..count).collect();
        drop(bytes);
        if let Room::Pipe(pages) = &self.room {
            read_pages(&mut pages.borrow_mut(), count);
        }
        if count > 0 {
            Self::tell(&self.writer);
        }
        Ok(taken)
    }

    /// Writes what there is room for. How many bytes?
    pub(crate) fn put(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.ended.get() || self.refused.get() {
            return os(libc::EPIPE);
        }
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        let room = match &self.room {
            Room::Socket => wanted.min(SOCKET_BYTES - self.len()),
            Room::Pipe(pages) => write_pages(&mut pages.borrow_mut(), wanted),
        };
        if room == 0 && wanted > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend(parts.iter().flat_map(|part| part.iter().copied()).take(room));
        drop(bytes);
        if room > 0 {
            Self::tell(&self.reader);
        }
        Ok(room)
    }
}

/// Frees the pages of which all was read.
fn read_pages(pages: &mut VecDeque<Page>, mut bytes: usize) {
    while let Some(page) = pages.front_mut() {
        let now = page.unread.min(bytes);
        page.unread -= now;
        bytes -= now;
        if page.unread > 0 {
            return;
        }
        pages.pop_front();
    }
}

/// Puts as much of so many bytes into pages as fits, in the way of `pipe_write`: the odd part behind
/// what was written last, if it fits there whole, and the rest into pages of its own. So a write of up to
/// a page (`PIPE_BUF`) is done as a whole or not at all. How many?
fn write_pages(pages: &mut VecDeque<Page>, wanted: usize) -> usize {
    let odd = wanted % PAGE_BYTES;
    let mut written = 0;
    if odd > 0
        && let Some(last) = pages.back_mut()
        && last.end + odd <= PAGE_BYTES
    {
        last.end += odd;
        last.unread += odd;
        written = odd;
    }
    while written < wanted && pages.len() < PIPE_PAGES {
        let now = (wanted - written).min(PAGE_BYTES);
        pages.push_back(Page { end: now, unread: now });
        written += now;
    }
    written
}
