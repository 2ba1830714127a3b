//! The descriptors of a run: numbers above those of the real kernel, for what the simulated one
//! has.
//!
//! As on Linux, a descriptor refers to an open description, here an [`Object`], which several may
//! share (`dup`), and which ends with the last of them. The lowest free number is the next.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    io,
    rc::{Rc, Weak},
};

use libc::c_int;

use super::{
    channel::Channel,
    epoll::Epoll,
    event::Event,
    file::{OpenFile, Text},
    number::FIRST,
    socket::Socket,
    unix::UnixSocket,
    watch,
};
use crate::interpose::answers::bad;

/// So many descriptors a run can have at most.
const MOST: usize = 1 << 20;

/// What descriptors refer to.
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// The number that a kernel notifies it by.
    pub(crate) number: u32,
    pub(crate) nonblocking: Cell<bool>,
}

pub(crate) enum Kind {
    Socket(Socket),
    Epoll(Rc<Epoll>),
    Event(Event),
    File(OpenFile),
    /// `/dev/urandom` and the like.
    Random,
    /// A file of the machine that says something else on each host.
    Text(Text),
    /// An end of a pipe or of a pair of sockets.
    Channel(Channel),
    Unix(UnixSocket),
}

impl Drop for Object {
    fn drop(&mut self) {
        let number = self.number;
        watch::release(number);
        // The table may be gone already, with everything in it.
        let _ = TABLE.try_with(|table| {
            if let Ok(mut table) = table.try_borrow_mut()
                && let Some(place) = table.objects.get_mut(number as usize)
            {
                *place = Weak::new();
                table.unused.push(number);
            }
        });
    }
}

#[derive(Default)]
struct Table {
    slots: Vec<Option<Slot>>,
    free: BTreeSet<usize>,
    objects: Vec<Weak<Object>>,
    unused: Vec<u32>,
}

#[derive(Clone)]
struct Slot {
    object: Rc<Object>,
    close_on_exec: bool,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
    /// Whether the run is over, and all that is left is being closed.
    static CLOSED: Cell<bool> = const { Cell::new(false) };
}

fn with_table<R>(act: impl FnOnce(&mut Table) -> R) -> io::Result<R> {
    TABLE.try_with(|table| act(&mut table.borrow_mut())).map_err(|_| bad())
}

fn index(fd: c_int) -> Option<usize> {
    usize::try_from(fd.checked_sub(FIRST)?).ok()
}

/// Makes an object with a descriptor.
pub(crate) fn open(kind: Kind, nonblocking: bool, close_on_exec: bool) -> io::Result<c_int> {
    let number = with_table(|table| {
        table.unused.pop().unwrap_or_else(|| {
            table.objects.push(Weak::new());
            u32::try_from(table.objects.len() - 1).unwrap_or(u32::MAX)
        })
    })?;
    let object = Rc::new(Object { kind, number, nonblocking: Cell::new(nonblocking) });
    let weak = Rc::downgrade(&object);
    with_table(|table| table.objects[number as usize] = weak)?;
    add(object, 0, close_on_exec)
}

/// Gives an object a descriptor, the lowest free one from `least` on.
fn add(object: Rc<Object>, least: c_int, close_on_exec: bool) -> io::Result<c_int> {
    let least = index(least.max(FIRST)).unwrap_or(0);
    let slot = Slot { object, close_on_exec };
    // What does not fit is dropped outside of the table, which it may ask for.
    let full = with_table(|table| {
        while table.slots.len() < least {
            table.free.insert(table.slots.len());
            table.slots.push(None);
        }
        let place = table.free.range(least..).next().copied().unwrap_or(table.slots.len());
        if place >= MOST {
            return Err(slot);
        }
        table.free.remove(&place);
        if place == table.slots.len() {
            table.slots.push(Some(slot));
        } else {
            table.slots[place] = Some(slot);
        }
        Ok(FIRST + c_int::try_from(place).unwrap_or(0))
    })?;
    full.map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))
}

/// What a descriptor refers to.
pub(crate) fn get(fd: c_int) -> io::Result<Rc<Object>> {
    let found = with_table(|table| {
        let slot = table.slots.get(index(fd)?)?.as_ref()?;
        Some(Rc::clone(&slot.object))
    })?;
    found.ok_or_else(bad)
}

/// Is this so of any open description but this one?
pub(crate) fn any_other(this: &Rc<Object>, is_so: impl Fn(&Kind) -> bool) -> bool {
    let others = with_table(|table| {
        let slots = table.slots.iter().flatten();
        slots.map(|slot| Rc::clone(&slot.object)).collect::<Vec<_>>()
    });
    others.is_ok_and(|others| {
        others.iter().any(|other| !Rc::ptr_eq(other, this) && is_so(&other.kind))
    })
}

/// The object that a kernel knows by this number.
pub(crate) fn object(number: u32) -> Option<Rc<Object>> {
    with_table(|table| table.objects.get(number as usize)?.upgrade()).ok().flatten()
}

/// Another descriptor for the same object.
pub(crate) fn duplicate(fd: c_int, least: c_int, close_on_exec: bool) -> io::Result<c_int> {
    add(get(fd)?, least, close_on_exec)
}

/// Makes `new` a descriptor for what `fd` refers to, and closes what it was before.
pub(crate) fn duplicate_to(fd: c_int, new: c_int, close_on_exec: bool) -> io::Result<c_int> {
    let object = get(fd)?;
    let place = index(new).filter(|place| *place < MOST).ok_or_else(bad)?;
    let old = with_table(|table| {
        while table.slots.len() <= place {
            table.free.insert(table.slots.len());
            table.slots.push(None);
        }
        table.free.remove(&place);
        table.slots[place].replace(Slot { object, close_on_exec })
    })?;
    drop(old);
    Ok(new)
}

pub(crate) fn close(fd: c_int) -> io::Result<()> {
    let slot = with_table(|table| {
        let place = index(fd)?;
        let slot = table.slots.get_mut(place)?.take()?;
        table.free.insert(place);
        Some(slot)
    })?;
    // Dropped outside of the table, which the end of the object asks for.
    slot.map(drop).ok_or_else(bad)
}

/// All descriptors that are open.
pub(crate) fn all() -> Vec<c_int> {
    let open = with_table(|table| {
        let slots = table.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        slots.filter_map(|(place, _)| Some(FIRST + c_int::try_from(place).ok()?)).collect()
    });
    open.unwrap_or_default()
}

pub(crate) fn close_on_exec(fd: c_int) -> io::Result<bool> {
    with_table(|table| Some(table.slots.get(index(fd)?)?.as_ref()?.close_on_exec))?.ok_or_else(bad)
}

pub(crate) fn set_close_on_exec(fd: c_int, on: bool) -> io::Result<()> {
    let set = with_table(|table| {
        table.slots.get_mut(index(fd)?)?.as_mut()?.close_on_exec = on;
        Some(())
    })?;
    set.ok_or_else(bad)
}

/// The run is over: what is still open is closed.
pub(crate) fn forget() {
    watch::forget();
    let before = CLOSED.replace(true);
    let table = TABLE.try_with(RefCell::take);
    drop(table);
    CLOSED.set(before);
}

/// Has everything been closed with the run? What the last of it owned may still be dropped then, and
/// believes that its descriptors are open.
pub(crate) fn all_closed() -> bool {
    CLOSED.get()
}
