//! A relay as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference_services::cli::service("relay")
}
