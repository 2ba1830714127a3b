//! The catalogue as a test target: each scenario is one named test of `cargo test`.
//!
//! A target with `harness = false` calls [`main`] and gets, besides, a determinism test for each
//! scenario (run twice, equal digests) and a test for each defect (caught by the scenario that
//! is known to catch it). Filters, `--list`, parallel threads and `cargo nextest` work as with
//! any other test.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use libtest_mimic::{Arguments, Failed, Trial};
use squall_reports::{
    record::first_divergence,
    summary::summary,
    terminal::{self, Look},
    verdict::Verdict,
};

use crate::{
    catalogue::{Catalogue, Defect, replay_command},
    run::{Run, RunError, run},
    scenario::Scenario,
};

/// Runs the tests that the arguments of this process ask for.
#[must_use]
pub fn main(catalogue: Catalogue) -> ExitCode {
    let arguments = Arguments::from_args();
    let bench = Arc::new(Bench { catalogue, runs: Mutex::default() });
    let mut trials = Vec::new();
    for listed in bench.catalogue.scenarios() {
        let name = listed.scenario.name().to_owned();
        trials.push(trial("scenario", &name, &bench, Bench::check_scenario));
        trials.push(trial("determinism", &name, &bench, Bench::check_determinism));
    }
    for defect in bench.catalogue.defects() {
        trials.push(trial("defect", &defect.name, &bench, Bench::check_defect));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(
    kind: &str,
    name: &str,
    bench: &Arc<Bench>,
    check: fn(&Bench, &str) -> Result<(), Failed>,
) -> Trial {
    let (bench, subject) = (Arc::clone(bench), name.to_owned());
    Trial::test(format!("{kind}::{name}"), move || check(&bench, &subject))
}

/// A run that more than one test looks at.
type Shared = Arc<OnceLock<Result<Arc<Run>, String>>>;

struct Bench {
    catalogue: Catalogue,
    /// The runs with the seed of the goldens, by scenario.
    runs: Mutex<BTreeMap<String, Shared>>,
}

impl Bench {
    fn scenario(&self, name: &str) -> Result<&Scenario, Failed> {
        let listed = self.catalogue.find(name);
        listed.map(|listed| &listed.scenario).ok_or_else(|| Failed::from("no such scenario"))
    }

    /// The run of a scenario with the seed of the goldens, made once.
    fn golden_run(&self, scenario: &Scenario) -> Result<Arc<Run>, Failed> {
        let shared = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(runs.entry(scenario.name().to_owned()).or_default())
        };
        let run = shared.get_or_init(|| {
            run(scenario, self.catalogue.seed()).map(Arc::new).map_err(|error| error.to_string())
        });
        run.clone().map_err(Failed::from)
    }

    /// The seeds that once failed, then the golden.
    fn check_scenario(&self, name: &str) -> Result<(), Failed> {
        let scenario = self.scenario(name)?;
        // Before its name leads to any file.
        scenario.check().map_err(|error| Failed::from(format!("{name}: {error}")))?;
        let regressions = self.catalogue.regressions();
        let seeds = regressions.of(name).map_err(|error| Failed::from(error.to_string()))?;
        // That of the golden has its turn below.
        for seed in seeds.into_iter().filter(|seed| *seed != self.catalogue.seed()) {
            let run = run(scenario, seed).map_err(|error: RunError| error.to_string())?;
            require_pass(scenario, seed, &run)?;
        }
        let run = self.golden_run(scenario)?;
        require_pass(scenario, self.catalogue.seed(), &run)?;
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(self.catalogue.goldens());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            insta::assert_snapshot!(name, summary(&run.record, &run.judgement));
        });
        Ok(())
    }

    fn check_determinism(&self, name: &str) -> Result<(), Failed> {
        let scenario = self.scenario(name)?;
        let seed = self.catalogue.seed();
        let first = self.golden_run(scenario)?;
        let second = run(scenario, seed).map_err(|error| error.to_string())?;
        if first.record.digest() == second.record.digest() {
            return Ok(());
        }
        let parting = first_divergence(&first.record, &second.record).map_or_else(
            || "the events are the same; the runs differ in how they ended".to_owned(),
            |divergence| divergence.to_string(),
        );
        Err(format!("seed {seed} ran twice and gave two records: {parting}").into())
    }

    /// A defect is caught when the scenario that passes without it fails with it, completes
    /// and fails in what the defect breaks.
    fn check_defect(&self, name: &str) -> Result<(), Failed> {
        let defect = self.catalogue.find_defect(name).ok_or("no such defect")?;
        let scenario = self.scenario(&defect.caught_by)?;
        let seed = self.catalogue.seed();
        let without = self.golden_run(scenario)?;
        require_pass(scenario, seed, &without)?;
        caught(defect, scenario, seed)
    }
}

fn caught(defect: &Defect, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let planted = defect.plant(scenario);
    let with = run(&planted, seed).map_err(|error| error.to_string())?;
    if defect.is_caught_in(&with) {
        return Ok(());
    }
    Err(format!(
        "expected the defect {} ({}) to fail {:?} in {}:\n{}",
        defect.name,
        defect.description,
        defect.because,
        scenario.name(),
        terminal::report(
            &with.record,
            &with.judgement,
            &replay_command(&planted, seed),
            Look::PLAIN
        )
    )
    .into())
}

fn require_pass(scenario: &Scenario, seed: u64, run: &Run) -> Result<(), Failed> {
    if run.verdict() == Verdict::Pass {
        return Ok(());
    }
    let replay = replay_command(scenario, seed);
    Err(terminal::report(&run.record, &run.judgement, &replay, Look::PLAIN).into())
}
