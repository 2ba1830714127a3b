//! Tests of the JSON object: its exact text, and that it can be read back.

use super::RunReport;
use crate::{Record, Report, fixture, verdict::Judgement};

fn report<'a>(record: &'a Record, judgement: &'a Judgement) -> Report<'a> {
    Report { record, judgement, replay: "again", source: Some("scenarios/slow.rs") }
}

#[test]
fn a_run_as_json() {
    let record = fixture::record();
    let judgement = fixture::judged([fixture::failed()]);
    let report = RunReport::new(&report(&record, &judgement), Some(12));
    let expected = format!(
        concat!(
            r#"{{"schema":3,"backend":"simulation","scenario":"reviews-slow","#,
            r#""hypothesis":"slow reviews cost a section, not the page","seed":"7","#,
            r#""defects":["no-call-timeout"],"verdict":"fail","digest":"{}","#,
            r#""end":"completed","objectives":[{{"kind":"objective","name":"p99 latency","#,
            r#""scope":"route GET /x","phase":"during","bound":"at most 100 ms","#,
            r#""observed":"154 ms","verdict":"fail","samples":2,"margin":-0.54,"figures":null,"worst":3,"#,
            r#""reason":"p99 latency was 154 ms in phase during, 54 ms over the bound of 100 ms "#,
            r#"(2 samples)","at_ns":264000000}}],"faults":[{{"kind":"latency","#,
            r#""label":"latency api -> reviews 150 ms","inject_ms":100,"heal_ms":300,"#,
            r#""affected":1234,"counts":"packets"}}],"operations":[],"requests":{{"sent":4,"succeeded":2,"#,
            r#""degraded":1,"failed":1,"shed":0,"abandoned":0}},"sim_ms":400,"wall_ms":12,"#,
            r#""replay":"again","source":"scenarios/slow.rs"}}"#,
        ),
        record.digest()
    );
    assert_eq!(report.to_line(), expected);
    let read: RunReport = serde_json::from_str(&expected).expect("a report");
    assert_eq!(read, report);
}

#[test]
fn an_operation_says_when_it_went_on_and_what_it_came_to() {
    let (record, judgement) = (fixture::operated(), fixture::judged([]));
    let line = RunReport::new(&report(&record, &judgement), None).to_line();
    let expected = concat!(
        r#""operations":[{"label":"rollout of web","began_ms":50,"ended_ms":150,"#,
        r#""outcome":"rolled_back"},"#,
        r#"{"label":"drain a","began_ms":200,"ended_ms":null,"outcome":null}]"#,
    );
    assert!(line.contains(expected), "{line}");
}

#[test]
fn a_record_from_a_file_has_no_wall_time() {
    let (record, judgement) = (fixture::record(), fixture::judged([]));
    let report = RunReport::new(&report(&record, &judgement), None);
    assert!(report.to_line().contains(r#""wall_ms":null,"#));
    assert!(report.to_line().contains(r#""verdict":"no_data""#));
}
