//! The command line over this catalogue.

use std::process::ExitCode;

/// For the gauge of memory, which shows leaks.
#[global_allocator]
static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;

fn main() -> ExitCode {
    squall::cli::main(&squall_scenarios::catalogue())
}
