//! `squall compare`: what moved between two records, or between two folders of them.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use squall_reports::{
    Record,
    compare::{self, Comparison, Conclusion, Noise, Side},
    record::{EndCause, first_divergence},
};

use super::{
    Exit, Failure,
    args::{self, ComparisonFormat},
    interrupt,
    job::Job,
    out_of_time,
    pool::run_all,
    print,
    progress::Progress,
    replay::scenario_of,
    report::records_in,
    say,
};
use crate::{backend, catalogue::Catalogue, scenario::Scenario, stored::Stored};

pub(super) fn compare(catalogue: &Catalogue, args: &args::Compare) -> Result<Exit, Failure> {
    let (a, b) = (Loaded::from(&args.a)?, Loaded::from(&args.b)?);
    let Some(seeds) = &args.noise else {
        let comparison = compare::compare(&a.side, &b.side, Noise::Seeds);
        let comparison = comparison.map_err(Failure::bad_input)?;
        return Ok(show(args.format, parted(comparison, &a, &b)));
    };
    let scenario = scenario_of_both(catalogue, &a, &b)?;
    let jobs = seeds.clone().map(|seed| Job { scenario: scenario.clone(), seed }).collect();
    let Some(noise) = noise(jobs, args.jobs)? else { return Ok(Exit::Interrupted) };
    let comparison = compare::compare(&a.side, &b.side, Noise::Runs(&noise));
    let comparison = comparison.map_err(Failure::bad_input)?;
    Ok(show(args.format, parted(comparison, &a, &b)))
}

/// A side as it was read.
struct Loaded {
    side: Side,
    /// The record, if there is just one.
    single: Option<Record>,
}

impl Loaded {
    /// Reads a record, or those of a folder one after the other.
    fn from(path: &Path) -> Result<Self, Failure> {
        let files: Vec<PathBuf> =
            if path.is_dir() { records_in(path)? } else { vec![path.to_owned()] };
        let mut loaded = Self { side: Side::new(path.display().to_string()), single: None };
        for file in &files {
            let Stored { record, judgement, differs } =
                Stored::read(file).map_err(Failure::bad_input)?;
            if let Some(differs) = differs {
                say(&differs);
            }
            let cause = &record.end.cause;
            if *cause == EndCause::Interrupted || cause.is_out_of_time() {
                say(&format!("{} is left out: {cause}", file.display()));
                continue;
            }
            loaded.side.add(&record, &judgement).map_err(Failure::bad_input)?;
            loaded.single = (loaded.side.runs() == 1).then_some(record);
        }
        Ok(loaded)
    }
}

/// Two runs with the same scenario and seed begin alike, where the backend is deterministic; where they
/// part says more than any number.
fn parted(comparison: Comparison, a: &Loaded, b: &Loaded) -> Comparison {
    let (Some(a), Some(b)) = (&a.single, &b.single) else { return comparison };
    let run = |record: &Record| (record.header.scenario.clone(), record.header.seed);
    let are_comparable = run(a) == run(b) && a.header.backend.is_deterministic();
    let divergence = are_comparable.then(|| first_divergence(a, b)).flatten();
    match divergence {
        Some(divergence) => comparison.parting_at(divergence),
        None => comparison,
    }
}

/// The scenario whose runs show the noise of two single records: that of the plan of one of them.
fn scenario_of_both(catalogue: &Catalogue, a: &Loaded, b: &Loaded) -> Result<Scenario, Failure> {
    let (Some(a), Some(b)) = (&a.single, &b.single) else {
        return Err(Failure::bad_input(
            "expected two single records with --noise: several seeds show their noise themselves",
        ));
    };
    if let Some(real) = [a, b].iter().find(|record| !record.header.backend.is_deterministic()) {
        return Err(Failure::bad_input(format!(
            "expected records of simulations with --noise, found one of {}: the runs that show the \
             noise are simulated",
            real.header.backend
        )));
    }
    let [of_a, of_b] = [a, b].map(|record| record.header.scenario.as_str());
    if of_a != of_b {
        return Err(Failure::bad_input(format!(
            "expected two records of one scenario with --noise, found {of_a:?} and {of_b:?}"
        )));
    }
    let mut unknown = None;
    for record in [a, b] {
        match scenario_of(catalogue, record) {
            Ok(scenario) => {
                let plan = serde_json::to_value(scenario.plan()).map_err(Failure::harness)?;
                if plan == record.header.plan {
                    return Ok(scenario);
                }
            }
            Err(failure) => unknown = Some(failure),
        }
    }
    Err(unknown.unwrap_or_else(|| {
        Failure::bad_input(format!(
            "{of_a} was changed since both records were made: its runs do not show their noise"
        ))
    }))
}

/// Makes the runs whose differences are noise; `None` if interrupted.
fn noise(jobs: Vec<Job>, threads: Option<u16>) -> Result<Option<Side>, Failure> {
    let interrupted = interrupt::watch();
    let progress = Progress::new(jobs.len(), None);
    let (mut side, mut failure) = (Side::new("noise"), None);
    run_all(&jobs, threads, &backend::simulated(), &interrupted, &progress, |job, done| {
        let added = match done {
            None => return,
            Some(Err(error)) => Err(Failure::harness(error)),
            Some(Ok(run)) if run.is_out_of_time() => Err(out_of_time(job, &run)),
            Some(Ok(run)) => side.add(&run.record, &run.judgement).map_err(Failure::harness),
        };
        if let Err(error) = added {
            failure.get_or_insert(error);
        }
    });
    progress.finish();
    match failure {
        Some(failure) => Err(failure),
        None => Ok((!interrupted.load(Ordering::Relaxed)).then_some(side)),
    }
}

fn show(format: ComparisonFormat, comparison: Comparison) -> Exit {
    print(&match format {
        ComparisonFormat::Text => compare::text(&comparison),
        ComparisonFormat::Json => comparison.to_json() + "\n",
        ComparisonFormat::Markdown => compare::markdown(&comparison),
    });
    match comparison.conclusion {
        Conclusion::NothingWorse => Exit::Pass,
        Conclusion::Worse => Exit::Fail,
        Conclusion::Inconclusive => Exit::Inconclusive,
    }
}
