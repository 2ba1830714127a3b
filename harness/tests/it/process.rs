//! Processes and machines that die, stop, start again and stand still.

use std::{future::pending, time::Duration};

use squall::plan::{
    Fault, crash, crash_loop, partition, partition_one_way, pause, power_loss, restart,
};
use squall_reports::record::HostState::{Crashed, Exited, Paused, PoweredOff, Terminating, Up};
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{interval, sleep, timeout},
};

use crate::world::{Seen, World, ask, echo, idle, log, log_result, ms, timed, us};

/// `a` opens a connection to the echo on `b` and reads on it; from 600 ms on it tries a new one
/// every 500 ms.
fn watched() -> World {
    World::new().host("b", || echo(7)).host("a", || async {
        sleep(ms(1)).await;
        let mut stream = TcpStream::connect("b:7").await?;
        ask(&mut stream).await?;
        let reads = async {
            let result = stream.read_u8().await;
            log_result("read", &result);
            log_result("write", &stream.write_all(b"?").await);
        };
        let connects = async {
            squall_os::sim::sleep_until(600_000_000).await;
            loop {
                let stream = timeout(ms(400), TcpStream::connect("b:7")).await;
                log_result("connect", &stream.unwrap_or_else(|late| Err(late.into())));
                sleep(ms(500)).await;
            }
        };
        tokio::join!(reads, connects).1
    })
}

#[test]
fn a_crash_closes_connections_at_once_and_refuses_new_ones_until_the_heal() {
    let fault = crash("b").from(ms(500)).until(ms(900));
    let seen = watched().plan(|plan| plan.lasts(ms(1_500)).fault(fault)).completes(1);
    // The kernel closes the sockets of a process that dies: the stream ends as if it had itself, and
    // the first write after that is not known to be in vain yet.
    assert_eq!(seen.at("read: UnexpectedEof"), us(500_500));
    seen.at("write: ok");
    let refused = seen.at("connect: ConnectionRefused");
    assert!(refused == ms(601), "after a round trip, found {refused:?}");
    assert_eq!(seen.at("connect: ok"), refused + ms(501));
    assert_eq!(seen.affected(), [1]);
    assert_eq!(seen.states("b"), [(ms(0), Up), (ms(500), Crashed), (ms(900), Up)]);
}

#[test]
fn a_power_loss_is_silence_and_the_old_connection_is_reset_only_after_the_start() {
    let fault = power_loss("b").from(ms(500)).until(ms(2_000));
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            ask(&mut stream).await?;
            sleep(ms(599)).await;
            let fresh = timeout(ms(300), TcpStream::connect("b:7")).await;
            log_result("new", &fresh.map(|_| ()).map_err(Into::into));
            let asked = timeout(ms(1_000), ask(&mut stream)).await;
            log_result("old", &asked.unwrap_or_else(|late| Err(late.into())));
            log_result("later", &stream.read_u8().await);
            log_result("again", &TcpStream::connect("b:7").await);
            Ok(())
        })
        .plan(|plan| plan.lasts(ms(4_000)).fault(fault))
        .completes(1);
    seen.at("new: TimedOut");
    seen.at("old: TimedOut");
    // Sent at 902 ms, and again after 201, 402, 804 and 1608 ms.
    timed(seen.at("later: ConnectionReset"), ms(902 + 1), &[201, 201, 402, 804]);
    seen.at("again: ok");
    assert_eq!(seen.states("b"), [(ms(0), Up), (ms(500), PoweredOff), (ms(2_000), Up)]);
}

#[test]
fn a_paused_reader_gets_what_was_sent_before_a_reset() {
    let seen = World::new()
        .host("b", || async {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            squall_os::sim::sleep_until(400_000_000).await;
            stream.write_all(b"answer").await?;
            sleep(ms(10)).await;
            stream.set_zero_linger()?;
            drop(stream);
            pending().await
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut bytes = [0; 6];
            log_result("answer", &stream.read_exact(&mut bytes).await);
            log_result("then", &stream.read(&mut bytes).await);
            log_result("at last", &stream.read(&mut bytes).await);
            pending().await
        })
        .plan(|plan| plan.fault(pause("a").from(ms(350)).until(ms(600))))
        .completes(1);
    assert_eq!(seen.at("answer: ok"), ms(600));
    assert_eq!(seen.at("then: ConnectionReset"), ms(600));
    assert_eq!(seen.at("at last: ok"), ms(600));
}

