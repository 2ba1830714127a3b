//! `squall replay`: the same plan, the same seed, and a look whether the record is the same.

use squall_reports::{
    record::{EndCause, Record, first_divergence},
    terminal,
};

use super::{Exit, Failure, args, colour, print};
use crate::{
    catalogue::{Catalogue, replay_command},
    run::run,
    scenario::Scenario,
};

pub(super) fn replay(catalogue: &Catalogue, args: &args::Replay) -> Result<Exit, Failure> {
    let (record, _) = Record::read(&args.record).map_err(Failure::bad_input)?;
    let scenario = scenario_of(catalogue, &record)?;
    let plan = serde_json::to_value(scenario.plan()).map_err(Failure::harness)?;
    if plan != record.header.plan {
        return Err(Failure::bad_input(format!(
            "the record is of another plan: {} was changed since the record was made",
            scenario.name()
        )));
    }
    let seed = record.header.seed;
    let again = run(&scenario, seed).map_err(Failure::harness)?;
    let (before, after) = (record.digest(), again.record.digest());
    let command = replay_command(&scenario, seed);
    print(&terminal::report(&again.record, &again.judgement.findings, &command, colour()));
    if before == after {
        print(&format!("\nthe same digest as the record: {after}\n"));
        return Ok(again.verdict().into());
    }
    let divergence = first_divergence(&record, &again.record);
    if record.end.cause == EndCause::Interrupted
        && divergence
            .as_ref()
            .is_none_or(|divergence| divergence.index + COUNTS >= record.events.len())
    {
        print("\nthe same events as the record, as far as it goes: it was interrupted\n");
        return Ok(again.verdict().into());
    }
    let divergence = divergence.map_or(String::new(), |divergence| format!("\n{divergence}"));
    Err(Failure::harness(format!(
        "the digest of the record is {before}, of its replay {after}: the services or the harness \
         were changed, or something in them is not deterministic{divergence}"
    )))
}

/// An interrupted record ends with the counts of its faults, which a longer run has later.
const COUNTS: usize = 1024;

fn scenario_of(catalogue: &Catalogue, record: &Record) -> Result<Scenario, Failure> {
    let name = &record.header.scenario;
    let listed = catalogue.find(name).ok_or_else(|| {
        Failure::bad_input(format!("the record is of the scenario {name:?}, which is not here"))
    })?;
    let mut scenario = listed.scenario.clone();
    for name in &record.header.defects {
        let defect = catalogue.find_defect(name).ok_or_else(|| {
            Failure::bad_input(format!("the record is of the defect {name:?}, which is not here"))
        })?;
        scenario = defect.plant(&scenario);
    }
    Ok(scenario)
}
