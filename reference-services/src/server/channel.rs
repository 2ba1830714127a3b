//! Channels to gRPC services, and the addresses of services.

use std::time::Duration;

use http::Uri;
use tonic::transport::{Channel, Endpoint};

use crate::config::Invalid;

/// The address of a gRPC or HTTP service; refuses what is none.
pub(crate) fn endpoint(field: &'static str, text: &str) -> Result<Uri, Invalid> {
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
    uri.ok_or_else(|| Invalid {
        field,
        expected: "http://host:port".to_owned(),
        found: text.to_owned(),
    })
}

/// A shared, multiplexed channel. HTTP/2 pings, also while idle, find out about a peer that lost
/// its power or its network in a second or two, where TCP takes minutes.
pub(crate) fn channel(uri: Uri) -> Channel {
    Endpoint::from(uri)
        .connect_timeout(Duration::from_millis(1000))
        .http2_keep_alive_interval(Duration::from_millis(1000))
        .keep_alive_timeout(Duration::from_millis(1000))
        .keep_alive_while_idle(true)
        .initial_connection_window_size(1024 * 1024)
        .http2_max_local_error_reset_streams(None)
        .connect_lazy()
}
