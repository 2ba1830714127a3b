//! What is asked of the services, and how clients behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

mod expect;
mod grpc;
mod media_type;
mod message;
mod placeholder;
mod request;
mod statuses;

pub use expect::{Expect, ExpectedCount, ExpectedSection, ExpectedValue};
pub use grpc::{GrpcCall, GrpcCode};
pub(crate) use media_type::MediaType;
pub(crate) use message::varint;
pub use message::{Message, MessageField, MessageValue};
pub(crate) use placeholder::fill_in;
pub(super) use placeholder::unknown_placeholder;
pub use request::RequestSpec;
pub use statuses::Statuses;

/// A stream of requests from one client host to one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Load {
    /// The host that sends.
    pub client: String,
    /// `name:port` of the service.
    pub target: String,
    /// When requests start.
    pub arrivals: Arrivals,
    /// For how long, from the beginning of the load.
    #[serde(rename = "lasts_ms", with = "millis")]
    pub lasts: Duration,
    /// What is requested.
    pub mix: Vec<RequestSpec>,
    /// How long a client waits for an answer, retries included: 1 s unless told otherwise.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// What a client does about a failure.
    pub retry: Retry,
    /// Requests that are sent before the load begins and are not part of it: what a service
    /// makes once, at its first request, is made by then.
    pub warm_up: u32,
    /// Idle connections that clients keep for the next request.
    pub idle_connections_max: usize,
    /// How many clients keep cookies (RFC 6265), each its own: every request is sent by one of
    /// them, drawn at random. If zero, nobody keeps any.
    #[serde(default)]
    pub sessions: u32,
    /// Which statuses are shed and which are degraded.
    #[serde(default, skip_serializing_if = "Statuses::are_usual")]
    pub statuses: Statuses,
    /// If given, clients speak HTTP/2 with prior knowledge, over so many connections at the most.
    /// Requests take turns on them, many at a time on each. Calls of gRPC always do, over one
    /// connection unless told otherwise here. Without it, all others are HTTP/1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_connections: Option<u32>,
}

/// When requests start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "model")]
#[non_exhaustive]
pub enum Arrivals {
    /// Open: evenly spaced, whether or not answers come.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// Open: at random, as independent users do.
    Poisson {
        /// Requests per second on average.
        rate: f64,
    },
    /// Open: evenly spaced at a rate that changes linearly.
    Ramp {
        /// Requests per second at the beginning.
        from: f64,
        /// Requests per second at the end.
        to: f64,
    },
    /// Open: evenly spaced, one rate after the other for equal times.
    Steps {
        /// Requests per second.
        rates: Vec<f64>,
    },
    /// Open: evenly spaced with regular bursts.
    Bursts {
        /// Requests per second between bursts.
        rate: f64,
        /// Requests per second in a burst.
        peak: f64,
        /// From the beginning of one burst to that of the next.
        #[serde(rename = "every_ms", with = "millis")]
        every: Duration,
        /// How long a burst lasts.
        #[serde(rename = "burst_ms", with = "millis")]
        burst: Duration,
    },
    /// Closed: each client waits for its answer, thinks, and asks again.
    Closed {
        /// How many clients.
        clients: u32,
        /// How long they think.
        #[serde(rename = "think_ms", with = "millis")]
        think: Duration,
    },
}

/// What a client does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Retry {
    /// How often it sends a request at the most.
    pub attempts_max: u8,
    /// The pause before the second attempt, doubled each time, with full jitter.
    #[serde(rename = "backoff_ms", with = "millis")]
    pub backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 1, backoff: Duration::from_millis(50) }
    }
}

