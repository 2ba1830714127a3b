//! Every fault of the network: what it does, that it counts, that its heal ends it.

use std::time::Duration;

use squall::plan::{
    FaultBuilder, bandwidth, blackhole, corrupt, duplicate, flap, half_open, jitter, latency,
    limit_data, loss, partition, partition_groups, partition_one_way, refuse, reorder, reset,
    reset_peer, slicer, slow_close, timeout,
};
use squall_reports::verdict::{FindingKind, Verdict};
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::world::{
    Done, Seen, World, ask, asked, echo, http, idle, log, log_result, ms, timed, us,
};

/// A hundred requests a second on `b` for a second; the fault acts from 300 to 600 ms.
fn under(fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    asked(100.0).plan(|plan| plan.fault(fault)).completes(1)
}

/// The latencies of the requests that were meant to start in this part of the run.
fn latencies(seen: &Seen, from: u64, until: u64) -> Vec<Duration> {
    let within = |at: u64| (ms(from)..ms(until)).contains(&Duration::from_nanos(at));
    let requests = seen.requests().into_iter().filter(|(_, request)| within(request.intended));
    requests.map(|(at, request)| Duration::from_nanos(at - request.intended)).collect()
}

/// Before and after the fault each request takes its millisecond, but for the first, which
/// makes the connection.
#[track_caller]
fn heals(seen: &Seen) {
    assert!(seen.affected()[0] > 0, "the fault bit");
    assert!(latencies(seen, 10, 290).iter().all(|latency| *latency == ms(1)));
    assert!(latencies(seen, 900, 1_000).iter().all(|latency| *latency <= ms(2)));
}

fn outcomes(seen: &Seen) -> Vec<(String, usize)> {
    seen.outcomes()
}

#[test]
fn latency_delays_what_the_target_sends() {
    let seen = under(latency("b", ms(40)));
    heals(&seen);
    let during = latencies(&seen, 400, 550);
    assert!(during.iter().all(|latency| (ms(41)..ms(43)).contains(latency)), "{during:?}");
    let seen = under(latency("b", ms(40)).both_ways());
    assert!(latencies(&seen, 400, 500).iter().all(|latency| *latency >= ms(81)));
    let seen = under(latency("b", ms(40)).jitter(ms(20)));
    let during = latencies(&seen, 320, 550);
    assert!(during.iter().all(|latency| (ms(21)..ms(123)).contains(latency)), "{during:?}");
    assert!(during.iter().max().unwrap().abs_diff(*during.iter().min().unwrap()) > ms(10));
}

#[test]
fn a_fault_with_a_peer_acts_on_the_traffic_with_that_peer_only() {
    let seen = under(latency("b", ms(40)).with_peer("a"));
    assert!(latencies(&seen, 400, 550).iter().all(|latency| *latency >= ms(41)));
    let fault = latency("b", ms(40)).with_peer("c").from(ms(300)).until(ms(600));
    let seen = asked(100.0).host("c", idle).plan(|plan| plan.fault(fault)).completes(1);
    assert_eq!(seen.affected(), [0]);
}

#[test]
fn jitter_spreads_latencies() {
    let seen = under(jitter("b", ms(30)));
    heals(&seen);
    let during = latencies(&seen, 310, 560);
    assert!(during.iter().all(|latency| *latency <= ms(63)), "{during:?}");
    assert!(during.iter().any(|latency| *latency > ms(15)));
}

#[test]
fn loss_and_corruption_show_as_retransmit_timeouts() {
    for fault in [loss("b", 0.2), corrupt("b", 0.2)] {
        let seen = under(fault);
        heals(&seen);
        let during = latencies(&seen, 300, 600);
        assert!(during.iter().any(|latency| *latency >= ms(200)), "{during:?}");
        let no_timeout = |latency: &&Duration| (ms(3)..ms(200)).contains(*latency);
        let between: Vec<_> = during.iter().filter(no_timeout).collect();
        assert!(between.is_empty(), "{between:?}");
    }
}

#[test]
fn duplicates_and_late_packets_are_tcps_business_and_are_counted() {
    let seen = under(duplicate("b", 0.5));
    heals(&seen);
    assert_eq!(outcomes(&seen), [("succeeded".to_owned(), 100)]);
    let seen = under(reorder("b", 0.5, ms(20)));
    heals(&seen);
    let late = latencies(&seen, 300, 580).iter().filter(|latency| **latency >= ms(21)).count();
    assert!(late >= 5, "{late}");
}

