//! A read replica of stock as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference_services::cli::service("stock-replica")
}
