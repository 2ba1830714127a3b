//! Threads that services start: in virtual time, one at a time, the same for each seed.

use std::{
    future::pending,
    io::{Read, Write},
    net::ToSocketAddrs,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use squall::plan::{clock_jump, crash, pause, slow_dns};
use squall_reports::record::EventKind;
use tokio::task::spawn_blocking;

use crate::world::{Seen, World, echo, log, log_result, ms};

fn alone<F>(service: impl Fn() -> F + Send + Sync + 'static) -> Seen
where
    F: Future<Output = crate::world::Done> + Send + 'static,
{
    World::new().host("a", service).plan(|plan| plan.lasts(ms(1_000))).completes(1)
}

#[test]
fn what_blocks_takes_virtual_time_while_the_runtime_goes_on() {
    let started = Instant::now();
    let seen = alone(|| async {
        let slept = spawn_blocking(|| {
            let before = Instant::now();
            thread::sleep(ms(400));
            before.elapsed()
        });
        tokio::time::sleep(ms(100)).await;
        log("the runtime");
        assert_eq!(slept.await?, ms(400));
        log("the thread");
        pending().await
    });
    assert_eq!(seen.at("the runtime"), ms(100));
    assert_eq!(seen.at("the thread"), ms(400));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn threads_wait_for_each_other_in_all_ways() {
    let seen = alone(|| async {
        let (send, receive) = mpsc::channel();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = Arc::clone(&gate);
        let waiter = thread::spawn(move || {
            let (open, opened) = &*waiting;
            let open = opened.wait_while(open.lock().expect("a lock"), |open| !*open);
            drop(open);
            receive.iter().sum::<u32>()
        });
        let late = Arc::clone(&gate);
        let opener = thread::spawn(move || {
            thread::sleep(ms(200));
            let (open, opened) = &*late;
            let none = opened.wait_timeout(open.lock().expect("a lock"), ms(50)).expect("a lock");
            assert!(none.1.timed_out());
            drop(none);
            *open.lock().expect("a lock") = true;
            opened.notify_all();
            for number in 1..=10 {
                send.send(number).expect("somebody listens");
                thread::yield_now();
            }
        });
        // The host does nothing else meanwhile.
        opener.join().expect("it ends");
        log("opened");
        assert_eq!(waiter.join().expect("it ends"), 55);
        pending().await
    });
    let opened = seen.at("opened");
    assert!((ms(250)..ms(251)).contains(&opened), "{opened:?}");
}

#[test]
#[expect(clippy::disallowed_types, reason = "a thread of its own may block")]
fn a_thread_may_use_blocking_sockets_and_names() {
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            tokio::time::sleep(ms(1)).await;
            let asked = spawn_blocking(|| {
                let address = "b:7".to_socket_addrs()?.next().expect("it has an address");
                let mut stream = std::net::TcpStream::connect(address)?;
                stream.write_all(b"?")?;
                stream.read_exact(&mut [0])?;
                stream.set_read_timeout(Some(ms(100)))?;
                let nothing = stream.read(&mut [0]).expect_err("nothing comes");
                assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
                let unknown = "nobody:7".to_socket_addrs().expect_err("there is no such host");
                Ok::<_, std::io::Error>(unknown.to_string())
            });
            let unknown = asked.await??;
            log(&unknown);
            pending().await
        })
        .plan(|plan| plan.lasts(ms(1_000)))
        .completes(1);
    let said = "failed to lookup address information: Name or service not known";
    // A handshake, a question and its answer, and a hundred milliseconds of silence.
    let at = seen.at(said);
    assert!((ms(103)..ms(104)).contains(&at), "{at:?}");
}

#[test]
fn a_slow_look_up_holds_up_its_thread_and_not_the_host() {
    let slow = slow_dns("a", ms(300)).from(ms(0)).until(ms(900));
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            tokio::time::sleep(ms(50)).await;
            let looked_up = tokio::spawn(tokio::net::lookup_host("b:7"));
            tokio::time::sleep(ms(10)).await;
            log("meanwhile");
            log_result("looked up", &looked_up.await?.map(|_| ()));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(1_000)).fault(slow))
        .completes(1);
    assert_eq!(seen.at("meanwhile"), ms(60));
    assert_eq!(seen.at("looked up: ok"), ms(350));
}

