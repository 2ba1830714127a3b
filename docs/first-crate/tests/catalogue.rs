//! Each scenario as a test with a name.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::testing::main(first_crate::catalogue())
}