#[test]
fn what_a_process_wrote_arrives_however_it_is_killed() {
    let faults = [
        crash("b").from(ms(300)).until(ms(600)),
        // It does not wait for the signal, and is killed when the grace is over.
        restart("b", ms(50)).from(ms(250)).until(ms(600)),
        crash_loop("b", ms(100), ms(50)).from(ms(300)).until(ms(600)),
    ];
    for fault in faults {
        let seen = World::new()
            .host("b", || async {
                let listener = TcpListener::bind("0.0.0.0:7").await?;
                let (mut stream, _) = listener.accept().await?;
                stream.write_all(b"bye").await?;
                pending().await
            })
            .host("a", || async {
                squall_os::sim::sleep_until(295_000_000).await;
                let mut stream = TcpStream::connect("b:7").await?;
                // Both are there before it reads.
                squall_os::sim::sleep_until(310_000_000).await;
                let mut found = String::new();
                log_result("read", &stream.read_to_string(&mut found).await);
                log(&found);
                pending().await
            })
            .plan(|plan| plan.fault(fault))
            .completes(1);
        assert_eq!(seen.at("read: ok"), ms(310));
        seen.at("bye");
    }
}

#[test]
fn the_kernel_keeps_the_rest_of_a_connection_for_a_minute() {
    let bound = |at: u64| async move {
        squall_os::sim::sleep_until(at * 1_000_000_000).await;
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind("0.0.0.0:7".parse().expect("an address"))
    };
    let seen = World::new()
        .host("b", move || async move {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            drop(listener.accept().await?);
            drop(listener);
            log_result("early", &bound(30).await);
            log_result("late", &bound(62).await);
            pending().await
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let _keeps_its_end = TcpStream::connect("b:7").await?;
            pending().await
        })
        .plan(|plan| plan.lasts(ms(65_000)))
        .completes(1);
    seen.at("early: AddrInUse");
    seen.at("late: ok");
}

#[test]
fn a_process_whose_handshakes_were_cut_off_has_its_port_again_when_it_starts() {
    // The attempts of the partition come again after a second, as they are given up.
    for limit in [999, 1_000, 1_001] {
        let seen = World::new()
            .host("b", || echo(7))
            .host("a", move || async move {
                let attempts = async {
                    let mut due = interval(ms(5));
                    loop {
                        due.tick().await;
                        tokio::spawn(timeout(ms(limit), async {
                            let mut stream = TcpStream::connect("b:7").await?;
                            ask(&mut stream).await
                        }));
                    }
                };
                let last = async {
                    sleep(ms(5_000)).await;
                    let mut stream = TcpStream::connect("b:7").await?;
                    log_result("ask", &ask(&mut stream).await);
                    pending().await
                };
                tokio::select! { done = attempts => done, done = last => done }
            })
            .plan(|plan| {
                let cut = partition("a", "b").from(ms(2_000)).until(ms(3_000));
                plan.lasts(ms(5_500)).fault(cut).fault(crash("b").from(ms(4_000)).until(ms(4_500)))
            })
            .completes(1);
        seen.at("ask: ok");
    }
}

/// `a` asks at 505 ms; `b` gets the request, and its acknowledgement and answer are lost.
fn asked_in_vain(fault: Fault) -> Seen {
    World::new()
        .host("b", || echo(7))
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            ask(&mut stream).await?;
            squall_os::sim::sleep_until(505_000_000).await;
            log_result("ask", &ask(&mut stream).await);
            pending().await
        })
        .plan(|plan| {
            let cut = partition_one_way("b", "a").from(ms(500)).until(ms(530));
            plan.fault(cut).fault(fault)
        })
        .completes(1)
}

#[test]
fn what_a_machine_took_with_it_when_it_lost_its_power_is_asked_again() {
    let seen = asked_in_vain(power_loss("b").from(ms(520)).until(ms(600)));
    timed(seen.at("ask: ConnectionReset"), ms(505 + 1), &[201]);
}

