//! `squall fidelity`: scenarios in simulation and on other backends, side by side.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use squall_reports::{
    fidelity::{self, Conclusion, Fidelity, Performed, ScenarioFidelity},
    html,
};

use super::{
    Exit, Failure,
    args::{self, ComparisonFormat},
    chosen::chosen,
    interrupt,
    job::Job,
    pool::run_all,
    print,
    problems::Problems,
    progress::Progress,
    say,
};
use crate::{
    backend::{self, Perform},
    catalogue::Catalogue,
    scenario::Scenario,
    whole_file,
};

/// A scenario that is to be performed, and who can.
struct Task {
    scenario: Scenario,
    on: Vec<Arc<dyn Perform>>,
}

pub(super) fn fidelity(catalogue: &Catalogue, args: &args::Fidelity) -> Result<Exit, Failure> {
    let backends = args.others()?;
    let tasks = tasks(catalogue, args, &backends)?;
    let cannot_write = |path: &Path, error: &io::Error| {
        Failure::bad_input(format!("cannot write the page {}: {error}", path.display()))
    };
    if let Some(path) = &args.page {
        whole_file::check(path).map_err(|error| cannot_write(path, &error))?;
    }
    let interrupted = interrupt::watch();
    let seeds = usize::from(args.simulations);
    let on = tasks.iter().map(|task| seeds + task.on.len() * usize::from(args.runs));
    let progress = Progress::new(on.sum(), None);
    let mut session = Session {
        args,
        seed: catalogue.seed(),
        interrupted: &interrupted,
        progress: &progress,
        failure: None,
    };
    let mut scenarios = Vec::new();
    for task in &tasks {
        if session.is_over() {
            break;
        }
        let Some(found) = session.perform(task) else { break };
        if args.format == ComparisonFormat::Text {
            progress.print(&format!("{}\n", fidelity::scenario_text(&found)));
        }
        scenarios.push(found);
    }
    progress.finish();
    let failure = session.failure;
    let found = Fidelity::of(scenarios);
    print(&match args.format {
        ComparisonFormat::Text => fidelity::summary_text(&found),
        ComparisonFormat::Json => found.to_json() + "\n",
        ComparisonFormat::Markdown => fidelity::markdown(&found),
    });
    let mut problems = Problems::default();
    if let Some(path) = &args.page {
        let written = whole_file::write(path, html::fidelity(&found));
        problems.note(written.map_err(|error| cannot_write(path, &error)));
    }
    let exit = match failure {
        Some(failure) => failure.said(),
        None if interrupted.load(Ordering::Relaxed) => Exit::Interrupted,
        None => match found.conclusion {
            Conclusion::Close => Exit::Pass,
            Conclusion::Apart => Exit::Fail,
            _ => Exit::Inconclusive,
        },
    };
    Ok(problems.conclude(exit))
}

/// The scenarios that the simulation and another backend can perform.
fn tasks(
    catalogue: &Catalogue,
    args: &args::Fidelity,
    backends: &[Arc<dyn Perform>],
) -> Result<Vec<Task>, Failure> {
    let simulated = backend::simulated();
    let mut tasks = Vec::new();
    let mut left_out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for listed in chosen(catalogue, &args.filter)? {
        let (scenario, name) = (&listed.scenario, listed.scenario.name());
        let lacks_of_simulation = simulated.lacks_for(scenario);
        let (mut on, mut lacks) = (Vec::new(), Vec::new());
        for backend in backends {
            let lacking = backend.lacks_for(scenario);
            match lacking.is_empty() {
                true => on.push(Arc::clone(backend)),
                false => lacks.push((backend.backend(), lacking)),
            }
        }
        let is_possible = lacks_of_simulation.is_empty() && !on.is_empty();
        let is_named = args.filter.iter().any(|filter| filter == name);
        // A backend that is asked for by its name is not left out in silence either.
        if is_named && (!is_possible || (!args.backend.is_empty() && !lacks.is_empty())) {
            let of_all = std::iter::once((simulated.backend(), lacks_of_simulation)).chain(lacks);
            let of_all = of_all.filter(|(_, lacks)| !lacks.is_empty());
            let reasons: Vec<String> = of_all
                .map(|(backend, lacks)| format!("on {backend}: {}", lacks.join("; ")))
                .collect();
            return Err(Failure::bad_input(format!(
                "{name} cannot be performed {}",
                reasons.join(", nor ")
            )));
        }
        if is_possible {
            for (backend, _) in lacks {
                left_out.entry(backend.name()).or_default().push(name);
            }
            tasks.push(Task { scenario: scenario.clone(), on });
        }
    }
    for (backend, names) in left_out {
        say(&format!("not on {backend}, see cargo squall list: {}", names.join(", ")));
    }
    if tasks.is_empty() {
        return Err(Failure::bad_input(
            "none of these scenarios can be performed both in simulation and elsewhere: cargo squall \
             list says why",
        ));
    }
    Ok(tasks)
}

/// What is the same for all scenarios.
struct Session<'a> {
    args: &'a args::Fidelity,
    /// The first seed.
    seed: u64,
    interrupted: &'a Arc<AtomicBool>,
    progress: &'a Progress,
    failure: Option<Failure>,
}

impl Session<'_> {
    fn is_over(&self) -> bool {
        self.failure.is_some() || self.interrupted.load(Ordering::Relaxed)
    }

    /// Performs a scenario on all sides; nothing if it was interrupted before the first run.
    fn perform(&mut self, task: &Task) -> Option<ScenarioFidelity> {
        let simulated = backend::simulated();
        let runs = u64::from(self.args.simulations);
        // The others scale the load themselves.
        let scaled = task.scenario.clone().with_load_of_processes();
        let simulation = self.runs(&scaled, &simulated, runs, None);
        let others = task.on.iter().map(|backend| {
            // One at a time: runs at once would take each other's time.
            self.runs(&task.scenario, backend, u64::from(self.args.runs), Some(1))
        });
        let others: Vec<Performed> = others.collect();
        (simulation.runs() > 0).then(|| ScenarioFidelity::between(&simulation, &others))
    }

    fn runs(
        &mut self,
        scenario: &Scenario,
        backend: &Arc<dyn Perform>,
        runs: u64,
        at_once: Option<u16>,
    ) -> Performed {
        let mut performed = Performed::on(backend.backend());
        if self.is_over() {
            return performed;
        }
        let job = |number| Job { scenario: scenario.clone(), seed: self.seed.wrapping_add(number) };
        let jobs: Vec<Job> = (0..runs).map(job).collect();
        let failure = &mut self.failure;
        run_all(&jobs, at_once, backend, self.interrupted, self.progress, |_, done| {
            let added = match done {
                None => return,
                Some(Err(error)) => Err(Failure::harness(error)),
                Some(Ok(run)) => {
                    performed.add(&run.record, &run.judgement).map_err(Failure::harness)
                }
            };
            if let Err(error) = added {
                failure.get_or_insert(error);
            }
        });
        performed
    }
}
