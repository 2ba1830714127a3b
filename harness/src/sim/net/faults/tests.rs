//! What a rule remembers of connections ends with them.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;

use super::*;
use crate::{
    plan::{FaultBuilder, FaultKind, half_open, limit_data, reset_peer, timeout},
    sim::net::{
        packet::{Body, Packet},
        socket::SocketId,
        tcp::{Flags, Segment},
    },
};

fn flow(port: u16) -> Flow {
    let at = |host: u8, port: u16| SocketAddr::from(([192, 168, 0, host], port)).into();
    Flow { src: at(1, 7), dst: at(2, port) }
}

fn rule(fault: FaultBuilder) -> Rule {
    let topology = Topology::new().client("b").client("a");
    let fault = fault.from(Duration::ZERO).until(Duration::from_secs(1));
    let effects = [Acting::default()].into_iter().collect();
    let FaultKind::Network(kind) = fault.kind else { panic!("a fault of the network") };
    let begin = Begin { topology: &topology, seed: 1, now: 0, effects: &effects };
    match Performed::of(0, &kind, &fault.target, &begin) {
        Performed::Rule(rule) => rule,
        Performed::Throttle(_) => panic!("a fault of packets"),
    }
}

/// `b` sends so many bytes of a stream, from `seq` on; what becomes of them?
fn send(rule: &mut Rule, port: u16, seq: u64, bytes: usize) -> PacketOutcome {
    let flags = Flags { ack: true, ..Flags::default() };
    let segment =
        Segment { seq, flags, payload: Bytes::from(vec![0; bytes]), ..Segment::default() };
    let Flow { src, dst } = flow(port);
    let packet = Packet::new((src, dst), SocketId::NONE, SocketId::NONE, Body::Tcp(segment));
    let mut outcome = PacketOutcome::default();
    rule.apply(&Sent { hosts: (0, 1), packet: &packet, now: 5 }, &mut outcome);
    outcome
}

#[test]
fn a_stream_ends_at_its_limit_whatever_comes_again() {
    let mut limited = rule(limit_data("b", 10));
    assert_eq!(send(&mut limited, 1, 100, 8), PacketOutcome::default());
    assert_eq!(send(&mut limited, 1, 108, 8).ends_at, Some(110));
    assert_eq!(send(&mut limited, 1, 108, 8).ends_at, Some(110), "it comes again");
    assert!(send(&mut limited, 1, 116, 8).lost);
    assert_eq!(
        send(&mut limited, 1, 100, 8),
        PacketOutcome::default(),
        "what came before may come again"
    );
}

#[test]
fn a_connection_that_is_opened_begins_at_nothing() {
    let mut limited = rule(limit_data("b", 10));
    for port in [1, 2] {
        assert_eq!(send(&mut limited, port, 100, 8), PacketOutcome::default());
    }
    limited.opens(flow(1).reverse(), (1, 0), 5);
    assert_eq!(send(&mut limited, 1, 900, 8), PacketOutcome::default(), "another connection");
    assert_eq!(send(&mut limited, 2, 108, 8).ends_at, Some(110), "still the same one");

    let mut cut = rule(half_open("b"));
    cut.meet(&[flow(1), flow(2)], 0);
    cut.opens(flow(1), (0, 1), 5);
    assert!(!send(&mut cut, 1, 0, 8).lost);
    assert_eq!(send(&mut cut, 2, 0, 8).lost_by, Some(0));

    let mut timed = rule(reset_peer("b", Duration::from_nanos(7)));
    send(&mut timed, 1, 0, 8);
    send(&mut timed, 2, 0, 8);
    timed.opens(flow(1), (0, 1), 5);
    assert_eq!(timed.severed(12), [(flow(2), Severed::Reset)]);
}

#[test]
fn a_timeout_begins_again_with_all_that_it_swallows() {
    let mut timed = rule(timeout("b", Duration::from_nanos(10)));
    timed.meet(&[flow(1)], 0);
    assert_eq!(timed.next_severed(), Some(10));
    assert!(send(&mut timed, 1, 0, 8).lost);
    assert_eq!(timed.next_severed(), Some(15));
    timed.meet(&[flow(1)], 0);
    assert!(send(&mut timed, 1, 0, 8).lost);
    assert_eq!(timed.next_severed(), Some(10), "not with what comes again");
    assert_eq!(
        timed.end(),
        [(flow(1), Severed::Closed)],
        "a proxy closes what it has swallowed from"
    );
}

#[test]
fn what_is_remembered_of_connections_that_are_no_more_is_forgotten() {
    let mut limited = rule(limit_data("b", 10));
    (0..100).for_each(|port| drop(send(&mut limited, port, 100, 8)));
    assert_eq!(limited.remembered(), 100);
    limited.forget_ended(|flow| flow.dst.port < 3);
    assert_eq!(limited.remembered(), 3);
    assert_eq!(send(&mut limited, 2, 108, 8).ends_at, Some(110));
}