#[test]
fn what_a_process_said_before_it_died_comes_though_it_was_lost() {
    let seen = asked_in_vain(crash("b").from(ms(520)).until(ms(600)));
    // The kernel has the answer, and the end of the stream behind it: it sends the latter again 4 ms
    // after the crash, to probe for a loss, and the answer 201 ms after that.
    timed(seen.at("ask: ok"), us(520_000 + 500), &[4, 201]);
}

/// `b` is busy from 300 to 400 ms when `a` connects at 320 ms and asks; the fault acts from 350 ms
/// on.
fn knocked(fault: Fault) -> Seen {
    World::new()
        .host("b", || async {
            tokio::spawn(echo(7));
            sleep(ms(300)).await;
            std::thread::sleep(ms(100));
            pending().await
        })
        .host("a", || async {
            squall_os::sim::sleep_until(320_000_000).await;
            let mut stream = TcpStream::connect("b:7").await?;
            log("connected");
            log_result("ask", &ask(&mut stream).await);
            pending().await
        })
        .plan(|plan| plan.lasts(ms(2_000)).fault(fault))
        .completes(1)
}

#[test]
fn a_kernel_accepts_for_a_busy_process_and_resets_what_it_never_accepted_when_it_dies() {
    let crashed = knocked(crash("b").from(ms(350)).until(ms(600)));
    assert_eq!(crashed.at("ask: ConnectionReset"), us(350_500));
    let paused = knocked(pause("b").from(ms(350)).until(ms(600)));
    assert_eq!(paused.at("ask: ok"), us(600_500));
    // The kernel had acknowledged what was asked before it lost its power.
    let dark = knocked(power_loss("b").from(ms(350)).until(ms(600)));
    for seen in [&crashed, &paused, &dark] {
        assert_eq!(seen.at("connected"), ms(321), "the kernel goes on");
    }
    assert_eq!(dark.said("a"), ["connected"]);
}

#[test]
fn a_new_process_takes_over_the_ports_of_connections_that_linger() {
    // The last words of the old process cannot get through before the new one starts.
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await;
            log_result("bind", &listener);
            let (mut stream, _) = listener?.accept().await?;
            squall_os::signal::terminate().await?;
            stream.write_all(b"bye").await?;
            Ok(())
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut said = String::new();
            log_result("read", &stream.read_to_string(&mut said).await);
            log(&said);
            pending().await
        })
        .plan(|plan| {
            plan.lasts(ms(2_000))
                .fault(restart("b", ms(50)).from(ms(300)).until(ms(400)))
                .fault(partition("a", "b").from(ms(200)).until(ms(350)))
        })
        .completes(1);
    assert_eq!(seen.said("b"), ["bind: ok", "bind: ok"]);
    // The kernel still sends them: the end of the stream again 4 ms later to probe for a loss, the
    // words 201 ms after that, and the end once more when these are acknowledged.
    timed(seen.at("read: ok"), us(300_000 + 1_000 + 500), &[4, 201]);
    seen.at("bye");
}

#[test]
fn a_paused_process_freezes_its_timers_and_its_stack_still_accepts() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let ticks = async {
                loop {
                    sleep(ms(100)).await;
                    log("tick");
                }
            };
            let accepts = async {
                loop {
                    let accepted = listener.accept().await;
                    log_result("accepted", &accepted);
                }
            };
            tokio::join!(ticks, accepts).0
        })
        .host("a", || async {
            sleep(ms(600)).await;
            let stream = TcpStream::connect("b:7").await;
            log_result("connected", &stream);
            pending().await
        })
        .plan(|plan| plan.lasts(ms(1_250)).fault(pause("b").from(ms(550)).until(ms(950))))
        .completes(1);
    assert!(seen.at("connected: ok") < ms(603), "the stack goes on");
    assert_eq!(seen.at("accepted: ok"), ms(950), "the process does not");
    let facts = seen.facts();
    let ticks: Vec<u64> = (facts.iter().filter(|(_, _, text)| text == "tick"))
        .map(|(at, _, _)| u64::try_from(at.as_millis()).unwrap())
        .collect();
    assert_eq!(ticks, [100, 200, 300, 400, 500, 950, 1050, 1150, 1250, 1350]);
    assert_eq!(seen.states("b"), [(ms(0), Up), (ms(550), Paused), (ms(950), Up)]);
    assert!(seen.affected()[0] >= 2);
}

