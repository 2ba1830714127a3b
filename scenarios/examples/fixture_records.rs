//! Makes the records in `fixtures/records` again: runs of the catalogue at a small fraction of
//! their load, so that each is small enough to be kept. The tests of the renderers draw them.
//!
//! Needed only when the schema of records changes. What the runs conclude does not matter, and
//! one of them fails on purpose.

use std::{error::Error, path::Path};

use squall::{Scenario, plan::Arrivals, run};

/// Scenario, defect, and requests a second.
const RUNS: [(&str, Option<&str>, f64); 3] = [
    ("reviews-hung", Some("no-call-timeout"), 15.0),
    ("pool-broker-crashes", None, 20.0),
    ("deploy-rolling-update", None, 20.0),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records");
    let catalogue = squall_scenarios::catalogue();
    for (name, defect, rate) in RUNS {
        let listed = catalogue.find(name).ok_or(name)?;
        let mut plan = listed.scenario.plan().clone();
        for load in &mut plan.loads {
            load.arrivals = Arrivals::Constant { rate };
        }
        let scenario = &listed.scenario;
        let (hypothesis, services) = (scenario.hypothesis(), scenario.services().clone());
        let scenario = Scenario::new(name, hypothesis, plan, services);
        let scenario = match defect {
            None => scenario,
            Some(defect) => catalogue.find_defect(defect).ok_or(defect)?.plant(&scenario),
        };
        let run = run(&scenario, catalogue.seed())?;
        run.record.write(&run.judgement, &folder.join(format!("{name}.jsonl")))?;
        println!("{name}: {} events, {}", run.record.events.len(), run.verdict().name());
    }
    Ok(())
}
