//! Order, loss and retransmission of one flow.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use turmoil_net::TcpFlags;

use super::*;

const MS: u64 = 1_000_000;
const TIMEOUTS: Timeouts = Timeouts { retransmit: 200 * MS, give_up: 10_000 * MS };

fn packet(seq: u32, ack: u32, flags: TcpFlags, length: usize) -> Packet {
    let segment = TcpSegment {
        src_port: 1,
        dst_port: 2,
        seq,
        ack,
        flags,
        window: u16::try_from(ack % 60_000).unwrap(),
        payload: Bytes::from(vec![0; length]),
    };
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Packet { src: ip, dst: ip, ttl: 64, payload: Transport::Tcp(segment) }
}

fn flags() -> TcpFlags {
    TcpFlags { ack: true, ..TcpFlags::default() }
}

/// Ten bytes of data from `seq` on.
fn data(seq: u32) -> Packet {
    packet(seq, 500, flags(), 10)
}

fn pure_ack(ack: u32) -> Packet {
    packet(1_000, ack, flags(), 0)
}

fn shown(delivered: &[(u64, Packet)]) -> Vec<(u64, u32, u32)> {
    let each = delivered.iter().map(|(at, packet)| (*at, segment(packet).unwrap()));
    each.map(|(at, segment)| (at / MS, segment.seq, segment.ack)).collect()
}

/// Sends at `now` (in ms), to arrive at `arrives`; what is delivered, in ms, with seq and ack.
fn send(flow: &mut Flow, packet: Packet, now: u64, arrives: Option<u64>) -> Vec<(u64, u32, u32)> {
    let mut out = Vec::new();
    flow.send(packet, now * MS, arrives.map(|at| at * MS), TIMEOUTS, &mut out);
    shown(&out)
}

/// The timer runs out at `now`; `arrives` says for each segment whether it gets through.
fn retry(
    flow: &mut Flow,
    now: u64,
    mut arrives: impl FnMut(u32) -> Option<u64>,
) -> Vec<(u64, u32, u32)> {
    assert_eq!(flow.retry_at, Some(now * MS), "the timer is due");
    let delivered = flow.retransmit(now * MS, TIMEOUTS, |packet| {
        arrives(segment(packet).unwrap().seq).map(|at| at * MS)
    });
    shown(&delivered)
}

#[test]
fn segments_arrive_in_the_order_in_which_they_were_sent() {
    let mut flow = Flow::default();
    assert_eq!(send(&mut flow, data(0), 0, Some(9)), [(9, 0, 500)]);
    assert_eq!(send(&mut flow, data(10), 1, Some(4)), [(9, 10, 500)], "not before the first");
    assert_eq!(send(&mut flow, data(20), 2, Some(12)), [(12, 20, 500)]);
    assert_eq!(flow.retry_at, None);
    assert!(!flow.is_idle(11 * MS) && flow.is_idle(12 * MS));
}

#[test]
fn a_lost_segment_comes_again_after_200_600_and_1400_ms() {
    let mut flow = Flow::default();
    assert_eq!(send(&mut flow, data(0), 0, None), []);
    assert_eq!(retry(&mut flow, 200, |_| None), []);
    assert_eq!(retry(&mut flow, 600, |_| None), []);
    assert_eq!(retry(&mut flow, 1_400, |_| Some(1_401)), [(1_401, 0, 500)]);
    assert_eq!(flow.retry_at, None);
    // The next loss begins with the first timeout again.
    send(&mut flow, data(10), 2_000, None);
    assert_eq!(flow.retry_at, Some(2_200 * MS));
}

#[test]
fn what_follows_a_lost_segment_waits_for_it() {
    let mut flow = Flow::default();
    send(&mut flow, data(0), 0, None);
    assert_eq!(send(&mut flow, data(10), 1, Some(2)), [], "it has arrived and waits");
    assert_eq!(send(&mut flow, data(20), 2, None), []);
    assert_eq!(flow.bytes(), 30);
    let delivered = retry(&mut flow, 200, |_| Some(201));
    assert_eq!(delivered, [(201, 0, 500), (201, 10, 500), (201, 20, 500)]);
}

#[test]
fn a_retransmission_stops_at_what_is_lost_again_and_starts_over_after_progress() {
    let mut flow = Flow::default();
    for seq in [0, 10, 20] {
        send(&mut flow, data(seq), 0, None);
    }
    let mut asked = Vec::new();
    let delivered = retry(&mut flow, 200, |seq| {
        asked.push(seq);
        (seq == 0).then_some(201)
    });
    assert_eq!((asked, delivered), (vec![0, 10], vec![(201, 0, 500)]));
    let delivered = retry(&mut flow, 400, |_| Some(401));
    assert_eq!(delivered, [(401, 10, 500), (401, 20, 500)]);
}

