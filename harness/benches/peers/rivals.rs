//! The networks of the other contestants: `turmoil`'s, and pipes in memory.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use crate::transport::{PORT, Transport};

/// As much as a socket's send buffer holds in the simulated stacks.
const PIPE_BYTES: usize = 64 * 1024;

/// The network of a `turmoil` simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turmoil;

impl Transport for Turmoil {
    type Stream = turmoil::net::TcpStream;
    type Listener = turmoil::net::TcpListener;

    async fn listen(&self, _: &'static str) -> io::Result<Self::Listener> {
        turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<Self::Stream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(&self, name: &'static str) -> io::Result<Self::Stream> {
        turmoil::net::TcpStream::connect((name, PORT)).await
    }
}

/// Pipes in memory: no network at all.
#[derive(Clone, Default)]
pub(crate) struct Pipes(Arc<Mutex<BTreeMap<&'static str, UnboundedSender<DuplexStream>>>>);

impl Transport for Pipes {
    type Stream = DuplexStream;
    type Listener = UnboundedReceiver<DuplexStream>;

    async fn listen(&self, name: &'static str) -> io::Result<Self::Listener> {
        let (send, receive) = unbounded_channel();
        self.0.lock().expect("nothing panics while it holds the lock").insert(name, send);
        Ok(receive)
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<Self::Stream> {
        listener.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    async fn connect(&self, name: &'static str) -> io::Result<Self::Stream> {
        let (near, far) = duplex(PIPE_BYTES);
        let hosts = self.0.lock().expect("nothing panics while it holds the lock");
        let host = hosts.get(name).ok_or(io::ErrorKind::ConnectionRefused)?;
        host.send(far).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(near)
    }
}
