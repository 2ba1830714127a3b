//! A fault without an effect counts nothing. Each kind of fault is set up such that it cannot
//! change anything, although there is something going on that it might have changed.

use std::{collections::BTreeSet, time::Duration};

use squall::plan::{
    DiskConfig, Fault, FaultBuilder, FaultKind, Link, Load, bandwidth, blackhole, burst,
    clock_drift, clock_jump, clock_skew, corrupt, corrupt_answer, corrupt_disk, crash, crash_loop,
    disconnect, disk_error, disk_full, dns_failure, duplicate, error_code, fail_first,
    fail_fraction, flap, half_open, hang, jitter, latency, limit_data, loss, partition, pause,
    power_loss, ramp, refuse, reorder, reset, reset_peer, restart, slicer, slow_answer, slow_close,
    slow_cpu, slow_disk, slow_dns, stale_dns, stampede, timeout, torn_write, truncate_answer,
};
use tokio::fs::{self, File};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::world::{Done, World, ask, asked, echo, http, idle, ms, us};

/// A fault and a world in which it changes nothing.
type Row = (Fault, World);

/// The fault acts from 300 to 600 ms.
fn row(fault: FaultBuilder, world: World) -> Row {
    (fault.from(ms(300)).until(ms(600)), world)
}

/// Requests of `a` to `b`, none of which comes through.
fn cut() -> World {
    after(asked(100.0), partition("a", "b"))
}

/// A world with a fault that leaves nothing for another one to do.
fn after(world: World, first: FaultBuilder) -> World {
    world.plan(|plan| plan.fault(first.from(ms(50)).until(ms(1_000))))
}

/// `b` does `work` at 400 ms.
fn working<F>(work: impl Fn() -> F + Send + Sync + Clone + 'static) -> World
where
    F: Future<Output = Done> + Send + 'static,
{
    let service = move || {
        let work = work.clone();
        async move {
            squall_os::sim::sleep_until(400_000_000).await;
            work().await?;
            idle().await
        }
    };
    World::new().host("a", || echo(7)).host("b", service)
}

/// `b` has ended, and `a` tries to connect to it.
fn ended() -> World {
    World::new().host("b", || async { Ok(()) }).host("a", || async {
        squall_os::sim::sleep_until(400_000_000).await;
        drop(TcpStream::connect("b:7").await);
        idle().await
    })
}

/// `a` connects to `port` of `b` at 400 ms and asks.
fn connecting(port: u16) -> World {
    World::new().host("b", || echo(7)).host("a", move || async move {
        squall_os::sim::sleep_until(400_000_000).await;
        if let Ok(mut stream) = TcpStream::connect(("b", port)).await {
            ask(&mut stream).await?;
        }
        idle().await
    })
}

/// `a` tries to connect to `b` behind a partition: there is no connection that could be closed.
fn unconnected() -> World {
    after(connecting(7), partition("a", "b"))
}

/// Requests of `a` to `b`, whose answers are empty.
fn empty() -> World {
    World::new()
        .host("b", || http(80, |_| async { hyper::Response::new(String::new()) }))
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000));
            plan.load(load.warm_up(0).get("/"))
        })
}

/// Requests of `a` to `b`, whose service has closed its port while its sidecar has not.
fn unserved() -> World {
    let service = || async {
        drop(TcpListener::bind("0.0.0.0:80").await?);
        idle().await
    };
    World::new().host("b", service).topology(|topology| topology.client("a")).plan(|plan| {
        let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000));
        plan.load(load.warm_up(0).get("/"))
    })
}

/// One request at the very beginning, and half of another one by the end.
fn sparse() -> World {
    asked(0.5)
}

async fn reads_by_itself() -> Done {
    for _ in 0..500 {
        sleep(ms(1)).await;
    }
    Ok(())
}

async fn synced() -> Done {
    fs::write("/file", b"text").await?;
    File::open("/file").await?.sync_all().await?;
    idle().await
}

fn network() -> Vec<Row> {
    let partition_again = partition("b", "a");
    vec![
        row(latency("a", ms(5)), cut()),
        row(jitter("a", ms(5)), cut()),
        row(loss("a", 1.0), cut()),
        row(duplicate("a", 1.0), cut()),
        row(reorder("b", 1.0, ms(1)), asked(10.0)),
        row(reorder("a", 1.0, ms(50)), cut()),
        row(corrupt("a", 1.0), cut()),
        row(bandwidth("b", 1_000_000_000), asked(100.0)),
        row(bandwidth("a", 1), cut()),
        row(partition_again, cut()),
        row(flap("a", "b", ms(50), ms(1)), cut()),
        row(blackhole("b"), cut()),
        row(half_open("b"), connecting(7)),
        row(reset("b"), connecting(7)),
        row(refuse("b"), connecting(8)),
        row(refuse("b"), cut()),
        row(timeout("b", ms(50)), unconnected()),
        row(timeout("a", Duration::ZERO), unconnected()),
        row(reset_peer("b", ms(5_000)), asked(100.0)),
        row(slow_close("b", ms(50)), asked(100.0)),
        row(slicer("b", 10_000, 10, ms(5)), asked(100.0)),
        // All pieces of what is there after 450 us come at the step of 500 us.
        row(
            slicer("b", 10, 1, Duration::from_nanos(1)),
            asked(100.0).topology(|topology| topology.link(Link::constant(us(450)))),
        ),
        row(limit_data("b", 1_000_000), asked(100.0)),
    ]
}

