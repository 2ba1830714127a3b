//! How much memory a run needs: a connection that does nothing, and the aggregation of the bench
//! `peers` for 30 simulated seconds at 5,000 requests a second.

#[path = "peers/app.rs"]
mod app;
#[path = "peers/on_squall.rs"]
mod on_squall;
#[path = "peers/transport.rs"]
mod transport;

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use squall::{
    Scenario, Services,
    plan::{Link, Load, Plan, Topology},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A line about memory that the kernel has on this process, in kilobytes.
fn status_kb(what: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// The high-water mark of the resident set, in megabytes.
fn peak_mb() -> Option<f64> {
    Some(status_kb("VmHWM:")? / 1024.0)
}

/// How many kilobytes one end of a connection takes that has carried `bytes` and does nothing now.
fn idle_connection(connections: usize, bytes: usize) -> f64 {
    let found = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&found);
    let services = Services::new()
        .with("server", move |_: serde_json::Value| async move {
            let listener = listen().await?;
            let mut streams = Vec::with_capacity(connections);
            loop {
                let (mut stream, _) = listener.accept().await?;
                stream.write_all(&vec![7; bytes]).await?;
                streams.push(stream);
            }
            #[expect(unreachable_code, reason = "says what the block returns")]
            Ok::<(), io::Error>(())
        })
        .with("client", move |_: serde_json::Value| {
            let seen = Arc::clone(&seen);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let mut streams = Vec::with_capacity(connections);
                let mut answer = vec![0; bytes];
                for number in 0..connections {
                    // What is made once, and what the first ones take, is none of theirs.
                    if number == connections / 5 {
                        seen.store(
                            status_kb("VmRSS:").unwrap_or_default() as u64,
                            Ordering::Relaxed,
                        );
                    }
                    let mut stream = tokio::net::TcpStream::connect("server:80").await?;
                    stream.read_exact(&mut answer).await?;
                    streams.push(stream);
                }
                let after = status_kb("VmRSS:").unwrap_or_default() as u64;
                seen.store(after.saturating_sub(seen.load(Ordering::Relaxed)), Ordering::Relaxed);
                std::future::pending::<io::Result<()>>().await
            }
        });
    let topology = Topology::new()
        .link(Link::constant(Duration::from_micros(100)))
        .host("server", "server", serde_json::Value::Null)
        .host("client", "client", serde_json::Value::Null);
    let lasts = Duration::from_millis(10) * u32::try_from(connections).unwrap_or(u32::MAX);
    let load = Load::constant("nobody", "client:1", 0.01).lasts(lasts).get("/");
    let plan = Plan::new(topology.client("nobody")).load(load).boot(Duration::ZERO);
    let scenario = Scenario::new("idle", "who is idle takes little", plan, services);
    let run = squall::run(&scenario, 1).expect("the plan can be performed");
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    let ends = connections - connections / 5;
    found.load(Ordering::Relaxed) as f64 / (2 * ends) as f64
}

async fn listen() -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).await
}

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let lasts = Duration::from_secs(if benches { 30 } else { 1 });
    let demand = app::Demand { rate: 5_000, lasts };
    let connections = if benches { 10_000 } else { 50 };
    for bytes in [1, 100_000] {
        println!(
            "{connections} connections that have carried {bytes} bytes: {:.2} kB for each end",
            idle_connection(connections, bytes)
        );
    }
    let resolution = Duration::from_micros(100);
    let before = peak_mb().unwrap_or_default();
    for spans in [false, true] {
        let run = on_squall::run(demand, on_squall::Detail { resolution, spans });
        let events = run.record.events.len();
        assert_eq!(run.record.requests().count(), demand.requests() as usize, "requests");
        println!(
            "{lasts:?} at {} requests a second, {} spans a request: {events} events, \
             peak {:.0} MB ({before:.0} MB before)",
            demand.rate,
            if spans { 5 } else { 0 },
            peak_mb().unwrap_or_default(),
        );
    }
}
