//! What a job summary and annotations say, and that text from a record stays text.

use super::{annotations, markdown};
use crate::{
    Record, Report, fixture,
    json::RunReport,
    record::Backend,
    verdict::{Judgement, Verdict},
};

fn report(record: &Record, judgement: &Judgement) -> RunReport {
    let source = Some("scenarios/src/catalogue/reviews_slow.rs");
    let replay = "cargo squall run reviews-slow --seed 7";
    RunReport::new(&Report { record, judgement, replay, source }, None)
}

#[test]
fn the_worst_comes_first_and_in_full() {
    let record = fixture::record();
    let (good, bad) = (fixture::judged([fixture::passed()]), fixture::judged([fixture::failed()]));
    let text = markdown(&[report(&record, &good), report(&record, &bad)]);
    let expected = "## Squall: 1 of 2 runs pass

1 failed, 0 without data

| verdict | scenario | seed | requests | worst finding |
| --- | --- | --- | --- | --- |
| ❌ fail | reviews-slow +no-call-timeout | 7 | 4 | p99 latency \\[route GET /x\\], during |
| ✅ pass | reviews-slow +no-call-timeout | 7 | 4 | all hold |

### ❌ fail reviews-slow +no-call-timeout (seed 7)

slow reviews cost a section, not the page

| verdict | phase | objective | observed | bound | samples | margin |
| --- | --- | --- | --- | --- | --- | --- |
| ❌ fail | during | p99 latency \\[route GET /x\\] | 154 ms | at most 100 ms | 2 | -54 % |

- p99 latency was 154 ms in phase during, 54 ms over the bound of 100 ms (2 samples)

```console
$ cargo squall run reviews-slow --seed 7
```

";
    assert_eq!(text, expected);
}

#[test]
fn operations_are_listed() {
    let (record, bad) = (fixture::operated(), fixture::judged([fixture::failed()]));
    let text = markdown(&[report(&record, &bad)]);
    let expected = "- rollout of web, from 50 ms to 150 ms: rolled back\n\
                    - drain a, from 200 ms on: not over\n\n| verdict |";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_job_summary_has_an_end() {
    let record = fixture::record();
    let bad = fixture::judged([fixture::failed()]);
    let many = vec![report(&record, &bad); 5_000];
    let text = markdown(&many);
    assert!(text.len() < 1 << 20, "{}", text.len());
    assert!(text.ends_with("no more room in a job summary.\n"));
}

#[test]
fn hostile_text_stays_text() {
    let mut record = fixture::record();
    "a | b\n<script>x</script> [x](javascript:1) `y` @all".clone_into(&mut record.header.scenario);
    let bad = fixture::judged([fixture::failed()]);
    let text = markdown(&[report(&record, &bad)]);
    assert!(!text.contains("<script>") && !text.contains("[x]("), "{text}");
    assert!(
        text.contains("| a \\| b &lt;script&gt;x&lt;/script&gt; \\[x\\](javascript:1)"),
        "{text}"
    );
}

#[test]
fn a_failure_marks_the_file_of_its_scenario() {
    let mut record = fixture::record();
    "50% slow: a,b".clone_into(&mut record.header.scenario);
    let (good, bad) = (fixture::judged([fixture::passed()]), fixture::judged([fixture::failed()]));
    let text = annotations(&[report(&record, &good), report(&record, &bad)]);
    let expected = "::error file=scenarios/src/catalogue/reviews_slow.rs,\
        title=50%25 slow%3A a%2Cb +no-call-timeout (seed 7)::p99 latency was 154 ms in phase during, \
        54 ms over the bound of 100 ms (2 samples)%0A\
        replay: cargo squall run reviews-slow --seed 7\n";
    assert_eq!(text, expected);
}

/// What a service says is the message of a command, not a command, and a terminal does not obey it.
#[test]
fn control_characters_reach_neither_summary_nor_annotations() {
    let record = fixture::record();
    let mut finding = fixture::failed();
    finding.reason = "\u{1b}[2Ja\u{7}\u{0}\u{202e}\r\n::error::forged".to_owned();
    finding.name = finding.reason.clone();
    let bad = fixture::judged([finding]);
    let reports = [report(&record, &bad)];
    for text in [markdown(&reports), annotations(&reports)] {
        let is_shown = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(text.chars().all(is_shown), "{text:?}");
        assert!(!text.contains("\n::error::forged"), "{text}");
    }
    assert!(annotations(&reports).contains("%0A::error::forged"));
}

#[test]
fn what_has_no_data_for_one_reason_is_one_line() {
    let record = fixture::record();
    let mut without = fixture::passed();
    without.verdict = Verdict::NoData;
    "cut short".clone_into(&mut without.reason);
    let judgement = fixture::judged([without.clone(), without.clone(), without, fixture::failed()]);
    let reports = [report(&record, &judgement)];
    let text = markdown(&reports);
    assert_eq!(text.matches("cut short").count(), 1, "{text}");
    assert!(text.contains("- 3 findings: cut short\n"), "{text}");
    assert!(text.find("❌ fail | during") < text.find("⚪ no data | baseline"), "{text}");
    assert!(annotations(&reports).contains("%0Acut short (3 findings)%0A"));
}

#[test]
fn what_is_to_be_noted_is_shown_with_a_pass() {
    let record = fixture::record();
    let mut finding = fixture::passed();
    "nothing is called reveiws".clone_into(&mut finding.note);
    let text = markdown(&[report(&record, &fixture::judged([finding]))]);
    assert!(text.contains("- note: p99 latency") && text.contains("reveiws"), "{text}");
    assert_eq!(text.matches("| verdict |").count(), 1, "no table of what is not a pass: {text}");
}

#[test]
fn what_was_not_simulated_is_named_so() {
    let mut record = fixture::record();
    record.header.backend = Backend::Processes;
    let report = [report(&record, &fixture::judged([fixture::failed()]))];
    let text = markdown(&report);
    assert!(
        text.contains("| ❌ fail | reviews-slow +no-call-timeout on processes | 7 |"),
        "{text}"
    );
    assert!(text.contains("\n### ❌ fail reviews-slow +no-call-timeout on processes (seed 7)\n"));
    let text = annotations(&report);
    assert!(text.contains("title=reviews-slow +no-call-timeout on processes (seed 7)::"), "{text}");
}