#[test]
fn threads_stand_still_with_their_process_and_are_nobodys_when_it_dies() {
    let ticks = || {
        World::new()
            .host("a", || async {
                thread::spawn(|| {
                    loop {
                        thread::sleep(ms(100));
                    }
                });
                let counted = spawn_blocking(|| {
                    thread::sleep(ms(350));
                    "counted"
                });
                log(counted.await?);
                pending().await
            })
            .plan(|plan| plan.lasts(ms(1_000)))
    };
    assert_eq!(ticks().completes(1).at("counted"), ms(350));
    let paused = ticks().plan(|plan| plan.fault(pause("a").from(ms(200)).until(ms(600))));
    assert_eq!(paused.completes(1).at("counted"), ms(600));
    let crashed = ticks().plan(|plan| plan.fault(crash("a").from(ms(200)).until(ms(400))));
    assert_eq!(crashed.completes(1).at("counted"), ms(750));
}

#[test]
fn what_threads_say_is_in_the_record_with_its_host_and_its_time() {
    let seen = World::new()
        .host("a", || async {
            tracing::info_span!("outer").in_scope(|| {
                thread::spawn(|| {
                    let inner = tracing::info_span!("inner", answer = 42);
                    let _inside = inner.enter();
                    thread::sleep(ms(30));
                    log("said inside");
                })
            });
            pending().await
        })
        .host("b", || async { pending().await })
        .plan(|plan| plan.lasts(ms(100)))
        .completes(1);
    assert_eq!(seen.at("said inside"), ms(30));
    assert_eq!(seen.said("a"), ["said inside"]);
    let record = &seen.0.record;
    let inner: Vec<_> = record
        .events
        .iter()
        .filter_map(|event| match &event.what {
            EventKind::Span(span) if record.text(span.name) == "inner" => Some(span),
            _ => None,
        })
        .collect();
    assert_eq!(inner.len(), 1);
    assert_eq!(inner[0].parent, 0, "a thread is in the spans that it has entered itself");
    assert_eq!(record.shown(inner[0].attributes), "answer=42");
}

/// A span keeps the subscriber of the thread that made it.
#[test]
fn a_span_that_is_handed_to_a_thread_is_the_same_there() {
    let seen = alone(|| async {
        let outer = tracing::info_span!("outer", answer = tracing::field::Empty);
        let inside = outer.clone();
        spawn_blocking(move || {
            inside.in_scope(|| {
                thread::sleep(ms(30));
                inside.record("answer", 42);
                tracing::info_span!("inner").in_scope(|| thread::sleep(ms(20)));
            });
        })
        .await?;
        thread::spawn(move || {
            thread::sleep(ms(50));
            drop(outer);
        });
        pending().await
    });
    let record = &seen.0.record;
    let spans: Vec<_> = record
        .spans()
        .map(|(closed, span)| (record.text(span.name), closed - span.opened, span))
        .collect();
    let (inner, outer) = (spans[0], spans[1]);
    assert_eq!((inner.0, outer.0), ("inner", "outer"));
    assert_eq!([inner.1, outer.1].map(Duration::from_nanos), [ms(20), ms(100)]);
    assert_eq!(inner.2.parent, outer.2.id);
    assert_eq!(record.shown(outer.2.attributes), "answer=42");
}

#[test]
fn the_thread_of_a_process_that_died_never_does_anything_again() {
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            thread::spawn(|| {
                loop {
                    thread::sleep(ms(100));
                    log("tick");
                }
            });
            pending().await
        })
        .plan(|plan| plan.lasts(ms(1_000)).fault(crash("a").from(ms(250)).until(ms(550))))
        .completes(1);
    // Two of the first process; those of the second begin where it does.
    let ticks: Vec<Duration> = seen.facts().into_iter().map(|(at, ..)| at).collect();
    assert_eq!(ticks[..6], [100, 200, 650, 750, 850, 950].map(ms));
}

