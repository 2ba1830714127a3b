//! `squall run`.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use squall_reports::{Report, json::RunReport, record::EndCause, terminal, verdict::Verdict};

use super::{
    Exit, Failure,
    args::{self, Format, Formats},
    chosen::chosen,
    interrupt,
    job::Job,
    look,
    otlp::Exporter,
    out_of_time,
    pool::{Done, run_all},
    print,
    problems::Problems,
    progress::Progress,
    publish::Publisher,
    table::{Row, table},
};
use crate::{
    backend::Perform,
    catalogue::{Catalogue, replay_of_record},
    run::Run,
};

pub(super) fn run(catalogue: &Catalogue, args: &args::Run) -> Result<Exit, Failure> {
    let backend = args.performed_by()?;
    let jobs = jobs(catalogue, args, &*backend)?;
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
        problems: Problems::default(),
        failure: None,
    };
    run_all(&jobs, args.at_once(), &backend, &interrupted, &progress, |job, done| {
        session.take(job, done)
    });
    progress.finish();
    let Session { rows, failure, mut problems, publisher, exporter, .. } = session;
    if args.format == Format::Text {
        print(&table(&rows, look(args.verbose)));
    }
    let published = publisher.map(|it| it.finish().map_err(Failure::bad_input)).transpose();
    if let Some(begin) = problems.note(published).flatten()
        && args.format == Format::Text
    {
        print(&format!("report: {}\n", begin.display()));
    }
    problems.note(exporter.map_or(Ok(()), Exporter::finish));
    let exit = match failure {
        Some(failure) => failure.said(),
        None if interrupted.load(Ordering::Relaxed) => Exit::Interrupted,
        None => Verdict::worst(rows.iter().map(|row| row.verdict)).into(),
    };
    Ok(problems.conclude(exit))
}

