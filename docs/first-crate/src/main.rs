//! The command line over the catalogue: `cargo squall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::cli::main(&first_crate::catalogue())
}
