//! Nothing but a list of features, in `Cargo.toml`.
