//! How fast Squall is, next to its peers in the same run: `turmoil`, and no network at all.
//!
//! Five workloads, each a criterion group: `aggregate-5k`, `idle-hour`, `hosts-n`, `bulk` and
//! `crowd`. Without `cargo bench` (that is, as a test) each is run once, and small.

mod aggregate;
mod app;
mod bulk;
mod client;
mod crowd;
mod hosts;
mod idle;
mod ledger;
mod on_squall;
mod rivals;
mod transport;

use std::{cell::Cell, time::Duration};

use criterion::{Criterion, SamplingMode, Throughput};

use self::{
    app::Demand,
    bulk::Bulk,
    crowd::Crowd,
    ledger::{Ledger, Unit},
    on_squall::Detail,
};

const fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Criterion's own rule for when it only tests.
fn only_tests() -> bool {
    let mut arguments = std::env::args();
    let mut benches = false;
    arguments.any(|argument| {
        benches |= argument == "--bench";
        argument == "--test"
    }) || !benches
}

/// One way to do the work: how long it took.
type Contestant<'a> = (String, Unit, Box<dyn Fn() -> Duration + 'a>);

/// One workload and who does it.
struct Workload<'a> {
    name: &'static str,
    contestants: Vec<Contestant<'a>>,
}

impl<'a> Workload<'a> {
    fn new(name: &'static str) -> Self {
        Self { name, contestants: Vec::new() }
    }

    /// `run` does the work once and says how long it took.
    fn contestant(mut self, name: &str, unit: Unit, run: impl Fn() -> Duration + 'a) -> Self {
        self.contestants.push((name.to_owned(), unit, Box::new(run)));
        self
    }

    /// Each contestant by itself, for criterion, and then all of them in turn, `rounds` times.
    fn measure(self, criterion: &mut Criterion, rounds: u32) {
        let ran = Cell::new(0);
        let mut group = criterion.benchmark_group(self.name);
        // One run is long, and all runs are alike.
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(1))
            .measurement_time(secs(10));
        for (name, unit, run) in &self.contestants {
            if let Unit::MicrosFor(requests) = *unit {
                group.throughput(Throughput::Elements(requests.into()));
            }
            let mut first = true;
            group.bench_function(name, |bencher| {
                ran.set(ran.get() + usize::from(std::mem::take(&mut first)));
                bencher.iter_custom(|runs| (0..runs).map(|_| run()).sum());
            });
        }
        group.finish();
        if ran.get() < self.contestants.len() {
            // Only some were asked for.
            return;
        }
        let mut ledger = Ledger::new(self.name);
        for _ in 0..rounds {
            for (name, unit, run) in &self.contestants {
                ledger.note(name, *unit, run());
            }
        }
        if rounds > 0 {
            println!("{ledger}");
        }
    }
}

fn aggregate_5k(small: bool) -> Workload<'static> {
    let lasts = if small { Duration::from_millis(100) } else { secs(4) };
    let demand = Demand { rate: 5_000, lasts };
    let unit = Unit::MicrosFor(demand.requests());
    let on_squall = move |resolution, spans| {
        move || aggregate::on_squall(demand, Detail { resolution: micros(resolution), spans })
    };
    Workload::new("aggregate-5k")
        .contestant("pipes", unit, move || aggregate::on_pipes(demand))
        .contestant("turmoil", unit, move || aggregate::on_turmoil(demand))
        .contestant("squall-1ms", unit, on_squall(1_000, false))
        .contestant("squall-100us", unit, on_squall(100, false))
        .contestant("squall-100us-spans", unit, on_squall(100, true))
}

fn idle_hour(small: bool) -> Workload<'static> {
    let hour = if small { secs(10) } else { secs(3600) };
    let minute = if small { secs(2) } else { secs(60) };
    Workload::new("idle-hour")
        .contestant("squall", Unit::MillisTimes(1), move || idle::on_squall(hour))
        .contestant("turmoil", Unit::MillisTimes(60), move || idle::on_turmoil(minute))
}

fn hosts_n(small: bool) -> Workload<'static> {
    let lasts = if small { Duration::from_millis(500) } else { secs(10) };
    let mut workload = Workload::new("hosts-n");
    let numbers: &[u32] = if small { &[10, 50] } else { &[10, 50, 200, 1_000] };
    for &hosts in numbers {
        workload =
            workload.contestant(&format!("squall-{hosts}"), Unit::MillisTimes(1), move || {
                hosts::on_squall(hosts, lasts)
            });
    }
    // Its cost is the square of the hosts: the many run for a part of the time.
    for (hosts, share) in [(10, 1), (50, 5), (200, 50)] {
        let lasts = if small { lasts } else { lasts / share };
        let hosts = if small { 10 } else { hosts };
        workload =
            workload.contestant(&format!("turmoil-{hosts}"), Unit::MillisTimes(share), move || {
                hosts::on_turmoil(hosts, lasts)
            });
        if small {
            break;
        }
    }
    workload
}

fn bulk(small: bool) -> Workload<'static> {
    let whole = Bulk { bytes: if small { 1_000_000 } else { 1_000_000_000 } };
    let part = Bulk { bytes: whole.bytes / 20 };
    let unit = |bulk: Bulk| Unit::MicrosFor(bulk.segments());
    Workload::new("bulk")
        .contestant("loopback", unit(whole), move || bulk::on_loopback(whole))
        .contestant("turmoil", unit(part), move || bulk::on_turmoil(part))
        .contestant("squall", unit(whole), move || bulk::on_squall(whole))
}

fn crowd(small: bool) -> Workload<'static> {
    let exchanges = if small { 10 } else { 10_000 };
    let ten = Crowd { connections: 10, exchanges };
    let many = Crowd { connections: if small { 200 } else { 10_000 }, exchanges };
    let unit = Unit::MicrosFor(ten.requests());
    Workload::new("crowd")
        .contestant("turmoil", unit, move || crowd::on_turmoil(ten))
        .contestant("squall-10", unit, move || crowd::on_squall(ten))
        .contestant("squall-10000", unit, move || crowd::on_squall(many))
}

fn main() {
    let small = only_tests();
    let rounds = |rounds| if small { 0 } else { rounds };
    let mut criterion = Criterion::default().configure_from_args();
    aggregate_5k(small).measure(&mut criterion, rounds(7));
    idle_hour(small).measure(&mut criterion, rounds(3));
    hosts_n(small).measure(&mut criterion, rounds(3));
    bulk(small).measure(&mut criterion, rounds(3));
    crowd(small).measure(&mut criterion, rounds(3));
    criterion.final_summary();
}
