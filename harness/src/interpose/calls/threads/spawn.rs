//! `pthread_create(3)` and `pthread_join(3)`: threads of a run from their beginning to their end.

use std::{
    ffi::c_void,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use libc::c_int;

use crate::interpose::{
    allocator,
    lockstep::await_end,
    real::{Next, really},
    seeded,
    threads::{self, CHILD, Child, KERNELS, at_kernel, family, is_inside, lock},
};

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

struct Begin {
    start: Start,
    argument: *mut c_void,
    child: Arc<Child>,
}

extern "C" fn run(begin: *mut c_void) -> *mut c_void {
    // SAFETY: it is what `adopt` has made, and comes here once.
    let begin = unsafe { Box::from_raw(begin.cast::<Begin>()) };
    begin.child.baton.await_it();
    let bytes = std::ptr::from_ref(&begin.child.family.bytes);
    // SAFETY: it lives until the thread ends, which counts in it no longer then.
    allocator::count_in(Some(unsafe { &*bytes }));
    let Begin { start, argument, child } = *begin;
    let seed = {
        // SAFETY: it only says a number.
        let thread = unsafe { really(libc::SYS_gettid, [0; 5]) };
        child.thread.store(c_int::try_from(thread).unwrap_or(0), Ordering::Relaxed);
        child.family.state().seed ^ child.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    seeded::begin(seed);
    become_child(child);
    if let Some(child) = CHILD.get() {
        child.family.begin_thread();
    }
    start(argument)
}

/// This thread is one of a run from now on, until it ends.
pub(crate) fn become_child(child: Arc<Child>) {
    end_with_the_thread(&child);
    child.resume();
    // SAFETY: it is given back when the thread ends.
    CHILD.set(Some(unsafe { &*Arc::into_raw(child) }));
}

/// Has the thread hand its baton back when everything that belongs to it is gone.
fn end_with_the_thread(child: &Arc<Child>) {
    static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();
    unsafe extern "C" fn ended(_: *mut c_void) {
        let Some(child) = CHILD.replace(None) else { return };
        allocator::count_in(None);
        seeded::end();
        // SAFETY: it was leaked when the thread began.
        let child = unsafe { Arc::from_raw(std::ptr::from_ref(child)) };
        let lost = lock(&child.lost);
        if !*lost {
            child.family.state().ended(child.number);
            child.family.lead.hand_over();
        }
    }
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is a valid place.
        unsafe { libc::pthread_key_create(&raw mut key, Some(ended)) };
        key
    });
    // SAFETY: the key is valid; only that the value is not null matters.
    unsafe { libc::pthread_setspecific(key, std::ptr::from_ref::<Child>(child).cast()) };
}

/// What to start instead of what the code of a run wants to start. `create` starts it.
fn adopt(
    start: Start,
    argument: *mut c_void,
    create: impl FnOnce(Start, *mut c_void) -> (c_int, libc::pthread_t),
) -> c_int {
    let (family, kernel) = match CHILD.get() {
        Some(child) => (Arc::clone(&child.family), None),
        None => match family() {
            Some(family) => (family, threads::kernel()),
            None => return create(start, argument).0,
        },
    };
    let held = CHILD.get().map(Child::hold);
    let number = family.state().number();
    drop(held);
    let child = Arc::new(Child::new(Arc::clone(&family), number));
    let host = match (&kernel, CHILD.get()) {
        (Some(kernel), _) => kernel.host(),
        (None, Some(parent)) => family.state().host_of(parent.number).unwrap_or(0),
        (None, None) => 0,
    };
    let begin = Box::into_raw(Box::new(Begin { start, argument, child: Arc::clone(&child) }));
    let (result, thread) = create(run, begin.cast());
    if result != 0 {
        // SAFETY: nobody else has it: there is no thread.
        drop(unsafe { Box::from_raw(begin) });
        return result;
    }
    let held = CHILD.get().map(Child::hold);
    family.state().add(child, host, thread);
    drop(held);
    match (kernel, CHILD.get()) {
        (Some(kernel), _) => KERNELS.with_borrow_mut(|kernels| {
            kernels.insert(number, kernel);
        }),
        (None, Some(parent)) => {
            // It has its parent's kernel.
            let of = parent.number;
            let _ = at_kernel(|| {
                KERNELS.with_borrow_mut(|kernels| {
                    if let Some(kernel) = kernels.get(&of).cloned() {
                        kernels.insert(number, kernel);
                    }
                });
                Ok(())
            });
        }
        (None, None) => {}
    }
    0
}

/// # Safety
///
/// As `pthread_create(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        Start,
        *mut c_void,
    ) -> c_int;
    static NEXT: Next = Next::named("pthread_create\0");
    // SAFETY: this is libc's function of that name and type.
    let next: Create = unsafe { std::mem::transmute(NEXT.get()) };
    if is_inside() {
        return adopt(start, argument, |start, argument| {
            // SAFETY: the arguments are the caller's, but for what is to be started.
            let result = unsafe { next(thread, attributes, start, argument) };
            // SAFETY: it is written to if the thread was started.
            (result, if result == 0 { unsafe { *thread } } else { 0 })
        });
    }
    // SAFETY: the arguments are the caller's.
    unsafe { next(thread, attributes, start, argument) }
}

/// # Safety
///
/// As `pthread_join(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    static NEXT: Next = Next::named("pthread_join\0");
    if is_inside() {
        await_end(thread);
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(thread, result) }
}
