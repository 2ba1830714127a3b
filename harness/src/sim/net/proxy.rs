//! Connections that a fault has ended in between, as a proxy there would.
//!
//! Both ends see their connection end, each by itself. What they still send is answered in the
//! place of the other end.

use super::{
    Network,
    packet::{Body, Flow, Packet},
    severed::Severed,
    socket::{Kind, SocketId},
    tcp::{Flags, Segment},
};

impl Network {
    /// Ends a connection at both of its ends.
    pub(super) fn sever(&mut self, flow: Flow, how: Severed, fault: u16, now: u64) {
        let ends = [flow, flow.reverse()].map(|end| (end, self.end_of(end)));
        if ends.iter().all(|(_, id)| id.is_none()) {
            return;
        }
        self.fabric.affect(fault);
        if how == Severed::Closed {
            self.fabric.stand_in(flow);
        }
        for (end, id) in ends {
            if let Some(id) = id {
                self.end_in_between(id, end, how, now);
            }
        }
    }

    fn end_in_between(&mut self, id: SocketId, end: Flow, how: Severed, now: u64) {
        let Some(socket) = self.get(id) else { return };
        let host = socket.host;
        let (seq, ack) = match &socket.kind {
            Kind::Connection(connection) => {
                let (snd_nxt, rcv_nxt) = connection.sequence();
                (rcv_nxt, snd_nxt)
            }
            Kind::Request { request, .. } => (request.irs + 1, request.iss + 1),
            _ => return,
        };
        let rst = how == Severed::Reset;
        let flags = Flags { rst, ack: true, fin: !rst, syn: false };
        let segment =
            Segment { seq, ack, flags, window: 65_535, sent_at: now, ..Segment::default() };
        let mut packet = Packet::new((end.dst, end.src), SocketId::NONE, id, Body::Tcp(segment));
        packet.host = host;
        // At once: what arrives before it would move the place at which it is valid.
        self.input(packet, now);
    }
}
