//! A client of the API, of this server or of a Toxiproxy that somebody else runs.
//!
//! Each call is a connection of its own: calls are rare, and nothing has to be found out about
//! connections that are gone.

mod error;
mod types;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::timeout};

pub use self::{
    error::ClientError,
    types::{NewToxic, ProxyConfig, ProxyState, ProxyUpdate, ToxicState},
};
use crate::toxic::Attributes;

/// For one call. A toxic that is about to close a connection may let Toxiproxy wait.
const TIME_MAX: Duration = Duration::from_secs(30);

/// More than an answer may have.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// What a name may have in a path without an escape.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of the HTTP API of Toxiproxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    authority: String,
    address: String,
}

impl Client {
    /// For the server at `url`, `http://host:port`. The port is 8474 if the URL has none.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`] if it is not such a URL.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
        let authority = uri.authority().filter(|_| plain && uri.query().is_none());
        let authority = authority.ok_or_else(wrong)?;
        let port = authority.port_u16().unwrap_or(8474);
        let address = format!("{}:{port}", authority.host());
        Ok(Self { authority: authority.to_string(), address })
    }

    /// The version of the server.
    ///
    /// # Errors
    ///
    /// As for all calls: see [`ClientError`].
    pub async fn version(&self) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        self.get("/version").await.map(|found: Version| found.version)
    }

    /// The page of the server's metrics; [`ClientError::Refused`] with 404 if it shows none.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let page = self.call(Method::GET, "/metrics", None).await?;
        String::from_utf8(page.into()).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// Switches all proxies on and removes all toxics.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn reset(&self) -> Result<(), ClientError> {
        self.call(Method::POST, "/reset", None).await.map(drop)
    }

    /// All proxies by their names.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn proxies(&self) -> Result<BTreeMap<String, ProxyState>, ClientError> {
        self.get("/proxies").await
    }

    /// One proxy.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn proxy(&self, name: &str) -> Result<ProxyState, ClientError> {
        self.get(&path(name)).await
    }

    /// Creates a proxy; the answer says which port it has if it was to be any.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn create(&self, proxy: &ProxyConfig) -> Result<ProxyState, ClientError> {
        self.send(Method::POST, "/proxies", proxy).await
    }

    /// Creates proxies, or replaces those of their names that are not the same.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]. Proxies before one that fails are there then.
    pub async fn populate(&self, proxies: &[ProxyConfig]) -> Result<Vec<ProxyState>, ClientError> {
        #[derive(Deserialize)]
        struct Populated {
            proxies: Option<Vec<ProxyState>>,
        }
        let populated: Populated = self.send(Method::POST, "/populate", proxies).await?;
        Ok(populated.proxies.unwrap_or_default())
    }

    /// Changes a proxy. By POST, which older servers know, too.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn update(
        &self,
        name: &str,
        change: &ProxyUpdate,
    ) -> Result<ProxyState, ClientError> {
        self.send(Method::POST, &path(name), change).await
    }

    /// Stops and removes a proxy.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn delete(&self, name: &str) -> Result<(), ClientError> {
        self.call(Method::DELETE, &path(name), None).await.map(drop)
    }

    /// The toxics of a proxy, those of upstream first.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn toxics(&self, proxy: &str) -> Result<Vec<ToxicState>, ClientError> {
        self.get(&format!("{}/toxics", path(proxy))).await
    }

    /// One toxic.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn toxic(&self, proxy: &str, toxic: &str) -> Result<ToxicState, ClientError> {
        self.get(&toxic_path(proxy, toxic)).await
    }

    /// Adds a toxic, to connections that are open as well.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn add_toxic(
        &self,
        proxy: &str,
        toxic: &NewToxic,
    ) -> Result<ToxicState, ClientError> {
        self.send(Method::POST, &format!("{}/toxics", path(proxy)), toxic).await
    }

    /// Changes the attributes and the toxicity of a toxic of the same type.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn update_toxic(
        &self,
        proxy: &str,
        toxic: &str,
        attributes: Attributes,
        toxicity: f32,
    ) -> Result<ToxicState, ClientError> {
        #[derive(Serialize)]
        struct Change {
            #[serde(flatten)]
            attributes: Attributes,
            toxicity: f32,
        }
        let change = Change { attributes, toxicity };
        self.send(Method::POST, &toxic_path(proxy, toxic), &change).await
    }

    /// Removes a toxic; what it held up goes on.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), ClientError> {
        self.call(Method::DELETE, &toxic_path(proxy, toxic), None).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(&self.call(Method::GET, path, None).await?)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|it| ClientError::Answer(it.to_string()))?;
        parse(&self.call(method, path, Some(body)).await?)
    }

    /// The body of an answer with a status of success.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Bytes, ClientError> {
        let exchange = self.exchange(method, path, body);
        let timed_out = |_| ClientError::TimedOut(self.address.clone());
        let (status, body) = timeout(TIME_MAX, exchange).await.map_err(timed_out)??;
        if status.is_success() {
            return Ok(body);
        }
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let message = match serde_json::from_slice(&body) {
            Ok(Refusal { error }) => error,
            Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
        };
        Err(ClientError::Refused { status: status.as_u16(), message })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let unreachable = |source| ClientError::Unreachable(self.address.clone(), source);
        let broken = |source: hyper::Error| ClientError::Broken(self.address.clone(), source);
        let socket = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        let (mut requests, connection) =
            http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::<Bytes>::from(body.unwrap_or_default()))
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let exchange = async {
            let (head, body) = requests.send_request(request).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await;
            let body = body.map_err(|error| ClientError::Answer(error.to_string()))?;
            Ok((head.status, body.to_bytes()))
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            // It is over before the answer is taken if the server closes it at once.
            _ = connection => exchange.await,
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.to_string()))
}

fn path(proxy: &str) -> String {
    format!("/proxies/{}", utf8_percent_encode(proxy, NAME))
}

fn toxic_path(proxy: &str, toxic: &str) -> String {
    format!("{}/toxics/{}", path(proxy), utf8_percent_encode(toxic, NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port() {
        let address = |url: &str| Client::new(url).map(|client| client.address).ok();
        assert_eq!(address("http://localhost").as_deref(), Some("localhost:8474"));
        assert_eq!(address("http://127.0.0.1:1/").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(address("http://[::1]:9").as_deref(), Some("[::1]:9"));
        for wrong in ["", "localhost", "https://a", "http://", "http://a/b", "http://a/?b", "/"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(toxic_path("a b", "c?é"), "/proxies/a%20b/toxics/c%3F%C3%A9");
    }
}
