//! What needs an engine of containers: runs of the catalogue in containers, and the services by
//! `docker-compose`. Without an engine these tests are ignored, and say why.

mod compose;
mod runs;
#[path = "../it/support/mod.rs"]
#[expect(dead_code, reason = "the tests of the command line need all of it")]
mod support;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

/// Tests that need something of the machine, and whether that is there.
struct Needs {
    what: &'static str,
    is_there: bool,
}

impl Needs {
    fn test(&self, name: &str, test: fn()) -> Trial {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        match self.is_there {
            true => trial,
            false => trial.with_kind(format!("no {}", self.what)).with_ignored_flag(true),
        }
    }
}

fn main() -> ExitCode {
    let answers = |program: &str, arguments: &[&str]| {
        let asked = Command::new(program).args(arguments).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let engine = Needs { what: "container engine", is_there: answers("docker", &["version"]) };
    let compose =
        Needs { what: "docker-compose", is_there: engine.is_there && compose::command().is_some() };
    let always = Needs { what: "", is_there: true };
    let tests = vec![
        engine.test(
            "a_scenario_passes_in_containers_and_its_defect_fails",
            runs::a_scenario_passes_in_containers_and_its_defect_fails,
        ),
        engine.test(
            "a_container_that_is_killed_starts_again_with_its_files",
            runs::a_container_that_is_killed_starts_again_with_its_files,
        ),
        engine
            .test("a_container_without_power_is_silent", runs::a_container_without_power_is_silent),
        engine.test(
            "the_disk_of_a_container_is_full_for_a_while",
            runs::the_disk_of_a_container_is_full_for_a_while,
        ),
        engine.test(
            "a_run_that_is_stopped_or_killed_leaves_nothing_for_good",
            runs::a_run_that_is_stopped_or_killed_leaves_nothing_for_good,
        ),
        always.test("without_an_engine_a_run_says_so", runs::without_an_engine_a_run_says_so),
        compose.test(
            "the_services_come_up_and_a_toxic_shows_in_their_answers",
            compose::the_services_come_up_and_a_toxic_shows_in_their_answers,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
