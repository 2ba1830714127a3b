//! Measures workloads and makes their tables.

use std::fs;

use squall::BoxError;

use crate::{
    args::{Sides, TableOptions, chosen},
    document::{self, Row, Table},
    machine, real,
    side::{self, Side},
    workload::{Case, Workload},
};

/// Makes the tables, and prints them or fills a document with them, one after the other as they are
/// ready.
///
/// # Errors
///
/// When a run cannot be performed, or the document has no place for a table.
pub(crate) fn make(options: &TableOptions) -> Result<(), BoxError> {
    let mut sides = Side::ALL.to_vec();
    match options.side {
        Some(Sides::Linux) => sides.retain(|side| !side.is_squall()),
        Some(Sides::Squall) => sides.retain(|side| side.is_squall()),
        None => {
            if let Some(reason) = real::cannot_measure() {
                println!("skipped Linux: {reason}");
                sides.retain(|side| side.is_squall());
            }
        }
    }
    for workload in chosen(&options.only) {
        let mut cases = workload.cases();
        if let Some(part) = &options.cases {
            cases.retain(|case| case.key.join(", ").contains(part.as_str()));
        }
        let table = measure(workload, &cases, &sides, options.seeds)?;
        let Some(path) = &options.write else {
            println!("{}", document::render(workload, &table));
            continue;
        };
        // Read again each time: a person may have edited it meanwhile.
        let text = fs::read_to_string(path)?;
        let mut stored = document::read(&text, workload)?;
        if options.cases.is_none() {
            stored.forget(&sides);
        }
        stored.merge(table);
        fs::write(path, document::write(&text, workload, &stored)?)?;
    }
    Ok(())
}

/// A simulated run takes a part of a second, so that Squall can afford so many times the runs.
const SIMULATED_RUNS: u64 = 4;

/// One table with the rows of `sides`.
///
/// # Errors
///
/// When a run cannot be performed.
pub(crate) fn measure(
    workload: Workload,
    cases: &[Case],
    sides: &[Side],
    seeds: Option<u64>,
) -> Result<Table, BoxError> {
    let mut table = Table::default();
    for case in cases {
        for side in sides.iter().copied() {
            let usual = match side {
                Side::Linux(_) => case.seeds,
                Side::Squall(_) => case.seeds * SIMULATED_RUNS,
            };
            let mut outcomes = Vec::new();
            for seed in 1..=seeds.unwrap_or(usual) {
                let captures = workload.captures();
                let outcome = side::perform(side, &case.conditions, &case.job, seed, captures)?;
                let what = case.key.join(", ");
                let name = workload.name();
                eprintln!("{name} {what} {side} seed {seed}: {}", outcome.noted());
                outcomes.push(outcome);
            }
            let figures = workload.figures(case, &outcomes);
            let rows = figures.into_iter().map(|(key, values)| Row { key, side, values });
            table.rows.extend(rows);
            let date = machine::date();
            match side {
                Side::Linux(_) => table.linux = Some(format!("{}, {date}", machine::kernel())),
                Side::Squall(_) => table.squall = Some(date),
            }
        }
    }
    // Rows with one key stand together, also where one case has several.
    let mut ordered = Table::default();
    ordered.merge(table);
    Ok(ordered)
}
