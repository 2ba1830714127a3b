//! What is said in a process arrives as what was meant.

mod answers;
mod crash;
mod foreign;
mod lost;
mod meaning;

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use tokio::{net::TcpListener, runtime, sync::oneshot};
use tracing::dispatcher::with_default;

use super::{Told, exporter::Exporter, receiver::Receiver};

/// A receiver with a thread of its own, as the harness and a child have their own processes.
struct Listening {
    address: std::net::SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Listening {
    /// A receiver at an address that the system chooses.
    fn begin() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"))
    }

    fn at(address: std::net::SocketAddr) -> Self {
        Self::with(move |sink| Receiver::bind(address, sink))
    }

    /// A receiver on a socket that has been listening for a while.
    #[expect(clippy::disallowed_types, reason = "no simulation")]
    fn on(listener: std::net::TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a socket");
        Self::with(move |sink| Receiver::serve(TcpListener::from_std(listener)?, sink))
    }

    fn with<F>(make: F) -> Self
    where
        F: FnOnce(Box<dyn Fn(Told) + Send + Sync>) -> std::io::Result<Receiver> + Send + 'static,
    {
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let (say_where, learn_where) = std::sync::mpsc::channel();
        let sink = Arc::clone(&told);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let sink = move |it| sink.lock().expect("no panic").push(it);
                let receiver = make(Box::new(sink)).expect("it listens");
                say_where.send(receiver.address()).expect("somebody asks");
                stopped.await.expect("it is told to stop");
                receiver.stop().await;
            });
        });
        let address = learn_where.recv().expect("it listens");
        Self { address, told, stop, thread }
    }

    /// What it has been told so far.
    fn so_far(&self) -> Vec<Told> {
        self.told.lock().expect("no panic").clone()
    }

    /// All that was said until now.
    fn stop(self) -> Vec<Told> {
        self.stop.send(()).expect("it waits");
        self.thread.join().expect("it stops");
        std::mem::take(&mut *self.told.lock().expect("no panic"))
    }
}

/// What arrives of what `what` says, on this thread as a process of the host `web`.
fn told(what: impl FnOnce(&Exporter)) -> Vec<Told> {
    let listening = Listening::begin();
    let exporter = Exporter::connect(listening.address, "web").expect("somebody listens");
    with_default(&exporter.dispatch(), || what(&exporter));
    exporter.finish();
    listening.stop()
}
