//! Faults that end connections, while data is under way on them.

use std::{future::pending, time::Duration};

use squall::plan::{Fault, Link, latency, limit_data, reset, slicer, timeout};
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::world::{Seen, World, log, log_result, ms};

const MUCH: usize = 8 << 20;

/// `b` and `a` send each other as much as they can, from 1 ms on, over 100 Mbit/s.
fn busy(both: bool, fault: Fault) -> Seen {
    World::new()
        .host("b", || async {
            let (stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            let (mut read, mut write) = stream.into_split();
            tokio::spawn(async move {
                log_result("b reads", &read.read_to_end(&mut Vec::new()).await);
            });
            // Keeps its end open.
            log_result("b writes", &write.write_all(b"hello").await);
            pending().await
        })
        .host("a", move || async move {
            sleep(ms(1)).await;
            let (mut read, mut write) = TcpStream::connect("b:7").await?.into_split();
            let reads = async {
                let mut found = Vec::new();
                log_result("a reads", &read.read_to_end(&mut found).await);
            };
            let writes = async {
                let content = vec![7; if both { MUCH } else { 1 }];
                log_result("a writes", &write.write_all(&content).await);
            };
            tokio::join!(reads, writes);
            pending().await
        })
        .topology(|topology| topology.link(Link::default().bandwidth_bps(100_000_000)))
        .plan(|plan| plan.lasts(ms(3_000)).fault(fault))
        .completes(1)
}

#[test]
fn a_reset_ends_a_connection_that_is_busy_at_both_ends() {
    for at in 300..310 {
        let seen = busy(true, reset("b").from(ms(at)).until(ms(600)));
        assert_eq!(seen.affected(), [1]);
        assert_eq!(seen.at("a writes: ConnectionReset"), ms(at));
        assert_eq!(seen.at("b reads: ConnectionReset"), ms(at));
    }
}

#[test]
fn the_reader_of_an_upload_that_times_out_sees_the_end() {
    // What `b` sends is its acknowledgements, which carry no data: only time ends this.
    for at in 300..305 {
        let seen = busy(true, timeout("b", ms(100)).from(ms(at)).until(ms(2_000)));
        assert_eq!(seen.at("b reads: ok"), ms(at + 100));
    }
}

#[test]
fn a_timeout_that_is_healed_before_its_time_closes_at_the_heal() {
    for after in [ms(10_000), Duration::ZERO] {
        let seen = busy(false, timeout("b", after).from(ms(300)).until(ms(600)));
        assert_eq!(seen.at("a reads: ok"), ms(600));
        assert_eq!(seen.at("b reads: ok"), ms(600));
        assert_eq!(seen.affected(), [1]);
    }
}

/// What `a` reads of 5,000 bytes that `b` answers with at 400 ms.
fn read_of_an_answer(faults: Vec<Fault>) -> Vec<String> {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    stream.write_all(&[7; 5_000]).await?;
                    stream.read_u8().await
                });
            }
        })
        .host("a", || async {
            squall_os::sim::sleep_until(400_000_000).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut found = Vec::new();
            let ended = stream.read_to_end(&mut found).await.map(|_| ());
            log_result(&format!("{} bytes", found.len()), &ended);
            pending().await
        })
        .plan(|plan| faults.into_iter().fold(plan, squall::plan::Plan::fault))
        .completes(1);
    seen.said("a")
}

#[test]
fn a_limit_below_an_answer_cuts_it_off_whatever_the_link_does() {
    let limit = || limit_data("b", 4_999).from(ms(300)).until(ms(600));
    assert_eq!(read_of_an_answer(vec![limit()]), ["4999 bytes: ok"]);
    let slow = latency("b", ms(20)).from(ms(300)).until(ms(600));
    assert_eq!(read_of_an_answer(vec![limit(), slow]), ["4999 bytes: ok"]);
}

#[test]
fn pieces_leave_one_after_the_other_however_much_waits() {
    // A hundred bytes each five milliseconds: 14,480 bytes take 724 ms.
    let sliced = slicer("b", 100, 1, ms(5)).from(ms(300)).until(ms(2_800));
    let seen = World::new()
        .host("b", || async {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            stream.write_all(&[7; 14_480]).await?;
            stream.shutdown().await?;
            pending().await
        })
        .host("a", || async {
            squall_os::sim::sleep_until(400_000_000).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut found = Vec::new();
            stream.read_to_end(&mut found).await?;
            log(&format!("{} bytes", found.len()));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(3_000)).fault(sliced))
        .completes(1);
    let took = seen.at("14480 bytes") - ms(400);
    assert!((ms(700)..ms(780)).contains(&took), "{took:?}");
}
