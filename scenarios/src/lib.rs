//! The scenario catalogue of Squall: the topologies of the reference services, and one file for
//! each hypothesis about them.

mod catalogue;
mod shop;

use std::path::{Path, PathBuf};

use reference_services::aggregation;
use squall::{Catalogue, Defect};

/// The seed that the goldens were made with.
const GOLDEN_SEED: u64 = 1;

/// All scenarios and defects, with their fixtures.
///
/// # Panics
///
/// When no scenario is named that catches a defect of the service.
#[must_use]
pub fn catalogue() -> Catalogue {
    let workspace = workspace();
    let mut all = Catalogue::new(GOLDEN_SEED, workspace.join("fixtures"))
        .sources(workspace.join("scenarios/src/catalogue"));
    for (scenario, source) in catalogue::all() {
        all = all.scenario(scenario, source);
    }
    for defect in aggregation::Defect::ALL {
        let (scenario, because) = caught_by(defect);
        all = all.defect(Defect {
            name: defect.name().to_owned(),
            description: defect.description().to_owned(),
            service: "aggregation-api".to_owned(),
            caught_by: scenario.to_owned(),
            because: because.to_owned(),
        });
    }
    all
}

/// The scenario that was made to catch a defect, and the name or a part of the name of what fails
/// there; others catch most of them as well.
const CAUGHT_BY: [(aggregation::Defect, &str, &str); aggregation::Defect::ALL.len()] = [
    (aggregation::Defect::SequentialCalls, "steady-state", "p50 latency"),
    (aggregation::Defect::ClientPerRequest, "steady-state", "connections_opened"),
    (aggregation::Defect::NoCallTimeout, "reviews-hung", "p99 latency"),
    (aggregation::Defect::UncancelledCalls, "clients-disconnect", "outlives its request"),
    (aggregation::Defect::DetachedDeadline, "pricing-hung", "p99 latency"),
];

fn caught_by(defect: aggregation::Defect) -> (&'static str, &'static str) {
    let row = CAUGHT_BY.iter().find(|(caught, ..)| *caught == defect);
    let (_, scenario, because) =
        row.unwrap_or_else(|| panic!("expected a row for the defect {} here", defect.name()));
    (scenario, because)
}

/// The folder that the sources of this package were built from.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
