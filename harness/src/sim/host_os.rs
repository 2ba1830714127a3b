//! What a host offers to the code that runs on it: its side of `squall_os`.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::{self, IoSlice},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr},
    rc::{Rc, Weak},
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use squall_reports::record::HostState;
use tokio::io::ReadBuf;

use super::{
    clocks::Clocks,
    disk::Disk,
    net::{Ip, Network, SocketId},
    shared::Shared,
};
use crate::{
    interpose::{self, DiskAnswer, DiskRequest, Kernel, Readiness, SocketOption, SocketOptionName},
    plan::{HostSpec, NameFault, nanos},
    run::rng,
};

/// The loopback ports for services behind a sidecar, taken from above: out of the way of those
/// that services ask for, and of the stack's own, which begin at 49152.
const BEHIND_SIDECARS: std::ops::Range<u16> = 20_000..49_152;

/// The number of the next device. What code keeps in statics outlives the process that it simulates,
/// SQLite's list of the files that are locked among it: it must not take the files of one process for
/// those of another. Code in Rust asks in another way, and is told what is the same in each run.
static DEVICES: AtomicU32 = AtomicU32::new(1);

/// The operating system of one host, as far as `squall-os` and the interposed calls ask it. It outlives the incarnations of the host's process.
pub(crate) struct HostOs {
    pub(crate) id: u16,
    /// Itself.
    own: Weak<Self>,
    shared: Weak<Shared>,
    /// When each core has done all the work that it was given, in working time.
    cores: RefCell<Vec<u64>>,
    /// For how long the process has stood still: the virtual time in which it did not work.
    stood_still: Cell<u64>,
    /// How many times as long work takes, and the fault that is to blame.
    slow: Cell<Option<(f64, u16)>>,
    /// What Tokio's statics for signals hold for its process, in a plan that sends some.
    pub(crate) image: RefCell<Option<Rc<RefCell<interpose::Image>>>>,
    /// Whether its process is ended by something else than itself.
    pub(crate) is_killed: Cell<bool>,
    terminating: Cell<bool>,
    termination: RefCell<Vec<Waker>>,
    /// The plan has service faults for this host: its listeners get a sidecar each.
    sidecar: bool,
    /// The ports that sidecars are yet to be started for.
    pub(crate) sidecars_wanted: RefCell<Vec<u16>>,
    /// The loopback port of each service whose own port a sidecar has taken. They outlive the
    /// process, which asks for the same ones again.
    behind_sidecars: RefCell<BTreeMap<u16, u16>>,
    /// What binds does so to what it asks for.
    binds_directly: Cell<bool>,
    /// The addresses that services believe to have, which a sidecar has.
    shown: RefCell<BTreeMap<u64, SocketAddr>>,
    disk: RefCell<Disk>,
    /// Which device the disk is for the process.
    device: Cell<u32>,
    /// How often its process was started.
    starts: Cell<u32>,
    pub(crate) clocks: Clocks,
    /// The faults that look-ups of names meet.
    misnaming: RefCell<Vec<(u16, NameFault)>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<HostOs>>> = const { RefCell::new(None) };
}

/// The operating system of the host whose code runs now, if it is the code of one.
pub(crate) fn current() -> Option<Rc<HostOs>> {
    CURRENT.with_borrow(Clone::clone)
}

