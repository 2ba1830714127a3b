//! Who the server answers to.

use std::net::{IpAddr, SocketAddr};

/// The names that a request may call the server by. A page elsewhere in the web can make its own
/// name point to this machine and have the browser read from here (DNS rebinding); a server on
/// loopback therefore answers to the names of loopback only.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    Loopback,
    /// Whoever asked for another address knows who may reach it.
    Any,
}

impl Names {
    pub(super) fn of(address: SocketAddr) -> Self {
        if address.ip().is_loopback() { Self::Loopback } else { Self::Any }
    }

    /// May a request call the server `host`, as its header does, with or without a port?
    pub(super) fn allow(self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => host.split(':').next(),
        };
        let name = name.unwrap_or_default();
        let is_loopback = || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        matches!(self, Self::Any) || name.eq_ignore_ascii_case("localhost") || is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn loopback_answers_to_its_own_names() {
        let names = Names::of(([127, 0, 0, 1], 7341).into());
        for name in ["127.0.0.1:7341", "localhost:7341", "LOCALHOST", "[::1]:7341", "127.8.0.1"] {
            assert!(names.allow(name), "{name}");
        }
        for name in ["evil.example:7341", "", "10.0.0.1", "localhost.evil.example", "[::2]", "["] {
            assert!(!names.allow(name), "{name}");
        }
        assert!(Names::of(([10, 0, 0, 1], 7341).into()).allow("evil.example"));
    }
}
