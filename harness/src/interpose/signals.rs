//! Signals for hosts, as `tokio::signal` knows them.
//!
//! Tokio keeps what its runtimes share for signals in one static of the process: a signal that one
//! host is sent would be every host's. So each process of a host has contents of that static of its
//! own, which are put into its place while the host's code runs. Runs of a process take turns
//! meanwhile, since all of them have that place in common. It is found in the symbols of the
//! program, and what it holds at first in the program's file.
//!
//! Handlers that are installed inside of a run are never those of the real process.

use std::{
    cell::RefCell,
    ffi::c_void,
    fs, mem,
    rc::Rc,
    sync::{
        OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use libc::{c_int, dl_phdr_info, siginfo_t, size_t};

use super::{
    Next,
    calls::{answer, os},
    elf::Program,
    filter,
    futex::{real_pause, real_yield},
    is_inside, refusal, threads,
};

/// Signals have numbers below this.
const SIGNALS: usize = 65;

/// The handlers that code of runs has installed, by signal.
static HANDLERS: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

/// Signals that a thread brings upon itself by what it does: they are real, and so is what handles them.
const OF_FAULTS: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT];

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// # Safety
///
/// As `sigaction(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    before: *mut libc::sigaction,
) -> c_int {
    static NEXT: Next = Next::named("sigaction\0");
    if is_inside() && !OF_FAULTS.contains(&signal) {
        return answer(|| {
            let place = usize::try_from(signal).ok().filter(|place| *place > 0);
            let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
                return os(libc::EINVAL);
            };
            // SAFETY: the caller vouches for what is not null.
            unsafe {
                if !before.is_null() {
                    before.write_bytes(0, 1);
                    (*before).sa_sigaction = handler.load(Ordering::Relaxed);
                }
                if !action.is_null() {
                    handler.store((*action).sa_sigaction, Ordering::Relaxed);
                }
            }
            Ok(0)
        });
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    let next: unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int =
        unsafe { mem::transmute(NEXT.get()) };
    // SAFETY: as above.
    filter::passing(|| unsafe { next(signal, action, before) })
}

/// Calls the handler of a signal, as the kernel would on a thread of the process whose code runs.
/// Is there one?
pub(crate) fn deliver(signal: c_int) -> bool {
    let place = usize::try_from(signal).unwrap_or(0);
    let found = HANDLERS.get(place).map_or(0, |handler| handler.load(Ordering::Relaxed));
    // What was installed outside of a run is asked only if it is the one that Tokio's is.
    let found = if found == 0 { statics().map_or(0, |statics| statics.handler) } else { found };
    if found == libc::SIG_DFL || found == libc::SIG_IGN {
        return false;
    }
    // SAFETY: it was given for the handler of a signal, and information of zeros is valid.
    unsafe {
        let handler: Handler = mem::transmute(found);
        let mut information: siginfo_t = mem::zeroed();
        information.si_signo = signal;
        handler(signal, &raw mut information, std::ptr::null_mut());
    }
    true
}

/// `rt_sigaction(2)`, whose actions begin with the handler as well.
///
/// # Safety
///
/// The places are null or the caller's.
pub(super) unsafe fn act_on(signal: c_int, action: *const usize, before: *mut [usize; 4]) -> isize {
    if OF_FAULTS.contains(&signal) {
        let signal = signal.unsigned_abs() as usize;
        let arguments = [signal, action as usize, before as usize, size_of::<u64>(), 0];
        // SAFETY: the arguments are the caller's.
        return unsafe { filter::really(libc::SYS_rt_sigaction, arguments) as isize };
    }
    answer(|| {
        let place = usize::try_from(signal).ok().filter(|place| *place > 0);
        let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
            return os(libc::EINVAL);
        };
        // SAFETY: the caller vouches for what is not null.
        unsafe {
            if !before.is_null() {
                before.write([handler.load(Ordering::Relaxed), 0, 0, 0]);
            }
            if !action.is_null() {
                handler.store(action.read(), Ordering::Relaxed);
            }
        }
        Ok(0)
    })
}

/// `kill(2)`: a host has one process, whose number is 1.
pub(super) fn send(process: libc::pid_t, signal: c_int) -> isize {
    if matches!(process, -1..=1) { send_to_thread(signal) } else { answer(|| os(libc::ESRCH)) }
}

/// A process sends itself a signal, which is to be handled as on a thread of it.
pub(super) fn send_to_thread(signal: c_int) -> isize {
    answer(|| {
        let place = usize::try_from(signal).ok();
        let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
            return os(libc::EINVAL);
        };
        let ignored = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT];
        let handler = handler.load(Ordering::Relaxed);
        if signal == 0 || handler == libc::SIG_IGN {
            return Ok(0);
        }
        if handler == libc::SIG_DFL && ignored.contains(&signal) {
            return Ok(0);
        }
        // Tokio's is for one host only if the host has statics of its own.
        let is_shared = statics().is_none_or(|statics| statics.handler == handler);
        let is_own = threads::at_kernel(|| Ok(HELD.with_borrow(Option::is_some)))?;
        let is_heard = is_own || handler != libc::SIG_DFL && !is_shared;
        if !is_heard || !deliver(signal) {
            refusal::refuse(&format!(
                "it sends itself the signal {signal}, which would end the process, or is heard with \
                 tokio::signal in a plan without signals"
            ));
        }
        Ok(0)
    })
}

