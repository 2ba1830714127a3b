//! Names to addresses.

use std::{io, net::SocketAddr};

/// What can be turned into a socket address: everything that `tokio::net` takes.
#[cfg(not(feature = "sim"))]
pub trait ToSocketAddrs: tokio::net::ToSocketAddrs {}
#[cfg(not(feature = "sim"))]
impl<T: tokio::net::ToSocketAddrs + ?Sized> ToSocketAddrs for T {}

/// What can be turned into a socket address: what `tokio::net` takes and the simulated name
/// service understands (addresses, `"name:port"`, `(name, port)`).
#[cfg(feature = "sim")]
pub trait ToSocketAddrs: tokio::net::ToSocketAddrs + crate::sim::ToAddress {}
#[cfg(feature = "sim")]
impl<T: tokio::net::ToSocketAddrs + crate::sim::ToAddress + ?Sized> ToSocketAddrs for T {}

/// Resolves a name, as `tokio::net::lookup_host` does.
///
/// # Errors
///
/// When the name is unknown, or is not of the form `name:port`.
pub async fn lookup_host(name: &str) -> io::Result<impl Iterator<Item = SocketAddr>> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        return Ok(crate::sim::resolve(name).await?.into_iter());
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host(name).await?.collect();
    Ok(found.into_iter())
}
