//! The hosts that are to run, since something has happened that their threads wait for.

use std::cell::RefCell;

thread_local! {
    /// The hosts whose epolls have something to tell since this was last taken.
    static HOSTS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
}

/// A host is to run: something has happened that its threads wait for.
pub(super) fn has_news(host: u16) {
    let _ = HOSTS.try_with(|hosts| {
        let mut hosts = hosts.borrow_mut();
        if hosts.last() != Some(&host) {
            hosts.push(host);
        }
    });
}

/// Takes the hosts whose epolls have something to tell.
pub(crate) fn take_hosts(into: &mut Vec<u16>) {
    into.clear();
    let _ = HOSTS.try_with(|hosts| std::mem::swap(&mut *hosts.borrow_mut(), into));
}
