//! Looking up names in the name service of a run.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use super::{sleep_until, with};

/// What becomes of looking up a name, when it is not what it should be.
#[derive(Debug)]
pub struct LookUp {
    /// When there is an answer, in nanoseconds of virtual time.
    pub answered_at: u64,
    /// The host whose address is the answer.
    pub answer: io::Result<String>,
}

/// Addresses, or a name that is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Addresses, in the order in which they are tried.
    Addresses(Vec<SocketAddr>),
    /// A name and a port.
    Name(String, u16),
}

/// What the simulated name service understands.
pub trait ToAddress {
    /// What is meant.
    ///
    /// # Errors
    ///
    /// When it is neither an address nor a name with a port.
    fn target(&self) -> io::Result<Target>;
}

macro_rules! addresses {
    ($($address:ty),*) => {$(
        impl ToAddress for $address {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::Addresses(vec![SocketAddr::from(*self)]))
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToAddress for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Addresses(self.to_vec()))
    }
}

impl ToAddress for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(match self.0.parse::<IpAddr>() {
            Ok(ip) => Target::Addresses(vec![SocketAddr::new(ip, self.1)]),
            Err(_) => Target::Name(self.0.to_owned(), self.1),
        })
    }
}

impl ToAddress for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        (self.0.as_str(), self.1).target()
    }
}

impl ToAddress for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(Target::Addresses(vec![address]));
        }
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let (name, port) =
            self.rsplit_once(':').ok_or_else(|| invalid("invalid socket address"))?;
        let port = port.parse().map_err(|_| invalid("invalid port value"))?;
        Ok(Target::Name(name.to_owned(), port))
    }
}

impl ToAddress for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl<T: ToAddress + ?Sized> ToAddress for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

/// Resolves an address in the name service of the run, as the current host sees it.
pub(crate) async fn resolve(address: impl ToAddress) -> io::Result<Vec<SocketAddr>> {
    let (name, port) = match address.target()? {
        Target::Addresses(addresses) => return Ok(addresses),
        Target::Name(name, port) => (name, port),
    };
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ]);
    }
    let name = match with(|host| host.look_up(&name)).flatten() {
        Some(LookUp { answered_at, answer }) => {
            sleep_until(answered_at).await;
            answer?
        }
        None => name,
    };
    let found = with(|host| host.address_of(&name)).flatten();
    let unknown =
        || io::Error::other("failed to lookup address information: Name or service not known");
    found.map(|ip| vec![SocketAddr::new(ip, port)]).ok_or_else(unknown)
}
