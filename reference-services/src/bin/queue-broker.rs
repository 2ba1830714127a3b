//! The queue broker as a process, and its dead letters for an operator.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference_services::cli::service("queue-broker")
}
