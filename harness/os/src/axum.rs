//! `axum::serve` over this crate's listener.

use std::{io, net::SocketAddr, time::Duration};

use crate::net::{TcpListener, TcpStream};

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

impl axum::serve::Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match TcpListener::accept(self).await {
                Ok(accepted) => return accepted,
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}
