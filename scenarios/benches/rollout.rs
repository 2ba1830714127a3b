//! How long a rolling update under load takes in real time: three pods, 10,000 requests a second,
//! 90 simulated seconds, on one core. Squall must be faster than time itself.

use std::time::Duration;

/// As in the command line, whose memory is counted.
#[global_allocator]
static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    // As a test it is small: that it runs at all.
    let (rate, lasts, rounds) = if benches { (10_000.0, 90, 3) } else { (100.0, 30, 1) };
    let scenario = squall_scenarios::rolling_update(rate, Duration::from_secs(lasts));
    for round in 1..=rounds {
        let run = squall::run(&scenario, round).expect("a plan that can be performed");
        let simulated = Duration::from_nanos(run.record.end.at);
        let requests = run.record.requests().count();
        assert_eq!(run.verdict(), squall::Verdict::Pass, "{:#?}", run.judgement.findings);
        println!(
            "seed {round}: {requests} requests in {simulated:?} simulated took {:?}, {:.2} x \
             as fast as real time",
            run.wall,
            simulated.as_secs_f64() / run.wall.as_secs_f64(),
        );
    }
}
