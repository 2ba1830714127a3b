//! A kind of request: of HTTP, of gRPC, or a call of the user's own.

use serde::{Deserialize, Serialize};

use super::{expect::Expect, grpc::GrpcCall};

mod expect;
mod grpc;

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
    /// Header fields besides those that every request has, or metadata of a gRPC call. In the values
    /// the same is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// How often, relative to the others of the mix.
    pub weight: u32,
    /// What a good answer is.
    pub expect: Expect,
    /// If given, the request is a call of gRPC: `path` is that of its method, and `body` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcCall>,
    /// If given, the request is a call of the user's own with this name
    /// ([`Services::with_call`](crate::Services::with_call)), which says itself what became of it:
    /// of the rest only `route`, `ids` and `weight` count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
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
            headers: Vec::new(),
            weight: 1,
            expect: Expect::default(),
            grpc: None,
            call: None,
        }
    }

    /// A call of the user's own: of the function that the scenario's services have under this name
    /// ([`Services::with_call`](crate::Services::with_call)).
    #[must_use]
    pub fn call(name: &str) -> Self {
        let call = Some(name.to_owned());
        Self { route: name.to_owned(), call, ..Self::new("POST", "/") }
    }

    /// Sets its name in objectives and reports, by which requests of one path can be told apart.
    #[must_use]
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = route.into();
        self
    }

    /// Sets from which numbers `{id}` is drawn: from 1 to `ids`, 1,000 unless told otherwise.
    #[must_use]
    pub fn ids(mut self, ids: u64) -> Self {
        self.ids = ids;
        self
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends this header field too, or this metadata of a gRPC call: a token, a tenant, or
    /// `idempotency-key` with `{request}`. Those that say how a request is sent are the client's own
    /// (`host`, `content-length`, `connection`, `traceparent` and the like), and a plan that sets
    /// one of them is refused.
    ///
    /// ```
    /// use squall::plan::RequestSpec;
    ///
    /// let order = RequestSpec::new("POST", "/orders")
    ///     .header("authorization", "Bearer of-a-test")
    ///     .header("idempotency-key", "order-{request}")
    ///     .body(r#"{"item":{id}}"#);
    /// # let _ = order;
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets how often, relative to the others of the mix.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}
