//! The dependency reviews as a process.

use std::process::ExitCode;

use reference_services::dependency::Kind;

fn main() -> ExitCode {
    reference_services::cli::dependency(Kind::Reviews)
}
