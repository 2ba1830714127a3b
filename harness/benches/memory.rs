//! How much memory a long run needs: the aggregation of the bench `peers` for 30 simulated
//! seconds at 5,000 requests a second, and the most that the process ever had.

#[path = "peers/app.rs"]
mod app;
#[path = "peers/on_squall.rs"]
mod on_squall;
#[path = "peers/transport.rs"]
mod transport;

use std::time::Duration;

/// The high-water mark of the resident set, in megabytes.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let lasts = Duration::from_secs(if benches { 30 } else { 1 });
    let demand = app::Demand { rate: 5_000, lasts };
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
