//! Compiles the protos with a pure-Rust compiler, so that no `protoc` need be installed.

use std::error::Error;

const PROTOS: [&str; 7] = [
    "inventory.proto",
    "pricing.proto",
    "reviews.proto",
    "recommendations.proto",
    "catalog.proto",
    "queue.proto",
    "results.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=protos");
    let descriptors = protox::compile(PROTOS, ["protos"])?;
    tonic_prost_build::configure()
        // A section of the public document is the reply of its dependency.
        .message_attribute(".", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}
