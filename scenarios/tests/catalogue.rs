//! Each scenario of the catalogue as one named test.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::testing::main(squall_scenarios::catalogue())
}
