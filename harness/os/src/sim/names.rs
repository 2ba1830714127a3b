//! Looking up names in the name service of a run.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use turmoil_net::shim::tokio::net::ToSocketAddrs;

use super::{sleep_until, with};

/// What becomes of looking up a name, when it is not what it should be.
#[derive(Debug)]
pub struct LookUp {
    /// When there is an answer, in nanoseconds of virtual time.
    pub answered_at: u64,
    /// The host whose address is the answer.
    pub answer: io::Result<String>,
}

/// What the simulated name service understands, and which name is in it.
pub trait ToAddress: ToSocketAddrs {
    /// The name and the port, if it is a name that is to be looked up.
    fn name(&self) -> Option<(&str, u16)>;
}

macro_rules! no_names {
    ($($address:ty),*) => {$(
        impl ToAddress for $address {
            fn name(&self) -> Option<(&str, u16)> {
                None
            }
        }
    )*};
}

no_names!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToAddress for (&str, u16) {
    fn name(&self) -> Option<(&str, u16)> {
        self.0.parse::<IpAddr>().is_err().then_some((self.0, self.1))
    }
}

impl ToAddress for (String, u16) {
    fn name(&self) -> Option<(&str, u16)> {
        self.0.parse::<IpAddr>().is_err().then_some((&self.0, self.1))
    }
}

impl ToAddress for str {
    fn name(&self) -> Option<(&str, u16)> {
        if self.parse::<SocketAddr>().is_ok() {
            return None;
        }
        let (name, port) = self.rsplit_once(':')?;
        Some((name, port.parse().ok()?))
    }
}

impl ToAddress for String {
    fn name(&self) -> Option<(&str, u16)> {
        self.as_str().name()
    }
}

impl<T: ToAddress + ?Sized> ToAddress for &T {
    fn name(&self) -> Option<(&str, u16)> {
        (**self).name()
    }
}

/// Resolves an address in the name service of the run, as the current host sees it.
pub(crate) async fn resolve(address: impl ToAddress) -> io::Result<SocketAddr> {
    let name = address.name().filter(|(name, _)| *name != "localhost");
    let found = name.and_then(|(name, port)| {
        with(|host| host.look_up(name)).flatten().map(|found| (found, port))
    });
    match found {
        Some((LookUp { answered_at, answer }, port)) => {
            sleep_until(answered_at).await;
            (answer?, port).to_socket_addr()
        }
        None => address.to_socket_addr(),
    }
}
