//! TCP: a listener, a stream, and the halves of a stream, as in `tokio::net` and
//! `tokio::net::tcp`.

mod listener;
mod split;
mod stream;

pub use listener::TcpListener;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use stream::TcpStream;
