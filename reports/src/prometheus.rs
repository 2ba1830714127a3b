//! What runs came to, as metrics: for a gateway or a file that a monitoring system collects.
//!
//! The text is that of `OpenMetrics`, which Prometheus reads. Every series has the labels `scenario`,
//! `seed`, `defects` and `backend`.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{
    Report,
    record::{EventKind, Gauge as Sample, Phase},
    stats::Percentile,
    verdict::{FindingKind, Verdict},
};

type Labels = Vec<(&'static str, String)>;
type Whole = Family<Labels, Gauge<i64>>;
type Real = Family<Labels, Gauge<f64, AtomicU64>>;

/// The metrics of runs, one after the other.
#[derive(Default)]
#[must_use = "metrics are there to be written out as a page"]
pub struct Metrics {
    verdict: Whole,
    findings: Whole,
    margin: Real,
    requests: Whole,
    latency: Real,
    affected: Whole,
    gauges: Real,
    duration: Real,
}

impl Metrics {
    /// All of it as text.
    #[must_use]
    pub fn page(self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry()).expect("a string takes any text");
        sorted(&text)
    }

    fn registry(self) -> Registry {
        let mut registry = Registry::with_prefix("squall");
        registry.register("run_verdict", "1 for the verdict on the run", self.verdict);
        registry.register("findings", "Findings by kind and verdict", self.findings);
        registry.register(
            "finding_margin_ratio",
            "Distance from the bound as a share of it, positive on the good side",
            self.margin,
        );
        registry.register("requests", "Requests of the load by phase and outcome", self.requests);
        registry.register_with_unit(
            "request_latency",
            "Latency from the intended start, of requests that a client waited for",
            Unit::Seconds,
            self.latency,
        );
        registry.register("fault_affected", "What a fault affected", self.affected);
        registry.register("gauge", "The last sample of a gauge of a host", self.gauges);
        registry.register_with_unit(
            "run_duration",
            "How long the run was, in virtual time; on processes, in real time",
            Unit::Seconds,
            self.duration,
        );
        registry
    }

    /// Adds a run.
    pub fn enter(&self, report: &Report<'_>) {
        let (record, header) = (report.record, &report.record.header);
        let with = |more: &[(&'static str, &str)]| -> Labels {
            let mut labels = vec![
                ("scenario", escaped(&header.scenario)),
                ("seed", header.seed.to_string()),
                ("defects", escaped(&header.defects.join(","))),
                ("backend", header.backend.name().to_owned()),
            ];
            labels.extend(more.iter().map(|(name, value)| (*name, escaped(value))));
            labels
        };
        for verdict in [Verdict::Pass, Verdict::NoData, Verdict::Fail] {
            let holds = report.judgement.verdict == verdict;
            let labels = with(&[("verdict", key(verdict))]);
            self.verdict.get_or_create(&labels).set(i64::from(holds));
        }
        for finding in &report.judgement.findings {
            let (kind, verdict) = (kind(finding.kind), key(finding.verdict));
            self.findings.get_or_create(&with(&[("kind", kind), ("verdict", verdict)])).inc();
            if let Some(margin) = finding.margin {
                let phase = finding.phase.map_or("run", Phase::name);
                let scope = finding.scope.as_str();
                let labels =
                    with(&[("finding", &finding.name), ("scope", scope), ("phase", phase)]);
                self.margin.get_or_create(&labels).set(margin);
            }
        }
        let mut latencies: BTreeMap<Phase, Vec<u64>> = BTreeMap::new();
        for (at, request) in record.requests() {
            let phase = header.phase_at(request.intended);
            let labels = with(&[("phase", phase.name()), ("outcome", request.outcome.name())]);
            self.requests.get_or_create(&labels).inc();
            if request.outcome.was_waited_for() {
                latencies.entry(phase).or_default().push(at.saturating_sub(request.intended));
            }
        }
        for (phase, mut latencies) in latencies {
            latencies.sort_unstable();
            for (quantile, percentile) in
                [("0.5", Percentile::P50), ("0.95", Percentile::P95), ("0.99", Percentile::P99)]
            {
                if let Some(latency) = percentile.of_sorted(&latencies) {
                    let labels = with(&[("phase", phase.name()), ("quantile", quantile)]);
                    self.latency.get_or_create(&labels).set(seconds(latency));
                }
            }
        }
        for (fault, affected) in header.faults.iter().zip(record.affected()) {
            let labels = with(&[("fault", &fault.label), ("counts", &fault.counts)]);
            self.affected.get_or_create(&labels).set(i64::try_from(affected).unwrap_or(i64::MAX));
        }
        for event in &record.events {
            if let EventKind::Gauge(Sample { host, name, value }) = event.what {
                let labels = with(&[("host", record.host(host)), ("gauge", record.text(name))]);
                self.gauges.get_or_create(&labels).set(value);
            }
        }
        self.duration.get_or_create(&with(&[])).set(seconds(record.end.at));
    }
}

/// The same metrics with the series of each in one order: a registry hands them out at random.
fn sorted(text: &str) -> String {
    let (mut sorted, mut series) = (String::with_capacity(text.len()), Vec::new());
    for line in text.lines().chain(["#"]) {
        if !line.starts_with('#') {
            series.push(line);
            continue;
        }
        series.sort_unstable();
        for line in series.drain(..).chain((line != "#").then_some(line)) {
            sorted.push_str(line);
            sorted.push('\n');
        }
    }
    sorted
}

/// A label's value, which the encoder writes as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "shown to about a nanosecond")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::NoData => "no_data",
        Verdict::Fail => "fail",
    }
}

fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Objective => "objective",
        FindingKind::Invariant => "invariant",
        FindingKind::Fault => "fault",
        FindingKind::Completion => "completion",
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use crate::{Report, fixture, record::Backend};

    #[test]
    fn a_run_as_metrics() {
        let mut record = fixture::record();
        "slow \"reviews\"\n".clone_into(&mut record.header.scenario);
        let judgement = fixture::judged([fixture::passed(), fixture::failed()]);
        let report =
            Report { record: &record, judgement: &judgement, replay: "again", source: None };
        let metrics = Metrics::default();
        metrics.enter(&report);
        let page = metrics.page();
        let of = r#"scenario="slow \"reviews\"\n",seed="7",defects="no-call-timeout",backend="simulation""#;
        for line in [
            format!(r#"squall_run_verdict{{{of},verdict="fail"}} 1"#),
            format!(r#"squall_run_verdict{{{of},verdict="pass"}} 0"#),
            format!(r#"squall_findings{{{of},kind="objective",verdict="fail"}} 1"#),
            format!(r#"squall_requests{{{of},phase="baseline",outcome="succeeded"}} 2"#),
            format!(
                r#"squall_request_latency_seconds{{{of},phase="during",quantile="0.99"}} 0.154"#
            ),
            format!(
                r#"squall_fault_affected{{{of},fault="latency api -> reviews 150 ms",counts="packets"}} 1234"#
            ),
            format!(r#"squall_gauge{{{of},host="api",gauge="tasks"}} 4.0"#),
            format!(r"squall_run_duration_seconds{{{of}}} 0.4"),
        ] {
            assert!(page.lines().any(|found| found == line), "expected {line} in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
        let metrics = Metrics::default();
        metrics.enter(&report);
        assert_eq!(metrics.page(), page, "in the same order");
    }

    /// Else each run would take the place of the one before.
    #[test]
    fn the_same_seed_on_three_backends_is_three_series() {
        let (mut record, judgement) = (fixture::record(), fixture::judged([fixture::passed()]));
        let metrics = Metrics::default();
        for backend in [Backend::Simulation, Backend::Processes, Backend::Containers] {
            record.header.backend = backend;
            metrics.enter(&Report {
                record: &record,
                judgement: &judgement,
                replay: "again",
                source: None,
            });
        }
        let page = metrics.page();
        let lengths = page.lines().filter(|line| line.starts_with("squall_run_duration_seconds{"));
        let lengths: Vec<&str> = lengths.collect();
        assert_eq!(lengths.len(), 3, "{page}");
        for (length, backend) in lengths.into_iter().zip(["containers", "processes", "simulation"])
        {
            assert!(length.contains(&format!("backend=\"{backend}\"")), "{page}");
        }
    }
}
