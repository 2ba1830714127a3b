//! Bulk data over TCP: how long it takes, and that each byte arrives, in order.

use std::time::Duration;

use squall::plan::{Link, corrupt, duplicate, jitter, loss, partition, reorder};
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use crate::world::{Seen, World, log, ms, us};

const MIB: usize = 1 << 20;

/// The bytes of a stream, all different from those of a stream with another salt.
fn bytes(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ salt).collect()
}

/// `b` sends `length` bytes to `a`, which reads `buffer` of them at a time and pauses between.
fn download(length: usize, buffer: usize, pause: Duration) -> World {
    World::new()
        .host("b", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(&bytes(length, 0)).await?;
            stream.shutdown().await?;
            stream.read_to_end(&mut Vec::new()).await?;
            Ok(())
        })
        .host("a", move || async move {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let (mut found, mut part) = (Vec::new(), vec![0; buffer]);
            loop {
                match stream.read(&mut part).await? {
                    0 => break,
                    read => found.extend_from_slice(&part[..read]),
                }
                if !pause.is_zero() {
                    sleep(pause).await;
                }
            }
            assert!(found == bytes(length, 0), "the bytes that were sent, {} of them", found.len());
            log("done");
            Ok(())
        })
}

#[test]
fn a_mebibyte_at_eight_megabits_takes_a_little_more_than_a_second() {
    let seen = download(MIB, 16_384, Duration::ZERO)
        .topology(|topology| topology.link(Link::default().bandwidth_bps(8_000_000)))
        .plan(|plan| plan.lasts(ms(2_000)))
        .completes(1);
    let took = seen.at("done") - ms(1);
    assert!((ms(1_050)..ms(1_150)).contains(&took), "took {took:?}");
}

#[test]
fn a_mebibyte_over_a_long_way_takes_a_round_trip_for_each_doubling_of_the_window() {
    let seen = download(MIB, 16_384, Duration::ZERO)
        .topology(|topology| topology.link(Link::constant(ms(25))))
        .plan(|plan| plan.lasts(ms(2_000)))
        .completes(1);
    // Ten segments of 1,448 bytes, then twenty and so on: seven round trips of 50 ms, the first of
    // which begins with the end of the handshake, and the handshake itself.
    let took = seen.at("done") - ms(1);
    assert_eq!(took, ms(400));
}

#[test]
fn a_slow_reader_slows_the_sender_down_and_does_not_stop_it() {
    for buffer in [1, 1_000, 4_096, 32_767, 32_768, 40_000, 65_536, 200_000] {
        let (length, pause) = match buffer {
            1 => (100_000, Duration::ZERO),
            _ => (MIB / 2, ms(1)),
        };
        let seen = download(length, buffer, pause).plan(|plan| plan.lasts(ms(5_000))).completes(1);
        assert!(seen.at("done") < ms(3_000), "with a buffer of {buffer}");
    }
}

#[test]
fn a_reader_that_begins_late_finds_everything() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(&bytes(MIB, 0)).await?;
            log("written");
            std::future::pending().await
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            sleep(ms(500)).await;
            let mut found = vec![0; MIB];
            stream.read_exact(&mut found).await?;
            assert!(found == bytes(MIB, 0));
            log("read");
            std::future::pending().await
        })
        .completes(1);
    assert!(seen.at("written") > ms(500), "the sender has waited");
    assert!(seen.at("read") < ms(600));
}

/// Sends `length` bytes and reads as many, both at once, and checks each.
async fn exchange(
    stream: TcpStream,
    length: usize,
    own: u8,
    other: u8,
) -> Result<(), squall::BoxError> {
    async fn send(mut to: impl AsyncWrite + Unpin, bytes: Vec<u8>) -> std::io::Result<()> {
        for part in bytes.chunks(9_000) {
            to.write_all(part).await?;
            if part[0].is_multiple_of(3) {
                sleep(ms(2)).await;
            }
        }
        to.shutdown().await
    }
    async fn receive(mut from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
        let mut found = Vec::new();
        from.read_to_end(&mut found).await?;
        Ok(found)
    }
    let (read, write) = stream.into_split();
    let (sent, found) = tokio::join!(send(write, bytes(length, own)), receive(read));
    sent?;
    let found = found?;
    assert!(found == bytes(length, other), "{} bytes of {length}", found.len());
    log("exchanged");
    Ok(())
}

/// Four connections at once on which both sides send.
fn both_ways(length: usize) -> World {
    World::new()
        .host("b", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            for _ in 0..4 {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    exchange(stream, length, 1, 2).await.expect("the connection holds");
                });
            }
            std::future::pending().await
        })
        .host("a", move || async move {
            sleep(ms(1)).await;
            for _ in 0..4 {
                tokio::spawn(async move {
                    let stream = TcpStream::connect("b:7").await.expect("the server is there");
                    exchange(stream, length, 2, 1).await.expect("the connection holds");
                });
            }
            std::future::pending().await
        })
}

#[track_caller]
fn all_exchanged(seen: &Seen) {
    assert_eq!(seen.said("a").len() + seen.said("b").len(), 8, "{:?}", seen.facts());
}

#[test]
fn every_byte_arrives_whatever_the_link_does_to_packets() {
    for seed in 0..8 {
        let link = Link::default()
            .jitter(ms(5))
            .loss(0.05)
            .duplicate(0.05)
            .reorder(0.05)
            .corrupt(0.01)
            .bandwidth_bps(20_000_000);
        let seen = both_ways(150_000)
            .topology(|topology| topology.link(link))
            .plan(|plan| plan.lasts(Duration::from_secs(600)))
            .completes(seed);
        all_exchanged(&seen);
    }
}

#[test]
fn every_byte_arrives_whatever_faults_do_to_packets() {
    for seed in 0..4 {
        let (from, until) = (ms(5), Duration::from_secs(200));
        let seen = both_ways(100_000)
            .plan(|plan| {
                plan.lasts(Duration::from_secs(300))
                    .fault(loss("b", 0.05).from(from).until(until))
                    .fault(jitter("b", ms(3)).from(from).until(until))
                    .fault(duplicate("b", 0.1).from(from).until(until))
                    .fault(reorder("b", 0.1, ms(4)).from(from).until(until))
                    .fault(corrupt("a", 0.02).from(from).until(until))
                    .fault(partition("a", "b").from(ms(15)).until(ms(900)))
            })
            .completes(seed);
        all_exchanged(&seen);
        assert!(seen.affected().iter().all(|count| *count > 0), "{:?}", seen.affected());
    }
}

#[test]
fn data_behind_a_handshake_that_lost_its_last_packet_is_not_lost() {
    // A third of the packets of each of a hundred short connections is lost.
    let seen = World::new()
        .host("b", || crate::world::echo(7))
        .host("a", || async {
            for _ in 0..100 {
                tokio::spawn(async {
                    let mut stream = TcpStream::connect("b:7").await.expect("in the end");
                    crate::world::ask(&mut stream).await.expect("in the end");
                    log("asked");
                });
                sleep(us(1_000)).await;
            }
            std::future::pending().await
        })
        .topology(|topology| topology.link(Link::default().loss(0.33)))
        .plan(|plan| plan.lasts(Duration::from_secs(120)))
        .completes(5);
    assert_eq!(seen.said("a").len(), 100);
}
