//! The HTTP API of Toxiproxy 2.12: which request leads where, and what it is answered.

mod answer;
mod body;
mod connections;
mod path;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::timeout;

use self::answer::Answer;
pub(crate) use self::connections::serve;
use crate::{
    collection::Collection,
    error::ApiError,
    metrics::{Metrics, Shown},
    proxy::Proxy,
};

/// The version of Toxiproxy whose API this is; clients look at it.
pub const VERSION: &str = "2.12.0";

/// A request that takes longer is given up.
const TIME_MAX: Duration = Duration::from_secs(25);

/// What requests are about.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) collection: Collection,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shown: Shown,
    pub(crate) requests: AtomicU64,
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
enum Resource<'p> {
    Version,
    Metrics,
    Reset,
    Populate,
    Proxies,
    Proxy(&'p str),
    Toxics(&'p str),
    Toxic(&'p str, &'p str),
}

impl<'p> Resource<'p> {
    fn at(path: &'p str, metrics: bool) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(match parts[..] {
            ["version"] => Self::Version,
            ["metrics"] if metrics => Self::Metrics,
            ["reset"] => Self::Reset,
            ["populate"] => Self::Populate,
            ["proxies"] => Self::Proxies,
            ["proxies", proxy] => Self::Proxy(proxy),
            ["proxies", proxy, "toxics"] => Self::Toxics(proxy),
            ["proxies", proxy, "toxics", toxic] => Self::Toxic(proxy, toxic),
            _ => return None,
        })
    }

    fn allows(self, method: &Method) -> bool {
        let allowed: &[Method] = match self {
            Self::Metrics => return true,
            Self::Version => &[Method::GET],
            Self::Reset | Self::Populate => &[Method::POST],
            Self::Proxies | Self::Toxics(_) => &[Method::GET, Method::POST],
            Self::Proxy(_) | Self::Toxic(..) => {
                &[Method::GET, Method::POST, Method::PATCH, Method::DELETE]
            }
        };
        allowed.contains(method)
    }
}

impl Api {
    /// The answer to a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let Some(path) = path::decode(request.uri().path()) else {
            return answer::plain(StatusCode::BAD_REQUEST, "400 Bad Request");
        };
        if let Some(mut to) = path::cleaned(&path) {
            if let Some(query) = request.uri().query() {
                to = format!("{to}?{query}");
            }
            return answer::moved(&to);
        }
        let metrics = self.shown.proxies || self.shown.process;
        let Some(resource) = Resource::at(&path, metrics) else {
            return answer::plain(StatusCode::NOT_FOUND, "404 page not found\n");
        };
        if !resource.allows(request.method()) {
            return answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let mut answer = if is_browser(&request) {
            answer::plain(StatusCode::FORBIDDEN, "User agent not allowed\n")
        } else {
            let handled = timeout(TIME_MAX, self.handle(resource, request)).await;
            let handled =
                handled.unwrap_or_else(|_| Ok(answer::empty(StatusCode::SERVICE_UNAVAILABLE)));
            handled.unwrap_or_else(|error| answer::error(&error))
        };
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        if let Ok(id) = HeaderValue::from_str(&format!("{number:020}")) {
            answer.headers_mut().insert("X-Toxiproxy-Request-Id", id);
        }
        answer
    }

    async fn handle(
        &self,
        resource: Resource<'_>,
        request: Request<Incoming>,
    ) -> Result<Answer, ApiError> {
        let (head, body) = request.into_parts();
        let reads = head.method == Method::GET;
        let deletes = head.method == Method::DELETE;
        let ok = |body| Ok(answer::json(StatusCode::OK, body));
        let gone = || Ok(answer::empty(StatusCode::NO_CONTENT));
        let proxies = &self.collection;
        match resource {
            Resource::Version => Ok(answer::version(VERSION)),
            Resource::Metrics => Ok(answer::metrics(self.metrics.page(self.shown))),
            Resource::Reset => proxies.reset().await.and_then(|()| gone()),
            Resource::Populate => Ok(self.populate(body).await),
            Resource::Proxies if reads => ok(proxies.json().await),
            Resource::Proxies => {
                let proxy = proxies.create(&body::json(body).await?).await?;
                Ok(answer::json(StatusCode::CREATED, proxy.json()))
            }
            Resource::Proxy(name) if deletes => proxies.remove(name).await.and_then(|()| gone()),
            Resource::Proxy(name) => {
                let proxy = proxies.get(name).await?;
                if reads {
                    return ok(proxy.json());
                }
                ok(proxies.update(name, &body::json(body).await?).await?.json())
            }
            Resource::Toxics(name) => {
                let proxy = proxies.get(name).await?;
                let toxics = &proxy.toxics;
                if reads {
                    return ok(toxics.json());
                }
                ok(toxics.add(&body::json(body).await?)?.json())
            }
            Resource::Toxic(name, toxic) => {
                let proxy = proxies.get(name).await?;
                let toxics = &proxy.toxics;
                if deletes {
                    return toxics.remove(toxic).and_then(|()| gone());
                }
                let found = toxics.get(toxic)?;
                if reads {
                    return ok(found.json());
                }
                ok(toxics.change(toxic, &body::json(body).await?)?.json())
            }
        }
    }

    /// Its answer lists the proxies even if it is an error, and is JSON then, too.
    async fn populate(&self, body: Incoming) -> Answer {
        let (added, done) = match body::json(body).await {
            Ok(value) => self.collection.populate(&value).await,
            Err(error) => (Vec::new(), Err(error)),
        };
        let (status, fields) = match done {
            Ok(()) => (StatusCode::CREATED, String::new()),
            Err(error) => (error.status, format!("{},", error.fields())),
        };
        let list = if added.is_empty() {
            "null".to_owned()
        } else {
            let added: Vec<String> = added.iter().map(|proxy: &Arc<Proxy>| proxy.json()).collect();
            format!("[{}]", added.join(","))
        };
        answer::json(status, format!("{{{fields}\"proxies\":{list}}}"))
    }
}

/// Pages that somebody looks at in a browser must not drive proxies.
fn is_browser(request: &Request<Incoming>) -> bool {
    let agent = request.headers().get(header::USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}
