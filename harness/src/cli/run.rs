//! `squall run`.

use std::{
    fs,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use squall_reports::{Report, json::RunReport, record::EndCause, terminal, verdict::Verdict};

use super::{
    Exit, Failure,
    args::{self, Format, Formats},
    colour, interrupt,
    job::Job,
    otlp::Exporter,
    out_of_time,
    pool::{Done, run_all},
    progress::Progress,
    publish::Publisher,
    table::{Row, table},
};
use crate::{
    catalogue::{Catalogue, replay_command},
    run::Run,
};

pub(super) fn run(catalogue: &Catalogue, args: &args::Run) -> Result<Exit, Failure> {
    let jobs = jobs(catalogue, args)?;
    if let Some(folder) = &args.record {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::bad_input(format!("cannot keep records in {}: {error}", folder.display()))
        })?;
    }
    let publisher = match &args.report {
        None => None,
        Some(folder) => {
            Some(Publisher::new(catalogue, folder, Formats::ALL).map_err(Failure::bad_input)?)
        }
    };
    let interrupted = interrupt::watch();
    let exporter = args.otlp.as_ref().map(|to| Exporter::new(to, Arc::clone(&interrupted)));
    let exporter = exporter.transpose()?;
    let progress = Progress::new(jobs.len(), args.record.as_deref());
    let mut session = Session {
        catalogue,
        args,
        progress: &progress,
        publisher,
        exporter,
        rows: Vec::new(),
        failure: None,
    };
    run_all(&jobs, args.jobs, &interrupted, &progress, |job, done| session.take(job, done));
    progress.finish();
    let Session { rows, failure, publisher, exporter, .. } = session;
    if args.format == Format::Text {
        super::print(&table(&rows));
    }
    if let Some(publisher) = publisher {
        let begin = publisher.finish().map_err(Failure::bad_input)?;
        if args.format == Format::Text {
            super::print(&format!("report: {}\n", begin.display()));
        }
    }
    let exported = exporter.map_or(Ok(()), Exporter::finish);
    if let Some(failure) = failure {
        return Err(failure);
    }
    if interrupted.load(Ordering::Relaxed) {
        if let Err(failure) = exported {
            eprintln!("squall: {}", failure.sentence);
        }
        return Ok(Exit::Interrupted);
    }
    exported?;
    Ok(Verdict::worst(rows.iter().map(|row| row.verdict)).into())
}

/// The runs that the arguments ask for.
fn jobs(catalogue: &Catalogue, args: &args::Run) -> Result<Vec<Job>, Failure> {
    let known = || {
        let names: Vec<_> = catalogue.scenarios().iter().map(|l| l.scenario.name()).collect();
        names.join(", ")
    };
    if let Some(wrong) = args.filter.iter().find(|filter| {
        !catalogue.scenarios().iter().any(|listed| listed.scenario.name().contains(*filter))
    }) {
        return Err(Failure::bad_input(format!(
            "no scenario has {wrong:?} in its name; there are {}",
            known()
        )));
    }
    let defect = match &args.defect {
        None => None,
        Some(name) => Some(catalogue.find_defect(name).ok_or_else(|| {
            let names: Vec<_> = catalogue.defects().iter().map(|d| d.name.as_str()).collect();
            Failure::bad_input(format!(
                "expected one of the defects {}, found {name:?}",
                names.join(", ")
            ))
        })?),
    };
    let mut jobs = Vec::new();
    for listed in catalogue.scenarios() {
        let name = listed.scenario.name();
        let is_asked_for = |filter: &String| match catalogue.find(filter) {
            Some(_) => name == filter,
            None => name.contains(filter),
        };
        if !args.filter.is_empty() && !args.filter.iter().any(is_asked_for) {
            continue;
        }
        let seeds = match (args.seed, &args.seeds) {
            (Some(seed), _) => vec![seed],
            (None, Some(seeds)) => seeds.clone().collect(),
            (None, None) => {
                let mut seeds = catalogue.regressions().of(name).map_err(Failure::bad_input)?;
                seeds.push(catalogue.seed());
                seeds
            }
        };
        let scenario = match defect {
            Some(defect) => defect.plant(&listed.scenario),
            None => listed.scenario.clone(),
        };
        scenario.check().map_err(|error| {
            Failure::bad_input(format!("{}: {}: {error}", listed.source, scenario.name()))
        })?;
        jobs.extend(seeds.into_iter().map(|seed| Job { scenario: scenario.clone(), seed }));
    }
    Ok(jobs)
}

struct Session<'a> {
    catalogue: &'a Catalogue,
    args: &'a args::Run,
    progress: &'a Progress,
    publisher: Option<Publisher<'a>>,
    exporter: Option<Exporter>,
    rows: Vec<Row>,
    failure: Option<Failure>,
}

