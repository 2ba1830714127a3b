//! What the surroundings of a run give to the parts of it that no backend owns: the load, the
//! scrapes, the proxy of services, the cluster.
//!
//! A simulation gives virtual time and its own network; real processes give the clocks and the
//! sockets of the machine. Whoever takes an [`Environment`] cannot tell the two apart, and so means
//! the same in both.

use std::{future::Future, io, pin::Pin, sync::Arc};

use rand_chacha::ChaCha8Rng;
use squall_reports::record::{
    Attribute, Attributes, EndCause, EventKind, RequestId, SpanId, Symbol,
};
use tokio::net::{TcpListener, TcpStream};

use crate::plan::Plan;

/// Something that runs beside the services, until it ends or its process does.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The surroundings, as code on one host has them. Times are nanoseconds since the run began.
pub(crate) trait Environment: Clone + Send + Sync + 'static {
    /// The plan that is performed, with the times that the seed drew and the hosts of its cluster.
    fn plan(&self) -> Arc<Plan>;

    /// The host that this code runs on.
    fn host(&self) -> u16;

    fn now(&self) -> u64;

    /// Sleeps until `at`, as exactly as there are clocks for it.
    fn sleep_until(&self, at: u64) -> impl Future<Output = ()> + Send;

    /// Opens a connection from this host to `target`, the name of a host with a port of it.
    fn connect(&self, target: &str) -> impl Future<Output = io::Result<TcpStream>> + Send;

    /// Where code that opens its connections itself reaches `target` from this host.
    fn address_of(&self, target: &str) -> impl Future<Output = io::Result<String>> + Send;

    /// Listens on a port of this host.
    fn listen(&self, port: u16) -> impl Future<Output = io::Result<TcpListener>> + Send;

    /// The random stream of the run for the concern with this name.
    fn random(&self, concern: &str) -> ChaCha8Rng;

    /// Appends to the record, at this time.
    fn record(&self, what: EventKind);

    fn intern(&self, text: &str) -> Symbol;

    fn intern_attributes(&self, pairs: &[Attribute]) -> Attributes;

    /// Enters a span of this host that has ended now and says so only now, in which something was
    /// done for a request since `opened`.
    fn note_span(
        &self,
        name: &str,
        request: RequestId,
        opened: u64,
        pairs: &[(&'static str, &str)],
    );

    /// The number of the last span that was opened in this run.
    fn last_span(&self) -> SpanId;

    /// The number of the next request of the load.
    fn next_request(&self) -> RequestId;

    /// Since when a client that begins now is there: what was to be sent before, it has missed.
    fn client_since(&self) -> u64 {
        self.now()
    }

    /// A request of the load was sent so many nanoseconds later than it was meant to be. In virtual
    /// time none is.
    fn sent_late(&self, _by: u64) {}

    /// The fault with this number of the plan has affected `count` more.
    fn affect(&self, fault: u16, count: u64);

    /// How much it has affected so far.
    fn affected(&self, fault: u16) -> u64;

    /// Does it act now?
    fn is_active(&self, fault: u16) -> bool;

    /// Ends the run. The first cause counts.
    fn stop(&self, cause: EndCause);

    fn is_stopped(&self) -> bool;

    /// The name of a host.
    fn host_name(&self, host: u16) -> String {
        self.plan().topology.hosts[usize::from(host)].name.clone()
    }
}
