//! Channels to gRPC services, and the addresses of services.

use std::time::Duration;

use http::Uri;
use tonic::transport::{Channel, Endpoint};

use crate::{
    config::Invalid,
    tls::{ClientTls, Protocol, Trust},
};

/// Time to connect, if an endpoint does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);

/// The address of a gRPC or HTTP service; refuses what is none. With TLS it must be an `https` one:
/// what should be secured is not sent in the clear by a slip.
pub(crate) fn endpoint(
    field: &'static str,
    text: &str,
    tls: Option<&ClientTls>,
) -> Result<Uri, Invalid> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| uri.scheme_str() == Some(scheme) && uri.host().is_some());
    let not_without = if text.starts_with("https:") { ", or a tls with an authority" } else { "" };
    uri.ok_or_else(|| Invalid {
        field: field.into(),
        expected: format!("{scheme}://host:port{not_without}"),
        found: text.to_owned(),
    })
}

/// A shared, multiplexed channel. HTTP/2 pings, also while idle, find out about a peer that lost
/// its power or its network in a second or two, where TCP takes minutes.
pub(crate) fn channel(uri: Uri, trust: Option<&Trust>) -> Channel {
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_millis(1000))
        .keep_alive_timeout(Duration::from_millis(1000))
        .keep_alive_while_idle(true)
        .initial_connection_window_size(1024 * 1024)
        .http2_max_local_error_reset_streams(None);
    connect(&endpoint, trust)
}

/// A channel that connects when it is first used, with TLS if there is `trust`.
pub(crate) fn connect(endpoint: &Endpoint, trust: Option<&Trust>) -> Channel {
    let Some(trust) = trust else { return endpoint.connect_lazy() };
    let within = endpoint.get_connect_timeout().unwrap_or(CONNECT_TIMEOUT);
    endpoint.connect_with_connector_lazy(trust.connector(Protocol::Http2, within))
}
