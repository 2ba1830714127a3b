//! Runs as JUnit XML, for CI systems: a suite for each run, a case for each finding.
//!
//! The dialect is that of Jenkins, as the schema of its xUnit plugin has it (`junit-10.xsd`), which
//! other CI systems read too. A failed finding is a failure, one without data an error: CI systems
//! know no third thing that is not a pass. What a finding rests on is the output of its case,
//! because the schema has properties for suites only.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::{
    json::RunReport,
    report::{place_of, title_of},
    verdict::{Finding, Verdict},
    words,
};

/// `reports` as one document.
#[must_use]
pub fn junit(reports: &[RunReport]) -> String {
    let mut document = quick_junit::Report::new("squall");
    document.add_test_suites(reports.iter().map(suite));
    // The names and texts of a record become valid XML on their way into the document.
    let text = document.to_string().expect("a document in memory can be written");
    // The writer counts skipped cases of all suites together, for which the schema has no
    // attribute. The root comes first, and its name is none that has this text in it.
    text.replacen(" skipped=\"0\"", "", 1)
}

fn suite(report: &RunReport) -> TestSuite {
    let mut suite = TestSuite::new(report.title());
    suite.set_time(Duration::from_millis(report.sim_ms));
    let mut property = |name: &str, value: &str| {
        suite.add_property(Property::new(name, value));
    };
    property("hypothesis", &report.hypothesis);
    property("seed", &report.seed.to_string());
    property("digest", &report.digest.to_string());
    property("end", &report.end.to_string());
    property("replay", &report.replay);
    if let Some(source) = &report.source {
        property("source", source);
    }
    suite.add_test_cases(report.objectives.iter().map(|finding| case(report, finding)));
    suite
}

fn case(report: &RunReport, finding: &Finding) -> TestCase {
    let status = match finding.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => open(report, finding, NonSuccessKind::Failure),
        Verdict::NoData => open(report, finding, NonSuccessKind::Error),
    };
    let mut case = TestCase::new(format!("{} ({})", title_of(finding), place_of(finding)), status);
    case.set_classname(report.title());
    let margin = finding.margin.map(|margin| format!("\nmargin: {}", words::margin(margin)));
    case.set_system_out(format!(
        "bound: {}\nobserved: {}\nsamples: {}{}",
        finding.bound,
        finding.observed,
        finding.samples,
        margin.unwrap_or_default()
    ));
    case
}

fn open(report: &RunReport, finding: &Finding, kind: NonSuccessKind) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(finding.reason.as_str());
    status.set_type(finding.verdict.name());
    status.set_description(format!(
        "{}\nbound: {}\nobserved: {}\nseed: {}\nreplay: {}",
        finding.reason, finding.bound, finding.observed, report.seed, report.replay
    ));
    status
}

#[cfg(test)]
mod tests;
