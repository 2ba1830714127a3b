//! Each scenario of the catalogue as one named test.

use std::process::ExitCode;

/// For the gauge of memory, which shows leaks.
#[global_allocator]
static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;

fn main() -> ExitCode {
    squall::testing::main(squall_scenarios::catalogue())
}
