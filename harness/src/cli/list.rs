//! `squall list`.

use std::path::PathBuf;

use squall_reports::record::Backend;

use super::{Exit, Failure, args, print};
use crate::{
    backend::{Perform, container::Containers, process::Processes, simulation::Simulation},
    catalogue::Catalogue,
    scenario::Scenario,
};

/// Who could perform a scenario, and what each lacks for it.
fn lacks(scenario: &Scenario) -> [(Backend, Vec<String>); 3] {
    let processes = Processes { program: PathBuf::new(), toxiproxy: None };
    let containers = Containers { program: PathBuf::new() };
    let backends: [&dyn Perform; 3] = [&Simulation::default(), &processes, &containers];
    backends.map(|backend| (backend.backend(), backend.lacks_for(scenario)))
}

pub(super) fn list(catalogue: &Catalogue, args: &args::List) -> Result<Exit, Failure> {
    let scenarios = catalogue.scenarios();
    if args.format == args::Format::Json {
        for listed in scenarios {
            let scenario = &listed.scenario;
            let object = serde_json::json!({
                "scenario": scenario.name(),
                "hypothesis": scenario.hypothesis(),
                "source": listed.source,
                "lacks": lacks(scenario)
                    .into_iter()
                    .map(|(backend, lacks)| (backend.name().to_owned(), lacks.into()))
                    .collect::<serde_json::Map<_, _>>(),
                "faults": scenario.plan().faults.iter().map(|f| f.label()).collect::<Vec<_>>(),
            });
            print(&format!("{object}\n"));
        }
        return Ok(Exit::Pass);
    }
    let width = scenarios.iter().map(|listed| listed.scenario.name().len()).max().unwrap_or(0);
    for listed in scenarios {
        let scenario = &listed.scenario;
        print(&format!("{:<width$}  {}\n", scenario.name(), scenario.hypothesis()));
        for (backend, lacks) in lacks(scenario).into_iter().filter(|(_, lacks)| !lacks.is_empty()) {
            print(&format!("{:width$}  not on {backend}: {}\n", "", lacks.join("; ")));
        }
    }
    if !catalogue.defects().is_empty() {
        print("\ndefects, for `run --defect NAME`:\n");
    }
    let width = catalogue.defects().iter().map(|defect| defect.name.len()).max().unwrap_or(0);
    for defect in catalogue.defects() {
        print(&format!("{:<width$}  {}\n", defect.name, defect.description));
    }
    Ok(Exit::Pass)
}