/// # Safety
///
/// As `pthread_kill(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_kill(thread: libc::pthread_t, signal: c_int) -> c_int {
    static NEXT: Next = Next::named("pthread_kill\0");
    if is_inside() && signal != libc::SIGABRT {
        return if send_to_thread(signal) == 0 { 0 } else { libc::EINVAL };
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(libc::pthread_t, c_int) -> c_int =
            mem::transmute(NEXT.get());
        next(thread, signal)
    }
}

/// Defines the functions by which a thread says which signals it does not want. A system call past libc
/// is answered by one, which must not be among them: the kernel would end the process.
macro_rules! masks {
    ($($name:ident)*) => {$(
        /// # Safety
        ///
        /// As `pthread_sigmask(3)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            how: c_int,
            set: *const libc::sigset_t,
            before: *mut libc::sigset_t,
        ) -> c_int {
            type Mask =
                unsafe extern "C" fn(c_int, *const libc::sigset_t, *mut libc::sigset_t) -> c_int;
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            let next: Mask = unsafe { mem::transmute(NEXT.get()) };
            if !super::in_run() || set.is_null() || how == libc::SIG_UNBLOCK {
                // SAFETY: the arguments are the caller's.
                return unsafe { next(how, set, before) };
            }
            // SAFETY: the caller vouches for the set, and the copy lives as long as the call.
            unsafe {
                let mut set = set.read();
                libc::sigdelset(&raw mut set, libc::SIGSYS);
                next(how, &raw const set, before)
            }
        }
    )*};
}

masks! { pthread_sigmask sigprocmask }

/// The place of a static, and what it holds at first.
struct Static {
    at: usize,
    first: Vec<u8>,
}

/// The statics of Tokio for signals, of each version of it that the program has.
struct Statics {
    all: Vec<Static>,
    /// The function that Tokio has signals handled by.
    handler: usize,
}

/// What the statics hold for one process of a host.
pub(crate) struct Image(Vec<Vec<u8>>);

impl Image {
    /// That of a new process; `None` if the statics were not found.
    pub(crate) fn fresh() -> Option<Rc<RefCell<Self>>> {
        let statics = statics()?;
        let first = statics.all.iter().map(|one| one.first.clone()).collect();
        Some(Rc::new(RefCell::new(Self(first))))
    }

    /// Exchanges what the statics hold and what is kept here.
    fn exchange(&mut self) {
        let Some(statics) = statics() else { return };
        for (one, kept) in statics.all.iter().zip(&mut self.0) {
            // SAFETY: the static has that length, and nobody else touches it: who does so has a turn.
            unsafe {
                let place = std::slice::from_raw_parts_mut(one.at as *mut u8, kept.len());
                place.swap_with_slice(kept);
            }
        }
    }
}

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

/// Looks the statics up, in the file of the program.
fn statics() -> Option<&'static Statics> {
    static STATICS: OnceLock<Option<Statics>> = OnceLock::new();
    STATICS.get_or_init(find).as_ref()
}

/// Looks the statics up before a run begins, which has files of its own.
pub(crate) fn prepare() -> bool {
    statics().is_some()
}

/// # Safety
///
/// It is called by `dl_iterate_phdr` only, with a place for an address.
unsafe extern "C" fn note_first(info: *mut dl_phdr_info, _: size_t, place: *mut c_void) -> c_int {
    // SAFETY: the loader and the caller vouch for both.
    #[expect(clippy::cast_possible_truncation, reason = "addresses fit into usize")]
    unsafe {
        *place.cast::<usize>() = (*info).dlpi_addr as usize;
    }
    // The first object is the program; no other is wanted.
    1
}

fn find() -> Option<Statics> {
    let file = fs::read("/proc/self/exe").ok()?;
    let program = Program { file: &file };
    let mut base = 0_usize;
    // SAFETY: the function only writes to the place.
    unsafe { libc::dl_iterate_phdr(Some(note_first), (&raw mut base).cast()) };
    let mut found = Statics { all: Vec::new(), handler: 0 };
    program.each_symbol(|name, value, size| {
        if name.contains("tokio6signal8registry7globals7GLOBALS") && size > 0 {
            if let Some(first) = program.contents(value..value + size) {
                found.all.push(Static { at: base + value, first });
            }
        } else if name.contains("signal_hook_registry7handler") {
            found.handler = base + value;
        }
    })?;
    (!found.all.is_empty()).then_some(found)
}
