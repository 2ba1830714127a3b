//! How runs end that do not come to their planned end.

use std::{sync::atomic::Ordering, time::Duration};

use squall::{
    Signals,
    plan::{Limits, loss},
};
use squall_reports::{record::EndCause, verdict::Verdict};
use tokio::net::{TcpStream, UdpSocket};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::world::{Seen, World, idle, log, ms};

#[track_caller]
fn reached(seen: &Seen, limit: &str) {
    let EndCause::LimitReached { limit: found } = seen.cause() else {
        panic!("expected the limit {limit}, found {:?}", seen.cause());
    };
    assert_eq!(found, limit);
    assert_eq!(seen.0.verdict(), Verdict::Fail);
}

fn limited(world: World, change: impl FnOnce(&mut Limits)) -> Seen {
    let mut limits = Limits::default();
    change(&mut limits);
    world.plan(|plan| plan.limits(limits)).run(1)
}

#[test]
fn a_panic_in_any_task_ends_the_run_and_names_host_text_and_place() {
    let seen = World::new()
        .host("a", idle)
        .host("b", || async {
            tokio::spawn(async {
                sleep(ms(70)).await;
                panic!("the number was {}", 42);
            });
            std::future::pending().await
        })
        .run(1);
    let EndCause::Panicked { host, message } = seen.cause() else { panic!("{:?}", seen.cause()) };
    assert_eq!(host, "b");
    assert!(message.starts_with("the number was 42 at "), "{message}");
    assert!(message.contains("endings.rs:"), "{message}");
    assert_eq!(seen.0.record.end.at, 70_000_000);
    assert_eq!(seen.0.verdict(), Verdict::Fail);
}

#[test]
fn a_panic_before_the_service_is_a_future_is_its_hosts_too() {
    let seen = World::new()
        .host("a", || {
            assert_eq!(1, 2, "in the service's own function");
            idle()
        })
        .run(1);
    assert!(matches!(seen.cause(), EndCause::Panicked { host, .. } if host == "a"));
}

#[test]
fn a_service_that_fails_ends_the_run() {
    let seen = World::new()
        .host("a", || async {
            sleep(ms(5)).await;
            Err("no more numbers".into())
        })
        .run(1);
    let expected =
        EndCause::ServiceFailed { host: "a".to_owned(), message: "no more numbers".to_owned() };
    assert_eq!(*seen.cause(), expected);
}

#[test]
fn a_run_does_not_pass_its_virtual_time() {
    let sleeper = || async {
        sleep(ms(900)).await;
        idle().await
    };
    let seen = limited(World::new().host("a", sleeper), |limits| limits.virtual_time = ms(500));
    reached(&seen, "500ms of virtual time (virtual_time_ms)");
    assert!(seen.0.record.end.at <= 500_000_000);
    // A limit that is not reached changes nothing.
    let enough = limited(World::new().host("a", idle), |limits| limits.virtual_time = ms(1_200));
    assert_eq!(*enough.cause(), EndCause::Completed);
}

#[test]
fn a_run_does_not_pass_its_events() {
    let chatter = || async {
        loop {
            log("again");
            tokio::task::yield_now().await;
        }
    };
    let seen = limited(World::new().host("a", chatter), |limits| limits.events_max = 5_000);
    reached(&seen, "the record has its 5000 events (events_max)");
    assert_eq!(seen.0.record.events.len(), 5_000);
}

#[test]
fn a_run_does_not_pass_its_packets() {
    let world = World::new().host("b", idle).host("a", || async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        loop {
            socket.send_to(b"x", "b:9").await?;
            sleep(ms(1)).await;
        }
    });
    reached(&limited(world, |limits| limits.packets_max = 300), "300 packets (packets_max)");
}

#[test]
fn a_run_does_not_pass_the_bytes_in_its_network() {
    // Nothing gets through, so that what many connections send piles up.
    let world = World::new()
        .host("b", || crate::world::echo(7))
        .host("a", || async {
            sleep(ms(1)).await;
            for _ in 0..40 {
                tokio::spawn(async {
                    let mut stream = TcpStream::connect("b:7").await?;
                    sleep(ms(100)).await;
                    stream.write_all(&[0; 60_000]).await?;
                    std::future::pending::<std::io::Result<()>>().await
                });
            }
            loop {
                sleep(ms(1)).await;
            }
        })
        .plan(|plan| plan.lasts(ms(3_000)).fault(loss("b", 1.0).from(ms(50)).until(ms(2_900))));
    let seen = limited(world, |limits| limits.network_bytes_max = 1_000_000);
    reached(&seen, "1000000 bytes in the network (network_bytes_max)");
}

