//! `squall defects`: each defect against each scenario, and who caught it.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use squall_reports::{
    verdict::{Finding, FindingKind, Verdict},
    words,
};

use super::{
    Exit, Failure,
    args::{self, Format},
    interrupt,
    job::Job,
    out_of_time,
    pool::run_all,
    print,
    progress::Progress,
    say,
};
use crate::{backend, catalogue::Catalogue, run::Run};

/// What became of a run.
struct Seen {
    verdict: Verdict,
    /// The objectives and invariants that failed.
    failed: Vec<String>,
}

/// The runs by scenario and defect (none, for the run without one).
type Runs = BTreeMap<(String, Option<String>), Seen>;

pub(super) fn defects(catalogue: &Catalogue, args: &args::Defects) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or(catalogue.seed());
    let mut jobs = Vec::new();
    for listed in catalogue.scenarios() {
        let scenario = &listed.scenario;
        jobs.push(Job { scenario: scenario.clone(), seed });
        for defect in catalogue.defects() {
            let planted = defect.plant(scenario);
            if planted.plan() != scenario.plan() {
                jobs.push(Job { scenario: planted, seed });
            }
        }
    }
    let interrupted = interrupt::watch();
    let progress = Progress::new(jobs.len(), None);
    let mut runs = Runs::new();
    let mut failure = None;
    run_all(
        &jobs,
        args.jobs,
        &backend::simulated(),
        &interrupted,
        &progress,
        |job, done| match done {
            Some(Ok(run)) => {
                let key = (job.scenario.name().to_owned(), job.scenario.defects().first().cloned());
                if run.is_out_of_time() {
                    failure.get_or_insert(out_of_time(job, &run));
                }
                runs.insert(key, Seen { verdict: run.verdict(), failed: names_of_failed(&run) });
            }
            Some(Err(error)) => {
                failure.get_or_insert(Failure::harness(error));
            }
            None => {}
        },
    );
    progress.finish();
    if let Some(failure) = failure {
        return Err(failure);
    }
    if interrupted.load(Ordering::Relaxed) {
        return Ok(Exit::Interrupted);
    }
    Ok(show(catalogue, args.format, seed, &runs))
}

fn names_of_failed(run: &Run) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in run.failed().into_iter().map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn name(finding: &Finding) -> String {
    let phase = match (finding.kind, finding.phase) {
        (FindingKind::Objective, Some(phase)) => format!("{phase} "),
        _ => String::new(),
    };
    let scope = match finding.scope.as_str() {
        "" => String::new(),
        scope => format!(" [{scope}]"),
    };
    format!("{phase}{}{scope}", finding.name)
}

/// Prints who caught what. A scenario that does not pass without the defect catches nothing with
/// it.
fn show(catalogue: &Catalogue, format: Format, seed: u64, runs: &Runs) -> Exit {
    let mut uncaught = Vec::new();
    for defect in catalogue.defects() {
        let mut catches = Vec::new();
        for listed in catalogue.scenarios() {
            let name = listed.scenario.name().to_owned();
            let without = runs.get(&(name.clone(), None));
            let healthy = without.is_some_and(|run| run.verdict == Verdict::Pass);
            let with = runs.get(&(name.clone(), Some(defect.name.clone())));
            let found = with.map(|run| &run.failed);
            if let Some(found) = found.filter(|found| healthy && !found.is_empty()) {
                catches.push((name, found));
            }
        }
        match format {
            Format::Json => {
                let catches: Vec<_> = catches
                    .iter()
                    .map(|(scenario, objectives)| {
                        serde_json::json!({ "scenario": scenario, "objectives": objectives })
                    })
                    .collect();
                let line = serde_json::json!({
                    "defect": defect.name, "seed": seed.to_string(), "caught_by": catches,
                });
                print(&format!("{line}\n"));
            }
            Format::Text => {
                print(&format!(
                    "{} ({}): caught by {} of {} at seed {seed}\n",
                    defect.name,
                    defect.description,
                    catches.len(),
                    words::counted(catalogue.scenarios().len() as u64, "scenario")
                ));
                let width = catches.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                for (scenario, objectives) in &catches {
                    print(&format!("    {scenario:<width$}  {}\n", objectives.join("; ")));
                }
                print("\n");
            }
        }
        if catches.is_empty() {
            uncaught.push(defect.name.as_str());
        }
    }
    if uncaught.is_empty() {
        return Exit::Pass;
    }
    say(&format!("nobody catches {}", uncaught.join(", ")));
    Exit::Fail
}
