//! Tables are read as they were written, and only what was measured changes.

use squall::plan::CongestionControl;

use super::*;

fn row(loss: &str, side: &str, p50: &str) -> Row {
    let values = [p50, "2", "3", "4", "5"].map(str::to_owned).into();
    Row { key: vec![loss.to_owned()], side: Side::named(side).expect("a side"), values }
}

fn table(rows: Vec<Row>) -> Table {
    Table { rows, linux: Some("6.18".to_owned()), squall: None }
}

const EMPTY: &str = "before\n<!-- oracle: w4 -->\n<!-- oracle: end -->\nafter\n";

#[test]
fn a_table_is_read_as_it_was_written() {
    let table = table(vec![row("0 %", "cubic", "10.3"), row("0 %", "Squall cubic", "10.0")]);
    let written = write(EMPTY, Workload::W4, &table).expect("markers");
    assert!(written.starts_with("before\n") && written.ends_with("after\n"), "{written}");
    assert!(written.contains("| 0 % | Squall cubic | 10.0 | 2 | 3 | 4 | 5 |"), "{written}");
    assert_eq!(read(&written, Workload::W4).expect("a table"), table);
    assert_eq!(write(&written, Workload::W4, &table).expect("markers"), written);
}

#[test]
fn only_the_rows_that_were_measured_change() {
    let mut found = table(vec![
        row("0 %", "cubic", "10.3"),
        row("0 %", "Squall cubic", "10.0"),
        row("1 %", "cubic", "11.9"),
    ]);
    let new = vec![row("0 %", "Squall cubic", "10.1"), row("1 %", "Squall cubic", "11.8")];
    found.merge(Table { rows: new, linux: None, squall: Some("new".to_owned()) });
    let expected = vec![
        row("0 %", "cubic", "10.3"),
        row("0 %", "Squall cubic", "10.1"),
        row("1 %", "cubic", "11.9"),
        row("1 %", "Squall cubic", "11.8"),
    ];
    assert_eq!((found.rows, found.linux), (expected, Some("6.18".to_owned())));
    assert_eq!(found.squall.as_deref(), Some("new"));
}

#[test]
fn what_a_side_no_longer_says_can_be_forgotten() {
    let mut found = table(vec![row("0 %", "cubic", "10.3"), row("0 %", "Squall cubic", "10.0")]);
    found.forget(&[Side::Squall(CongestionControl::Cubic)]);
    assert_eq!(found.rows, [row("0 %", "cubic", "10.3")]);
}

#[test]
fn a_document_without_markers_is_refused() {
    let error = read("nothing", Workload::W1).expect_err("no markers");
    assert_eq!(error.to_string(), "expected <!-- oracle: w1 --> in the document");
    let short = "<!-- oracle: w4 -->\n| 0 % | cubic | 1 |\n<!-- oracle: end -->";
    let error = read(short, Workload::W4).expect_err("a short row");
    assert_eq!(error.to_string(), "expected 5 figures in | 0 % | cubic | 1 |");
}
