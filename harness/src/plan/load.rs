//! What is asked of the services, and how clients behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

mod expect;
mod media_type;
mod placeholder;

pub use expect::{Expect, ExpectedCount, ExpectedSection, ExpectedValue};
pub(crate) use media_type::MediaType;
pub(crate) use placeholder::fill_in;
pub(super) use placeholder::unknown_placeholder;

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
    /// How long a client waits for an answer, retries included.
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

/// A kind of request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestSpec {
    /// Its name in objectives and reports, such as `GET /products/{id}`.
    pub route: String,
    /// The HTTP method.
    pub method: String,
    /// The path, in which `{id}` is replaced by a number drawn at random and `{request}` by the
    /// number of the request, which is the same for each of its attempts and for no other request
    /// of the run (0 for those that warm up).
    pub path: String,
    /// The numbers for `{id}` are from 1 to this.
    pub ids: u64,
    /// The body, in which the same is replaced.
    pub body: String,
    /// How often, relative to the others of the mix.
    pub weight: u32,
    /// What a good answer is.
    pub expect: Expect,
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

    /// Sets how long a client waits for an answer, retries included.
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

    /// Lets clients send a request up to `attempts_max` times, the first pause being `backoff`.
    #[must_use]
    pub fn retry(mut self, attempts_max: u8, backoff: Duration) -> Self {
        self.retry = Retry { attempts_max, backoff };
        self
    }
}

impl RequestSpec {
    /// A GET request for `path`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A request with this method for `path`, in which `{id}` is replaced by a number and
    /// `{request}` by the number of the request.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            route: format!("{method} {path}"),
            method: method.to_owned(),
            path: path.to_owned(),
            ids: 1000,
            body: String::new(),
            weight: 1,
            expect: Expect::default(),
        }
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how often, relative to the others of the mix.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}
