//! What runs on the hosts of a simulation besides the services, put together: the plan's loads and
//! scrapes, the sidecars of its service faults, its cluster.

use std::{
    cell::RefCell,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use tokio::net::{TcpListener, TcpSocket};

use super::environment::Simulated;
use crate::{
    cluster::{self, ClusterEnvironment, State},
    load,
    plan::Plan,
    run::{command::Command, environment::Task},
    scrape,
    service::Calls,
    sidecar,
    sim::{guests::Guests, host_os},
};

/// As many connections may wait as Tokio asks for.
const BACKLOG: u32 = 1024;

/// The guests of one run.
pub(super) struct Together {
    plan: Arc<Plan>,
    calls: Arc<Calls>,
    cluster: Option<Rc<Cluster>>,
}

/// What the cluster of a run stores, and what it wants of processes.
struct Cluster {
    state: RefCell<State>,
    commands: RefCell<Vec<Command>>,
}

thread_local! {
    static CLUSTER: RefCell<Option<Rc<Cluster>>> = const { RefCell::new(None) };
}

/// The cluster of the run of this thread. Only those ask who are part of one.
fn cluster_of_thread() -> Rc<Cluster> {
    CLUSTER.with_borrow(Clone::clone).expect("the plan of this run has a cluster")
}

impl ClusterEnvironment for Simulated {
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut cluster_of_thread().state.borrow_mut())
    }

    fn command(&self, command: Command) {
        cluster_of_thread().commands.borrow_mut().push(command);
    }

    async fn seen_by(&self, _: &str, address: &str) -> String {
        address.to_owned()
    }
}

impl Together {
    /// The guests of a run of this plan on this thread, until they are dropped.
    pub(super) fn new(plan: Arc<Plan>, calls: Arc<Calls>, seed: u64) -> Self {
        let cluster = plan.cluster.as_ref().map(|cluster| {
            let state = RefCell::new(State::new(cluster, &plan.topology, seed));
            Rc::new(Cluster { state, commands: RefCell::default() })
        });
        CLUSTER.set(cluster.clone());
        Self { plan, calls, cluster }
    }

    /// What those of `all` do whose client is this host.
    fn of_client<'a, T>(
        &self,
        host: u16,
        all: impl IntoIterator<Item = (&'a String, T)>,
    ) -> Vec<T> {
        let name = &self.plan.topology.hosts[usize::from(host)].name;
        all.into_iter().filter(|(client, _)| *client == name).map(|(_, it)| it).collect()
    }

    fn loads(&self, host: u16, task: impl Fn(usize) -> Task) -> Vec<Task> {
        let loads = self.plan.loads.iter().enumerate();
        let numbers = self.of_client(host, loads.map(|(number, load)| (&load.client, number)));
        numbers.into_iter().map(task).collect()
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        CLUSTER.set(None);
    }
}

impl Guests for Together {
    fn manages(&self, host: u16) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.state.borrow().is_pod(host))
    }

    fn beside(&self, host: u16) -> Option<Task> {
        self.cluster.as_ref().and_then(|_| cluster::agent(&Simulated, host))
    }

    fn warm_up(&self, host: u16) -> Vec<Task> {
        let calls = || Arc::clone(&self.calls);
        self.loads(host, |number| Box::pin(load::warm_up(Simulated, number, calls())))
    }

    fn load(&self, host: u16) -> Vec<Task> {
        let calls = || Arc::clone(&self.calls);
        self.loads(host, |number| Box::pin(load::generate(Simulated, number, calls())))
    }

    fn scrapes(&self, host: u16) -> Vec<Task> {
        let scrapes = self.plan.scrapes.iter().enumerate();
        let numbers = self.of_client(host, scrapes.map(|(number, it)| (&it.client, number)));
        let task = |number| -> Task { Box::pin(scrape::scrape(Simulated, number)) };
        numbers.into_iter().map(task).collect()
    }

    fn sidecar(&self, port: u16) -> Task {
        Box::pin(stand_before(port))
    }

    fn take_commands(&self) -> Vec<Command> {
        self.cluster.as_ref().map(|cluster| cluster.commands.take()).unwrap_or_default()
    }

    fn started(&self, host: u16) {
        cluster::container_started(&Simulated, host);
    }

    fn ended(&self, host: u16, how: &str) {
        cluster::container_ended(&Simulated, host, how);
    }

    fn fell(&self, host: u16) -> Vec<u16> {
        self.cluster.as_ref().map(|_| cluster::node_fell(&Simulated, host)).unwrap_or_default()
    }
}

/// Takes the port of a service, which listens behind it, and passes requests on with the faults of the
/// plan.
async fn stand_before(port: u16) {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let Some((behind, listener)) = host_os::current().and_then(|host_os| {
        let behind = host_os.port_behind_sidecar(port)?;
        // Taken by the service itself, if at all: then there is nothing to stand in front of.
        let listener = host_os.directly(|| listen(address)).ok()?;
        Some((behind, listener))
    }) else {
        return;
    };
    let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, behind));
    sidecar::serve(Simulated, port, listener, behind).await;
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
