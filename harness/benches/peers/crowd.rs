//! `crowd`: many connections, of which ten are busy.

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
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::transport::PORT;

const LATENCY: Duration = Duration::from_millis(1);
const BUSY: usize = 10;
/// So many connections are opened at once: a backlog holds them.
const AT_ONCE: usize = 100;

/// How many connections there are, and what the ten do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) connections: usize,
    /// Bytes that each busy connection carries to and fro, one after the other.
    pub(crate) exchanges: u32,
}

impl Crowd {
    /// How many exchanges there are.
    pub(crate) fn requests(self) -> u32 {
        self.exchanges * BUSY as u32
    }

    fn check(self, count: &AtomicU64) {
        assert_eq!(count.load(Ordering::Relaxed), u64::from(self.requests()), "exchanges");
    }
}

/// Both ends, the same code on either network.
macro_rules! server {
    ($net:ident) => {
        async move {
            let address = (Ipv4Addr::UNSPECIFIED, PORT);
            let listener = $net::net::TcpListener::bind(address).await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        if stream.write_u8(byte).await.is_err() {
                            break;
                        }
                    }
                });
            }
            #[expect(unreachable_code, reason = "says what the block returns")]
            Ok::<(), io::Error>(())
        }
    };
}

macro_rules! client {
    ($net:ident, $crowd:expr, $count:expr) => {{
        let (crowd, count): (Crowd, Arc<AtomicU64>) = ($crowd, $count);
        async move {
            let mut streams = Vec::with_capacity(crowd.connections);
            while streams.len() < crowd.connections {
                let missing = crowd.connections - streams.len();
                let opening = (0..missing.min(AT_ONCE))
                    .map(|_| $net::net::TcpStream::connect(("server", PORT)));
                streams.extend(futures_util::future::try_join_all(opening).await?);
            }
            let busy = streams.iter_mut().take(BUSY).map(|stream| {
                let count = Arc::clone(&count);
                async move {
                    for _ in 0..crowd.exchanges {
                        stream.write_u8(7).await?;
                        stream.read_u8().await?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<(), io::Error>(())
                }
            });
            futures_util::future::try_join_all(busy).await?;
            Ok::<_, io::Error>(streams)
        }
    }};
}

fn once_on_squall(crowd: Crowd) -> Duration {
    let started = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let exchanged = Arc::clone(&count);
    let services = Services::new().with("server", move |_: serde_json::Value| server!(tokio)).with(
        "client",
        move |_: serde_json::Value| {
            let exchanged = Arc::clone(&exchanged);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let streams = client!(tokio, crowd, exchanged).await?;
                std::future::pending::<()>().await;
                drop(streams);
                Ok::<(), io::Error>(())
            }
        },
    );
    let topology = Topology::new()
        .link(Link::constant(LATENCY))
        .host("server", "server", serde_json::Value::Null)
        .host("client", "client", serde_json::Value::Null);
    // An exchange takes a round trip, and so does opening so many at once.
    let rounds = crowd.exchanges as usize + crowd.connections.div_ceil(AT_ONCE) + 100;
    let lasts = LATENCY * 2 * u32::try_from(rounds).expect("a benchmark does less") * 11 / 10;
    let load = Load::constant("nobody", "client:1", 0.01).lasts(lasts).get("/");
    let plan = Plan::new(topology.client("nobody")).load(load).boot(Duration::ZERO);
    let scenario = Scenario::new("crowd", "who is idle costs nothing", plan, services);
    let run = squall::run(&scenario, 1).expect("the plan can be performed");
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    crowd.check(&count);
    started.elapsed()
}

fn once_on_turmoil(crowd: Crowd) -> Duration {
    let started = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let exchanged = Arc::clone(&count);
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .simulation_duration(Duration::from_secs(36_000))
        .rng_seed(1)
        .build();
    sim.host("server", || async { Ok(server!(turmoil).await?) });
    sim.client("client", async move {
        client!(turmoil, crowd, exchanged).await?;
        Ok(())
    });
    sim.run().expect("the simulation comes to its end");
    crowd.check(&count);
    started.elapsed()
}

/// What the exchanges take: the whole less the same without them.
pub(crate) fn on_squall(crowd: Crowd) -> Duration {
    let idle = once_on_squall(Crowd { exchanges: 0, ..crowd });
    once_on_squall(crowd).saturating_sub(idle)
}

/// As [`on_squall`].
pub(crate) fn on_turmoil(crowd: Crowd) -> Duration {
    let idle = once_on_turmoil(Crowd { exchanges: 0, ..crowd });
    once_on_turmoil(crowd).saturating_sub(idle)
}
