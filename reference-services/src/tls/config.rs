//! What can be configured of TLS, the same for every listener and every client.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// The TLS of a listener. Files are PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerTls {
    /// The certificate of the service, then those between it and an authority that clients know.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
    /// The authorities of clients, which makes it mutual: without a certificate of theirs nobody is
    /// served. Default: clients need none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authority: Option<PathBuf>,
    /// Time for a handshake. Default 5000.
    pub handshake_timeout_ms: u64,
    /// How often the files are looked at for changes, which count for new connections. Default 1000.
    pub reload_ms: u64,
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_authority: None,
            handshake_timeout_ms: 5_000,
            reload_ms: 1_000,
        }
    }
}

/// The TLS of a client. Files are PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientTls {
    /// The authorities that are believed, and no others.
    pub authority: PathBuf,
    /// The client's own certificate, for services that ask for one. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The private key of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The name that a service must be certified for. Default: the host of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// How often the files are looked at for changes, which count for new connections. Default 1000.
    pub reload_ms: u64,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self {
            authority: PathBuf::new(),
            certificate: None,
            key: None,
            server_name: None,
            reload_ms: 1_000,
        }
    }
}

impl ServerTls {
    /// Checks what the types cannot; `at` is where this is in the configuration.
    pub(crate) fn validate(&self, at: &str) -> Result<(), Invalid> {
        is_named(at, "certificate", &self.certificate)?;
        is_named(at, "key", &self.key)?;
        if let Some(authority) = &self.client_authority {
            is_named(at, "client_authority", authority)?;
        }
        at_least_one(at, "handshake_timeout_ms", self.handshake_timeout_ms)?;
        at_least_one(at, "reload_ms", self.reload_ms)
    }
}

impl ClientTls {
    /// As that of a server.
    pub(crate) fn validate(&self, at: &str) -> Result<(), Invalid> {
        is_named(at, "authority", &self.authority)?;
        for (field, path) in [("certificate", &self.certificate), ("key", &self.key)] {
            if let Some(path) = path {
                is_named(at, field, path)?;
            }
        }
        if self.certificate.is_some() != self.key.is_some() {
            let (missing, there) =
                if self.key.is_none() { ("key", "certificate") } else { ("certificate", "key") };
            let expected = format!("a file, since {at}.{there} is given");
            return Invalid::unless(false, format!("{at}.{missing}"), expected, "none");
        }
        if let Some(name) = &self.server_name {
            let is_name = ServerName::try_from(name.as_str()).is_ok();
            let expected = "the name of a host or an address";
            Invalid::unless(is_name, format!("{at}.server_name"), expected, name)?;
        }
        at_least_one(at, "reload_ms", self.reload_ms)
    }
}

fn is_named(at: &str, field: &str, path: &Path) -> Result<(), Invalid> {
    let is_named = path.file_name().is_some();
    let found = if path.as_os_str().is_empty() { "none".into() } else { path.to_string_lossy() };
    Invalid::unless(is_named, format!("{at}.{field}"), "the path of a file", found)
}

fn at_least_one(at: &str, field: &str, value: u64) -> Result<(), Invalid> {
    Invalid::unless(value >= 1, format!("{at}.{field}"), "at least 1", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(found: Result<(), Invalid>, field: &str) {
        assert_eq!(found.expect_err("refused").field, field);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut server = ServerTls { certificate: "a.pem".into(), ..ServerTls::default() };
        refused(server.validate("grpc.tls"), "grpc.tls.key");
        server.key = "a.key".into();
        server.validate("grpc.tls").expect("complete");
        server.reload_ms = 0;
        refused(server.validate("grpc.tls"), "grpc.tls.reload_ms");

        refused(ClientTls::default().validate("tls"), "tls.authority");
        let mut client = ClientTls { authority: "ca.pem".into(), ..ClientTls::default() };
        client.validate("tls").expect("complete");
        client.key = Some("a.key".into());
        refused(client.validate("tls"), "tls.certificate");
        (client.certificate, client.key) = (client.key, None);
        refused(client.validate("tls"), "tls.key");
        client.certificate = None;
        for bad in ["", "a b", "-", "host:443"] {
            client.server_name = Some(bad.to_owned());
            refused(client.validate("tls"), "tls.server_name");
        }
        for good in ["reviews", "reviews.shop.svc", "10.0.0.1", "::1"] {
            client.server_name = Some(good.to_owned());
            client.validate("tls").expect(good);
        }
    }
}