#[test]
fn each_packet_arrives_twice_and_nothing_changes() {
    let seen = connections(duplicate("b", 1.0));
    assert_eq!(seen.at("old: ok"), ms(351));
    assert_eq!(seen.at("new: ok"), ms(402));
    assert_eq!(seen.affected(), [34], "whatever both hosts send, and answers to copies");
    // A datagram is what it is.
    let seen = World::new()
        .host("b", || async {
            let socket = tokio::net::UdpSocket::bind("0.0.0.0:9").await?;
            loop {
                socket.recv_from(&mut [0; 8]).await?;
                log("received");
            }
        })
        .host("a", || async {
            let socket = tokio::net::UdpSocket::bind("0.0.0.0:0").await?;
            squall_os::sim::sleep_until(400_000_000).await;
            socket.send_to(b"x", "b:9").await?;
            std::future::pending().await
        })
        .plan(|plan| {
            plan.fault(duplicate("a", 1.0).from(ms(300)).until(ms(600)))
                .fault(duplicate("a", 1.0).from(ms(300)).until(ms(600)))
        })
        .completes(1);
    assert_eq!(seen.said("b"), ["received", "received"]);
    assert_eq!(seen.affected(), [1, 0], "there is one second copy");
}

/// The most packets that a hundred requests stay below, to the next ten.
fn packets(link: squall::plan::Link) -> u64 {
    let most = |packets_max| {
        let mut limits = squall::plan::Limits::default();
        limits.packets_max = packets_max;
        let world = asked(100.0).topology(|topology| topology.link(link));
        world.plan(|plan| plan.limits(limits)).run(1)
    };
    let completes =
        |packets: &u64| *most(*packets).cause() == squall_reports::record::EndCause::Completed;
    (10..200).map(|tens| tens * 10).find(completes).expect("a request takes a few packets")
}

#[test]
fn a_link_that_duplicates_carries_so_many_packets_more() {
    let once = packets(squall::plan::Link::default());
    let twice = packets(squall::plan::Link::default().duplicate(1.0));
    // A hundred requests and as many answers, and what acknowledges a copy.
    assert!(twice >= once + 200, "{once} and {twice}");
}

