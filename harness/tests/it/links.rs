//! Links: how long packets take, which are lost, and how much gets through.

use std::time::Duration;

use squall::plan::{Latency, Link, Load, Topology};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::sleep;

use crate::world::{Seen, World, asked, log, log_result, ms, timed, us};

/// How long a datagram and its answer take, five times at odd instants.
fn round_trips(link: Link, resolution: Duration) -> Vec<Duration> {
    let seen = World::new()
        .host("b", || async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut buf = [0; 8];
            loop {
                let (_, from) = socket.recv_from(&mut buf).await?;
                socket.send_to(b"answer", from).await?;
            }
        })
        .host("a", || async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            for trip in 1..=5_u64 {
                squall_os::sim::sleep_until(trip * 100_137_411).await;
                let begun = std::time::Instant::now();
                socket.send_to(b"request", "b:9").await?;
                socket.recv_from(&mut [0; 8]).await?;
                log(&format!("{}", begun.elapsed().as_nanos()));
            }
            std::future::pending().await
        })
        .topology(|topology| topology.link(link).resolution(resolution))
        .completes(1);
    seen.said("a").iter().map(|text| Duration::from_nanos(text.parse().unwrap())).collect()
}

#[track_caller]
fn check_round_trip(link: Duration, resolution: Duration) {
    let trips = round_trips(Link::constant(link), resolution);
    assert_eq!(trips.len(), 5);
    for trip in trips {
        let off = trip.abs_diff(2 * link);
        assert!(off <= 2 * resolution, "two hops of {link:?} took {trip:?} at {resolution:?}");
    }
}

#[test]
fn no_hop_is_wrong_by_more_than_one_step_of_the_resolution() {
    for resolution in [us(10), us(100), ms(1)] {
        check_round_trip(ms(3), resolution);
        check_round_trip(us(2_950), resolution);
        check_round_trip(us(3_333), resolution);
        check_round_trip(us(500), resolution);
        check_round_trip(us(40), resolution);
    }
}

#[test]
fn a_round_trip_that_begins_on_a_step_is_exact() {
    let seen = asked(10.0).topology(|topology| topology.link(Link::constant(ms(3))));
    let latencies: Vec<u64> =
        seen.completes(1).requests().iter().map(|(at, request)| at - request.intended).collect();
    assert_eq!(latencies[0], 12_000_000, "a handshake and an exchange");
    assert!(latencies[1..].iter().all(|latency| *latency == 6_000_000), "{latencies:?}");
}

#[test]
fn a_link_of_its_own_takes_the_place_of_the_common_one_in_its_direction() {
    let seen = asked(10.0)
        .topology(|topology| topology.link_from("b", "a", Link::constant(ms(20))))
        .completes(1);
    let (at, request) = seen.requests()[3];
    assert_eq!(at - request.intended, 20_500_000);
}

/// The mean and the least of two thousand hops.
fn hops(latency: Latency) -> (Duration, Duration) {
    let seen = World::new()
        .host("b", || async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut buf = [0; 8];
            loop {
                socket.recv_from(&mut buf).await?;
                log("received");
            }
        })
        .host("a", || async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            for step in 1..=2_000_u64 {
                squall_os::sim::sleep_until(step * 100_000).await;
                socket.send_to(b"x", "b:9").await?;
            }
            std::future::pending().await
        })
        .topology(|topology| topology.link(Link::new(latency)).resolution(us(10)))
        .plan(|plan| plan.lasts(ms(2_000)))
        .completes(3);
    let facts = seen.facts();
    assert_eq!(facts.len(), 2_000);
    // Which one arrives does not matter for the mean, nor for what the first of them take.
    let total: Duration = facts.iter().map(|(at, _, _)| *at).sum();
    let sent: Duration = (1..=2_000).map(|step| us(100 * step)).sum();
    ((total - sent) / 2_000, facts[0].0 - us(100))
}

#[test]
fn latencies_are_spread_as_their_distribution_says() {
    let (mean, _) = hops(Latency::Uniform { min: ms(2), max: ms(6) });
    assert!((us(3_900)..us(4_100)).contains(&mean), "uniform {mean:?}");
    let (mean, _) = hops(Latency::Normal { mean: ms(5), deviation: us(500) });
    assert!((us(4_950)..us(5_050)).contains(&mean), "normal {mean:?}");
    let (mean, _) = hops(Latency::LogNormal { median: ms(4), sigma: 0.5 });
    assert!((us(4_400)..us(4_660)).contains(&mean), "log-normal {mean:?}, expected 4.53 ms");
    let (mean, least) = hops(Latency::Pareto { min: ms(2), shape: 3.0 });
    assert!((us(2_850)..us(3_150)).contains(&mean) && least >= ms(2), "Pareto {mean:?} {least:?}");
}

#[test]
fn jitter_is_added_between_nothing_and_its_most() {
    let link = Link::constant(ms(1)).jitter(ms(8));
    let trips: Vec<Duration> = round_trips(link, us(100));
    assert!(trips.iter().all(|trip| (ms(2)..=ms(18)).contains(trip)), "{trips:?}");
    assert!(trips.iter().max().unwrap().abs_diff(*trips.iter().min().unwrap()) > ms(1));
}

