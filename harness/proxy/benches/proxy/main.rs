//! What the proxy costs without toxics, against the least that a proxy can do
//! (`tokio::io::copy_bidirectional`) in the same rounds, and what 10,000 connections take that do
//! nothing. Wanted: 0.9 of its throughput, and below 200 MB.

mod ends;
mod idle;
mod plain;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use squall_proxy::{Client, Options, ProxyConfig, Server};
use tokio::runtime::{Builder, Runtime};

use self::ends::Ends;

const ROUNDS: usize = 15;

/// A proxy under measurement, with its two ends.
struct Contestant {
    name: &'static str,
    ends: Ends,
    /// Drives the proxy, on a thread of its own.
    _thread: std::thread::JoinHandle<()>,
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Starts a proxy to `upstream` on a thread of its own; it listens where `start` says.
fn contestant<F: Future<Output = (String, Option<Server>)> + 'static>(
    name: &'static str,
    start: impl FnOnce(String) -> F + Send + 'static,
) -> Contestant {
    let ends = Ends::new();
    let upstream = ends.upstream();
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        runtime().block_on(async {
            let (listen, _server) = start(upstream).await;
            tell.send(listen).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    let listen = told.recv().expect("it starts");
    Contestant { name, ends: ends.connect(&listen), _thread: thread }
}

fn ours() -> Contestant {
    contestant("squall", |upstream| async {
        let server = Server::start(Options::default()).await.expect("a server");
        let client = Client::new(&format!("http://{}", server.address())).expect("a URL");
        let config = ProxyConfig::new("bench", "127.0.0.1:0", upstream);
        (client.create(&config).await.expect("a proxy").listen, Some(server))
    })
}

fn plain() -> Contestant {
    contestant("copy_bidirectional", |upstream| async { (plain::start(upstream).await, None) })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A workload: its name, how much it is, its unit, and how to do it once.
struct Workload {
    name: &'static str,
    amount: usize,
    unit: &'static str,
    run: fn(&mut Ends, usize),
}

/// Both in turn, round by round: medians, and the median of the ratios of a round.
fn rounds(workload: &Workload, contestants: &mut [Contestant; 2]) {
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let begin = Instant::now();
            (workload.run)(&mut contestants[which].ends, workload.amount);
            let amount = u32::try_from(workload.amount).expect("a small number");
            rates[which].push(f64::from(amount) / begin.elapsed().as_secs_f64());
        }
    }
    let ratio = rates[0].iter().zip(&rates[1]).map(|(ours, plain)| ours / plain).collect();
    println!("{}: median ratio of a round {:.2}", workload.name, median(ratio));
    for (contestant, rates) in contestants.iter().zip(rates) {
        println!("  {:<20} {:>10.0} {} a second", contestant.name, median(rates), workload.unit);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == idle::CHILD) {
        return idle::child();
    }
    let benches = arguments.iter().any(|argument| argument == "--bench");
    let workloads = [
        Workload {
            name: "bulk, one way",
            amount: if benches { 1000 } else { 2 },
            unit: "MB",
            run: Ends::bulk,
        },
        Workload {
            name: "exchanges of 100 bytes",
            amount: if benches { 10_000 } else { 10 },
            unit: "exchanges",
            run: Ends::exchanges,
        },
    ];
    let mut contestants = [ours(), plain()];
    if benches {
        let mut criterion = Criterion::default()
            .sample_size(10)
            .measurement_time(Duration::from_secs(5))
            .warm_up_time(Duration::from_secs(1));
        for workload in &workloads {
            let mut group = criterion.benchmark_group(workload.name);
            group.throughput(Throughput::Elements(workload.amount as u64));
            for contestant in &mut contestants {
                group.bench_function(contestant.name, |bench| {
                    bench.iter(|| (workload.run)(&mut contestant.ends, workload.amount));
                });
            }
            group.finish();
        }
    }
    for workload in &workloads {
        rounds(workload, &mut contestants);
    }
    idle::measure(if benches { 10_000 } else { 50 });
}
