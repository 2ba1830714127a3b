//! The simulated side: a plan with the same two hosts and the same link.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use squall::{
    BoxError, Scenario, Services, Signals,
    plan::{CongestionControl, Plan, TcpConfig, Topology, partition},
};

use crate::{
    app::{Job, Report, Simulated, perform, serve},
    link::{Conditions, Direction},
};

/// Performs `job` on Squall.
///
/// # Errors
///
/// When the plan cannot be performed, or the client has no report at its end.
pub(crate) fn run(
    conditions: &Conditions,
    job: &Job,
    congestion: CongestionControl,
    seed: u64,
) -> Result<Report, BoxError> {
    let saw = Arc::new(Mutex::new(None));
    let signals = Signals::default();
    let (found, over) = (Arc::clone(&saw), Arc::clone(&signals.interrupt));
    let services = Services::new().with("server", |job: Job| serve(Simulated, job, || {})).with(
        "client",
        move |job: Job| {
            let (found, over) = (Arc::clone(&found), Arc::clone(&over));
            async move {
                let report = perform(Simulated, job, |_| {}).await?;
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
                over.store(true, Ordering::Relaxed);
                pending::<Result<(), BoxError>>().await
            }
        },
    );
    let scenario =
        Scenario::new("oracle", "as on Linux", plan(conditions, job, congestion)?, services);
    let run = squall::run_with(&scenario, seed, signals)?;
    let report = saw.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(report.ok_or_else(|| format!("no report: {}", run.record.end.cause))?)
}

fn plan(
    conditions: &Conditions,
    job: &Job,
    congestion: CongestionControl,
) -> Result<Plan, BoxError> {
    let config = serde_json::to_value(job)?;
    let mut tcp = TcpConfig::default();
    tcp.congestion_control = congestion;
    let topology = Topology::new()
        .tcp(tcp)
        .host("server", "server", config.clone())
        .host("client", "client", config)
        .link_from("client", "server", conditions.in_plan(Direction::ToServer))
        .link_from("server", "client", conditions.in_plan(Direction::ToClient));
    let begin = job.settles();
    // Time in the plan is the time since the hosts started. The client ends the run.
    let mut plan = Plan::new(topology)
        .boot(Duration::ZERO)
        .settle(Duration::ZERO)
        .recovery(Duration::ZERO)
        .sample_every(Duration::from_secs(3600))
        .lasts(begin + job.ends() + Duration::from_secs(1));
    if let Some((from, lasts)) = conditions.partition {
        let from = begin + from;
        plan = plan.fault(partition("client", "server").from(from).until(from + lasts));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_performed_over_the_link_that_was_asked_for() {
        let link = Conditions::round_trip(Duration::from_millis(10));
        for job in
            [Job::http1(100, 2, Duration::from_secs(1)), Job::http2(100, Duration::from_secs(1))]
        {
            let report = run(&link, &job, CongestionControl::default(), 1)
                .expect("a plan that can be performed");
            assert_eq!(report.requests.len(), 100);
            for request in report.requests {
                assert!(request.answered && !request.fresh, "{request:?}");
                assert!((10_000_000..12_000_000).contains(&request.took), "{request:?}");
            }
        }
    }

    #[test]
    fn a_partition_is_counted_from_the_begin_of_the_load() {
        let (from, lasts) = (Duration::from_millis(500), Duration::from_millis(100));
        let link = Conditions::round_trip(Duration::from_millis(10)).partition(from, lasts);
        let job = Job::http1(100, 2, Duration::from_secs(1));
        let report = run(&link, &job, CongestionControl::default(), 1)
            .expect("a plan that can be performed");
        let slow = report.requests.iter().filter(|request| request.took > 50_000_000);
        let slow: Vec<u64> = slow.map(|request| request.at / 1_000_000).collect();
        assert!(slow.iter().all(|at| (480..600).contains(at)), "{slow:?}");
        assert!(slow.len() >= 10, "{slow:?}");
    }
}