#[test]
fn bandwidth_is_in_kilobytes_per_second() {
    let body = "x".repeat(20_000);
    let fault = bandwidth("b", 100).from(ms(300)).until(ms(900));
    let seen = World::new()
        .host("b", move || {
            let body = body.clone();
            http(80, move |_| {
                let body = body.clone();
                async move { hyper::Response::new(body) }
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            let load = squall::plan::Load::constant("a", "b:80", 2.0).lasts(ms(1_000));
            plan.load(load.warm_up(0).get("/")).fault(fault)
        })
        .completes(1);
    let found = latencies(&seen, 500, 501)[0];
    // Twenty kilobytes and their headers, at a hundred in a second.
    assert!((ms(204)..ms(215)).contains(&found), "{found:?}");
    assert!(seen.affected()[0] > 10);
}

#[test]
fn partitions_delay_everything_until_after_their_heal() {
    for fault in [
        partition("a", "b"),
        partition_one_way("a", "b"),
        partition_one_way("b", "a"),
        partition_groups(&["a"], &["b", "c"]),
        blackhole("b"),
        blackhole("a"),
    ] {
        let fault = fault.from(ms(300)).until(ms(600));
        let seen = asked(100.0).host("c", idle).plan(|plan| plan.fault(fault)).completes(1);
        heals(&seen);
        let during = latencies(&seen, 300, 600);
        assert!(during.iter().all(|latency| *latency >= ms(200)), "{during:?}");
    }
    let fault = partition_groups(&["a"], &["c"]).from(ms(300)).until(ms(600));
    let seen = asked(100.0).host("c", idle).plan(|plan| plan.fault(fault)).completes(1);
    assert_eq!(seen.affected(), [0], "others do not notice");
}

#[test]
fn a_flap_is_down_and_up_in_turn() {
    let fault = flap("a", "b", ms(20), ms(80)).from(ms(300)).until(ms(800));
    let seen = asked(100.0).plan(|plan| plan.fault(fault)).completes(1);
    let late = |from, until| {
        let all = latencies(&seen, from, until);
        all.iter().filter(|latency| **latency >= ms(200)).count()
    };
    for begin in [300, 400, 500, 600, 700] {
        assert_eq!(late(begin, begin + 20), 2, "down at {begin}");
        assert_eq!(late(begin + 20, begin + 100), 0, "up after {begin}");
    }
    assert!(seen.affected()[0] >= 10);
}

/// `a` has an old connection to the echo on `b` when the fault falls at 300 ms; it asks on it at
/// 350 ms and on a new one at 400 ms, and on another at 700 ms, after the heal at 600 ms.
fn connections(fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    World::new()
        .host("b", || echo(7))
        .host("a", || async {
            sleep(ms(1)).await;
            let mut old = TcpStream::connect("b:7").await?;
            ask(&mut old).await?;
            log("connected");
            sleep(ms(1)).await;
            tokio::spawn(async move {
                squall_os::sim::sleep_until(350_000_000).await;
                log_result("old", &ask(&mut old).await);
            });
            for (at, name) in [(400, "new"), (700, "healed")] {
                squall_os::sim::sleep_until(at * 1_000_000).await;
                tokio::spawn(async move {
                    let result = async { ask(&mut TcpStream::connect("b:7").await?).await }.await;
                    log_result(name, &result);
                });
            }
            std::future::pending().await
        })
        .topology(|topology| {
            let mut tcp = topology.tcp;
            tcp.retries2 = 1;
            topology.tcp(tcp)
        })
        .plan(|plan| plan.lasts(ms(2_000)).fault(fault))
        .completes(1)
}

#[test]
fn half_open_connections_vanish_without_a_word_and_new_ones_work() {
    let seen = connections(half_open("b"));
    assert_eq!(seen.at("new: ok"), ms(402));
    // What was sent at 350 ms came again after 201 ms, in vain, and as much later, after the heal.
    timed(seen.at("old: ok"), ms(351), &[201, 201]);
    assert_eq!(seen.affected(), [2]);
}

#[test]
fn a_reset_ends_all_connections_at_once_and_new_ones_work() {
    let seen = connections(reset("b"));
    assert!(seen.at("old: ConnectionReset") <= ms(351));
    assert_eq!(seen.at("new: ok"), ms(402));
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn refused_are_new_connections_only_and_only_until_the_heal() {
    let seen = connections(refuse("b"));
    assert_eq!(seen.at("old: ok"), ms(351));
    assert_eq!(seen.at("new: ConnectionRefused"), ms(401), "after a round trip");
    assert_eq!(seen.at("healed: ok"), ms(702));
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn an_attempt_that_comes_again_is_refused_as_well() {
    // Lost at 400 ms in the partition, refused at 1400 ms.
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            squall_os::sim::sleep_until(400_000_000).await;
            log_result("connect", &TcpStream::connect("b:7").await);
            std::future::pending().await
        })
        .plan(|plan| {
            plan.lasts(ms(3_000))
                .fault(partition("a", "b").from(ms(300)).until(ms(600)))
                .fault(refuse("b").from(ms(700)).until(ms(2_000)))
        })
        .completes(1);
    timed(seen.at("connect: ConnectionRefused"), ms(401), &[1_000]);
    assert_eq!(seen.affected(), [1, 1]);
}

#[test]
fn a_lost_refusal_is_asked_for_again() {
    let seen = World::new()
        .host("b", idle)
        .host("a", || async {
            squall_os::sim::sleep_until(400_000_000).await;
            log_result("connect", &TcpStream::connect("b:7").await);
            std::future::pending().await
        })
        .plan(|plan| {
            plan.lasts(ms(3_000)).fault(partition_one_way("b", "a").from(ms(300)).until(ms(600)))
        })
        .completes(1);
    timed(seen.at("connect: ConnectionRefused"), ms(401), &[1_000]);
}

#[test]
fn a_timeout_swallows_data_and_closes_after_its_time_or_at_the_heal() {
    let seen = connections(timeout("b", ms(100)));
    // After the last answer that it swallowed, as Toxiproxy does.
    assert_eq!(seen.at("old: UnexpectedEof"), us(350_500 + 100_000));
    assert_eq!(seen.at("new: UnexpectedEof"), us(401_500 + 100_000));
    seen.at("healed: ok");
    // Of zero, it closes nothing before the heal.
    let seen = connections(timeout("b", Duration::ZERO));
    assert_eq!(seen.at("old: UnexpectedEof"), ms(600));
    assert_eq!(seen.at("new: UnexpectedEof"), ms(600));
    assert!(seen.affected()[0] > 0);
    seen.at("healed: ok");
}

#[test]
fn reset_peer_resets_after_the_next_packet_and_its_time() {
    let seen = connections(reset_peer("b", ms(30)));
    // The answer of 351 ms still came.
    assert_eq!(seen.at("old: ok"), ms(351));
    assert_eq!(seen.affected(), [0], "both were closed by then");
    seen.at("healed: ok");
    let seen = connections(reset_peer("b", Duration::ZERO));
    assert_eq!(seen.affected(), [2], "the old and the new connection");
    assert!(seen.at("old: ConnectionReset") < ms(352));
    assert!((ms(401)..ms(403)).contains(&seen.at("new: ConnectionReset")), "connected, then reset");
    seen.at("healed: ok");
    // A connection that is kept lives for thirty milliseconds each time.
    heals(&under(reset_peer("b", ms(30))));
}

/// `b` sends `length` bytes to whoever connects, and closes.
async fn give(length: usize) -> Done {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            stream.write_all(&vec![7; length]).await?;
            stream.shutdown().await?;
            stream.read_u8().await
        });
    }
}