impl Session<'_> {
    fn take(&mut self, job: &Job, done: Done) {
        let run = match done {
            None => return,
            Some(Err(error)) => {
                self.failure.get_or_insert(Failure::harness(error));
                return;
            }
            Some(Ok(run)) => run,
        };
        self.show(job, &run);
        if run.is_out_of_time() {
            self.failure.get_or_insert(out_of_time(job, &run));
        }
        self.keep_record(job, &run);
        self.publish(job, &run);
        self.export(job, &run);
        self.keep_seed(job, &run);
        self.rows.push(Row {
            verdict: run.verdict(),
            scenario: job.scenario.name().to_owned(),
            seed: job.seed,
            requests: run.record.requests().count(),
            simulated_ms: run.record.end.at / 1_000_000,
            wall_ms: run.wall.as_millis(),
            digest: run.record.digest().to_string(),
        });
    }

    fn show(&self, job: &Job, run: &Run) {
        let replay = replay_command(&job.scenario, job.seed);
        match self.args.format {
            Format::Json => {
                let line = RunReport::new(&self.report(job, run, &replay), wall_ms(run)).to_line();
                self.progress.print(&format!("{line}\n"));
            }
            Format::Text if run.verdict() != Verdict::Pass => {
                let text = terminal::report(&run.record, &run.judgement, &replay, colour());
                self.progress.print(&format!("{text}\n"));
            }
            Format::Text => {}
        }
    }

    fn report<'r>(&'r self, job: &Job, run: &'r Run, replay: &'r str) -> Report<'r> {
        let listed = self.catalogue.find(job.scenario.name());
        let source = listed.map(|listed| listed.source.as_str());
        Report { record: &run.record, judgement: &run.judgement, replay, source }
    }

    fn publish(&mut self, job: &Job, run: &Run) {
        let Some(mut publisher) = self.publisher.take() else { return };
        let replay = replay_command(&job.scenario, job.seed);
        let published =
            publisher.add(&self.report(job, run, &replay), &job.file_name(), wall_ms(run));
        if let Err(error) = published {
            self.failure.get_or_insert(Failure::bad_input(error));
        }
        self.publisher = Some(publisher);
    }

    /// The run ends now, as far as a collector is concerned.
    fn export(&mut self, job: &Job, run: &Run) {
        let Some(mut exporter) = self.exporter.take() else { return };
        let replay = replay_command(&job.scenario, job.seed);
        let report = self.report(job, run, &replay);
        exporter.send(&report, &job.file_name(), SystemTime::now());
        self.exporter = Some(exporter);
    }

    fn keep_record(&mut self, job: &Job, run: &Run) {
        let Some(folder) = &self.args.record else { return };
        let path = folder.join(format!("{}.jsonl", job.file_name()));
        if let Err(error) = run.record.write(&run.judgement, &path) {
            self.failure.get_or_insert(Failure::bad_input(error));
        }
    }

    /// In CI nothing is kept: what is kept is meant to be committed.
    fn keep_seed(&mut self, job: &Job, run: &Run) {
        let planted = !job.scenario.defects().is_empty();
        let in_ci = std::env::var_os("CI").is_some();
        if planted || in_ci || !is_worth_keeping(run) {
            return;
        }
        let failed = run.judgement.findings.iter().find(|f| f.verdict == Verdict::Fail);
        let reason = failed.map_or("", |finding| finding.reason.as_str());
        match self.catalogue.regressions().keep(job.scenario.name(), job.seed, reason) {
            Ok(true) => self.progress.print(&format!(
                "  kept seed {} of {} in fixtures/regressions\n\n",
                job.seed,
                job.scenario.name()
            )),
            Ok(false) => {}
            Err(error) => {
                self.failure.get_or_insert(Failure::bad_input(error));
            }
        }
    }
}

/// Does the run fail, and would it fail again? What ended it from outside may not be there then.
fn is_worth_keeping(run: &Run) -> bool {
    let from_outside = run.record.end.cause == EndCause::Interrupted || run.is_out_of_time();
    run.verdict() == Verdict::Fail && !from_outside
}

fn wall_ms(run: &Run) -> Option<u64> {
    u64::try_from(run.wall.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use squall_reports::record::EndCause;

    use super::is_worth_keeping;
    use crate::run::tests::failed_run;

    #[test]
    fn only_a_failure_of_the_scenario_is_kept() {
        let limit = |limit: &str| EndCause::LimitReached { limit: limit.to_owned() };
        assert!(is_worth_keeping(&failed_run(EndCause::Completed)));
        assert!(is_worth_keeping(&failed_run(limit("10 packets (packets_max)"))));
        assert!(!is_worth_keeping(&failed_run(limit("50ms of real time (wall_time_ms)"))));
        assert!(!is_worth_keeping(&failed_run(EndCause::Interrupted)));
    }
}
