//! `squall fidelity`: scenarios in simulation and on other backends, side by side.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
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
};

/// A scenario that is to be performed, and who can.
struct Task {
    /// With the load that is given on all sides.
    scenario: Scenario,
    /// As it is in the catalogue, for those who scale the load themselves.
    original: Scenario,
    on: Vec<Arc<dyn Perform>>,
}

pub(super) fn fidelity(catalogue: &Catalogue, args: &args::Fidelity) -> Result<Exit, Failure> {
    let backends = args.others()?;
    let tasks = tasks(catalogue, args, &backends)?;
    let page = args.page.as_deref().map(Page::begin).transpose()?;
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
    if let Some(page) = page {
        problems.note(page.write(&html::fidelity(&found)));
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
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for listed in chosen(catalogue, &args.filter)? {
        let original = listed.scenario.clone();
        let lacking = |backend: &Arc<dyn Perform>| backend.lacks_for(&original);
        let on: Vec<Arc<dyn Perform>> =
            backends.iter().filter(|it| lacking(it).is_empty()).cloned().collect();
        let name = original.name();
        let is_named = args.filter.iter().any(|filter| filter == name);
        if is_named {
            let of_all = std::iter::once(&simulated).chain(backends);
            let lacks = of_all.map(|it| (it.backend(), lacking(it)));
            let lacks: Vec<String> = lacks
                .filter(|(_, lacks)| !lacks.is_empty())
                .map(|(backend, lacks)| format!("on {backend}: {}", lacks.join("; ")))
                .collect();
            let is_one_asked_for = !args.backend.is_empty() && on.len() < backends.len();
            if on.is_empty() || is_one_asked_for || !lacking(&simulated).is_empty() {
                return Err(Failure::bad_input(format!(
                    "{name} cannot be performed {}",
                    lacks.join(", nor ")
                )));
            }
        }
        if !on.is_empty() && lacking(&simulated).is_empty() {
            for backend in backends.iter().filter(|it| !lacking(it).is_empty()) {
                let names = left_out.entry(backend.backend().to_string()).or_default();
                names.push(name.to_owned());
            }
            let scenario = original.clone().with_load_of_processes();
            tasks.push(Task { scenario, original, on });
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
        let simulation = self.runs(&task.scenario, &simulated, runs, None);
        let others = task.on.iter().map(|backend| {
            // One at a time: runs at once would take each other's time.
            self.runs(&task.original, backend, u64::from(self.args.runs), Some(1))
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

/// A page that is written wholly or not at all. Where it cannot be, that is found before the first run.
struct Page<'a> {
    path: &'a Path,
    beside: PathBuf,
}

impl<'a> Page<'a> {
    fn begin(path: &'a Path) -> Result<Self, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".partial");
        let page = Self { path, beside: beside.into() };
        fs::write(&page.beside, "").map_err(|error| page.failed(&error))?;
        Ok(page)
    }

    fn write(self, text: &str) -> Result<(), Failure> {
        let written = fs::write(&self.beside, text);
        written.and_then(|()| fs::rename(&self.beside, self.path)).map_err(|it| self.failed(&it))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::bad_input(format!("cannot write the page {}: {error}", self.path.display()))
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        // It is where it belongs, or was never made.
        let _ = fs::remove_file(&self.beside);
    }
}
