//! What waits in the network: the queue of a bandwidth, and what is behind something late.

use std::time::Duration;

use squall::plan::{
    Fault, bandwidth, jitter, latency, limit_data, loss, partition_one_way, reorder, reset_peer,
    slow_close,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::world::{Seen, World, ask, log, ms, us};

/// `b` sends so many bytes to `a` from 400 ms on, and `a` checks them.
fn download(length: usize) -> World {
    let bytes = move || (0..length).map(|at| ((at * 7) >> 3) as u8).collect::<Vec<u8>>();
    World::new()
        .host("b", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            squall_os::sim::sleep_until(400_000_000).await;
            stream.write_all(&bytes()).await?;
            stream.shutdown().await?;
            std::future::pending().await
        })
        .host("a", move || async move {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut found = Vec::new();
            stream.read_to_end(&mut found).await?;
            assert!(found == bytes(), "{} bytes of {length}", found.len());
            log("read");
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(ms(60_000)))
}

#[test]
fn what_waits_for_a_bandwidth_leaves_at_its_heal() {
    // Fifty kilobytes at one in a second.
    let slow = bandwidth("b", 1).from(ms(300)).until(ms(2_000));
    let seen = download(50_000).plan(|plan| plan.fault(slow)).completes(1);
    let read = seen.at("read");
    assert!((ms(2_000)..ms(2_010)).contains(&read), "read at {read:?}");
    assert!(seen.affected()[0] > 5);
}

#[test]
fn so_does_what_waits_to_be_sent_again() {
    // Four segments are lost, and when they are to come again the others wait before them.
    let slow = || bandwidth("b", 20).from(ms(300)).until(ms(2_000));
    let cut = partition_one_way("b", "a").from(ms(300)).until(ms(700));
    for seed in 0..3 {
        let seen = download(50_000).plan(|plan| plan.fault(cut.clone()).fault(slow()));
        let seen = seen.completes(seed);
        let read = seen.at("read");
        assert!((ms(2_000)..ms(2_500)).contains(&read), "read at {read:?}");
        assert!(seen.affected().iter().all(|affected| *affected > 0), "{:?}", seen.affected());
    }
}

#[test]
fn a_bandwidth_carries_what_is_lost_as_well_and_each_byte_of_it() {
    // A hundred kilobytes at a hundred in a second, a tenth of them twice.
    let slow = bandwidth("b", 100).from(ms(300)).until(ms(50_000));
    let lossy = loss("b", 0.1).from(ms(300)).until(ms(50_000));
    let seen = download(100_000).plan(|plan| plan.fault(slow).fault(lossy)).completes(1);
    let read = seen.at("read");
    assert!((ms(1_400)..ms(12_000)).contains(&read), "read at {read:?}");
}

#[test]
fn of_two_bandwidths_the_lower_one_counts_and_each_heals_by_itself() {
    let one = bandwidth("b", 10).from(ms(300)).until(ms(1_400));
    let other = bandwidth("b", 50).from(ms(300)).until(ms(50_000));
    let seen = download(60_000).plan(|plan| plan.fault(one).fault(other)).completes(1);
    let read = seen.at("read");
    // Ten kilobytes in the first second, fifty in the next, and what is sent again because its
    // acknowledgement waits in a queue.
    assert!((ms(2_350)..ms(2_900)).contains(&read), "read at {read:?}");
}

/// `b` accepts, says something at 410 ms or that it has nothing to say; `a` sends it a mebibyte
/// from 420 ms on.
fn upload(speaks: bool, fault: Fault) -> Seen {
    World::new()
        .host("b", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            squall_os::sim::sleep_until(410_000_000).await;
            if speaks {
                stream.write_all(b"?").await?;
            } else {
                stream.shutdown().await?;
            }
            let (mut part, mut total) = (vec![0; 65_536], 0);
            while total < 1 << 20 {
                total += stream.read(&mut part).await?;
            }
            log("read");
            std::future::pending().await
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let (mut read, mut write) = TcpStream::connect("b:7").await?.into_split();
            tokio::spawn(async move {
                let heard = read.read(&mut [0; 8]).await;
                log(&format!("heard {}", heard.expect("no error")));
                std::future::pending::<()>().await;
                drop(read);
            });
            squall_os::sim::sleep_until(420_000_000).await;
            write.write_all(&vec![7; 1 << 20]).await?;
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(ms(3_000)).fault(fault))
        .completes(1)
}

/// What `b` said came so late, and what it acknowledged did not.
#[track_caller]
fn overtaken(seen: &Seen, heard: &str, late: Duration) {
    assert!(seen.at("read") < ms(460), "read at {:?}", seen.at("read"));
    assert_eq!(seen.at(heard), us(410_500) + late);
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn acknowledgements_do_not_wait_behind_the_end_of_a_stream() {
    let closes = slow_close("b", ms(500)).from(ms(300)).until(ms(900));
    overtaken(&upload(false, closes), "heard 0", ms(500));
}

#[test]
fn nor_behind_what_is_late() {
    // For as long as `b` speaks, and no longer. It would say it again after 201 ms.
    for fault in [reorder("b", 1.0, ms(150)), latency("b", ms(150))] {
        overtaken(&upload(true, fault.from(ms(405)).until(ms(415))), "heard 1", ms(150));
    }
    let jittered = upload(true, jitter("b", ms(150)).from(ms(405)).until(ms(415)));
    let (read, late) = (jittered.at("read"), jittered.at("heard 1"));
    assert!(read < ms(460) && late > ms(470), "read at {read:?}, heard at {late:?}");
}

#[test]
fn a_connection_has_nothing_of_an_earlier_one_with_its_ports() {
    // `b` answers and closes first, so that it is the one whose kernel remembers the connection.
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                let byte = stream.read_u8().await?;
                stream.write_u8(byte).await?;
            }
        })
        .host("a", || async {
            for number in 0..100 {
                sleep(ms(3)).await;
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseaddr(true)?;
                socket.bind("0.0.0.0:40000".parse()?)?;
                let mut stream = socket.connect("192.168.0.1:7".parse()?).await?;
                if let Err(error) = ask(&mut stream).await {
                    log(&format!("connection {number}: {error}"));
                }
                assert_eq!(stream.read(&mut [0]).await?, 0, "closed");
            }
            log("done");
            std::future::pending().await
        })
        .plan(|plan| {
            plan.fault(limit_data("b", 2).until(ms(1_000)))
                .fault(reset_peer("b", ms(100)).until(ms(1_000)))
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["done"]);
    assert_eq!(seen.affected(), [0, 0], "none said more than a byte, or lived for so long");
}
