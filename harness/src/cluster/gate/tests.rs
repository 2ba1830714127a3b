//! Gates against handmade metrics.

use std::time::Duration;

use super::{Counts, Evaluate, Watch};
use crate::plan::{Gate, MetricNames};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn counts(requests: f64, failures: f64) -> Counts {
    Counts { requests, failures, ..Counts::default() }
}

/// What a gate says at each second of these counters.
fn judge(gate: Gate, read: &[(f64, f64)]) -> Vec<Evaluate> {
    let mut watch = Watch::new(gate.samples_min(10));
    let read = read.iter().zip(0_u64..);
    read.map(|((requests, failures), at)| {
        watch.note(at * 1_000_000_000, counts(*requests, *failures))
    })
    .collect()
}

#[test]
fn a_page_of_metrics_is_read_by_group() {
    let page = "\
# TYPE balancer_requests counter
balancer_requests_total{group=\"revision-1\"} 900
balancer_requests_total{group=\"revision-2\"} 100
balancer_failures_total{group=\"revision-2\"} 3
balancer_latency_seconds_bucket{le=\"0.01\",group=\"revision-2\"} 90
balancer_latency_seconds_bucket{le=\"0.1\",group=\"revision-2\"} 98
balancer_latency_seconds_bucket{le=\"+Inf\",group=\"revision-2\"} 100
";
    let counts = Counts::read(page, &MetricNames::default(), "revision-2");
    assert_eq!((counts.requests, counts.failures), (100.0, 3.0));
    let share = |ms: u64| counts.share_within(ms * 1_000_000);
    assert!((share(10) - 0.9).abs() < 1e-9);
    // In the middle of a bucket nobody knows: in time, for all that it says.
    assert!((share(50) - 0.98).abs() < 1e-9);
    assert!((share(100) - 0.98).abs() < 1e-9);
    assert!((share(200) - 1.0).abs() < 1e-9);
    assert_eq!(Counts::read(page, &MetricNames::default(), "revision-3"), Counts::default());
}

#[test]
fn a_share_of_errors_is_judged_over_its_window_only() {
    let gate = Gate::new().error_share(0.1, secs(2));
    let read = [(0.0, 0.0), (5.0, 5.0), (20.0, 5.0), (40.0, 5.0), (60.0, 5.0), (80.0, 20.0)];
    let judged = judge(gate, &read);
    assert_eq!(judged[0], Evaluate::TooFew, "nothing yet");
    assert_eq!(judged[1], Evaluate::TooFew, "five are too few to tell");
    assert!(
        matches!(judged[2], Evaluate::Closed { bound: "error_share", observed } if observed > 0.2)
    );
    assert_eq!(judged[3], Evaluate::Open, "the errors were before the window");
    assert_eq!(judged[4], Evaluate::Open);
    assert!(
        matches!(judged[5], Evaluate::Closed { observed, .. } if (observed - 0.375).abs() < 1e-9)
    );
}

#[test]
fn a_burn_rate_alarm_needs_both_windows() {
    // SRE workbook, chapter 5, "6: Multiwindow, Multi-Burn-Rate Alerts": the short window says
    // that the budget still burns.
    let gate = || Gate::new().burn_rate(0.99, 10.0, secs(4), secs(1));
    let over = [(0.0, 0.0), (100.0, 20.0), (200.0, 40.0)];
    assert!(judge(gate(), &over).iter().any(|judged| matches!(judged, Evaluate::Closed { .. })));
    let gone_by = [(0.0, 0.0), (5.0, 5.0), (105.0, 5.0), (205.0, 5.0)];
    assert_eq!(judge(gate(), &gone_by)[2..], [Evaluate::Open, Evaluate::Open]);
    // A burn of ten times the budget is not over a factor of ten.
    let at_bound = [(0.0, 0.0), (100.0, 10.0), (200.0, 20.0)];
    assert_eq!(judge(gate(), &at_bound)[1..], [Evaluate::Open, Evaluate::Open]);
    // More pairs are one alarm: a slow burn closes the second one.
    let two = gate().burn_rate(0.99, 2.0, secs(4), secs(2));
    assert_eq!(two.bounds.len(), 1);
    let slow = [(0.0, 0.0), (100.0, 3.0), (200.0, 6.0)];
    assert!(matches!(judge(two, &slow)[2], Evaluate::Closed { observed, .. } if observed < 4.0));
}

#[test]
fn counters_that_begin_again_are_not_compared_with_what_was_before() {
    let gate = Gate::new().error_share(0.1, secs(10));
    let judged = judge(gate, &[(0.0, 0.0), (100.0, 0.0), (20.0, 20.0), (40.0, 20.0)]);
    assert_eq!(judged[2], Evaluate::TooFew);
    assert_eq!(judged[3], Evaluate::Open, "the twenty since then had no failure");
}
