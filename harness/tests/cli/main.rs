//! The command line as a user meets it, over a catalogue of a few small scenarios.
//!
//! The program under test is this one: with the name of a folder in its environment it is a command
//! line, and without it it runs the tests, which start it.

mod catalogue;
mod files;
mod init;
mod on_processes;
mod output;
mod place;
mod processes;
mod program;
mod proxy;
mod serve;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(ended) = program::asked_for() {
        return ended;
    }
    if let Some(catalogue) = catalogue::asked_for() {
        return squall::cli::main(&catalogue);
    }
    // The first process of a container, where nothing says so: a run has put it there.
    if std::process::id() == 1 {
        return squall::cli::main(&on_processes::catalogue("/tmp".into()));
    }
    let tests: Vec<Test> =
        [output::TESTS, files::TESTS, init::TESTS, processes::TESTS, proxy::TESTS, serve::TESTS]
            .concat();
    let trials = tests.into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
