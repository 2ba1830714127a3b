//! The services that run on hosts, by name.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use serde::de::DeserializeOwned;

use crate::call::{Call, Reply};

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A running service: ends when the service does.
pub type ServiceFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

type Start = dyn Fn(&serde_json::Value) -> Result<ServiceFuture, BoxError> + Send + Sync;

/// What a service is.
#[derive(Clone)]
enum Kind {
    /// A function of this program.
    Function(Arc<Start>),
    /// A program, by its path.
    Program(PathBuf),
    /// An image of a container, by its name and tag.
    Image(String),
}

/// A service that is no function of this program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Foreign<'a> {
    Program(&'a Path),
    Image(&'a str),
}

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program(_) => "program",
            Self::Image(_) => "image",
        })
    }
}

/// A call on its way: ends in what became of it.
pub(crate) type CallFuture = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

/// The calls of the user's own, by their names.
pub(crate) type Calls = BTreeMap<String, Arc<dyn Fn(Call) -> CallFuture + Send + Sync>>;

/// The code of a scenario, by the names under which its plan refers to it: the services that hosts
/// of its topology run, and the calls that clients of its loads make.
#[derive(Clone, Default)]
pub struct Services {
    services: BTreeMap<String, Kind>,
    calls: Arc<Calls>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("services", &self.services.keys())
            .field("calls", &self.calls.keys())
            .finish()
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

    /// Adds a service that is a program, in any language. Real processes can perform a plan with it,
    /// a simulation cannot.
    ///
    /// What a host of the topology is configured with is an object of up to two fields: `args`, a list
    /// of texts, and `env`, an object of texts. As everywhere, `0.0.0.0:80` in them is where it listens,
    /// and `name:80` is where it finds the port 80 of the host `name`, both also as
    /// `--listen=0.0.0.0:80` and `http://name:80/path`. A program must not listen on all addresses of
    /// this machine, which are those of the other hosts too: one that takes address and port apart is
    /// told them by a shell.
    ///
    /// ```
    /// use serde_json::json;
    /// use squall::{Services, plan::Topology};
    ///
    /// let services = Services::new().with_program("cache", "/bin/sh");
    /// let start = "exec redis-server --bind ${LISTEN%:*} --port ${LISTEN#*:}";
    /// let config = json!({ "args": ["-c", start], "env": { "LISTEN": "0.0.0.0:6379" } });
    /// let topology = Topology::new().host("cache", "cache", config).port(6379);
    /// # let _ = (services, topology);
    /// ```
    #[must_use]
    pub fn with_program(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.services.insert(name.to_owned(), Kind::Program(path.into()));
        self
    }

    /// Adds a service that is an image of a container, as `name` or `name:tag`, in any language. Only
    /// containers can perform a plan with it. The engine is asked for it, and pulls it only if it does
    /// not have it.
    ///
    /// What a host is configured with is as for [programs](Self::with_program), and `args` take the place
    /// of the image's own command if there are any. It listens on all addresses of its container.
    ///
    /// ```
    /// use serde_json::json;
    /// use squall::{Services, plan::Topology};
    ///
    /// let services = Services::new().with_image("cache", "redis:7");
    /// let topology = Topology::new().host("cache", "cache", json!({})).port(6379);
    /// # let _ = (services, topology);
    /// ```
    #[must_use]
    pub fn with_image(mut self, name: &str, image: &str) -> Self {
        self.services.insert(name.to_owned(), Kind::Image(image.to_owned()));
        self
    }

    fn insert(
        mut self,
        name: &str,
        start: impl Fn(&serde_json::Value) -> Result<ServiceFuture, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.services.insert(name.to_owned(), Kind::Function(Arc::new(start)));
        self
    }

    /// What a service is, if it is no function.
    pub(crate) fn foreign(&self, name: &str) -> Option<Foreign<'_>> {
        match self.services.get(name)? {
            Kind::Program(path) => Some(Foreign::Program(path)),
            Kind::Image(image) => Some(Foreign::Image(image)),
            Kind::Function(_) => None,
        }
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Adds a call: what a client of a load does for one of its requests, in any protocol. A plan
    /// asks for it by this name, with [`Load::call`](crate::plan::Load::call) or
    /// [`RequestSpec::call`](crate::plan::RequestSpec::call).
    ///
    /// It runs on the client's host, once for each attempt. What it returns is what became of the
    /// request: `Ok(())` or a [`Reply`], and an error is a failure. It need not look at the time:
    /// the load's timeout drops its future. A panic in it ends the run, as one in a service does.
    ///
    /// ```
    /// use squall::{Call, Reply, Services};
    /// use tokio::{
    ///     io::{AsyncReadExt, AsyncWriteExt},
    ///     net::TcpStream,
    /// };
    ///
    /// async fn ping(call: Call) -> std::io::Result<Reply> {
    ///     let mut stream = TcpStream::connect(call.target()).await?;
    ///     stream.write_all(b"PING\r\n").await?;
    ///     let mut answer = [0; 7];
    ///     stream.read_exact(&mut answer).await?;
    ///     Ok(match &answer {
    ///         b"+PONG\r\n" => Reply::succeeded(),
    ///         b"-BUSY\r\n" => Reply::shed("busy"),
    ///         _ => Reply::wrong("no pong"),
    ///     })
    /// }
    ///
    /// let services = Services::new().with_call("ping", ping);
    /// assert_eq!(services.calls().collect::<Vec<_>>(), ["ping"]);
    /// ```
    #[must_use]
    pub fn with_call<F, R, E>(
        mut self,
        name: &str,
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Reply>,
        E: Into<BoxError>,
    {
        let call = Arc::new(call);
        let begin = move |asked: Call| -> CallFuture {
            let call = Arc::clone(&call);
            Box::pin(async move { call(asked).await.map(Into::into).map_err(Into::into) })
        };
        Arc::make_mut(&mut self.calls).insert(name.to_owned(), Arc::new(begin));
        self
    }

    /// The names of the calls.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.calls.keys().map(String::as_str)
    }

    /// The calls, for those who make them.
    pub(crate) fn shared_calls(&self) -> Arc<Calls> {
        Arc::clone(&self.calls)
    }

    /// Makes the service ready to run.
    pub(crate) fn start(
        &self,
        name: &str,
        config: &serde_json::Value,
    ) -> Result<ServiceFuture, CannotStart> {
        let Some(start) = self.services.get(name) else {
            let known: Vec<&str> = self.names().collect();
            return Err(CannotStart(format!(
                "expected one of the services {}, found {name:?}",
                known.join(", ")
            )));
        };
        let Kind::Function(start) = start else {
            return Err(CannotStart(format!("{name} is no function of this program")));
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
