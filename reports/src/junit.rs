//! Runs as JUnit XML, for CI systems: a suite for each run, a case for each finding, failures first.
//! Findings that have no data for one reason are one case. What follows from something else comes
//! after it and says so.
//!
//! The dialect is that of Jenkins, as the schema of its xUnit plugin has it (`junit-10.xsd`), which
//! other CI systems read too. A failed finding is a failure, one without data an error: CI systems
//! know no third thing that is not a pass. What a finding rests on is the output of its case,
//! because the schema has properties for suites only.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::{
    json::RunReport,
    plain,
    report::{Open, place_of, title_of},
    verdict::{Finding, Verdict},
    words,
};

/// `reports` as one document.
#[must_use]
pub fn junit(reports: &[RunReport]) -> String {
    let mut document = quick_junit::Report::new("squall");
    document.add_test_suites(reports.iter().map(suite));
    // Every text has passed through `plain`, so that there is nothing in it that XML does not have.
    let text = document.to_string().expect("a document in memory can be written");
    // The writer counts skipped cases of all suites together, for which the schema has no
    // attribute. The root comes first, and its name is none that has this text in it.
    text.replacen(" skipped=\"0\"", "", 1)
}

fn suite(report: &RunReport) -> TestSuite {
    let mut suite = TestSuite::new(plain::line(&report.title()));
    suite.set_time(Duration::from_millis(report.sim_ms));
    let mut property = |name: &str, value: &str| {
        suite.add_property(Property::new(name, plain::lines(value)));
    };
    property("hypothesis", &report.hypothesis);
    property("backend", report.backend.name());
    property("seed", &report.seed.to_string());
    property("digest", &report.digest.to_string());
    property("end", &report.end.to_string());
    property("replay", &report.replay);
    if let Some(source) = &report.source {
        property("source", source);
    }
    for it in report.open() {
        suite.add_test_case(open(report, &it));
        suite.add_test_cases(it.followers.iter().map(|below| follows(report, &it, below)));
    }
    let passed = report.objectives.iter().filter(|finding| finding.verdict == Verdict::Pass);
    suite.add_test_cases(passed.map(|finding| passes(report, finding)));
    suite
}

fn passes(report: &RunReport, finding: &Finding) -> TestCase {
    let status = TestCaseStatus::success();
    case(report, &format!("{} ({})", title_of(finding), place_of(finding)), status, &rests(finding))
}

/// A case of what is not a pass. What has no data for one reason is one case, or the reason is read
/// dozens of times before what failed is.
fn open(report: &RunReport, open: &Open<'_>) -> TestCase {
    not_passed(report, open, plain::lines(&open.first.reason))
}

/// A case of what follows from something else.
fn follows(report: &RunReport, cause: &Open<'_>, open: &Open<'_>) -> TestCase {
    let reason = format!(
        "{}\nfollows from {} ({}): {}",
        open.first.reason,
        cause.title(),
        cause.place(),
        open.why()
    );
    not_passed(report, open, plain::lines(&reason))
}

fn not_passed(report: &RunReport, open: &Open<'_>, reason: String) -> TestCase {
    let finding = open.first;
    let mut status = TestCaseStatus::non_success(match finding.verdict {
        Verdict::Fail => NonSuccessKind::Failure,
        Verdict::NoData | Verdict::Pass => NonSuccessKind::Error,
    });
    status.set_message(reason.as_str());
    status.set_type(finding.verdict.name());
    let (about, output) = if open.is_folded() {
        let names = open.names().join("\n");
        (names.clone(), names)
    } else {
        (format!("bound: {}\nobserved: {}", finding.bound, finding.observed), rests(finding))
    };
    let (seed, replay) = (report.seed, &report.replay);
    let description = format!("{reason}\n{about}\nseed: {seed}\nreplay: {replay}");
    status.set_description(plain::lines(&description));
    case(report, &format!("{} ({})", open.title(), open.place()), status, &output)
}

/// What a finding rests on.
fn rests(finding: &Finding) -> String {
    let margin = finding.margin.map(|margin| format!("\nmargin: {}", words::margin(margin)));
    format!(
        "bound: {}\nobserved: {}\nsamples: {}{}",
        finding.bound,
        finding.observed,
        finding.samples,
        margin.unwrap_or_default()
    )
}

fn case(report: &RunReport, name: &str, status: TestCaseStatus, output: &str) -> TestCase {
    let mut case = TestCase::new(plain::line(name), status);
    case.set_classname(plain::line(&report.title()));
    case.set_system_out(plain::lines(output));
    case
}

#[cfg(test)]
mod tests;
