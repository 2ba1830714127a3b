//! The surroundings of code that runs in a simulation: those of the host whose code runs now on this
//! thread.

use std::{future::Future, io, net::Ipv4Addr, sync::Arc};

use rand_chacha::ChaCha8Rng;
use squall_reports::record::{
    Attribute, Attributes, EndCause, EventKind, RequestId, SpanId, Symbol,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    interpose,
    plan::Plan,
    run::{environment::Environment, rng},
    sim::{
        observe,
        shared::{self, Shared},
    },
};

/// The run and the host of this thread. A value of no size, so that futures which hold it can be sent:
/// what it stands for is found where it is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simulated;

/// Code of a host runs only while its run is that of the thread.
fn with<R>(ask: impl FnOnce(&Shared) -> R) -> R {
    ask(&shared::current().expect("the code of a host runs in a run"))
}

impl Environment for Simulated {
    fn plan(&self) -> Arc<Plan> {
        with(|shared| Arc::clone(&shared.plan))
    }

    fn host(&self) -> u16 {
        with(Shared::host)
    }

    fn now(&self) -> u64 {
        interpose::now()
    }

    fn sleep_until(&self, at: u64) -> impl Future<Output = ()> + Send {
        squall_os::sim::sleep_until(at)
    }

    async fn connect(&self, target: &str) -> io::Result<TcpStream> {
        TcpStream::connect(target).await
    }

    async fn address_of(&self, target: &str) -> io::Result<String> {
        Ok(target.to_owned())
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
    }

    fn random(&self, concern: &str) -> ChaCha8Rng {
        with(|shared| rng::stream(shared.seed, concern))
    }

    fn record(&self, what: EventKind) {
        with(|shared| shared.record(what));
    }

    fn intern(&self, text: &str) -> Symbol {
        with(|shared| shared.intern(text))
    }

    fn intern_attributes(&self, pairs: &[Attribute]) -> Attributes {
        with(|shared| shared.intern_attributes(pairs))
    }

    fn note_span(
        &self,
        name: &str,
        request: RequestId,
        opened: u64,
        pairs: &[(&'static str, &str)],
    ) {
        with(|shared| observe::note_span(shared, name, request, opened, pairs));
    }

    fn last_span(&self) -> SpanId {
        observe::last_opened()
    }

    fn next_request(&self) -> RequestId {
        with(Shared::next_request)
    }

    fn affect(&self, fault: u16, count: u64) {
        with(|shared| shared.affect(fault, count));
    }

    fn affected(&self, fault: u16) -> u64 {
        with(|shared| shared.affected(fault))
    }

    fn is_active(&self, fault: u16) -> bool {
        with(|shared| shared.is_active(fault))
    }

    fn stop(&self, cause: EndCause) {
        with(|shared| shared.stop(cause));
    }

    fn is_stopped(&self) -> bool {
        with(|shared| shared.stopped().is_some())
    }
}
