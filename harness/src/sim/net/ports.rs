//! Which socket is meant by an address: ports, listeners and connections.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, BuildHasherDefault, Hasher},
};

use super::{
    address::{Endpoint, Ip},
    packet::Flow,
    socket::{Kind, Socket, SocketId},
};

/// `net.ipv4.ip_local_port_range`.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

#[derive(Debug, Default)]
pub(crate) struct Ports {
    /// Connections, by host and both addresses. Only ever looked up.
    connected: HashMap<Connected, SocketId, BuildHasherDefault<AddressHasher>>,
    /// The sockets that hold a port of a host without a peer, TCP's and UDP's.
    bound: BTreeMap<(u16, bool, u16), Vec<SocketId>>,
    /// How many connections use a port of a host.
    used: BTreeMap<(u16, u16), u32>,
    /// Where the search for a port begins, for each host.
    next: BTreeMap<u16, u16>,
}

type Connected = (u16, Endpoint, Endpoint);

/// Hashes addresses, which come from the harness itself: a hash that withstands chosen keys would
/// protect from nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressHasher(u64);

/// A number for the addresses of a flow.
pub(crate) fn hash(flow: Flow) -> u64 {
    BuildHasherDefault::<AddressHasher>::default().hash_one(flow)
}

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u16(u16::from(*byte)));
    }

    fn write_u16(&mut self, part: u16) {
        self.0 = (self.0.rotate_left(16) ^ u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, part: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, which a product mixes least.
        self.0 ^ (self.0 >> 32)
    }
}

impl Ports {
    /// A connection has these addresses.
    pub(crate) fn connect(&mut self, host: u16, local: Endpoint, remote: Endpoint, id: SocketId) {
        if self.connected.insert((host, local, remote), id).is_none() {
            *self.used.entry((host, local.port)).or_default() += 1;
        }
    }

    /// It has them no longer.
    pub(crate) fn disconnect(
        &mut self,
        host: u16,
        local: Option<Endpoint>,
        remote: Option<Endpoint>,
        id: SocketId,
    ) {
        let (Some(local), Some(remote)) = (local, remote) else { return };
        if self.connected.get(&(host, local, remote)) == Some(&id) {
            self.connected.remove(&(host, local, remote));
            if let Some(used) = self.used.get_mut(&(host, local.port)) {
                *used -= 1;
                if *used == 0 {
                    self.used.remove(&(host, local.port));
                }
            }
        }
    }

    pub(crate) fn connection(
        &self,
        host: u16,
        local: Endpoint,
        remote: Endpoint,
    ) -> Option<SocketId> {
        self.connected.get(&(host, local, remote)).copied()
    }

    /// A socket holds a port.
    pub(crate) fn bind(&mut self, host: u16, udp: bool, port: u16, id: SocketId) {
        let bound = self.bound.entry((host, udp, port)).or_default();
        if !bound.contains(&id) {
            bound.push(id);
        }
    }

    /// The sockets that hold a port.
    pub(crate) fn bound(&self, host: u16, udp: bool, port: u16) -> &[SocketId] {
        self.bound.get(&(host, udp, port)).map_or(&[], Vec::as_slice)
    }

    /// Does any socket of `host` hold this port?
    pub(crate) fn is_used(&self, host: u16, port: u16) -> bool {
        self.used.contains_key(&(host, port))
            || !self.bound(host, false, port).is_empty()
            || !self.bound(host, true, port).is_empty()
    }

    /// How many connections use a port.
    pub(crate) fn connections(&self, host: u16, port: u16) -> u32 {
        self.used.get(&(host, port)).copied().unwrap_or(0)
    }

    /// A socket is no more.
    pub(crate) fn forget(&mut self, socket: &Socket, id: SocketId) {
        self.disconnect(socket.host, socket.local, socket.remote, id);
        let udp = matches!(socket.kind, Kind::Udp(_));
        let Some(local) = socket.local else { return };
        if let Some(bound) = self.bound.get_mut(&(socket.host, udp, local.port)) {
            bound.retain(|known| *known != id);
            if bound.is_empty() {
                self.bound.remove(&(socket.host, udp, local.port));
            }
        }
    }

    /// A port that nobody holds, for a connection to `remote` or for none. Connections take every
    /// other one, as on Linux, and may share a port if they have different peers.
    pub(crate) fn ephemeral(
        &mut self,
        host: u16,
        udp: bool,
        peers: Option<(Ip, Endpoint)>,
    ) -> Option<u16> {
        let (low, high) = (*EPHEMERAL.start(), *EPHEMERAL.end());
        let count = high - low + 1;
        let from = self.next.get(&host).copied().unwrap_or(0);
        for step in 0..count {
            // First the even ones, then the odd ones.
            let (half, turn) = (count / 2, step / (count / 2));
            let place = (from / 2 + step % half) % half * 2 + turn;
            let port = low + place;
            let free = self.bound(host, udp, port).is_empty()
                && match peers {
                    Some((ip, remote)) => {
                        self.connection(host, Endpoint::new(ip, port), remote).is_none()
                    }
                    None => self.connections(host, port) == 0,
                };
            if free {
                self.next.insert(host, (place + 2) % count);
                return Some(port);
            }
        }
        None
    }
}
