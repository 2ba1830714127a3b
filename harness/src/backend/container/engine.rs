//! The engine of containers.

use std::collections::HashMap;

use testcontainers::bollard::{Docker, errors::Error};

/// Nobody: a container needs no rights of root for anything that it does.
pub(super) const USER: (u64, &str) = (65_534, "65534:65534");

/// A connection to the engine.
#[derive(Clone, Debug)]
pub(super) struct Engine(pub(super) Docker);

impl Engine {
    /// Connects to where `DOCKER_HOST` says, or to the engine of this machine.
    ///
    /// # Errors
    ///
    /// In a sentence, when there is none, or none for this user.
    pub(super) async fn connect() -> Result<Self, String> {
        let no_engine = |error: Error| {
            format!(
                "expected an engine of containers, at the address in DOCKER_HOST or on this machine: \
                 {}",
                reason(&error)
            )
        };
        let docker = Docker::connect_with_defaults().map_err(no_engine)?;
        // An engine of some years ago speaks an older version of the API.
        docker.negotiate_version().await.map(Self).map_err(no_engine)
    }
}

/// What an error of the engine says, without what it is wrapped in.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// A filter of the engine by label.
pub(super) fn labelled(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}