/// While it is there, that of a host is the current one; then the former is again.
struct Entered(Option<Rc<HostOs>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl HostOs {
    /// That of a host of the run's topology.
    pub(crate) fn new(id: u16, host: &HostSpec, shared: &Rc<Shared>) -> Rc<Self> {
        let sidecar = shared.plan.service_faults(&host.name).next().is_some();
        let power_losses = rng::stream(shared.seed, &format!("disk {}", host.name));
        Rc::new_cyclic(|own| Self {
            id,
            own: Weak::clone(own),
            shared: Rc::downgrade(shared),
            cores: RefCell::new(vec![0; usize::from(host.cores)]),
            stood_still: Cell::new(0),
            slow: Cell::new(None),
            image: RefCell::default(),
            is_killed: Cell::new(false),
            terminating: Cell::new(false),
            termination: RefCell::default(),
            sidecar,
            sidecars_wanted: RefCell::default(),
            behind_sidecars: RefCell::default(),
            binds_directly: Cell::new(false),
            shown: RefCell::default(),
            disk: RefCell::new(Disk::new(host.disk, power_losses)),
            device: Cell::new(0),
            starts: Cell::new(0),
            clocks: Clocks::default(),
            misnaming: RefCell::default(),
        })
    }

    /// Does something as the code of this host: sockets, clocks and files are those of the host.
    pub(crate) fn enter<R>(self: &Rc<Self>, act: impl FnOnce() -> R) -> R {
        let _entered = Entered(CURRENT.replace(Some(Rc::clone(self))));
        let _clock = interpose::use_clock(self.clocks.get());
        let _kernel = interpose::enter(Rc::clone(self) as Rc<dyn Kernel>);
        let _host = squall_os::sim::enter(Rc::clone(self) as Rc<dyn squall_os::sim::Host>);
        act()
    }

    /// A new process: no work queued, no signal received, and a disk that no other has.
    pub(crate) fn reset(&self) {
        self.device.set(DEVICES.fetch_add(1, Ordering::Relaxed));
        self.starts.set(self.starts.get() + 1);
        self.cores.borrow_mut().fill(0);
        self.is_killed.set(false);
        self.terminating.set(false);
        self.termination.borrow_mut().clear();
        self.sidecars_wanted.borrow_mut().clear();
    }

    /// The process has gone, and its machine is in this state now.
    pub(crate) fn end_process(&self, state: HostState, now: u64) {
        let _clock = interpose::use_clock(self.clocks.get());
        self.with_disk(|disk| {
            disk.process_ended(state == HostState::Exited, now);
            if state == HostState::PoweredOff {
                disk.lose_power();
            }
        });
    }

    /// Does something with the disk, and counts what its faults affect.
    pub(crate) fn with_disk<R>(&self, act: impl FnOnce(&mut Disk) -> R) -> R {
        let mut disk = self.disk.borrow_mut();
        let before = disk.memory_bytes();
        let result = act(&mut disk);
        if let Some(shared) = self.shared.upgrade() {
            shared.disks_grew(disk.memory_bytes() - before);
        }
        for fault in disk.take_hits() {
            self.affect(fault);
        }
        result
    }

    fn affect(&self, fault: u16) {
        if let Some(shared) = self.shared.upgrade() {
            shared.affect(fault, 1);
        }
    }

    /// From now on look-ups of names meet this fault.
    pub(crate) fn inject_name_fault(&self, number: u16, fault: NameFault) {
        self.misnaming.borrow_mut().push((number, fault));
    }

    /// They meet it no longer.
    pub(crate) fn heal_name_fault(&self, number: u16) {
        self.misnaming.borrow_mut().retain(|(acting, _)| *acting != number);
    }

    /// The process stood still for `pause`: the work it had is done that much later.
    pub(crate) fn delay_work(&self, pause: u64) {
        self.stood_still.set(self.stood_still.get() + pause);
    }

    pub(crate) fn slow_down(&self, slow: Option<(f64, u16)>) {
        self.slow.set(slow);
    }

    /// Sends the stop signal and hands out the tasks that wait for it.
    pub(crate) fn terminate(&self) -> Vec<Waker> {
        self.terminating.set(true);
        self.termination.take()
    }

    /// The loopback port of a service whose own `port` a sidecar has taken, the same for each
    /// listener on that port; `None` if there is no other left.
    pub(crate) fn port_behind_sidecar(&self, port: u16) -> Option<u16> {
        let mut behind = self.behind_sidecars.borrow_mut();
        if let Some(known) = behind.get(&port) {
            return Some(*known);
        }
        let shared = self.shared.upgrade()?;
        let taken = |candidate: &u16| {
            *candidate == port
                || behind.iter().any(|(own, other)| own == candidate || other == candidate)
                || shared.network.borrow().is_port_taken(self.id, *candidate)
        };
        let free = BEHIND_SIDECARS.rev().find(|candidate| !taken(candidate))?;
        behind.insert(port, free);
        Some(free)
    }

    /// Asks the kernel of this host for something, at the time of the code that runs now, and tells
    /// the watchers of what this changes.
    fn call<R>(&self, act: impl FnOnce(&mut Network, u64) -> R) -> Option<R> {
        // What is dropped with a process that dies asks for nothing any more: its kernel closes the
        // sockets, in an order of its own.
        let shared = self.shared.upgrade().filter(|shared| !shared.is_dying())?;
        let mut network = shared.network.borrow_mut();
        let result = act(&mut network, interpose::now());
        if network.has_woken() {
            let mut woken = Vec::new();
            network.take_woken(&mut woken);
            drop(network);
            woken.into_iter().for_each(interpose::notify);
        }
        Some(result)
    }

    fn try_call<R>(&self, act: impl FnOnce(&mut Network, u64) -> io::Result<R>) -> io::Result<R> {
        self.call(act).unwrap_or_else(|| Err(io::Error::from_raw_os_error(libc::EBADF)))
    }

    /// What `act` binds is bound to what it asks for, also to a port that a service has behind a
    /// sidecar: the sidecar's own way.
    pub(crate) fn directly<R>(&self, act: impl FnOnce() -> R) -> R {
        let before = self.binds_directly.replace(true);
        let result = act();
        self.binds_directly.set(before);
        result
    }

    /// Where a service that asks for `address` listens when a sidecar has taken that.
    fn behind_sidecar(&self, address: SocketAddr) -> Option<SocketAddr> {
        if !self.sidecar || address.port() == 0 || self.binds_directly.get() {
            return None;
        }
        let port = self.port_behind_sidecar(address.port())?;
        self.sidecars_wanted.borrow_mut().push(address.port());
        Some(if address.is_ipv6() {
            SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port))
        } else {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        })
    }
}

