//! Signals, as services hear them that listen with Tokio.

use std::{future::pending, thread};

use squall::plan::restart;
use tokio::signal::unix::{SignalKind, signal};

use crate::world::{Seen, World, log, ms};

/// Hosts that listen for SIGTERM, of which `a` is asked to end.
fn world(signals: bool) -> World {
    let service = || async {
        let mut term = signal(SignalKind::terminate())?;
        let mut other = signal(SignalKind::hangup())?;
        log("listens");
        tokio::select! {
            _ = term.recv() => log("was told to end"),
            _ = other.recv() => log("was told something else"),
        }
        tokio::time::sleep(ms(50)).await;
        log("ends");
        Ok(())
    };
    World::new().host("a", service).host("b", service).plan(move |plan| {
        let plan = if signals { plan.signals() } else { plan };
        plan.lasts(ms(1_500)).fault(restart("a", ms(300)).from(ms(200)).until(ms(900)))
    })
}

#[test]
fn a_restart_is_a_signal_for_the_host_that_it_is_of() {
    let seen = world(true).completes(1);
    assert_eq!(seen.said("a"), ["listens", "was told to end", "ends", "listens"]);
    assert_eq!(seen.at("was told to end"), ms(200));
    assert_eq!(seen.at("ends"), ms(250));
    assert_eq!(seen.said("b"), ["listens"]);
}

#[test]
fn nobody_is_told_if_the_plan_does_not_say_so() {
    let seen = world(false).completes(1);
    assert_eq!(seen.said("a"), ["listens", "listens"]);
}

#[test]
fn runs_beside_each_other_do_not_hear_each_others_signals() {
    let digest = |seen: Seen| seen.0.record.digest();
    let alone = digest(world(true).completes(3));
    thread::scope(|scope| {
        let told: Vec<_> =
            (0..4).map(|_| scope.spawn(|| digest(world(true).completes(3)))).collect();
        let untold: Vec<_> = (0..2).map(|_| scope.spawn(|| world(false).completes(3))).collect();
        for run in told {
            assert_eq!(run.join().expect("a run"), alone);
        }
        for run in untold {
            assert_eq!(run.join().expect("a run").said("b"), ["listens"]);
        }
    });
}

#[test]
fn ctrl_c_waits_for_ever() {
    let seen = World::new()
        .host("a", || async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => log("told"),
                () = tokio::time::sleep(ms(300)) => log("nothing came"),
            }
            pending().await
        })
        .plan(|plan| plan.signals().lasts(ms(500)))
        .completes(1);
    assert_eq!(seen.said("a"), ["nothing came"]);
}

#[test]
fn a_thread_that_begins_to_listen_later_hears_for_its_own_host() {
    let service = || async {
        let listens = tokio::task::spawn_blocking(|| {
            // Moved by virtual time alone, while no host runs.
            thread::sleep(ms(100));
            signal(SignalKind::terminate())
        });
        let mut term = listens.await??;
        log("listens");
        term.recv().await;
        log("was told to end");
        Ok(())
    };
    for seed in 1..4 {
        let seen = World::new()
            .host("a", service)
            .host("b", service)
            .host("c", service)
            .plan(|plan| {
                let fault = restart("b", ms(300)).from(ms(200)).until(ms(900));
                plan.signals().lasts(ms(1_500)).fault(fault)
            })
            .completes(seed);
        assert_eq!(seen.said("a"), ["listens"]);
        assert_eq!(seen.said("b"), ["listens", "was told to end", "listens"]);
        assert_eq!(seen.said("c"), ["listens"]);
    }
}