#[test]
fn lost_packets_show_as_retransmit_timeouts_in_the_tail_and_nothing_is_lost() {
    let seen = asked(2_000.0)
        .topology(|topology| topology.link_between("a", "b", Link::default().loss(0.02)))
        .completes(1);
    let requests = seen.requests();
    assert_eq!(requests.len(), 2_000);
    assert_eq!(seen.outcomes().first().map(|(what, _)| what.as_str()), Some("failed timeout"));
    let failed = seen.outcomes()[0].1;
    assert!(failed <= 10, "only what lost its handshake waits for its client's second: {failed}");
    let slow: Vec<u64> = (requests.iter().map(|(at, request)| at - request.intended))
        .filter(|latency| *latency > 5_000_000)
        .collect();
    assert!((40..160).contains(&slow.len()), "about four in a hundred, found {}", slow.len());
    assert!(slow.iter().all(|latency| *latency >= 200_000_000), "the floor of the timeout");
    assert!(slow.iter().any(|latency| (200_000_000..210_000_000).contains(latency)));
}

#[test]
fn of_two_thousand_connections_at_once_those_beyond_the_backlog_are_accepted_a_second_later() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let mut kept = Vec::new();
            loop {
                kept.push(listener.accept().await?);
                if kept.len() == 2_000 {
                    log("all accepted");
                }
            }
        })
        .host("a", || async {
            sleep(ms(1)).await;
            for _ in 0..2_000 {
                tokio::spawn(async {
                    let stream = TcpStream::connect("b:7").await;
                    if stream.is_err() {
                        log_result("connect", &stream);
                    }
                    std::future::pending::<()>().await;
                    drop(stream);
                });
            }
            std::future::pending().await
        })
        .completes(1);
    // A `TcpListener` has a backlog of 128. All attempts are answered, and the kernel forgets the
    // end of a handshake for which there is no room: it repeats its answer of 1.5 ms.
    timed(seen.at("all accepted"), us(2_500), &[1_000]);
    assert_eq!(seen.said("a"), Vec::<String>::new());
}

#[test]
fn a_full_backlog_drops_attempts_and_they_come_again() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            sleep(ms(500)).await;
            let mut kept = Vec::new();
            loop {
                kept.push(listener.accept().await?);
            }
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut kept = Vec::new();
            for number in 0..6 {
                let stream = TcpStream::connect("b:7").await;
                log_result(&format!("connect {number}"), &stream);
                kept.push(stream);
            }
            std::future::pending().await
        })
        .topology(|topology| with_backlog(topology, 4))
        .plan(|plan| plan.lasts(ms(2_000)))
        .completes(1);
    // A queue of four takes five, as on Linux.
    assert_eq!(seen.at("connect 4: ok"), ms(6));
    timed(seen.at("connect 5: ok"), ms(7), &[1_000]);
}

#[test]
fn attempts_that_a_full_backlog_has_answered_wait_for_the_answer_to_be_repeated() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            sleep(ms(500)).await;
            let mut kept = Vec::new();
            loop {
                kept.push(listener.accept().await?);
                log(&format!("accepted {}", kept.len()));
            }
        })
        .host("a", || async {
            sleep(ms(1)).await;
            for number in 0..6 {
                tokio::spawn(async move {
                    let stream = TcpStream::connect("b:7").await;
                    log_result(&format!("connect {number}"), &stream);
                    std::future::pending::<()>().await;
                    drop(stream);
                });
            }
            std::future::pending().await
        })
        .topology(|topology| with_backlog(topology, 4))
        .plan(|plan| plan.lasts(ms(2_000)))
        .completes(1);
    // There was room when they came, all at once, but not when their handshakes ended.
    assert_eq!(seen.at("connect 5: ok"), ms(2));
    assert_eq!(seen.at("accepted 5"), ms(500));
    // Answered again a second after 1.5 ms.
    timed(seen.at("accepted 6"), us(2_500), &[1_000]);
}

fn with_backlog(topology: Topology, backlog: u32) -> Topology {
    let mut tcp = topology.tcp;
    tcp.somaxconn = backlog;
    topology.tcp(tcp)
}

#[test]
fn a_slow_link_is_a_queue_that_drops_what_does_not_fit() {
    // 800 kbit/s are 100 datagrams of 1000 bytes in a second; 5000 bytes may wait.
    let link = Link::default().bandwidth_bps(800_000).queue_bytes(5_000);
    let seen = World::new()
        .host("b", || async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut buf = [0; 1_500];
            loop {
                socket.recv_from(&mut buf).await?;
                log("received");
            }
        })
        .host("a", || async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            sleep(ms(1)).await;
            for _ in 0..20 {
                socket.send_to(&[0; 972], "b:9").await?;
            }
            std::future::pending().await
        })
        .topology(|topology| topology.link(link))
        .completes(1);
    let times: Vec<Duration> = seen.facts().iter().map(|(at, _, _)| *at).collect();
    let expected: Vec<Duration> = (1..=6).map(|n| ms(1 + 10 * n) + us(500)).collect();
    assert_eq!(times, expected, "one is sent while five wait");
}

#[test]
fn requests_over_a_slow_link_wait_for_each_other() {
    let seen: Seen = World::new()
        .host("b", || crate::world::ok(80))
        .topology(|topology| topology.client("a").link(Link::default().bandwidth_bps(160_000)))
        .plan(|plan| {
            plan.load(
                Load::constant("a", "b:80", 200.0)
                    .lasts(ms(500))
                    .warm_up(0)
                    .timeout(ms(3_000))
                    .get("/"),
            )
        })
        .completes(1);
    let latencies: Vec<u64> = seen.requests().iter().map(|(at, r)| at - r.intended).collect();
    assert_eq!(latencies.len(), 100);
    assert!(latencies[80] > 3 * latencies[20], "the queue grows: {latencies:?}");
}