impl Kernel for HostOs {
    fn host(&self) -> u16 {
        self.id
    }

    fn name(&self) -> String {
        let shared = self.shared.upgrade();
        shared.map_or_else(String::new, |shared| shared.host_name(self.id).to_owned())
    }

    fn cores(&self) -> usize {
        self.cores.borrow().len()
    }

    fn clock(&self) -> interpose::Clock {
        self.clocks.get()
    }

    fn socket(&self, stream: bool, v6: bool) -> io::Result<u64> {
        self.try_call(|network, _| Ok(network.socket(self.id, stream, v6).number()))
    }

    fn bind(&self, socket: u64, address: SocketAddr) -> io::Result<()> {
        let id = SocketId::from_number(socket);
        let stream = self.try_call(|network, _| Ok(network.is_stream(id)))?;
        let Some(behind) = self.behind_sidecar(address).filter(|_| stream) else {
            return self.try_call(|network, _| network.bind(id, address));
        };
        self.try_call(|network, _| network.bind(id, behind))?;
        self.shown.borrow_mut().insert(socket, address);
        Ok(())
    }

    fn listen(&self, socket: u64, backlog: u32) -> io::Result<()> {
        self.try_call(|network, _| network.listen(SocketId::from_number(socket), backlog))
    }

    fn connect(&self, socket: u64, address: SocketAddr) -> io::Result<()> {
        self.try_call(|network, now| network.connect(SocketId::from_number(socket), address, now))
    }

    fn accept(&self, socket: u64) -> io::Result<(u64, SocketAddr)> {
        let accepted = self.try_call(|network, _| network.accept(SocketId::from_number(socket)));
        accepted.map(|(id, peer)| (id.number(), peer))
    }

