//! `squall list`.

use super::{Exit, Failure, args, print};
use crate::catalogue::Catalogue;

pub(super) fn list(catalogue: &Catalogue, args: &args::List) -> Result<Exit, Failure> {
    let scenarios = catalogue.scenarios();
    if args.format == args::Format::Json {
        for listed in scenarios {
            let scenario = &listed.scenario;
            let object = serde_json::json!({
                "scenario": scenario.name(),
                "hypothesis": scenario.hypothesis(),
                "source": listed.source,
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
