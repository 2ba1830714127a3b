//! The order of wake-ups.

use std::{
    sync::{Arc, Mutex},
    task::Wake,
};

use super::*;

struct Named(u32, Arc<Mutex<Vec<u32>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn wake_ups_come_in_order_of_time_and_then_of_registration() {
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |name| Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
    let mut timers = Timers::default();
    assert_eq!(timers.next(), None);
    for (name, at) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
        timers.register(at, u16::try_from(name).unwrap(), waker(name));
    }
    assert_eq!(timers.next(), Some(10));
    assert!(timers.pop_due(9).is_none());
    let mut hosts = Vec::new();
    while let Some((host, waker)) = timers.pop_due(20) {
        hosts.push(host);
        waker.wake();
    }
    assert_eq!(hosts, [2, 4, 3]);
    assert_eq!(*woken.lock().unwrap(), [2, 4, 3]);
    assert_eq!(timers.next(), Some(30));
}
