//! What a page costs: the aggregation API for 30 simulated seconds at 5,000 requests a second, its
//! record read from disk and drawn. Wanted: a page in under a second, below 2 MB, and a process
//! that never has more than 200 MB.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use criterion::Criterion;
use squall::{Scenario, plan::Arrivals};
use squall_reports::{Record, Report, html, verdict::Judgement};

/// What the child is told to do.
const DRAW: &str = "--draw-in-a-process-of-its-own";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == DRAW) {
        return draw(Path::new(&arguments[place + 1]));
    }
    let benches = arguments.iter().any(|argument| argument == "--bench");
    // As a test it is small: that it runs at all.
    let lasts = Duration::from_secs(if benches { 30 } else { 1 });
    let path = keep(lasts);
    let own = std::env::current_exe().expect("this program has a path");
    let drawn = Command::new(own).arg(DRAW).arg(&path).status().expect("it can be started");
    assert!(drawn.success(), "the child drew the page");
    if benches {
        let (record, judgement) = Record::read(&path).expect("a whole record");
        Criterion::default()
            .sample_size(20)
            .measurement_time(Duration::from_secs(10))
            .bench_function("page of 150,000 requests", |bench| {
                bench.iter(|| page(&record, &judgement).len());
            });
    }
    fs::remove_file(path).expect("the record can be taken away");
}

/// Makes the run and keeps its record.
fn keep(lasts: Duration) -> PathBuf {
    let catalogue = squall_scenarios::catalogue();
    let listed = catalogue.find("steady-state").expect("a scenario of the catalogue");
    let mut plan = listed.scenario.plan().clone();
    for load in &mut plan.loads {
        load.arrivals = Arrivals::Constant { rate: 5_000.0 };
        load.lasts = lasts;
    }
    let services = listed.scenario.services().clone();
    let run = squall::run(&Scenario::new("steady-state", "", plan, services), 1);
    let run = run.expect("a plan that can be performed");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-report.jsonl");
    run.record.write(&run.judgement, &path).expect("the target folder can be written to");
    let bytes = fs::metadata(&path).expect("the record").len();
    println!(
        "{lasts:?} at 5,000 requests a second: {} requests, {} events, a record of {} MB",
        run.record.requests().count(),
        run.record.events.len(),
        bytes / 1_000_000,
    );
    path
}

/// Reads a record, draws its page, and says what that took.
fn draw(path: &Path) {
    let begun = Instant::now();
    let (record, judgement) = Record::read(path).expect("a whole record");
    let read = begun.elapsed();
    let begun = Instant::now();
    let page = page(&record, &judgement);
    println!(
        "read in {read:.2?}, drawn in {:.2?}: a page of {} kB, peak {:.0} MB",
        begun.elapsed(),
        page.len() / 1_000,
        peak_mb().unwrap_or_default(),
    );
}

fn page(record: &Record, judgement: &Judgement) -> String {
    let replay = "cargo squall run steady-state --seed 1";
    html::page(&Report { record, judgement, replay, source: None }, &html::Golden::Missing)
}

/// The high-water mark of the resident set, in megabytes.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}
