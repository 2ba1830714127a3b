//! Holds Squall to the figures of Linux that a document keeps.

use std::{fs, process::ExitCode};

use squall::BoxError;

use crate::{
    args::{CheckOptions, chosen},
    document::{self, Row, Table},
    side::Side,
    table,
    workload::Workload,
};

/// One figure of both.
#[derive(Debug, PartialEq)]
struct Compared {
    what: String,
    linux: f64,
    squall: f64,
    bound: f64,
}

impl Compared {
    /// By which share Squall's is more, or less if negative.
    fn off(&self) -> f64 {
        self.squall / self.linux - 1.0
    }

    fn is_out(&self) -> bool {
        let off = self.off().abs();
        // Nothing to divide by is out as well.
        off.is_nan() || off > self.bound
    }
}

/// Simulates the workloads and compares. The exit code is 1 when a figure is out of its bounds.
///
/// # Errors
///
/// When the document has no such tables, or Squall cannot perform a workload.
pub(crate) fn check(options: &CheckOptions) -> Result<ExitCode, BoxError> {
    let text = fs::read_to_string(&options.document)?;
    let reference = Side::named(&options.against).ok_or("no such congestion control")?;
    let (mut all, mut out) = (0, 0);
    for workload in chosen(&options.only) {
        let stored = document::read(&text, workload)?;
        let sides = [reference.simulated()];
        let squall = table::measure(workload, &workload.cases(), &sides, None)?;
        for compared in compare(workload, &stored, reference, &squall)? {
            let verdict = if compared.is_out() { "OUT" } else { "ok " };
            let Compared { what, linux, squall, bound } = &compared;
            println!(
                "{verdict} {} {what}: {squall}, {reference} {linux}, {:+.0} % (at most {:.0} %)",
                workload.name(),
                compared.off() * 100.0,
                bound * 100.0,
            );
            all += 1;
            out += u32::from(compared.is_out());
        }
    }
    println!("{out} of {all} figures are out of their bounds");
    if all == 0 {
        return Err("the document has no figures to compare with".into());
    }
    Ok(if out == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The figures with a bound, of the rows that both have.
fn compare(
    workload: Workload,
    stored: &Table,
    reference: Side,
    squall: &Table,
) -> Result<Vec<Compared>, BoxError> {
    let (held, bound) = workload.bounds(reference);
    let mut compared = Vec::new();
    for linux in stored.rows.iter().filter(|row| row.side == reference) {
        let same = |row: &&Row| row.key == linux.key;
        let Some(squall) = squall.rows.iter().find(same) else { continue };
        for (at, name) in workload.values().iter().enumerate() {
            if !held.contains(name) {
                continue;
            }
            compared.push(Compared {
                what: format!("{} {name}", linux.key.join(", ")),
                linux: linux.values[at].parse()?,
                squall: squall.values[at].parse()?,
                bound,
            });
        }
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(side: Side, median: &str) -> Table {
        let key = ["8", "1", "0 %"].map(str::to_owned).into();
        let values = [median, "0.000", "9.000", "5"].map(str::to_owned).into();
        Table { rows: vec![Row { key, side, values }], ..Table::default() }
    }

    #[track_caller]
    fn judged(linux: &str, squall: &str) -> Vec<(String, bool)> {
        let cubic = Side::Linux("cubic");
        let (linux, squall) = (table(cubic, linux), table(cubic.simulated(), squall));
        let compared = compare(Workload::W2, &linux, cubic, &squall).expect("numbers");
        compared.into_iter().map(|it| (it.what.clone(), it.is_out())).collect()
    }

    #[test]
    fn only_what_has_a_bound_is_compared_and_in_both_directions() {
        let what = "8, 1, 0 % median".to_owned();
        assert_eq!(judged("1.000", "1.149"), [(what.clone(), false)]);
        assert_eq!(judged("1.000", "0.851"), [(what.clone(), false)]);
        assert_eq!(judged("1.000", "1.160"), [(what.clone(), true)]);
        assert_eq!(judged("1.000", "0.840"), [(what.clone(), true)]);
        assert_eq!(judged("0.000", "0.000"), [(what, true)]);
    }

    #[test]
    fn rows_of_another_congestion_control_are_not_compared() {
        let (bbr, cubic) = (Side::Linux("bbr"), Side::Linux("cubic"));
        let (linux, squall) = (table(bbr, "1"), table(cubic.simulated(), "1"));
        let found = compare(Workload::W2, &linux, cubic, &squall);
        assert_eq!(found.expect("nothing"), []);
    }

    #[test]
    fn each_congestion_control_has_a_bound_of_its_own() {
        let bound = |side| Workload::W1.bounds(side).1;
        assert_eq!((bound(Side::Linux("cubic")), bound(Side::Linux("bbr"))), (0.10, 0.25));
    }
}
