//! `bulk`: one transfer over one connection at 1 Gbit/s.

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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::transport::PORT;

const BITS_PER_SECOND: u64 = 1_000_000_000;
const LATENCY: Duration = Duration::from_millis(1);
/// What an Ethernet frame carries of a stream.
const SEGMENT: u64 = 1_448;
/// What a service writes and reads at once.
const PIECE: usize = 64 << 10;

/// A transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(crate) bytes: u64,
}

impl Bulk {
    /// How many full segments it is.
    pub(crate) fn segments(self) -> u32 {
        u32::try_from(self.bytes / SEGMENT).expect("a benchmark sends less")
    }

    async fn send(self, mut stream: impl AsyncWrite + Unpin) -> io::Result<()> {
        let piece = vec![7; PIECE];
        let mut left = self.bytes;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            stream.write_all(&piece[..part]).await?;
            left -= part as u64;
        }
        stream.shutdown().await
    }

    async fn receive(self, mut stream: impl AsyncRead + Unpin) -> io::Result<u64> {
        let mut piece = vec![0; PIECE];
        let mut found = 0;
        while found < self.bytes {
            match stream.read(&mut piece).await? {
                0 => break,
                read => found += read as u64,
            }
        }
        Ok(found)
    }

    fn check(self, found: u64) {
        assert_eq!(found, self.bytes, "bytes received");
    }
}

pub(crate) fn on_squall(bulk: Bulk) -> Duration {
    let started = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let received = Arc::clone(&count);
    let services = Services::new()
        .with("server", move |_: serde_json::Value| async move {
            let address = (Ipv4Addr::UNSPECIFIED, PORT);
            let listener = tokio::net::TcpListener::bind(address).await?;
            bulk.send(listener.accept().await?.0).await?;
            std::future::pending::<io::Result<()>>().await
        })
        .with("client", move |_: serde_json::Value| {
            let received = Arc::clone(&received);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let stream = tokio::net::TcpStream::connect(("server", PORT)).await?;
                received.store(bulk.receive(stream).await?, Ordering::Relaxed);
                std::future::pending::<io::Result<()>>().await
            }
        });
    let link = Link::constant(LATENCY).bandwidth_bps(BITS_PER_SECOND).queue_bytes(1 << 20);
    let topology = Topology::new()
        .link(link)
        .host("server", "server", serde_json::Value::Null)
        .host("client", "client", serde_json::Value::Null);
    // With headers and a slow start, and a reserve.
    let lasts = Duration::from_secs(1 + bulk.bytes * 10 / BITS_PER_SECOND);
    let load = Load::constant("nobody", "client:1", 0.01).lasts(lasts).get("/");
    let mut plan = Plan::new(topology.client("nobody")).load(load).boot(Duration::ZERO);
    plan.limits.packets_max = u64::MAX;
    let scenario = Scenario::new("bulk", "what costs is packets", plan, services);
    let run = squall::run(&scenario, 1).expect("the plan can be performed");
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    let took = started.elapsed();
    bulk.check(count.load(Ordering::Relaxed));
    took
}

pub(crate) fn on_turmoil(bulk: Bulk) -> Duration {
    let started = Instant::now();
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .simulation_duration(Duration::from_secs(3600))
        .rng_seed(1)
        .build();
    sim.host("server", move || async move {
        let address = (Ipv4Addr::UNSPECIFIED, PORT);
        let listener = turmoil::net::TcpListener::bind(address).await?;
        bulk.send(listener.accept().await?.0).await?;
        std::future::pending().await
    });
    sim.client("client", async move {
        let stream = turmoil::net::TcpStream::connect(("server", PORT)).await?;
        bulk.check(bulk.receive(stream).await?);
        Ok(())
    });
    sim.run().expect("the simulation comes to its end");
    started.elapsed()
}

/// The loopback of the machine, on one thread.
pub(crate) fn on_loopback(bulk: Bulk) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let started = Instant::now();
    let found = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let send = async { bulk.send(listener.accept().await?.0).await };
        let receive = async { bulk.receive(tokio::net::TcpStream::connect(address).await?).await };
        tokio::try_join!(send, receive).map(|((), found)| found)
    });
    let took = started.elapsed();
    bulk.check(found.expect("the loopback carries it"));
    took
}