#[test]
fn a_thread_sees_the_clock_of_its_own_host() {
    let service = || async {
        thread::spawn(|| {
            for _ in 0..3 {
                thread::sleep(ms(100));
                let shown = std::time::SystemTime::now();
                let since = shown.duration_since(std::time::SystemTime::UNIX_EPOCH);
                log(&format!("{}", since.expect("after it").as_millis() % 100_000));
            }
        });
        loop {
            tokio::time::sleep(ms(1)).await;
        }
    };
    let seen = World::new()
        .host("a", service)
        .host("b", service)
        .plan(|plan| plan.lasts(ms(1_000)).fault(clock_jump("b", 500).from(ms(150)).until(ms(900))))
        .completes(1);
    assert_eq!(seen.said("a"), ["100", "200", "300"]);
    assert_eq!(seen.said("b"), ["100", "700", "800"]);
}

#[test]
fn there_are_as_many_processors_as_the_host_has_cores() {
    let seen = World::new()
        .host("a", || async {
            log(&format!("{}", thread::available_parallelism()?));
            let on_a_thread = spawn_blocking(thread::available_parallelism).await??;
            log(&format!("{on_a_thread}"));
            pending().await
        })
        .topology(|topology| topology.cores(7))
        .plan(|plan| plan.lasts(ms(100)))
        .completes(1);
    assert_eq!(seen.said("a"), ["7", "7"]);
}

#[test]
fn a_lock_that_runs_share_takes_no_virtual_time() {
    static SHARED: Mutex<()> = Mutex::new(());
    let run = || {
        World::new()
            .host("a", || async {
                let threads: Vec<_> = (0..4)
                    .map(|number| {
                        thread::spawn(move || {
                            for _ in 0..20 {
                                let held = SHARED.lock().expect("a lock");
                                // Long in real time, nothing in virtual time.
                                (0..20_000).fold(0_u64, |sum, it| std::hint::black_box(sum + it));
                                drop(held);
                                thread::sleep(ms(1));
                            }
                            log(&format!("{number} is done"));
                        })
                    })
                    .collect();
                tokio::time::sleep(ms(500)).await;
                drop(threads);
                pending().await
            })
            .plan(|plan| plan.lasts(ms(600)))
            .completes(5)
            .0
            .record
            .digest()
    };
    let alone = run();
    let together: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().expect("a run")).collect()
    });
    assert!(
        together.iter().all(|digest| *digest == alone),
        "{alone}, and beside others {together:?}"
    );
}

#[test]
fn what_another_run_ends_the_wait_for_ends_the_run() {
    static CHANNEL: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);
    let (send, receive) = mpsc::channel();
    *CHANNEL.lock().expect("a lock") = Some(send);
    let receive = Arc::new(Mutex::new(receive));
    let outside = thread::spawn(|| {
        thread::sleep(Duration::from_millis(300));
        let sender = CHANNEL.lock().expect("a lock").take().expect("a sender");
        sender.send(()).expect("somebody listens");
    });
    let seen = World::new()
        .host("a", move || {
            let receive = Arc::clone(&receive);
            async move {
                thread::Builder::new().name("listener".to_owned()).spawn(move || {
                    let _ = receive.lock().expect("a lock").recv();
                })?;
                // Long enough in real time.
                loop {
                    tokio::time::sleep(ms(1)).await;
                    (0..1_000_000).fold(0_u64, |sum, it| std::hint::black_box(sum + it));
                }
            }
        })
        .plan(|plan| plan.lasts(Duration::from_secs(60)))
        .run(1);
    outside.join().expect("it ends");
    let end = format!("{:?}", seen.0.record.end.cause);
    assert!(end.contains("listener") && end.contains("NotDeterministic"), "{end}");
}

#[test]
fn the_order_of_threads_is_the_seeds() {
    let order = |seed| {
        let world = World::new().host("a", || async {
            let said = Arc::new(Mutex::new(Vec::new()));
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let said = Arc::clone(&said);
                    thread::spawn(move || {
                        for _ in 0..3 {
                            said.lock().expect("a lock").push(number);
                            thread::sleep(ms(1));
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().expect("it ends");
            }
            log(&format!("{:?}", said.lock().expect("a lock")));
            pending().await
        });
        world.plan(|plan| plan.lasts(ms(100))).completes(seed).said("a")
    };
    assert_eq!(order(1), order(1));
    assert!((2..6).any(|seed| order(seed) != order(1)), "always the same");
}
