//! Whose turn it is to have contents of its own in Tokio's statics for signals.
//!
//! Each process of a host has its own contents, which are put into their place while the host's code runs.
//! Runs of a process take turns meanwhile, since all of them have that place in common.

use std::{
    cell::RefCell,
    mem,
    rc::Rc,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::image::Image;
use crate::interpose::real::{real_pause, real_yield};

/// Whose turn it is: code of hosts with statics of their own runs alone.
static TURNS: RwLock<()> = RwLock::new(());

thread_local! {
    /// What the statics hold now that is some host's.
    static HELD: RefCell<Option<Rc<RefCell<Image>>>> = const { RefCell::new(None) };
    static DEPTH: RefCell<u32> = const { RefCell::new(0) };
}

enum Lock {
    /// The turn has been taken further out.
    Taken,
    Shared {
        _lock: RwLockReadGuard<'static, ()>,
    },
    Alone {
        _lock: RwLockWriteGuard<'static, ()>,
    },
}

/// The turn of a host's code, until it is dropped.
#[must_use = "the turn lasts only while it lives"]
pub(crate) struct HostTurn {
    image: Option<Rc<RefCell<Image>>>,
    before: Option<Rc<RefCell<Image>>>,
    _lock: Lock,
}

/// How many wait to be alone.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// So many milliseconds whoever need not be alone lets them go first.
const POLITENESS: u32 = 5;

/// Begins a turn beside others, after whoever waits to be alone, but not for long.
fn share() -> RwLockReadGuard<'static, ()> {
    for _ in 0..POLITENESS {
        if WAITING.load(Ordering::Relaxed) == 0 {
            break;
        }
        real_pause();
    }
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no code of another run runs. Who waits does not keep those from beginning, so that
/// one that never ends its turn holds up only whoever needs to be alone.
fn wait_for_all() -> RwLockWriteGuard<'static, ()> {
    let mut tried = 0_u32;
    WAITING.fetch_add(1, Ordering::Relaxed);
    loop {
        let guard = match TURNS.try_write() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(guard) = guard {
            WAITING.fetch_sub(1, Ordering::Relaxed);
            return guard;
        }
        tried = tried.saturating_add(1);
        if tried < 1_000 { real_yield() } else { real_pause() }
    }
}

/// Begins the turn of a host's code: alone in the process, if hosts of its run have statics of their
/// own.
pub(crate) fn take_turn(alone: bool, image: Option<Rc<RefCell<Image>>>) -> HostTurn {
    let depth = DEPTH.with_borrow_mut(|depth| mem::replace(depth, *depth + 1));
    let lock = match (depth, alone) {
        (0, true) => Lock::Alone { _lock: wait_for_all() },
        (0, false) => Lock::Shared { _lock: share() },
        _ => Lock::Taken,
    };
    let before = HELD.replace(image.clone());
    for held in [&before, &image].into_iter().flatten() {
        held.borrow_mut().exchange();
    }
    HostTurn { image, before, _lock: lock }
}

impl Drop for HostTurn {
    fn drop(&mut self) {
        for held in [&self.image, &self.before].into_iter().flatten() {
            held.borrow_mut().exchange();
        }
        HELD.set(self.before.take());
        DEPTH.with_borrow_mut(|depth| *depth -= 1);
    }
}

/// Do the statics hold what is some host's?
pub(crate) fn is_some_hosts() -> bool {
    HELD.with_borrow(Option::is_some)
}
