//! Threads that services start: in virtual time, one at a time, the same for each seed.

use std::{
    future::pending,
    io::{Read, Write},
    net::ToSocketAddrs,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use squall::plan::{crash, pause, slow_dns};
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