impl Load {
    /// A load from the host `client` on the service at `target` (`name:port`), for ten seconds.
    /// Clients wait for an answer for 1 s ([`timeout`](Self::timeout)), send each request once
    /// ([`retry`](Self::retry)), and speak HTTP/1.1; one request warms up.
    #[must_use]
    pub fn new(client: impl Into<String>, target: impl Into<String>, arrivals: Arrivals) -> Self {
        Self {
            client: client.into(),
            target: target.into(),
            arrivals,
            lasts: Duration::from_secs(10),
            mix: Vec::new(),
            timeout: Duration::from_secs(1),
            retry: Retry::default(),
            warm_up: 1,
            idle_connections_max: 4096,
            sessions: 0,
            statuses: Statuses::default(),
            http2_connections: None,
        }
    }

    /// Open load at `rate` requests per second, evenly spaced.
    #[must_use]
    pub fn constant(client: &str, target: &str, rate: f64) -> Self {
        Self::new(client, target, Arrivals::Constant { rate })
    }

    /// Open load at `rate` requests per second on average, at random.
    #[must_use]
    pub fn poisson(client: &str, target: &str, rate: f64) -> Self {
        Self::new(client, target, Arrivals::Poisson { rate })
    }

    /// Sets for how long.
    #[must_use]
    pub fn lasts(mut self, lasts: Duration) -> Self {
        self.lasts = lasts;
        self
    }

    /// Adds a kind of request.
    #[must_use]
    pub fn request(mut self, request: RequestSpec) -> Self {
        self.mix.push(request);
        self
    }

    /// Adds GET requests for `path`, in which `{id}` is replaced by a number.
    #[must_use]
    pub fn get(self, path: &str) -> Self {
        self.request(RequestSpec::get(path))
    }

    /// Adds calls of the user's own: of the function that the scenario's services have under this
    /// name ([`Services::with_call`](crate::Services::with_call)). The route has that name as well.
    #[must_use]
    pub fn call(self, name: &str) -> Self {
        self.request(RequestSpec::call(name))
    }

    /// Sets how long a client waits for an answer, retries included: 1 s unless told otherwise. A
    /// request without an answer by then has failed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many requests are sent before the load begins.
    #[must_use]
    pub fn warm_up(mut self, requests: u32) -> Self {
        self.warm_up = requests;
        self
    }

    /// Lets so many clients keep the cookies that they are given, each its own.
    #[must_use]
    pub fn sessions(mut self, clients: u32) -> Self {
        self.sessions = clients;
        self
    }

    /// Lets clients speak HTTP/2 with prior knowledge, over up to so many connections, which are
    /// opened when they are needed.
    #[must_use]
    pub fn http2(mut self, connections: u32) -> Self {
        self.http2_connections = Some(connections);
        self
    }

    /// An answer with one of these statuses is shed, and no other. They are HTTP statuses of 300
    /// and more; for calls of gRPC, the numbers of [`GrpcCode`]s.
    ///
    /// Unless told otherwise that is 429, and 503 with `Retry-After`; of gRPC
    /// `RESOURCE_EXHAUSTED` and `UNAVAILABLE`.
    ///
    /// ```
    /// use squall::plan::{GrpcCode, Load, RequestSpec};
    ///
    /// Load::constant("users", "web:80", 10.0).get("/").shed_on([429, 503]);
    /// Load::constant("users", "stock:50051", 10.0)
    ///     .request(RequestSpec::unary("/stock.v1.Stock/Get"))
    ///     .shed_on([GrpcCode::RESOURCE_EXHAUSTED]);
    /// ```
    #[must_use]
    pub fn shed_on(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses.shed = Some(statuses.into_iter().collect());
        self
    }

    /// An answer with one of these statuses is degraded: useful, with something left out. One with
    /// a status of 2xx must still say what is expected of it. They are HTTP statuses; for calls of
    /// gRPC, the numbers of [`GrpcCode`]s. None, unless told otherwise.
    #[must_use]
    pub fn degraded_on(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses.degraded = statuses.into_iter().collect();
        self
    }

    /// Lets clients send a request up to `attempts_max` times, the first pause being `backoff`.
    #[must_use]
    pub fn retry(mut self, attempts_max: u8, backoff: Duration) -> Self {
        self.retry = Retry { attempts_max, backoff };
        self
    }
}
