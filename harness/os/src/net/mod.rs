//! Sockets and name look-ups, as in `tokio::net`.

mod lookup;
pub mod tcp;
mod udp;

pub use lookup::{ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
