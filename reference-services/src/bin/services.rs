//! All services as one program, for an image that has nothing else in it.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference_services::cli::services()
}
