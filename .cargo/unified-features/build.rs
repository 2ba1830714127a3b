//! Nothing: without a build script Cargo would pass over the dependencies of build scripts.

fn main() {}
