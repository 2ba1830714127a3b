//! The scenario catalogue of Squall: the topologies of the reference services, and one file for
//! each hypothesis about them.

mod balanced;
mod catalogue;
mod defects;
mod fleet;
mod pool;
mod shop;
mod witness;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use squall::{Catalogue, Scenario};

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

/// The folder that the sources of this package were built from.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