/// The runs that the arguments ask for.
fn jobs(
    catalogue: &Catalogue,
    args: &args::Run,
    backend: &dyn Perform,
) -> Result<Vec<Job>, Failure> {
    let chosen = chosen(catalogue, &args.filter)?;
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
    let (mut jobs, mut left_out) = (Vec::new(), Vec::new());
    for listed in chosen {
        let name = listed.scenario.name();
        let seeds = match (args.seed, &args.seeds) {
            (Some(seed), _) => vec![seed],
            (None, Some(seeds)) => seeds.clone().collect(),
            (None, None) if !backend.backend().is_deterministic() => vec![catalogue.seed()],
            (None, None) => {
                let mut seeds = catalogue.regressions().of(name).map_err(Failure::bad_input)?;
                if !seeds.contains(&catalogue.seed()) {
                    seeds.push(catalogue.seed());
                }
                seeds
            }
        };
        let scenario = match defect {
            Some(defect) => defect.plant(&listed.scenario),
            None => listed.scenario.clone(),
        };
        let lacks = backend.lacks_for(&scenario);
        if !lacks.is_empty() {
            let asked = args.filter.iter().any(|filter| filter == name);
            if asked {
                return Err(Failure::bad_input(format!(
                    "{name} cannot be performed on {}: {}",
                    backend.backend(),
                    lacks.join("; ")
                )));
            }
            left_out.push(name);
            continue;
        }
        jobs.extend(seeds.into_iter().map(|seed| Job { scenario: scenario.clone(), seed }));
    }
    if jobs.is_empty() && !left_out.is_empty() {
        return Err(Failure::bad_input(format!(
            "{} can perform none of {}: cargo squall list says why",
            backend.backend(),
            left_out.join(", ")
        )));
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
    /// What could not be written.
    problems: Problems,
    /// Why there is no verdict on some run.
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
            lasted_ms: run.record.end.at / 1_000_000,
            wall_ms: run.wall.as_millis(),
            digest: match run.record.header.backend.is_deterministic() {
                true => run.record.digest().to_string(),
                false => "-".to_owned(),
            },
        });
    }

    fn show(&self, job: &Job, run: &Run) {
        let replay = replay_of_record(&run.record);
        match self.args.format {
            Format::Json => {
                let line = RunReport::new(&self.report(job, run, &replay), wall_ms(run)).to_line();
                self.progress.print(&format!("{line}\n"));
            }
            Format::Text if self.is_told(run) => {
                let look = look(self.args.verbose);
                let text = terminal::report(&run.record, &run.judgement, &replay, look);
                self.progress.print(&format!("{text}\n"));
            }
            Format::Text => {}
        }
    }

    /// Is a run shown by itself, and not only in the table?
    fn is_told(&self, run: &Run) -> bool {
        let is_noted = || run.judgement.findings.iter().any(|finding| !finding.note.is_empty());
        self.args.verbose || run.verdict() != Verdict::Pass || is_noted()
    }

    fn report<'r>(&'r self, job: &Job, run: &'r Run, replay: &'r str) -> Report<'r> {
        let listed = self.catalogue.find(job.scenario.name());
        let source = listed.map(|listed| listed.source.as_str());
        Report { record: &run.record, judgement: &run.judgement, replay, source }
    }

    fn publish(&mut self, job: &Job, run: &Run) {
        let Some(mut publisher) = self.publisher.take() else { return };
        let replay = replay_of_record(&run.record);
        let published =
            publisher.add(&self.report(job, run, &replay), &job.file_name(), wall_ms(run));
        self.problems.note(published.map_err(Failure::bad_input));
        self.publisher = Some(publisher);
    }

    /// The run ends now, as far as a collector is concerned.
    fn export(&mut self, job: &Job, run: &Run) {
        let Some(mut exporter) = self.exporter.take() else { return };
        let replay = replay_of_record(&run.record);
        let report = self.report(job, run, &replay);
        exporter.send(&report, &job.file_name(), SystemTime::now());
        self.exporter = Some(exporter);
    }

    fn keep_record(&mut self, job: &Job, run: &Run) {
        let Some(folder) = &self.args.record else { return };
        let path = folder.join(format!("{}.jsonl", job.file_name()));
        let written = run.record.write(&run.judgement, &path);
        self.problems.note(written.map_err(Failure::bad_input));
    }

    /// In CI nothing is kept: what is kept is meant to be committed.
    fn keep_seed(&mut self, job: &Job, run: &Run) {
        let planted = !job.scenario.defects().is_empty();
        let in_ci = std::env::var_os("CI").is_some();
        let again = run.record.header.backend.is_deterministic();
        if planted || in_ci || !again || !is_worth_keeping(run) {
            return;
        }
        let failed = run.judgement.findings.iter().find(|f| f.verdict == Verdict::Fail);
        let reason = failed.map_or("", |finding| finding.reason.as_str());
        let regressions = self.catalogue.regressions();
        let file = regressions.file_of(job.scenario.name());
        let kept = regressions.keep(job.scenario.name(), job.seed, reason);
        if let Some(true) = self.problems.note(kept.map_err(Failure::bad_input)) {
            let (seed, name) = (job.seed, job.scenario.name());
            let sentence = format!("kept seed {seed} of {name} in {}", shown(&file));
            match self.args.format {
                Format::Text => self.progress.print(&format!("  {sentence}\n\n")),
                // Standard output is for programs.
                Format::Json => self.progress.say(&sentence),
            }
        }
    }
}

/// A path as a person would give it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok());
    below.unwrap_or(path).display().to_string()
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
    use crate::run::perform::tests::failed_run;

    #[test]
    fn only_a_failure_of_the_scenario_is_kept() {
        let limit = |limit: &str| EndCause::LimitReached { limit: limit.to_owned() };
        assert!(is_worth_keeping(&failed_run(EndCause::Completed)));
        assert!(is_worth_keeping(&failed_run(limit("10 packets (packets_max)"))));
        assert!(!is_worth_keeping(&failed_run(limit("50ms of real time (wall_time_ms)"))));
        assert!(!is_worth_keeping(&failed_run(EndCause::Interrupted)));
    }
}
