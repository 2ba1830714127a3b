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
#[must_use]
pub fn catalogue() -> Catalogue {
    let workspace = workspace();
    let mut all = Catalogue::new(GOLDEN_SEED, workspace.join("fixtures"))
        .sources(workspace.join("scenarios/src/catalogue"));
    for (scenario, source) in catalogue::all() {
        all = all.scenario(scenario, source);
    }
    for defect in aggregation::Defect::ALL {
        all = all.defect(Defect {
            name: defect.name().to_owned(),
            description: defect.description().to_owned(),
            service: "aggregation-api".to_owned(),
            caught_by: caught_by(defect).to_owned(),
        });
    }
    all
}

/// The scenario that was made to catch a defect; others catch most of them as well.
fn caught_by(defect: aggregation::Defect) -> &'static str {
    match defect {
        aggregation::Defect::SequentialCalls => "steady-state",
        aggregation::Defect::ClientPerRequest => "steady-state",
        aggregation::Defect::NoCallTimeout => "reviews-hung",
        aggregation::Defect::UncancelledCalls => "clients-disconnect",
        aggregation::Defect::DetachedDeadline => "pricing-hung",
        _ => "steady-state",
    }
}

/// The folder that the sources of this package were built from.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