/// A service that takes `drain` to stop when it is asked to.
fn graceful(drain: u64) -> World {
    World::new().host("b", move || async move {
        log("started");
        squall_os::signal::terminate().await?;
        log("asked to stop");
        sleep(ms(drain)).await;
        log("stopped");
        Ok(())
    })
}

fn restarted(drain: u64) -> Seen {
    let fault = restart("b", ms(100)).from(ms(300)).until(ms(600));
    graceful(drain).plan(|plan| plan.lasts(ms(900)).fault(fault)).completes(1)
}

#[test]
fn a_restart_asks_the_service_to_stop_and_starts_it_at_the_heal() {
    let seen = restarted(50);
    assert_eq!(seen.said("b"), ["started", "asked to stop", "stopped", "started"]);
    assert_eq!((seen.at("asked to stop"), seen.at("stopped")), (ms(300), ms(350)));
    assert_eq!(
        seen.states("b"),
        [(ms(0), Up), (ms(300), Terminating), (ms(350), Exited), (ms(600), Up)]
    );
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn a_restart_kills_a_service_that_takes_longer_than_its_grace() {
    let seen = restarted(150);
    assert_eq!(seen.said("b"), ["started", "asked to stop", "started"]);
    assert_eq!(
        seen.states("b"),
        [(ms(0), Up), (ms(300), Terminating), (ms(400), Crashed), (ms(600), Up)]
    );
}

#[test]
fn a_service_that_does_not_listen_is_killed_after_the_grace_and_stays_down_until_the_heal() {
    let seen = World::new()
        .host("b", || async {
            tokio::spawn(echo(7));
            loop {
                sleep(ms(30)).await;
                log("tick");
            }
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            for at in [350, 450, 650] {
                squall_os::sim::sleep_until(at * 1_000_000).await;
                log_result("old", &ask(&mut stream).await);
                log_result("new", &TcpStream::connect("b:7").await);
            }
            pending().await
        })
        .plan(|plan| plan.fault(restart("b", ms(100)).from(ms(300)).until(ms(600))))
        .completes(1);
    let ticks: Vec<u128> = (seen.facts().iter().filter(|(_, _, text)| text == "tick"))
        .map(|(at, _, _)| at.as_millis())
        .collect();
    assert!(ticks.contains(&390), "it works on during its grace, {ticks:?}");
    assert!(!ticks.iter().any(|at| (400..630).contains(at)), "and not after it, {ticks:?}");
    assert!(ticks.contains(&630), "until it is started, {ticks:?}");
    assert_eq!(
        seen.said("a"),
        [
            "old: ok",
            "new: ok",
            // Its stream has ended, and what was written behind that was answered with a reset.
            "old: UnexpectedEof",
            "new: ConnectionRefused",
            "old: BrokenPipe",
            "new: ok"
        ]
    );
    assert_eq!(
        seen.states("b"),
        [(ms(0), Up), (ms(300), Terminating), (ms(400), Crashed), (ms(600), Up)]
    );
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn a_grace_that_is_longer_than_the_fault_ends_with_it() {
    let fault = restart("b", ms(5_000)).from(ms(300)).until(ms(600));
    let seen = graceful(1_000).plan(|plan| plan.lasts(ms(900)).fault(fault)).completes(1);
    assert_eq!(
        seen.states("b"),
        [(ms(0), Up), (ms(300), Terminating), (ms(600), Crashed), (ms(600), Up)]
    );
}

#[test]
fn a_service_that_has_ended_is_not_asked_to_stop_and_is_started_at_the_heal() {
    let seen = World::new()
        .host("b", || async {
            sleep(ms(100)).await;
            Ok(())
        })
        .plan(|plan| plan.fault(restart("b", ms(100)).from(ms(300)).until(ms(600))))
        .completes(1);
    let states = [(ms(0), Up), (ms(100), Exited), (ms(600), Up), (ms(700), Exited)];
    assert_eq!(seen.states("b"), states);
    assert_eq!(seen.affected(), [0], "which makes the run inconclusive");
}

#[test]
fn a_crash_loop_kills_the_process_again_and_again() {
    let fault = crash_loop("b", ms(100), ms(50)).from(ms(200)).until(ms(520));
    let seen = graceful(0).plan(|plan| plan.lasts(ms(900)).fault(fault)).completes(1);
    let states: Vec<(u64, bool)> = (seen.states("b").into_iter())
        .map(|(at, state)| (u64::try_from(at.as_millis()).unwrap(), state == Up))
        .collect();
    assert_eq!(
        states,
        [
            (0, true),
            (200, false),
            (250, true),
            (350, false),
            (400, true),
            (500, false),
            (520, true)
        ],
        "down, up, down, up, down, and up for good at the heal"
    );
    assert_eq!(seen.affected(), [3]);
}

#[test]
fn a_fault_that_begins_where_another_one_ends_is_not_healed_by_it() {
    let faults = [crash("b").from(ms(500)).until(ms(700)), crash("b").from(ms(300)).until(ms(500))];
    for order in [[0, 1], [1, 0]] {
        let with = |plan: squall::plan::Plan| {
            order.iter().fold(plan.lasts(ms(900)), |plan, at| plan.fault(faults[*at].clone()))
        };
        let seen = World::new().host("b", idle).plan(with).completes(1);
        assert_eq!(
            seen.states("b"),
            [(ms(0), Up), (ms(300), Crashed), (ms(500), Up), (ms(500), Crashed), (ms(700), Up)]
        );
    }
}

#[test]
fn tasks_die_with_their_process() {
    let seen = World::new()
        .host("b", || async {
            tokio::spawn(async {
                loop {
                    sleep(ms(100)).await;
                    log("task");
                }
            });
            pending().await
        })
        .plan(|plan| plan.lasts(ms(900)).fault(crash("b").from(ms(350)).until(ms(650))))
        .completes(1);
    let times: Vec<u128> = seen.facts().iter().map(|(at, _, _)| at.as_millis()).collect();
    assert_eq!(times, [100, 200, 300, 750, 850, 950]);
}

#[test]
fn a_service_that_ends_by_itself_closes_its_connections_in_order() {
    let seen = World::new()
        .host("b", || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(b"bye").await?;
            Ok(())
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            let mut said = String::new();
            log_result("read", &stream.read_to_string(&mut said).await);
            log(&said);
            log_result("connect", &TcpStream::connect("b:7").await);
            pending().await
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["read: ok", "bye", "connect: ConnectionRefused"]);
    assert_eq!(seen.states("b")[1].1, Exited);
}

/// When the fault of a run with this seed was injected and healed.
fn struck(seed: u64) -> (Duration, Duration) {
    let fault = crash("b").from(ms(100)).spread(ms(600)).until(ms(200));
    let seen = World::new().host("b", idle).plan(|plan| plan.fault(fault)).completes(seed);
    let states = seen.states("b");
    let at = |state| states.iter().rfind(|(_, found)| *found == state).expect("a state").0;
    let (from, until) = (at(Crashed), at(Up));
    let header = &seen.0.record.header.faults[0];
    assert_eq!(Duration::from_nanos(header.inject), from, "the record says when it was");
    assert_eq!(Duration::from_nanos(header.heal), until);
    (from, until)
}

#[test]
fn a_fault_strikes_at_a_random_instant_which_the_seed_decides() {
    let times: Vec<_> = (1..=8).map(struck).collect();
    for (from, until) in &times {
        assert!((ms(100)..=ms(700)).contains(from), "{from:?}");
        assert_eq!(*until - *from, ms(100));
    }
    let mut instants: Vec<_> = times.iter().map(|(from, _)| *from).collect();
    instants.sort_unstable();
    instants.dedup();
    assert!(instants.len() >= 7, "{instants:?}");
    assert_eq!(struck(3), times[2], "the same seed, the same instant");
}
