//! The command line over this catalogue.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::cli::main(&squall_scenarios::catalogue())
}
