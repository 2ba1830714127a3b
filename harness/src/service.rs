//! The services that run on hosts, by name.

use std::{collections::BTreeMap, error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use serde::de::DeserializeOwned;

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A running service: ends when the service does.
pub type ServiceFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

type Start = dyn Fn(&serde_json::Value) -> Result<ServiceFuture, BoxError> + Send + Sync;

/// The services of a scenario, by the name under which its topology refers to them.
#[derive(Clone, Default)]
pub struct Services(BTreeMap<String, Arc<Start>>);

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a service could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotStart(String);

impl Services {
    /// No services yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service: a function that takes its configuration and runs until it is done.
    ///
    /// The configuration is what the host of the topology says, read as `C`.
    #[must_use]
    pub fn with<C, F, E>(self, name: &str, run: impl Fn(C) -> F + Send + Sync + 'static) -> Self
    where
        C: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let run = Arc::new(run);
        self.insert(name, move |config| {
            let (run, config) = (Arc::clone(&run), C::deserialize(config)?);
            // All of the service's own code runs on its host.
            Ok(Box::pin(async move { run(config).await.map_err(Into::into) }))
        })
    }

    fn insert(
        mut self,
        name: &str,
        start: impl Fn(&serde_json::Value) -> Result<ServiceFuture, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name.to_owned(), Arc::new(start));
        self
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Makes the service ready to run.
    pub(crate) fn start(
        &self,
        name: &str,
        config: &serde_json::Value,
    ) -> Result<ServiceFuture, CannotStart> {
        let Some(start) = self.0.get(name) else {
            let known: Vec<&str> = self.names().collect();
            return Err(CannotStart(format!(
                "expected one of the services {}, found {name:?}",
                known.join(", ")
            )));
        };
        start(config).map_err(|error| {
            CannotStart(format!("the configuration of {name} is wrong: {}", chain(&*error)))
        })
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
