//! `squall replay`: the same plan, the same seed, and a look whether the record is the same.

use squall_reports::{
    record::{EndCause, Record, first_divergence},
    terminal, words,
};

use super::{Exit, Failure, args, job::Job, look, out_of_time, print};
use crate::{
    catalogue::{Catalogue, replay_command, replay_of_record},
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
    let backend = record.header.backend;
    if !backend.is_deterministic() {
        return Err(Failure::bad_input(format!(
            "a run on {backend} is another one each time, and cannot be replayed; another one is: {}",
            replay_of_record(&record)
        )));
    }
    let seed = record.header.seed;
    let again = run(&scenario, seed).map_err(Failure::harness)?;
    let (before, after) = (record.digest(), again.record.digest());
    let command = replay_command(&scenario, seed);
    print(&terminal::report(&again.record, &again.judgement, &command, look(false)));
    if again.is_out_of_time() {
        return Err(out_of_time(&Job { scenario, seed }, &again));
    }
    if before == after {
        print(&format!("\nthe same digest as the record: {after}\n"));
        return Ok(again.verdict().into());
    }
    let divergence = if record.end.cause == EndCause::Interrupted {
        let Some(difference) = difference_until_interrupt(&record, &again.record) else {
            print("\nthe same events as the record, as far as it goes: it was interrupted\n");
            return Ok(again.verdict().into());
        };
        difference
    } else {
        let divergence = first_divergence(&record, &again.record);
        divergence.map_or(String::new(), |divergence| format!("\n{divergence}"))
    };
    Err(Failure::harness(format!(
        "the digest of the record is {before}, of its replay {after}: the services or the harness \
         were changed, or something in them is not deterministic{divergence}"
    )))
}

/// Where a replay leaves an interrupted record; `None` if it does not. Up to the instant of the
/// interrupt every event counts. At that instant the record has what closes any run, such as
/// spans that were still open and the counts of the faults, which the replay has later.
fn difference_until_interrupt(record: &Record, again: &Record) -> Option<String> {
    let end = record.end.at;
    let before = |record: &Record| {
        let mut before = record.clone();
        before.events.retain(|event| event.at < end);
        before
    };
    if let Some(divergence) = first_divergence(&before(record), &before(again)) {
        return Some(format!("\n{divergence}"));
    }
    let earlier = again.end.at < end;
    earlier.then(|| {
        let (at, end) = (words::time(again.end.at), words::time(end));
        format!("; the replay ended at {at}, the record goes on until {end}")
    })
}

/// The scenario of a record, with its defects, as it is in the catalogue now.
pub(super) fn scenario_of(catalogue: &Catalogue, record: &Record) -> Result<Scenario, Failure> {
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

#[cfg(test)]
mod tests {
    use squall_reports::{
        SCHEMA,
        record::{AttributeTable, End, EndCause, Event, EventKind, Header, Mark, Record, Symbols},
    };

    use super::difference_until_interrupt;

    /// A record of marks, at these instants, that ends at the last of them.
    fn record(marks: &[(u64, Mark)], cause: EndCause) -> Record {
        let event = |(at, mark): &(u64, Mark)| Event { at: *at, what: EventKind::Mark(*mark) };
        Record {
            header: Header {
                schema: SCHEMA,
                backend: squall_reports::record::Backend::Simulation,
                scenario: "handmade".to_owned(),
                hypothesis: String::new(),
                seed: 1,
                defects: Vec::new(),
                hosts: Vec::new(),
                faults: Vec::new(),
                operations: Vec::new(),
                phases: Vec::new(),
                plan: serde_json::Value::Null,
            },
            symbols: Symbols::default(),
            attributes: AttributeTable::default(),
            events: marks.iter().map(event).collect(),
            end: End { at: marks.last().map_or(0, |(at, _)| *at), cause },
        }
    }

    fn interrupted() -> Record {
        let marks = [(1, Mark::LoadBegins), (5, Mark::LoadEnds), (9, Mark::Settled)];
        record(&marks, EndCause::Interrupted)
    }

    #[test]
    fn the_instant_of_the_interrupt_may_differ() {
        let marks = [(1, Mark::LoadBegins), (5, Mark::LoadEnds), (20, Mark::Settled)];
        let again = record(&marks, EndCause::Completed);
        assert_eq!(difference_until_interrupt(&interrupted(), &again), None);
    }

    #[test]
    fn no_event_before_the_interrupt_may_differ() {
        let marks = [(1, Mark::LoadBegins), (6, Mark::LoadEnds), (20, Mark::Settled)];
        let again = record(&marks, EndCause::Completed);
        let found = difference_until_interrupt(&interrupted(), &again).expect("a difference");
        assert!(found.contains("the runs part at event 1"), "{found}");
        let marks = [(1, Mark::LoadBegins), (20, Mark::Settled)];
        let again = record(&marks, EndCause::Completed);
        assert!(difference_until_interrupt(&interrupted(), &again).is_some());
    }

    #[test]
    fn a_replay_does_not_end_before_the_interrupt() {
        let marks = [(1, Mark::LoadBegins), (5, Mark::LoadEnds)];
        let again = record(&marks, EndCause::Completed);
        assert_eq!(
            difference_until_interrupt(&interrupted(), &again).as_deref(),
            Some("; the replay ended at 5 ns, the record goes on until 9 ns")
        );
    }
}
