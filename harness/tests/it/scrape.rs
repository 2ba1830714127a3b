//! The metrics of services, read into gauges of the record.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hyper::Response;
use squall::{
    objective::{gauge, returns_to_baseline},
    plan::{Scrape, crash},
};
use squall_reports::{record::EventKind, verdict::Verdict};

use crate::world::{Seen, World, http, ms};

const QUEUED: &str = r#"jobs{state="queued"}"#;

/// A service whose metrics count how often they were read, and a host that reads them.
fn watched() -> World {
    let reads = Arc::new(AtomicU64::new(0));
    World::new()
        .host("b", move || {
            let reads = Arc::clone(&reads);
            http(80, move |request| {
                let at = request.uri().path() == "/metrics";
                let read = if at { reads.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
                async move {
                    Response::new(format!(
                        "# TYPE jobs gauge\njobs{{state=\"queued\"}} {read}.5\n\
                         jobs{{state=\"leased\"}} NaN\nother 7\n"
                    ))
                }
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            let leased = r#"jobs{state="leased"}"#;
            let scrape = Scrape::new("a", "b:80").series(QUEUED).series(leased).every(ms(100));
            plan.scrape(scrape).objective(gauge(QUEUED).at_most(9))
        })
}

/// The samples of scraped gauges: when, of which host, and how many.
fn samples(seen: &Seen) -> Vec<(u64, String, f64)> {
    let record = &seen.0.record;
    let gauges = record.events.iter().filter_map(|event| match event.what {
        EventKind::Gauge(gauge) if record.text(gauge.name).starts_with("jobs") => {
            assert_eq!(record.text(gauge.name), QUEUED, "what is not a number is no sample");
            Some((event.at / 1_000_000, record.host(gauge.host).to_owned(), gauge.value))
        }
        _ => None,
    });
    gauges.collect()
}

#[test]
fn a_series_becomes_a_gauge_of_its_host() {
    let seen = watched().completes(1);
    let samples = samples(&seen);
    assert!(samples.iter().all(|(_, host, _)| host == "b"), "{samples:?}");
    let values: Vec<f64> = samples.iter().map(|(_, _, value)| *value).collect();
    let expected: Vec<f64> = (1..=11).map(|read| f64::from(read) + 0.5).collect();
    assert_eq!(values, expected, "as they are, ten times a second");
    let finding = seen.0.judgement.findings.iter().find(|finding| finding.name.contains(QUEUED));
    assert_eq!(finding.map(|finding| finding.verdict), Some(Verdict::Fail), "eleven is over nine");
}

#[test]
fn a_service_that_is_down_has_no_samples() {
    let seen = watched().plan(|plan| plan.fault(crash("b").from(ms(350)).until(ms(650))));
    let times: Vec<u64> = samples(&seen.completes(1)).iter().map(|(at, ..)| *at / 100).collect();
    assert_eq!(times, [0, 1, 2, 3, 7, 8, 9, 10]);
}

#[test]
fn a_scraped_gauge_has_a_value_from_before_the_load() {
    let seen = watched().plan(|plan| {
        let settles = returns_to_baseline(QUEUED).with_tolerance(100);
        plan.boot(ms(1_000)).settle(ms(500)).objective(settles)
    });
    let seen = seen.completes(1);
    let samples = samples(&seen);
    assert_eq!(samples.first().map(|(at, ..)| *at), Some(877), "an eighth of the boot before");
    let finding = seen.0.judgement.findings.iter().find(|it| it.name.ends_with("to baseline"));
    let finding = finding.expect("it is judged");
    assert_eq!((finding.verdict, finding.samples), (Verdict::Pass, 1), "{finding:?}");
}