#[test]
fn a_lost_acknowledgement_is_made_up_for_by_a_later_one() {
    let mut flow = Flow::default();
    assert_eq!(send(&mut flow, pure_ack(100), 0, None), []);
    assert_eq!(flow.retry_at, Some(200 * MS));
    assert_eq!(send(&mut flow, pure_ack(200), 5, Some(6)), [(6, 1_000, 200)]);
    assert_eq!(flow.retry_at, None);
}

#[test]
fn a_lost_acknowledgement_goes_ahead_of_the_data_that_follows_it() {
    let mut flow = Flow::default();
    send(&mut flow, pure_ack(100), 0, None);
    let mut next = data(1_000);
    if let Transport::Tcp(segment) = &mut next.payload {
        segment.ack = 101;
    }
    assert_eq!(send(&mut flow, next, 5, Some(6)), [(6, 1_000, 101), (6, 1_000, 101)]);
    assert_eq!(flow.retry_at, None);
}

#[test]
fn a_lost_acknowledgement_is_repeated_by_itself_for_ever() {
    let mut flow = Flow::default();
    send(&mut flow, pure_ack(100), 0, None);
    let mut at = 200;
    for timeout in [400, 800, 1_600, 3_200, 6_400, 12_800] {
        assert!(!flow.gives_up(at * MS), "its sender has nothing to lose");
        assert_eq!(retry(&mut flow, at, |_| None), []);
        at += timeout;
    }
    assert_eq!(retry(&mut flow, at, |_| Some(at + 1)), [(at + 1, 1_000, 100)]);
}

#[test]
fn an_acknowledgement_passes_data_that_waits() {
    let mut flow = Flow::default();
    send(&mut flow, data(0), 0, None);
    assert_eq!(send(&mut flow, pure_ack(700), 1, Some(2)), [(2, 1_000, 700)]);
    assert_eq!(flow.retry_at, Some(200 * MS), "the data is still lost");
    let delivered = retry(&mut flow, 200, |_| Some(201));
    assert_eq!(delivered, [(201, 0, 700)], "a retransmission acknowledges what is known now");
}

#[test]
fn data_that_is_lost_behind_a_lost_acknowledgement_has_its_whole_timeout() {
    let mut flow = Flow::default();
    send(&mut flow, pure_ack(100), 0, None);
    send(&mut flow, data(1_000), 50, None);
    assert_eq!(flow.retry_at, Some(250 * MS));
    let delivered = retry(&mut flow, 250, |_| Some(251));
    assert_eq!(delivered, [(251, 1_000, 500), (251, 1_000, 500)], "both, in order");
}

#[test]
fn the_sender_gives_up_exactly_when_its_patience_ends() {
    let mut flow = Flow::default();
    let short = Timeouts { retransmit: 200 * MS, give_up: 500 * MS };
    flow.send(data(0), 0, None, short, &mut Vec::new());
    assert_eq!(flow.retry_at, Some(200 * MS));
    flow.retransmit(200 * MS, short, |_| None);
    assert_eq!(flow.retry_at, Some(500 * MS), "not at 600 ms");
    assert!(!flow.gives_up(499 * MS) && flow.gives_up(500 * MS));
}

#[test]
fn what_comes_back_is_sorted_by_its_place_in_the_stream() {
    let mut flow = Flow::default();
    send(&mut flow, data(u32::MAX - 9), 0, Some(5));
    send(&mut flow, data(0), 0, Some(5));
    send(&mut flow, data(10), 0, None);
    // Both found nobody, the later one first; sequence numbers wrap.
    flow.give_back(data(0), 5 * MS, TIMEOUTS);
    flow.give_back(data(u32::MAX - 9), 5 * MS, TIMEOUTS);
    let delivered = retry(&mut flow, 200, |_| Some(201));
    assert_eq!(delivered, [(201, u32::MAX - 9, 500), (201, 0, 500), (201, 10, 500)]);
}

#[test]
fn a_doubt_repeats_the_last_sequence_number_unless_data_waits_anyway() {
    let mut flow = Flow::default();
    send(&mut flow, data(0), 0, Some(1));
    flow.doubt(data(77), 10 * MS, TIMEOUTS);
    assert_eq!(retry(&mut flow, 210, |_| Some(211)), [(211, 9, 500)]);
    send(&mut flow, data(10), 300, None);
    flow.doubt(data(77), 310 * MS, TIMEOUTS);
    assert_eq!(retry(&mut flow, 500, |_| Some(501)), [(501, 10, 500)]);
}

#[test]
fn what_a_sender_forgets_is_not_sent_again() {
    let mut flow = Flow::default();
    send(&mut flow, data(0), 0, None);
    send(&mut flow, pure_ack(9), 0, None);
    flow.forget();
    assert_eq!((flow.retry_at, flow.bytes(), flow.is_stuck()), (None, 0, false));
    assert!(!flow.gives_up(u64::MAX));
}
