//! Virtual time as services see it.

use std::time::{Duration, Instant, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::world::{World, idle, log, ms};

#[test]
fn a_timer_takes_exactly_its_time() {
    let seen = World::new()
        .host("a", || async {
            for length in [7, 1, 100, 33] {
                let (before, begun) = (tokio::time::Instant::now(), Instant::now());
                sleep(ms(length)).await;
                log(&format!("{:?} {:?}", before.elapsed(), begun.elapsed()));
            }
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["7ms 7ms", "1ms 1ms", "100ms 100ms", "33ms 33ms"]);
    assert_eq!(seen.facts().last().unwrap().0, ms(141));
}

#[test]
fn a_timer_of_a_process_that_started_between_milliseconds_is_as_exact() {
    let start = Duration::from_micros(300_300);
    let seen = World::new()
        .host("a", || async {
            sleep(ms(7)).await;
            log("done");
            std::future::pending().await
        })
        .plan(|plan| plan.fault(squall::plan::crash("a").from(ms(100)).until(start)))
        .completes(1);
    let times: Vec<Duration> = seen.facts().iter().map(|(at, _, _)| *at).collect();
    assert_eq!(times, [ms(7), start + ms(7)]);
}

#[test]
fn the_wall_clock_is_the_same_in_every_run_and_moves_with_the_others() {
    let seen = World::new()
        .host("a", || async {
            let unix = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let before = unix();
            sleep(ms(250)).await;
            log(&format!("{before:?} {:?}", unix() - before));
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["1767225600s 250ms"]);
}

#[test]
fn an_idle_hour_costs_next_to_nothing() {
    let hour = Duration::from_secs(3600);
    let seen = World::new()
        .host("a", move || async move {
            sleep(hour).await;
            log("an hour");
            std::future::pending().await
        })
        .host("b", idle)
        .plan(|plan| plan.lasts(hour + ms(1_000)))
        .completes(1);
    assert_eq!(seen.at("an hour"), hour);
    assert!(seen.0.record.events.len() < 30, "and leaves next to nothing in the record");
}

#[test]
fn a_thread_that_sleeps_takes_the_time_of_its_host_and_of_no_other() {
    let seen = World::new()
        .host("a", || async {
            tokio::spawn(async {
                sleep(ms(20)).await;
                log("other task of a");
            });
            sleep(ms(10)).await;
            std::thread::sleep(ms(50));
            log("slept");
            std::future::pending().await
        })
        .host("b", || async {
            sleep(ms(30)).await;
            log("b");
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.at("slept"), ms(60));
    assert_eq!(seen.at("other task of a"), ms(60), "one thread does one thing after the other");
    assert_eq!(seen.at("b"), ms(30));
    let times: Vec<u64> = seen.0.record.events.iter().map(|event| event.at).collect();
    assert!(times.is_sorted(), "the record is in order of time");
}

#[test]
fn what_a_blocked_thread_sends_leaves_when_it_is_done() {
    // Blocks for 50 ms and says a word, again and again, and closes.
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                for word in ["one", "two"] {
                    stream.read_u8().await?;
                    std::thread::sleep(ms(50));
                    stream.write_all(word.as_bytes()).await?;
                }
                stream.shutdown().await?;
            }
        })
        .host("a", || async {
            sleep(ms(10)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let begun = Instant::now();
            let mut word = [0; 3];
            for _ in 0..2 {
                stream.write_u8(0).await?;
                stream.read_exact(&mut word).await?;
                log(&format!("{} after {:?}", String::from_utf8_lossy(&word), begun.elapsed()));
            }
            assert_eq!(stream.read(&mut word).await?, 0, "in order, and nothing else");
            log("closed");
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["one after 51ms", "two after 102ms", "closed"]);
}

#[test]
fn what_a_process_was_at_when_it_was_killed_does_not_leave() {
    let seen = World::new()
        .host("b", || async {
            let socket = tokio::net::UdpSocket::bind("0.0.0.0:9").await?;
            let (_, from) = socket.recv_from(&mut [0; 8]).await?;
            std::thread::sleep(ms(50));
            socket.send_to(b"late", from).await?;
            std::future::pending().await
        })
        .host("a", || async {
            let socket = tokio::net::UdpSocket::bind("0.0.0.0:9").await?;
            sleep(ms(10)).await;
            socket.send_to(b"x", "b:9").await?;
            socket.recv_from(&mut [0; 8]).await?;
            log("answered");
            std::future::pending().await
        });
    let crash = squall::plan::crash("b").from(ms(30)).until(ms(500));
    seen.plan(|plan| plan.fault(crash)).completes(1).never("answered");
}

#[test]
fn nor_does_what_it_was_to_write_to_a_stream() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            stream.read_u8().await?;
            std::thread::sleep(ms(50));
            stream.write_all(b"late").await?;
            std::future::pending().await
        })
        .host("a", || async {
            sleep(ms(10)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            stream.write_u8(0).await?;
            crate::world::log_result("read", &stream.read_u8().await);
            std::future::pending().await
        });
    let crash = squall::plan::crash("b").from(ms(30)).until(ms(500));
    let seen = seen.plan(|plan| plan.fault(crash)).completes(1);
    // Linux would end the stream in place of resetting it. The reset has the place of what was taken
    // back, so that `a` asks whether it is one.
    assert_eq!(seen.at("read: ConnectionReset"), Duration::from_micros(31_500));
}

#[test]
fn spinning_on_the_clock_comes_to_an_end() {
    let seen = World::new()
        .host("a", || async {
            let begun = Instant::now();
            while begun.elapsed() < ms(3) {}
            log("spun");
            let begun = Instant::now();
            while begun.elapsed() < ms(3) {
                tokio::task::yield_now().await;
            }
            log("yielded");
            std::future::pending().await
        })
        .completes(1);
    assert!((ms(3)..ms(5)).contains(&seen.at("spun")));
    assert!((ms(6)..ms(10)).contains(&seen.at("yielded")));
}

#[test]
fn outside_a_run_the_clocks_are_the_real_ones() {
    let lasts = Duration::from_secs(100_000);
    let world = || World::new().host("a", idle).plan(|plan| plan.lasts(ms(1)));
    let (monotonic, wall) = (Instant::now(), SystemTime::now());
    world().completes(1);
    // No run begins its clocks before it was written: 2026-01-01.
    assert!(monotonic.elapsed() < lasts);
    assert!(wall.elapsed().expect("time goes on") < lasts);
}
