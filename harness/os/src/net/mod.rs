//! Sockets and name look-ups, as in `tokio::net`.

mod lookup;
pub mod tcp;
mod udp;

pub use lookup::{ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
