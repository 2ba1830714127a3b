//! The XML, read back by another reader than the one that wrote it.

use quick_junit::{NonSuccessKind, TestCaseStatus};

use super::junit;
use crate::{
    Report, fixture,
    json::RunReport,
    record::Backend,
    verdict::{Finding, Verdict},
};

#[track_caller]
fn read(text: &str) -> quick_junit::Report {
    quick_junit::Report::deserialize_from_str(text).expect("JUnit XML")
}

#[test]
fn a_suite_for_each_run_and_a_case_for_each_finding() {
    let (record, judgement) =
        (fixture::record(), fixture::judged([fixture::passed(), fixture::failed()]));
    let report = Report {
        record: &record,
        judgement: &judgement,
        replay: "cargo squall run reviews-slow --seed 7",
        source: Some("scenarios/src/catalogue/reviews_slow.rs"),
    };
    let run = RunReport::new(&report, None);
    let read = read(&junit(&[run.clone(), run]));
    assert_eq!((read.tests, read.failures, read.errors), (4, 2, 0));
    assert_eq!(read.test_suites.len(), 2);
    let suite = &read.test_suites[0];
    assert_eq!(suite.name.as_str(), "reviews-slow +no-call-timeout");
    let property = |name: &str| {
        let found = suite.properties.iter().find(|property| property.name.as_str() == name);
        found.map(|property| property.value.as_str().to_owned())
    };
    assert_eq!(property("backend").as_deref(), Some("simulation"));
    assert_eq!(property("seed").as_deref(), Some("7"));
    assert_eq!(property("digest"), Some(record.digest().to_string()));
    assert_eq!(property("source").as_deref(), Some("scenarios/src/catalogue/reviews_slow.rs"));
    let failed = &suite.test_cases[0];
    assert_eq!(failed.name.as_str(), "p99 latency [route GET /x] (during)");
    let TestCaseStatus::NonSuccess { kind, message, description, .. } = &failed.status else {
        panic!("expected a failure, found {:?}", failed.status);
    };
    assert_eq!(*kind, NonSuccessKind::Failure);
    let message = message.as_ref().map(|message| message.as_str());
    assert_eq!(message, Some(fixture::failed().reason.as_str()));
    let description = description.as_ref().map_or("", |description| description.as_str());
    assert!(description.ends_with("replay: cargo squall run reviews-slow --seed 7"));
    let output = suite.test_cases[1].system_out.as_ref().map(|output| output.as_str());
    assert_eq!(output, Some("bound: at most 100 ms\nobserved: 10 ms\nsamples: 1\nmargin: 90 %"));
}

/// What the schema has no place for; `.ci/readers` checks the whole against it.
#[test]
fn cases_have_no_properties_and_the_whole_counts_nothing_skipped() {
    let (record, judgement) = (fixture::record(), fixture::judged([fixture::passed()]));
    let report = Report { record: &record, judgement: &judgement, replay: "again", source: None };
    let text = junit(&[RunReport::new(&report, None)]);
    let (before, cases) = text.split_once("<testcase").expect("a case");
    assert!(!cases.contains("<propert"), "{text}");
    let root = before.lines().find(|line| line.starts_with("<testsuites")).expect("a root");
    assert_eq!(root, r#"<testsuites name="squall" tests="1" failures="0" errors="0">"#);
}

#[test]
fn hostile_text_stays_text() {
    let mut record = fixture::record();
    "</testsuite><script>&\u{1}\u{1b}[31m\"'".clone_into(&mut record.header.hypothesis);
    let mut finding = fixture::failed();
    "]]><![CDATA[ & \u{0}\u{fffe}\u{ffff}\u{1ffff}".clone_into(&mut finding.reason);
    for text in [&mut finding.name, &mut finding.bound, &mut finding.observed] {
        text.push_str("\u{fffe}\u{ffff}\u{8}");
    }
    let judgement = fixture::judged([finding]);
    let report = Report { record: &record, judgement: &judgement, replay: "again", source: None };
    let text = junit(&[RunReport::new(&report, None)]);
    assert!(!text.contains("<script>"), "{text}");
    // What XML 1.0 has (section 2.2).
    let is_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(is_xml), "{text:?}");
    let suite = &read(&text).test_suites[0];
    let hypothesis = suite.properties.iter().find(|it| it.name.as_str() == "hypothesis");
    assert!(hypothesis.expect("a property").value.as_str().contains("</testsuite><script>&"));
}

#[test]
fn what_has_no_data_for_one_reason_is_one_case() {
    let without = |name: &str| Finding {
        name: name.to_owned(),
        verdict: Verdict::NoData,
        reason: "cut short".to_owned(),
        ..fixture::passed()
    };
    let judgement = fixture::judged([without("a"), without("b"), without("c"), fixture::failed()]);
    let record = fixture::record();
    let report = Report { record: &record, judgement: &judgement, replay: "again", source: None };
    let read = read(&junit(&[RunReport::new(&report, None)]));
    assert_eq!((read.tests, read.failures, read.errors), (2, 1, 1));
    let names: Vec<&str> =
        read.test_suites[0].test_cases.iter().map(|case| case.name.as_str()).collect();
    let folded = "3 findings: a [route GET /x], b [route GET /x] and 1 more (baseline)";
    assert_eq!(names, ["p99 latency [route GET /x] (during)", folded]);
    let output = read.test_suites[0].test_cases[1].system_out.as_ref().map(|it| it.as_str());
    assert!(output.is_some_and(|output| output.contains("c [route GET /x] (baseline)")));
}

#[test]
fn nothing_is_a_document_too() {
    assert_eq!(read(&junit(&[])).tests, 0);
}

/// A CI system takes suites and cases of one name for the same.
#[test]
fn runs_on_other_backends_have_other_names() {
    let (mut record, judgement) = (fixture::record(), fixture::judged([fixture::passed()]));
    record.header.backend = Backend::Processes;
    let report = Report { record: &record, judgement: &judgement, replay: "again", source: None };
    let read = read(&junit(&[RunReport::new(&report, None)]));
    let suite = &read.test_suites[0];
    assert_eq!(suite.name.as_str(), "reviews-slow +no-call-timeout on processes");
    let class = suite.test_cases[0].classname.as_ref().map(|name| name.as_str());
    assert_eq!(class, Some("reviews-slow +no-call-timeout on processes"));
    let named = |name: &str| suite.properties.iter().find(|it| it.name.as_str() == name);
    assert_eq!(named("backend").map(|it| it.value.as_str()), Some("processes"));
}
