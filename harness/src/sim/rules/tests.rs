//! What a rule remembers of connections ends with them.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use turmoil_net::{Packet, TcpFlags, TcpSegment, Transport};

use super::*;
use crate::plan::{FaultBuilder, Plan, half_open, limit_data, reset_peer};

fn key(port: u16) -> FlowKey {
    FlowKey { src: 0, src_port: 7, dst: 1, dst_port: port }
}

fn rule(fault: FaultBuilder) -> Rule {
    let topology = Topology::new().client("b").client("a");
    let fault = fault.from(Duration::ZERO).until(Duration::from_secs(1));
    let shared = Shared::new(Plan::new(topology).fault(fault.clone()), 1);
    Rule::new(0, &fault, 0, &shared)
}

/// `b` sends so many bytes on the connection with this port; what becomes of them?
fn send(rule: &mut Rule, port: u16, bytes: usize) -> Fate {
    let address = IpAddr::from([192, 168, 0, 1]);
    let flags = TcpFlags { ack: true, ..TcpFlags::default() };
    let payload = Bytes::from(vec![0; bytes]);
    let tcp = TcpSegment { src_port: 7, dst_port: port, seq: 0, ack: 0, flags, window: 9, payload };
    let packet = Packet { src: address, dst: address, ttl: 64, payload: Transport::Tcp(tcp) };
    let mut fate = Fate::default();
    let flow = Some(key(port));
    rule.apply(&Sent { hosts: (0, 1), packet: &packet, flow, again: false, now: 5 }, &mut fate);
    fate
}

#[test]
fn a_connection_that_is_opened_begins_at_nothing() {
    let mut limited = rule(limit_data("b", 10));
    assert!(!send(&mut limited, 1, 8).lost && !send(&mut limited, 2, 8).lost);
    limited.opens(key(1).reverse());
    assert!(!send(&mut limited, 1, 8).lost, "another connection");
    assert!(send(&mut limited, 2, 8).lost, "still the same one");
    assert_eq!(limited.resets_due(5), [key(2)]);

    let mut cut = rule(half_open("b"));
    cut.meet(&[key(1), key(2)]);
    cut.opens(key(1));
    assert!(!send(&mut cut, 1, 8).lost);
    assert_eq!(send(&mut cut, 2, 8).lost_by, Some(0));

    let mut timed = rule(reset_peer("b", Duration::from_nanos(7)));
    send(&mut timed, 1, 8);
    send(&mut timed, 2, 8);
    timed.opens(key(1));
    assert_eq!(timed.resets_due(12), [key(2)]);
}

#[test]
fn what_is_remembered_of_connections_that_are_no_more_is_forgotten() {
    let mut limited = rule(limit_data("b", 10));
    (0..100).for_each(|port| drop(send(&mut limited, port, 8)));
    assert_eq!(limited.remembered(), 100);
    limited.forget_ended(|key| key.dst_port < 3);
    assert_eq!(limited.remembered(), 3);
    assert!(send(&mut limited, 2, 8).lost);
}
