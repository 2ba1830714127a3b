//! Same seed, same run: in one process, in many threads at once, and in another process.

use std::{
    collections::HashMap,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use rand::{Rng, TryRngCore};
use squall::plan::{
    Link, Load, clock_drift, clock_jump, clock_skew, corrupt_disk, crash, disk_error, latency,
    loss, slow_disk, slow_dns, torn_write,
};
use squall_reports::record::{Digest, first_divergence};
use tokio::fs;
use tokio::net::TcpStream;
use tokio::{sync::mpsc, time::sleep};

use crate::world::{World, http, log, ms, sync_dir};

/// In a process with this variable the determinism test only prints its digest.
const PRINT: &str = "SQUALL_TEST_PRINT_DIGEST";

/// Everything that is different each time on a real machine, logged.
async fn chance() {
    let order: HashMap<u32, ()> = (0..20).map(|number| (number, ())).collect();
    log(&format!("hash order {:?}", order.keys().collect::<Vec<_>>()));
    log(&format!("random {}", rand::rng().random::<u64>()));
    log(&format!("uuid {}", uuid::Uuid::new_v4()));
    log(&format!("now {:?}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)));
    let begun = Instant::now();
    let (send_a, mut a) = mpsc::unbounded_channel();
    let (send_b, mut b) = mpsc::unbounded_channel();
    for number in 0..20 {
        let _ = (send_a.send(number), send_b.send(number));
    }
    let mut chosen = String::new();
    for _ in 0..20 {
        tokio::select! {
            _ = a.recv() => chosen.push('a'),
            _ = b.recv() => chosen.push('b'),
        }
    }
    log(&format!("chosen {chosen}"));
    let pause = ms(rand::rng().random_range(1..50));
    sleep(pause).await;
    log(&format!("later {:?}", begun.elapsed()));
}

/// What is left of what was written, and when it was, logged.
async fn keep() -> std::io::Result<()> {
    log(&format!("found {:?}", fs::read("/kept").await.map_err(|error| error.kind())));
    let kept = rand::rng().random::<u64>().to_string();
    fs::write("/kept", kept).await?;
    sync_dir("/").await?;
    let known = fs::metadata("/kept").await?;
    log(&format!("{} bytes, {:?}", known.len(), known.modified()));
    TcpStream::connect("b:80").await.map(drop)
}

/// Three hosts full of chance, a load, a bad link and faults of all kinds.
fn world() -> World {
    World::new()
        .host("b", || async {
            tokio::spawn(async {
                loop {
                    chance().await;
                }
            });
            http(80, |_| async {
                let late = rand::rng().random_range(0..5);
                sleep(ms(late)).await;
                hyper::Response::new(format!("{late}"))
            })
            .await
        })
        .host("c", || async {
            loop {
                chance().await;
            }
        })
        .host("d", || async {
            loop {
                chance().await;
                log(&format!("{:?}", keep().await.map_err(|error| error.kind())));
            }
        })
        .topology(|topology| {
            topology.client("a").link(Link::default().jitter(ms(2)).loss(0.01).reorder(0.02))
        })
        .plan(|plan| {
            plan.load(Load::poisson("a", "b:80", 200.0).lasts(ms(1_000)).get("/{id}"))
                .fault(latency("b", ms(20)).jitter(ms(10)).from(ms(200)).until(ms(500)))
                .fault(loss("a", 0.1).from(ms(300)).until(ms(600)))
                .fault(crash("b").from(ms(700)).until(ms(800)))
                .fault(clock_drift("d", 0.3).from(ms(100)).until(ms(600)))
                .fault(clock_skew("d", -70).from(ms(200)).until(ms(400)))
                .fault(clock_jump("d", 900).from(ms(300)).until(ms(700)))
                .fault(disk_error("d", 0.1).from(ms(100)).until(ms(900)))
                .fault(corrupt_disk("d", 0.3).from(ms(100)).until(ms(900)))
                .fault(slow_disk("d", 3.3).from(ms(200)).until(ms(500)))
                .fault(slow_dns("d", ms(7)).from(ms(200)).until(ms(500)))
                .fault(torn_write("d").from(ms(650)).until(ms(750)))
        })
}

fn digest(seed: u64) -> Digest {
    world().completes(seed).0.record.digest()
}

#[test]
fn the_same_seed_gives_the_same_digest_in_any_process() {
    let digest = digest(11);
    if std::env::var_os(PRINT).is_some() {
        println!("digest {digest}");
        return;
    }
    assert_eq!(digest, self::digest(11), "twice in one process");
    let test = "determinism::the_same_seed_gives_the_same_digest_in_any_process";
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args([test, "--exact", "--nocapture"])
        .env(PRINT, "1")
        .output()
        .expect("this test starts again");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains(&format!("digest {digest}")), "{digest} is not in {output}");
}

#[test]
fn runs_in_parallel_do_not_meet() {
    let alone: Vec<Digest> = (0..4).map(digest).collect();
    let threads: Vec<_> =
        (0..8).map(|number| std::thread::spawn(move || digest(number % 4))).collect();
    for (number, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().expect("a run"), alone[number % 4]);
    }
}

#[test]
fn another_seed_gives_another_run() {
    let (one, other) = (world().completes(1), world().completes(2));
    assert_ne!(one.0.record.digest(), other.0.record.digest());
    let divergence = first_divergence(&one.0.record, &other.0.record).expect("they differ");
    assert!(divergence.host.is_some(), "{divergence}");
}

#[test]
fn hosts_see_chance_of_their_own() {
    let seen = world().completes(1);
    let uuids = |host| {
        let all = seen.said(host).into_iter();
        all.filter(|text| text.starts_with("uuid")).collect::<Vec<_>>()
    };
    assert!(uuids("b").len() > 5);
    assert!(uuids("b").iter().all(|uuid| !uuids("c").contains(uuid)));
}

#[test]
fn outside_a_run_chance_is_the_real_one() {
    let drawn = || (rand::rng().random::<u64>(), uuid::Uuid::new_v4());
    let before = drawn();
    world().completes(1);
    let after = drawn();
    world().completes(1);
    let again = drawn();
    assert!(before != after && after != again);
}

#[test]
fn a_thread_that_runs_nothing_keeps_its_clock_and_its_chance_while_a_run_goes_on() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let beside = std::thread::spawn(move || {
        let (begun, wall) = (Instant::now(), SystemTime::now());
        let mut drawn = Vec::new();
        loop {
            let mut bytes = [0; 16];
            rand::rngs::OsRng.try_fill_bytes(&mut bytes).expect("the system has randomness");
            drawn.push(bytes);
            if stopped.try_recv().is_ok() || drawn.len() > 5_000_000 {
                return (begun.elapsed(), wall.elapsed().expect("time goes on"), drawn);
            }
            std::thread::yield_now();
        }
    });
    // A day of virtual time.
    let day = Duration::from_secs(86_400);
    let limits = {
        let mut limits = squall::plan::Limits::default();
        limits.virtual_time = 2 * day;
        limits
    };
    World::new()
        .host("a", || async {
            chance().await;
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(day).limits(limits))
        .completes(1);
    stop.send(()).expect("it waits for that");
    let (monotonic, wall, mut drawn) = beside.join().expect("it does not panic");
    assert!(monotonic < day && wall < day, "{monotonic:?} {wall:?}");
    let all = drawn.len();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), all);
}
