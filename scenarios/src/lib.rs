//! The scenario catalogue of Squall: the topologies of the reference services, and one file for
//! each hypothesis about them.

mod balanced;
mod catalogue;
mod certificates;
mod chain;
mod defects;
mod fleet;
mod from_file;
mod orders;
mod pool;
mod shop;
mod watch;
mod witness;

use std::{path::PathBuf, time::Duration};

use squall::{Catalogue, Scenario, Sources};

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
    let mut all = Catalogue::new(GOLDEN_SEED, workspace.join("fixtures")).sources(Sources {
        folder: workspace.join("scenarios/src/catalogue"),
        package: env!("CARGO_PKG_NAME").to_owned(),
        template: include_str!("catalogue/new.txt").to_owned(),
    });
    for (scenario, source) in catalogue::all() {
        all = all.scenario(scenario, source);
    }
    for defect in defects::all() {
        all = all.defect(defect);
    }
    all
}

/// The scenario `deploy-rolling-update` at another rate, in requests a second, and for another
/// time: a benchmark.
#[must_use]
pub fn rolling_update(rate: f64, lasts: Duration) -> Scenario {
    catalogue::rolling_update(rate, lasts)
}

/// The root of the workspace that this package is in.
fn workspace() -> PathBuf {
    let mut folder = squall::package_folder(env!("CARGO_PKG_NAME"), env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder
}
