//! Two services, and scenarios of what happens to them when things break.

pub mod backend;
pub mod frontend;
mod preset;
mod scenarios;

use squall::{Catalogue, Defect, Sources};

/// The seed that the goldens are made with.
const GOLDEN_SEED: u64 = 1;

/// All scenarios and defects, with their fixtures: the goldens, and the seeds that once failed.
#[must_use]
pub fn catalogue() -> Catalogue {
    let package = squall::package_folder(env!("CARGO_PKG_NAME"), env!("CARGO_MANIFEST_DIR"));
    let mut catalogue = Catalogue::new(GOLDEN_SEED, package.join("fixtures"))
        .sources(Sources {
            folder: package.join("src/scenarios"),
            package: env!("CARGO_PKG_NAME").to_owned(),
            template: include_str!("scenarios/new.txt").to_owned(),
        })
        .defect(Defect {
            name: frontend::NO_CALL_TIMEOUT.to_owned(),
            description: "the frontend waits for the backend as long as it takes".to_owned(),
            service: "frontend".to_owned(),
            caught_by: "backend-hung".to_owned(),
            because: "p99 latency".to_owned(),
        });
    for (scenario, source) in scenarios::all() {
        catalogue = catalogue.scenario(scenario, source);
    }
    catalogue
}