#[test]
fn a_run_does_not_pass_its_memory() {
    let hoarder = || {
        World::new().host("a", || async {
            let mut kept = Vec::new();
            for _ in 0..20 {
                kept.push(vec![1_u8; 1 << 20]);
                sleep(ms(1)).await;
            }
            log("kept");
            std::future::pending::<()>().await;
            drop(kept);
            Ok(())
        })
    };
    let seen = limited(hoarder(), |limits| limits.memory_bytes_max = 10 << 20);
    reached(&seen, "10485760 bytes of memory (memory_bytes_max)");
    seen.never("kept");
    let enough = limited(hoarder(), |limits| limits.memory_bytes_max = 30 << 20);
    assert_eq!(*enough.cause(), EndCause::Completed);
}

#[test]
fn memory_of_threads_is_memory_of_their_run() {
    let hoarder = || {
        World::new().host("a", || async {
            let kept = std::thread::spawn(|| {
                let mut kept = Vec::new();
                for _ in 0..20 {
                    kept.push(vec![1_u8; 1 << 20]);
                    std::thread::sleep(ms(1));
                }
                log("kept");
                kept
            });
            std::future::pending::<()>().await;
            drop(kept);
            Ok(())
        })
    };
    let seen = limited(hoarder(), |limits| limits.memory_bytes_max = 10 << 20);
    reached(&seen, "10485760 bytes of memory (memory_bytes_max)");
    seen.never("kept");

    // What one thread allocates and another one frees is neither kept nor given twice.
    let passed_on = || {
        World::new().host("a", || async {
            let (send, mut receive) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
            let (back, returned) = std::sync::mpsc::channel::<Vec<u8>>();
            std::thread::spawn(move || {
                for _ in 0..100 {
                    send.blocking_send(vec![1; 1 << 20]).expect("somebody listens");
                    drop(returned.recv().expect("somebody sends"));
                }
            });
            while let Some(bytes) = receive.recv().await {
                drop(bytes);
                back.send(vec![2; 1 << 20])?;
                sleep(ms(1)).await;
            }
            log("all of it");
            let mut kept = Vec::new();
            for _ in 0..20 {
                kept.push(vec![1_u8; 1 << 20]);
                sleep(ms(1)).await;
            }
            log("kept");
            std::future::pending::<()>().await;
            drop(kept);
            Ok(())
        })
    };
    let seen = limited(passed_on(), |limits| limits.memory_bytes_max = 15 << 20);
    reached(&seen, "15728640 bytes of memory (memory_bytes_max)");
    seen.at("all of it");
    seen.never("kept");
}

/// A configuration that is read by the harness itself, which comes down with it.
struct ReadOnce;

impl<'de> serde::Deserialize<'de> for ReadOnce {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        static READ: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        assert!(!READ.swap(true, Ordering::Relaxed), "nobody reads it twice");
        Ok(Self)
    }
}

#[test]
fn a_failure_of_the_harness_is_told_although_threads_of_hosts_go_on() {
    let world = World::new()
        .host("a", || async {
            tokio::task::spawn_blocking(|| {
                loop {
                    std::thread::sleep(ms(1));
                }
            });
            std::future::pending().await
        })
        .service("b", |_: ReadOnce| async { std::future::pending().await })
        .topology(|topology| topology.host("b", "b", serde_json::Value::Null))
        .plan(|plan| plan.fault(squall::plan::crash("b").from(ms(100)).until(ms(200))));
    let before = std::time::Instant::now();
    let error = squall::run(&world.scenario(), 1).expect_err("there is no record").to_string();
    assert!(error.contains("nobody reads it twice"), "{error}");
    assert!(before.elapsed() < Duration::from_secs(30), "it was not waited for in vain");
}

#[test]
fn a_task_that_only_yields_ends_at_the_real_time_of_the_run() {
    let busy = || async {
        loop {
            tokio::task::yield_now().await;
        }
    };
    let seen = limited(World::new().host("a", busy), |limits| limits.wall_time = ms(50));
    reached(&seen, "50ms of real time (wall_time_ms)");
}

#[test]
fn hosts_that_keep_each_other_busy_end_at_the_real_time_of_the_run() {
    // Two tasks that wake each other at every microsecond of virtual time.
    let busy = || async {
        for step in 1.. {
            squall_os::sim::sleep_until(step * 10).await;
        }
        Ok(())
    };
    let world = World::new().host("a", busy).plan(|plan| plan.lasts(Duration::from_secs(7_000)));
    let seen = limited(world, |limits| limits.wall_time = ms(50));
    reached(&seen, "50ms of real time (wall_time_ms)");
}

#[test]
fn an_interrupted_run_keeps_its_record() {
    let signals = Signals::default();
    signals.interrupt.store(true, Ordering::Relaxed);
    let world = || {
        World::new().host("a", || async {
            log("begun");
            std::future::pending().await
        })
    };
    let seen = world().run_with(1, signals);
    assert_eq!(*seen.cause(), EndCause::Interrupted);
    assert_eq!(seen.said("a"), ["begun"]);

    let signals = Signals::default();
    let seen = world().run_with(1, signals.clone());
    assert_eq!(*seen.cause(), EndCause::Completed);
    assert_eq!(signals.now.load(Ordering::Relaxed), seen.0.record.end.at);
}
