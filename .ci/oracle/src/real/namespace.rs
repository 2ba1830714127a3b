//! A network namespace with one TUN device, for as long as somebody holds it.
//!
//! It has no name: a thread lives in it, and what that thread starts lives in it too. The kernel
//! removes it with its device when the last of them is gone, whichever way this process ends, so
//! that nothing can be left behind, and nothing outside of it is touched.

use std::{
    fs, io,
    net::Ipv4Addr,
    sync::{Arc, mpsc},
    thread,
};

use nix::sched::{CloneFlags, unshare};
use tun_rs::{DeviceBuilder, SyncDevice};

type Task = Box<dyn FnOnce() + Send>;

pub(crate) struct Namespace {
    device: Arc<SyncDevice>,
    tasks: mpsc::Sender<Task>,
}

impl Namespace {
    /// Makes one whose host has this address, in a network of 256.
    pub(crate) fn new(address: Ipv4Addr) -> io::Result<Self> {
        let (tasks, todo) = mpsc::channel::<Task>();
        let (made, device) = mpsc::channel();
        // The thread ends when the sender of its tasks is dropped.
        thread::spawn(move || {
            // Who asked may have gone; then there are no tasks either.
            let _ = made.send(enter(address));
            todo.into_iter().for_each(|task| task());
        });
        let device = device.recv().map_err(|_| io::Error::other("the thread panicked"))??;
        Ok(Self { device: Arc::new(device), tasks })
    }

    /// The device: what the host sends is read from it, and what is written to it the host receives.
    pub(crate) fn device(&self) -> Arc<SyncDevice> {
        Arc::clone(&self.device)
    }

    /// Runs `task` on the thread that lives in the namespace. Sockets and processes that it makes
    /// stay there.
    pub(crate) fn within<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, result) = mpsc::channel();
        let task: Task = Box::new(move || {
            let _ = done.send(task());
        });
        let gone = || io::Error::other("the thread of the namespace is gone");
        self.tasks.send(task).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())
    }
}

/// Moves this thread into a new namespace and opens its device.
fn enter(address: Ipv4Addr) -> io::Result<SyncDevice> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    // A connection must not begin with what an earlier one has learned.
    fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1")?;
    // Router solicitations would take their turn of the link's random stream.
    match fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let device = DeviceBuilder::new()
        .name("tun0")
        .ipv4(address, 24, None)
        .mtu(1500)
        // All queueing is the emulator's.
        .with(|device| {
            device.tx_queue_len(10_000);
        })
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}