/// `a` takes what `b` gives at 400 ms and at 700 ms, and logs when data came and how it ended.
fn taken(length: usize, fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    World::new()
        .host("b", move || give(length))
        .host("a", || async {
            for at in [400, 700] {
                squall_os::sim::sleep_until(at * 1_000_000).await;
                let mut stream = TcpStream::connect("b:7").await?;
                let (mut part, mut total, mut parts) = ([0; 70_000], 0, 0);
                let end = loop {
                    match stream.read(&mut part).await {
                        Ok(0) => break "closed".to_owned(),
                        Ok(read) => (total, parts) = (total + read, parts + 1),
                        Err(error) => break format!("{:?}", error.kind()),
                    }
                };
                log(&format!("{at}: {end} after {total} in {parts}"));
            }
            std::future::pending().await
        })
        .plan(|plan| plan.fault(fault))
        .completes(1)
}

#[test]
fn a_slow_close_delays_the_end_and_nothing_else() {
    let seen = taken(100, slow_close("b", ms(150)));
    let closed = seen.at("400: closed after 100 in 1");
    assert!((ms(551)..ms(553)).contains(&closed), "{closed:?}");
    assert!(seen.at("700: closed after 100 in 1") < ms(703));
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn a_slicer_cuts_data_into_small_pieces_with_pauses() {
    let seen = taken(1_000, slicer("b", 100, 20, ms(5)));
    let sliced = seen.said("a")[0].clone();
    assert!(sliced.starts_with("400: closed after 1000 in "), "{sliced}");
    let parts: u64 = sliced.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((9..=12).contains(&parts), "{sliced}");
    assert!(seen.at(&sliced) >= ms(401) + ms(5) * u32::try_from(parts - 1).unwrap());
    assert!(seen.at("700: closed after 1000 in 1") < ms(703));
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn what_a_slicer_would_cut_is_lost_in_a_partition_all_the_same() {
    for slicer_first in [true, false] {
        let sliced = slicer("b", 20, 5, us(1)).from(ms(400)).until(ms(500));
        let cut = partition_one_way("b", "a").from(ms(400)).until(ms(500));
        let faults = if slicer_first { [sliced, cut] } else { [cut, sliced] };
        let seen = asked(100.0)
            .plan(|plan| faults.into_iter().fold(plan, squall::plan::Plan::fault))
            .completes(1);
        let during = latencies(&seen, 400, 500);
        assert!(during.iter().all(|latency| *latency >= ms(200)), "{during:?}");
        let counts = seen.affected();
        assert_eq!(counts[usize::from(!slicer_first)], 0, "nothing was there to cut: {counts:?}");
        assert!(counts[usize::from(slicer_first)] > 0, "{counts:?}");
    }
}

#[test]
fn limit_data_ends_a_stream_once_it_has_carried_so_much() {
    let seen = taken(20_000, limit_data("b", 10_000));
    assert!(seen.said("a")[0].starts_with("400: closed after 10000 in "), "{:?}", seen.said("a"));
    assert!(seen.said("a")[1].starts_with("700: closed after 20000"));
    assert_eq!(seen.affected(), [1], "one connection, however much it had to say");
    let below = taken(5_000, limit_data("b", 10_000));
    assert!(below.said("a")[0].starts_with("400: closed after 5000"));
    assert_eq!(below.affected(), [0]);
}

#[test]
fn a_fault_that_never_bit_is_no_data() {
    let quiet = || World::new().host("b", || echo(7)).host("a", idle);
    for fault in [
        latency("b", ms(5)),
        jitter("b", ms(5)),
        loss("b", 0.5),
        duplicate("b", 0.5),
        reorder("b", 0.5, ms(1)),
        corrupt("b", 0.5),
        bandwidth("b", 1),
        partition("a", "b"),
        flap("a", "b", ms(5), ms(5)),
        blackhole("b"),
        half_open("b"),
        reset("b"),
        refuse("b"),
        timeout("b", ms(5)),
        reset_peer("b", ms(5)),
        slow_close("b", ms(5)),
        slicer("b", 10, 1, us(1)),
        limit_data("b", 10),
        squall::plan::pause("b"),
        squall::plan::slow_cpu("b", 2.0),
    ] {
        let fault = fault.from(ms(300)).until(ms(600));
        let label = fault.label();
        let seen = quiet().plan(|plan| plan.fault(fault)).completes(1);
        assert_eq!(seen.affected(), [0], "{label}");
        let findings = &seen.0.judgement.findings;
        let finding = findings.iter().find(|finding| finding.kind == FindingKind::Fault);
        assert_eq!(finding.map(|finding| finding.verdict), Some(Verdict::NoData), "{label}");
    }
}
