//! What travels between hosts.

use bytes::Bytes;

use super::{address::Endpoint, socket::SocketId, tcp::Segment};

/// The headers of IPv4 and UDP.
const UDP_HEADER: u32 = 28;

#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
    /// The socket that sent it, and the one that it is for if that is known: an index in place of
    /// a look-up by address.
    pub(crate) from: SocketId,
    pub(crate) to: SocketId,
    /// The host that it goes to.
    pub(crate) host: u16,
    /// It is an attempt that a fault has the host refuse.
    pub(crate) refused_by: Option<u16>,
    /// When it was sent.
    pub(crate) sent_at: u64,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Tcp(Segment),
    Udp(Bytes),
    /// ICMP: nobody has the port that a datagram was for.
    Unreachable,
}

impl Packet {
    /// A packet from a socket, perhaps to one that is known.
    pub(crate) fn new(
        (src, dst): (Endpoint, Endpoint),
        from: SocketId,
        to: SocketId,
        body: Body,
    ) -> Self {
        Self { src, dst, from, to, host: u16::MAX, refused_by: None, sent_at: 0, body }
    }

    /// A packet back to where this one came from.
    pub(crate) fn answer(&self, body: Body) -> Self {
        Self::new((self.dst, self.src), SocketId::NONE, self.from, body)
    }

    /// Bytes on the wire.
    pub(crate) fn size(&self) -> u32 {
        match &self.body {
            Body::Tcp(segment) => segment.size(),
            Body::Udp(bytes) => UDP_HEADER + u32::try_from(bytes.len()).unwrap_or(0),
            // The headers of what it answers come back.
            Body::Unreachable => UDP_HEADER + 28,
        }
    }

    pub(crate) fn segment(&self) -> Option<&Segment> {
        match &self.body {
            Body::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// Bytes of content.
    pub(crate) fn payload(&self) -> u64 {
        match &self.body {
            Body::Tcp(segment) => segment.payload.len() as u64,
            Body::Udp(bytes) => bytes.len() as u64,
            Body::Unreachable => 0,
        }
    }

    /// Did this host send it after `now`?
    pub(crate) fn is_ahead(&self, host: u16, now: u64) -> bool {
        let by = self.src.ip.host().or(self.src.ip.is_loopback().then_some(self.host));
        self.sent_at > now && by == Some(host)
    }

    pub(crate) fn flow(&self) -> Flow {
        Flow { src: self.src, dst: self.dst }
    }
}

/// One direction between two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flow {
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
}

impl Flow {
    pub(crate) fn reverse(self) -> Self {
        Self { src: self.dst, dst: self.src }
    }
}
