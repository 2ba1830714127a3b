//! Where spans are sent, and with which headers.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, uri::Scheme};
use percent_encoding::percent_decode_str;

/// Where traces are posted, below the base that is given.
const TRACES: &str = "/v1/traces";

/// The headers that OpenTelemetry's exporters send.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// The URL of a collector, with the path for traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Endpoint {
    /// Host and port, as the header `host` has it.
    pub(super) authority: String,
    /// Host and port to connect to.
    pub(super) address: String,
    pub(super) path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "expected the URL of a collector, such as http://127.0.0.1:4318";
        let uri: Uri = text.parse().map_err(|error| format!("{wanted}: {error}"))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => {
                return Err(
                    "expected http://: TLS is not spoken here; put a collector in between \
                            that sends on over https://"
                        .to_owned(),
                );
            }
            _ => return Err(wanted.to_owned()),
        }
        let authority = uri.authority().ok_or(wanted)?;
        if authority.as_str().contains('@') {
            return Err(format!("expected credentials in {HEADERS}, not in the URL"));
        }
        if uri.query().is_some() || authority.host().is_empty() {
            return Err(wanted.to_owned());
        }
        let base = uri.path().trim_end_matches('/');
        let path = if base.ends_with(TRACES) { base.to_owned() } else { format!("{base}{TRACES}") };
        let port = match authority.port() {
            None if authority.as_str().ends_with(authority.host()) => 80,
            _ => authority.port_u16().filter(|port| *port > 0).ok_or(wanted)?,
        };
        Ok(Self {
            authority: authority.to_string(),
            address: format!("{}:{port}", authority.host()),
            path,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

pub(super) fn headers_of_environment() -> Result<HeaderMap, String> {
    match std::env::var(HEADERS) {
        Ok(text) => headers(&text),
        Err(std::env::VarError::NotPresent) => Ok(HeaderMap::new()),
        Err(error) => Err(format!("{HEADERS}: {error}")),
    }
}

/// `name=value` apart by commas, the values percent-encoded. Values are secrets: no error shows
/// one.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!("{HEADERS}: expected NAME=VALUE, apart by commas"));
        };
        let name = HeaderName::from_str(name.trim())
            .map_err(|_| format!("{HEADERS}: expected the name of a header before ="))?;
        let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
        let mut value = HeaderValue::from_bytes(&value)
            .map_err(|_| format!("{HEADERS}: expected a value that {name} can have"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, headers};

    fn url(text: &str) -> Result<String, String> {
        text.parse::<Endpoint>().map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn the_path_of_traces_is_added_unless_it_is_there() {
        for (given, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector/", "http://collector/v1/traces"),
            ("http://collector/otlp/", "http://collector/otlp/v1/traces"),
            ("http://collector/v1/traces", "http://collector/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(url(given).as_deref(), Ok(expected), "{given}");
        }
        let address = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.address);
        assert_eq!(address("http://collector/otlp").as_deref(), Ok("collector:80"));
        assert_eq!(address("http://[::1]:4318").as_deref(), Ok("[::1]:4318"));
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused() {
        for text in [
            "",
            "collector:4318",
            "/v1/traces",
            "ftp://x",
            "http://",
            "http://x/?a=b",
            "http://x:99999",
            "http://x:",
        ] {
            let error = url(text).expect_err(text);
            assert!(error.starts_with("expected the URL of a collector"), "{text}: {error}");
        }
        assert!(url("https://x").is_err_and(|error| error.contains("put a collector in between")));
        assert!(url("http://me:secret@x").is_err_and(|error| !error.contains("secret")));
    }

    #[test]
    fn headers_are_decoded_and_kept_secret() {
        let found = headers("authorization=Basic%20abc%3D, x-tenant = one,").expect("headers");
        let value = |name: &str| found.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((value("authorization"), value("x-tenant")), (Some("Basic abc="), Some("one")));
        assert!(!format!("{found:?}").contains("abc"));
        assert!(headers("").is_ok_and(|found| found.is_empty()));
        for wrong in ["secret", "secret word=x", "x=secret%0a", "=secret"] {
            let error = headers(wrong).expect_err(wrong);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
