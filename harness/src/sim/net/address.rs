//! Addresses within a run, in four bytes.
//!
//! Each host has one IPv4 address, 192.168.0.1 for the first, and one IPv6 address,
//! `fd00:5371:7561:6c6c::1`. Loopback addresses belong to every host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where IPv6 addresses are kept: above all IPv4 addresses that a run can meet.
const V6: u32 = 0xf600_0000;
const V6_LOOPBACK: u32 = V6 - 1;
const V6_UNSPECIFIED: u32 = V6 - 2;
/// Any other IPv6 address: of no host.
const V6_NOWHERE: u32 = V6 - 3;
const V4_FIRST: u32 = 0xc0a8_0001;
const PREFIX: [u16; 4] = [0xfd00, 0x5371, 0x7561, 0x6c6c];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ip(u32);

impl Ip {
    pub(crate) const LOOPBACK: Self = Self(0x7f00_0001);
    pub(crate) const LOOPBACK_6: Self = Self(V6_LOOPBACK);
    pub(crate) const ANY: Self = Self(0);
    pub(crate) const ANY_6: Self = Self(V6_UNSPECIFIED);

    /// The IPv4 address of a host.
    pub(crate) fn of(host: u16) -> Self {
        Self(V4_FIRST + u32::from(host))
    }

    /// The IPv6 address of a host.
    pub(crate) fn of_6(host: u16) -> Self {
        Self(V6 + 1 + u32::from(host))
    }

    /// The host that has this address, if it is one of a host's own.
    pub(crate) fn host(self) -> Option<u16> {
        let index = match self.0.checked_sub(V6 + 1) {
            Some(index) => index,
            None => self.0.checked_sub(V4_FIRST)?,
        };
        u16::try_from(index).ok()
    }

    pub(crate) fn is_v6(self) -> bool {
        self.0 >= V6_NOWHERE
    }

    pub(crate) fn is_loopback(self) -> bool {
        self.0 >> 24 == 127 || self.0 == V6_LOOPBACK
    }

    pub(crate) fn is_any(self) -> bool {
        self.0 == 0 || self.0 == V6_UNSPECIFIED
    }
}

impl From<IpAddr> for Ip {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) if ip.to_bits() < V6_NOWHERE => Self(ip.to_bits()),
            // Reserved addresses (240.0.0.0/4) are nobody's either.
            IpAddr::V4(_) => Self(V6_NOWHERE),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(mapped) => Self::from(IpAddr::V4(mapped)),
                None if ip.is_unspecified() => Self::ANY_6,
                None if ip.is_loopback() => Self::LOOPBACK_6,
                None => match ip.segments() {
                    [a, b, c, d, 0, 0, high, low] if [a, b, c, d] == PREFIX => {
                        let number = (u32::from(high) << 16) + u32::from(low);
                        Self(if number <= 0xffff { V6 + number } else { V6_NOWHERE })
                    }
                    _ => Self(V6_NOWHERE),
                },
            },
        }
    }
}

impl From<Ip> for IpAddr {
    fn from(ip: Ip) -> Self {
        let [a, b, c, d] = PREFIX;
        match ip.0 {
            V6_UNSPECIFIED | V6_NOWHERE => Self::V6(Ipv6Addr::UNSPECIFIED),
            V6_LOOPBACK => Self::V6(Ipv6Addr::LOCALHOST),
            bits if bits >= V6 => {
                let low = u16::try_from(bits - V6).unwrap_or(u16::MAX);
                Self::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, low))
            }
            bits => Self::V4(Ipv4Addr::from_bits(bits)),
        }
    }
}

/// An address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Endpoint {
    pub(crate) ip: Ip,
    pub(crate) port: u16,
}

impl Endpoint {
    pub(crate) fn new(ip: Ip, port: u16) -> Self {
        Self { ip, port }
    }

    /// As a socket shows it: an IPv6 socket shows IPv4 addresses as mapped ones.
    pub(crate) fn shown(self, v6: bool) -> SocketAddr {
        let ip = match IpAddr::from(self.ip) {
            IpAddr::V4(ip) if v6 => IpAddr::V6(ip.to_ipv6_mapped()),
            ip => ip,
        };
        SocketAddr::new(ip, self.port)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip().into(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::{Endpoint, Ip};

    #[track_caller]
    fn parsed(text: &str) -> Ip {
        Ip::from(text.parse::<IpAddr>().expect("an address"))
    }

    #[test]
    fn addresses_come_through() {
        for text in ["192.168.0.1", "127.0.0.1", "127.3.2.1", "0.0.0.0", "::", "::1", "10.1.2.3"] {
            assert_eq!(IpAddr::from(parsed(text)).to_string(), text);
        }
        let own = "fd00:5371:7561:6c6c::2";
        assert_eq!(IpAddr::from(parsed(own)).to_string(), own);
        assert_eq!(parsed(own).host(), Some(1));
        assert_eq!(parsed("192.168.0.2").host(), Some(1));
        assert_eq!(parsed("127.0.0.1").host(), None);
        assert_eq!(parsed("2001:db8::1").host(), None);
        assert!(parsed("2001:db8::1").is_v6() && !parsed("10.0.0.1").is_v6());
    }

    #[test]
    fn a_socket_of_both_families_shows_mapped_addresses() {
        let address: SocketAddr = "[::ffff:192.168.0.1]:80".parse().expect("an address");
        let endpoint = Endpoint::from(address);
        assert_eq!(endpoint.shown(false).to_string(), "192.168.0.1:80");
        assert_eq!(endpoint.shown(true).to_string(), "[::ffff:192.168.0.1]:80");
    }
}