fn hosts() -> Vec<Row> {
    vec![
        row(crash("b"), ended()),
        row(power_loss("b"), ended()),
        row(torn_write("b"), World::new().host("a", idle).host("b", synced)),
        row(crash_loop("b", ms(20), ms(400)), ended()),
        row(restart("b", ms(5)), ended()),
        row(pause("b"), ended()),
        row(
            slow_cpu("b", 1.5),
            working(|| async {
                squall_os::cpu::spend(Duration::from_nanos(1)).await;
                Ok(())
            }),
        ),
        row(clock_skew("b", 50), working(reads_by_itself)),
        row(clock_jump("b", 50), working(reads_by_itself)),
        row(clock_drift("b", 0.5), ended()),
        row(
            dns_failure("b"),
            working(|| async {
                assert!(TcpStream::connect("nobody:7").await.is_err());
                Ok(())
            }),
        ),
        row(
            slow_dns("b", ms(5)),
            working(|| async {
                drop(TcpStream::connect("192.168.0.1:7").await?);
                Ok(())
            }),
        ),
        row(
            stale_dns("b", "a", "b"),
            after(
                working(|| async {
                    assert!(TcpStream::connect("a:7").await.is_err());
                    Ok(())
                }),
                dns_failure("b"),
            ),
        ),
    ]
}

fn disks() -> Vec<Row> {
    let free = || DiskConfig::default().latency(Duration::ZERO).sync(Duration::ZERO);
    vec![
        row(
            disk_full("b"),
            World::new()
                .host("a", idle)
                .host("b", || async {
                    fs::write("/file", [0; 100]).await?;
                    squall_os::sim::sleep_until(400_000_000).await;
                    let mut file = File::options().write(true).open("/file").await?;
                    file.write_all(&[1; 100]).await?;
                    file.flush().await?;
                    let more = fs::write("/more", b"x").await;
                    assert!(more.is_err(), "there is no room for it anyway");
                    idle().await
                })
                .topology(|topology| topology.disk(DiskConfig::default().capacity_bytes(100))),
        ),
        row(
            disk_error("b", 1.0),
            World::new().host("a", idle).host("b", || async {
                let mut file = File::create("/file").await?;
                file.write_all(b"text").await?;
                file.flush().await?;
                squall_os::sim::sleep_until(400_000_000).await;
                file.seek(std::io::SeekFrom::Start(0)).await?;
                drop(file);
                idle().await
            }),
        ),
        row(
            slow_disk("b", 100.0),
            working(|| async { Ok(fs::write("/file", b"text").await?) })
                .topology(move |topology| topology.disk(free())),
        ),
        row(
            corrupt_disk("b", 1.0),
            working(|| async {
                fs::write("/file", b"").await?;
                assert_eq!(File::open("/file").await?.read(&mut [0; 8]).await?, 0);
                Ok(())
            }),
        ),
    ]
}

fn services_and_load() -> Vec<Row> {
    let hung = || after(asked(100.0), hang("b"));
    vec![
        row(fail_first("b", 5, 500), hung()),
        row(fail_fraction("b", 1.0, 500), hung()),
        row(error_code("b", 500), hung()),
        row(slow_answer("b", ms(5)), hung()),
        row(hang("b"), hung()),
        row(corrupt_answer("b", 1.0), empty()),
        row(corrupt_answer("b", 1.0), unserved()),
        row(truncate_answer("b", 1.0), empty()),
        row(truncate_answer("b", 1.0), unserved()),
        row(burst(1.5), sparse()),
        row(ramp(1.5), sparse()),
        row(stampede(50), after(asked(100.0), crash("a"))),
        row(disconnect(1.0, ms(500)), asked(100.0)),
    ]
}

#[test]
fn a_fault_without_an_effect_counts_nothing() {
    let mut rows = network();
    rows.extend(hosts());
    rows.extend(disks());
    rows.extend(services_and_load());
    let shown: BTreeSet<(String, String)> = rows.iter().map(|(fault, _)| kind(fault)).collect();
    let missing: Vec<_> = kinds().into_iter().filter(|kind| !shown.contains(kind)).collect();
    assert!(missing.is_empty(), "expected a row for each kind of fault, found none of {missing:?}");
    for (fault, world) in rows {
        let label = fault.label();
        let seen = world.plan(|plan| plan.fault(fault)).completes(1);
        assert_eq!(seen.affected().last(), Some(&0), "{label}: {:#?}", seen.facts());
    }
}

/// The family of a fault and which one of it this is, as plans name them.
fn kind(fault: &Fault) -> (String, String) {
    let kind = serde_json::to_value(&fault.kind).expect("plans are plain data");
    let (family, one) = kind.as_object().and_then(|kind| kind.iter().next()).expect("a family");
    let attributes = one.as_object().and_then(|one| one.keys().next());
    let name = one.as_str().or(attributes.map(String::as_str)).expect("the name of a fault");
    (family.clone(), name.to_owned())
}

/// The kinds of faults that there are: a reader of plans names them when it finds another one.
fn kinds() -> Vec<(String, String)> {
    let known = |unknown: &str| -> Vec<String> {
        let refused =
            serde_json::from_str::<FaultKind>(unknown).expect_err("there is no such kind");
        refused.to_string().split('`').skip(3).step_by(2).map(str::to_owned).collect()
    };
    let families = known("\"?\"");
    assert_eq!(families.len(), 7, "expected the families between backticks, found {families:?}");
    let kinds: Vec<(String, String)> = (families.iter())
        .flat_map(|family| {
            let names = known(&format!("{{\"{family}\":\"?\"}}"));
            names.into_iter().map(|name| (family.clone(), name))
        })
        .collect();
    assert!(kinds.len() > 40, "expected the names between backticks, found {kinds:?}");
    kinds
}
