//! `hosts-n`: hosts in a ring, each of which sends its neighbour ten datagrams a second.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use squall::{
    Scenario, Services,
    plan::{Link, Load, Plan, Topology},
};

const PORT: u16 = 9000;
const PERIOD: Duration = Duration::from_millis(100);
const LATENCY: Duration = Duration::from_millis(1);

type Count = Arc<AtomicU64>;

fn name(host: u32) -> String {
    format!("host{host}")
}

/// One host of the ring: the same code on either network, whose socket types have the same
/// methods and no trait in common.
macro_rules! member {
    ($socket:ty, $host:expr, $hosts:expr, $received:expr) => {{
        let (host, hosts, received): (u32, u32, Count) = ($host, $hosts, $received);
        async move {
            let socket = <$socket>::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
            let next = name((host + 1) % hosts);
            // Not all in the same millisecond.
            tokio::time::sleep(Duration::from_millis(u64::from(host % 100))).await;
            let mut every = tokio::time::interval(PERIOD);
            let mut buffer = [0; 64];
            loop {
                tokio::select! {
                    biased;
                    got = socket.recv_from(&mut buffer) => {
                        got?;
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                    _ = every.tick() => {
                        socket.send_to(&host.to_be_bytes(), (next.as_str(), PORT)).await?;
                    }
                }
            }
            #[expect(unreachable_code, reason = "says what the block returns")]
            Ok::<(), io::Error>(())
        }
    }};
}

pub(crate) fn on_squall(hosts: u32, lasts: Duration) -> Duration {
    let started = Instant::now();
    let count = Count::default();
    let received = Arc::clone(&count);
    let services = Services::new().with("member", move |host: u32| {
        member!(tokio::net::UdpSocket, host, hosts, Arc::clone(&received))
    });
    let ring = Topology::new().link(Link::constant(LATENCY));
    let ring = (0..hosts).fold(ring, |ring, host| ring.host(name(host), "member", host.into()));
    // A plan lasts as long as its load: this one asks for something that nobody offers, once.
    let load = Load::constant("client", "host0:1", 0.01).lasts(lasts).get("/");
    let plan = Plan::new(ring.client("client")).load(load).boot(Duration::ZERO);
    let scenario = Scenario::new("hosts-n", "what costs is packets, not hosts", plan, services);
    let run = squall::run(&scenario, 1).expect("the plan can be performed");
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    let took = started.elapsed();
    check(&count, hosts, lasts);
    took
}

pub(crate) fn on_turmoil(hosts: u32, lasts: Duration) -> Duration {
    let started = Instant::now();
    let count = Count::default();
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .simulation_duration(lasts + Duration::from_secs(10))
        .rng_seed(1)
        .build();
    for host in 0..hosts {
        let count = Arc::clone(&count);
        sim.host(name(host), move || {
            let received = Arc::clone(&count);
            async move { Ok(member!(turmoil::net::UdpSocket, host, hosts, received).await?) }
        });
    }
    sim.client("client", async move {
        tokio::time::sleep(lasts).await;
        Ok(())
    });
    sim.run().expect("the simulation comes to its end");
    let took = started.elapsed();
    check(&count, hosts, lasts);
    took
}

fn check(count: &Count, hosts: u32, lasts: Duration) {
    let periods = lasts.as_millis() / PERIOD.as_millis();
    let least = u64::from(hosts) * u64::try_from(periods - 1).unwrap_or(u64::MAX);
    let found = count.load(Ordering::Relaxed);
    assert!(found >= least, "expected at least {least} datagrams, found {found}");
}