    fn recv(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<()> {
        self.try_call(|network, now| network.recv(SocketId::from_number(socket), buf, peek, now))
    }

    fn send(&self, socket: u64, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_call(|network, now| network.send(SocketId::from_number(socket), bufs, now))
    }

    fn recv_from(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<SocketAddr> {
        self.try_call(|network, _| network.recv_from(SocketId::from_number(socket), buf, peek))
    }

    fn send_to(&self, socket: u64, buf: &[u8], address: Option<SocketAddr>) -> io::Result<usize> {
        self.try_call(|network, now| {
            network.send_to(SocketId::from_number(socket), buf, address, now)
        })
    }

    fn shutdown(&self, socket: u64, how: Shutdown) -> io::Result<()> {
        self.try_call(|network, now| network.shutdown(SocketId::from_number(socket), how, now))
    }

    fn close(&self, socket: u64) {
        self.shown.borrow_mut().remove(&socket);
        self.call(|network, now| network.close(SocketId::from_number(socket), now));
    }

    fn local_addr(&self, socket: u64) -> io::Result<SocketAddr> {
        if let Some(shown) = self.shown.borrow().get(&socket) {
            return Ok(*shown);
        }
        self.try_call(|network, _| network.local_addr(SocketId::from_number(socket)))
    }

    fn peer_addr(&self, socket: u64) -> io::Result<SocketAddr> {
        self.try_call(|network, _| network.peer_addr(SocketId::from_number(socket)))
    }

    fn take_error(&self, socket: u64) -> io::Result<Option<io::Error>> {
        self.try_call(|network, _| network.take_error(SocketId::from_number(socket)))
    }

    fn readiness(&self, socket: u64, wants_room: bool) -> Readiness {
        let id = SocketId::from_number(socket);
        let gone = Readiness { hung_up: true, ..Readiness::default() };
        self.call(|network, _| network.readiness(id, wants_room)).unwrap_or(gone)
    }

    fn watch(&self, socket: u64, watcher: u32) {
        self.call(|network, _| network.watch(SocketId::from_number(socket), watcher));
    }

    fn is_listening(&self, socket: u64) -> bool {
        let id = SocketId::from_number(socket);
        self.call(|network, _| network.is_listening(id)).unwrap_or(false)
    }

    fn set_option(&self, socket: u64, option: SocketOption) -> io::Result<()> {
        self.try_call(|network, now| network.set_option(SocketId::from_number(socket), option, now))
    }

    fn option(&self, socket: u64, name: SocketOptionName) -> io::Result<SocketOption> {
        self.try_call(|network, _| network.option(SocketId::from_number(socket), name))
    }

    fn pending(&self, socket: u64) -> io::Result<usize> {
        self.try_call(|network, _| network.pending(SocketId::from_number(socket)))
    }

    fn disconnect(&self, socket: u64) -> io::Result<()> {
        self.try_call(|network, _| network.disconnect(SocketId::from_number(socket)))
    }

    fn look_up(&self, name: &str) -> (u64, io::Result<Option<IpAddr>>) {
        let (at, answer) = self.answer(name);
        let address = |name: String| {
            let shared = self.shared.upgrade()?;
            shared.host_named(&name).map(|host| Ip::of(host).into())
        };
        (at, answer.map(address))
    }

    fn device(&self) -> u32 {
        self.device.get()
    }

    fn process(&self) -> u32 {
        (u32::from(self.id) << 16) | self.starts.get() & u32::from(u16::MAX)
    }

    fn image(&self) -> Option<Rc<RefCell<interpose::Image>>> {
        self.image.borrow().clone()
    }

    fn disk(&self, request: DiskRequest) -> u64 {
        if self.is_killed.get() {
            // No request has this number, and so no answer: destructors do not run in a process that
            // was killed.
            return 0;
        }
        self.with_disk(|disk| disk.submit(request, interpose::now()))
    }

    fn disk_answer(&self, number: u64) -> Option<Result<io::Result<DiskAnswer>, u64>> {
        self.with_disk(|disk| disk.answer(number, interpose::now()))
    }

    fn on_behalf(&self, call: &mut dyn FnMut()) {
        let Some((shared, own)) = self.shared.upgrade().zip(self.own.upgrade()) else {
            return call();
        };
        let before = shared.host();
        shared.set_host(self.id);
        own.enter(call);
        shared.set_host(before);
    }
}

impl squall_os::sim::Host for HostOs {
    fn spend(&self, cost: Duration) -> u64 {
        let mut cost = nanos(cost);
        if let Some((factor, fault)) = self.slow.get() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a cost times a checked factor, to the nanosecond as far as it matters"
            )]
            let slowed = (cost as f64 * factor) as u64;
            if slowed > cost {
                self.affect(fault);
            }
            cost = slowed;
        }
        let mut cores = self.cores.borrow_mut();
        let first_free = cores.iter_mut().min().expect("a host has at least one core");
        *first_free = (*first_free).max(interpose::now() - self.stood_still.get()) + cost;
        *first_free
    }

    fn poll_worked(&self, done: u64, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(done + self.stood_still.get(), cx)
    }

    fn poll_until(&self, deadline: u64, cx: &mut Context<'_>) -> Poll<()> {
        if interpose::now() >= deadline {
            return Poll::Ready(());
        }
        match self.shared.upgrade() {
            Some(shared) => {
                shared.timers.borrow_mut().register(deadline, self.id, cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    fn poll_terminated(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.terminating.get() {
            return Poll::Ready(());
        }
        let mut waiting = self.termination.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl HostOs {
    /// Whose address the name service gives for `name`, and when.
    fn answer(&self, name: &str) -> (u64, io::Result<String>) {
        let (mut at, mut answer) = (interpose::now(), Ok(name.to_owned()));
        let Some(shared) = self.shared.upgrade() else { return (at, answer) };
        // The fault that the answer is to blame on. What is not found anyway is not failed by one.
        let mut blamed = None;
        let is_known = shared.host_named(name).is_some();
        for (number, fault) in self.misnaming.borrow().iter() {
            match fault {
                NameFault::Slow { delay } => {
                    at += nanos(*delay);
                    self.affect(*number);
                }
                NameFault::Stale { name: misled, old } => {
                    if misled == name && answer.is_ok() {
                        answer = Ok(old.clone());
                        blamed = Some(*number);
                    }
                }
                NameFault::Failure => {
                    if answer.is_ok() {
                        answer = Err(io::ErrorKind::NotFound.into());
                        blamed = is_known.then_some(*number);
                    }
                }
            }
        }
        if let Some(fault) = blamed {
            self.affect(fault);
        }
        (at, answer)
    }
}
