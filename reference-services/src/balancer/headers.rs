//! What a proxy does to headers (RFC 9110, 7.6): those that are for one connection end here, and
//! the way of a message is written into it.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

/// For one connection only, whether or not `Connection` names them.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const VIA: HeaderValue = HeaderValue::from_static("1.1 load-balancer");

/// Makes a client's request one to an endpoint; `peer` is the client's address.
pub(super) fn of_request(parts: &mut Parts, peer: &HeaderValue) {
    remove_hop_by_hop(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    // A client may name the whole URI; an endpoint gets the path, and the name as `Host`.
    if let (Some(authority), Some(path)) = (parts.uri.authority(), parts.uri.path_and_query()) {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            parts.headers.insert(header::HOST, host);
        }
        parts.uri = path.clone().into();
    }
    let way = match parts.headers.get(FORWARDED_FOR) {
        None => Some(peer.clone()),
        Some(before) => {
            let joined = [before.as_bytes(), b", ", peer.as_bytes()].concat();
            HeaderValue::from_bytes(&joined).ok()
        }
    };
    if let Some(way) = way {
        parts.headers.insert(FORWARDED_FOR, way);
    }
    parts.headers.append(header::VIA, VIA);
}

/// Makes an endpoint's answer one to a client.
pub(super) fn of_answer(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.append(header::VIA, VIA);
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(uri: &str, given: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut request = Request::get(uri);
        for (name, value) in given {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        of_request(&mut parts, &HeaderValue::from_static("10.0.0.9"));
        let mut found: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("ascii")))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(parts.uri, "/x?y=1");
    }

    #[test]
    fn what_is_for_one_connection_ends_here() {
        let given = [
            ("host", "shop"),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("traceparent", "00-1-2-01"),
            ("cookie", "session=1"),
        ];
        let expected = [
            ("cookie", "session=1"),
            ("host", "shop"),
            ("traceparent", "00-1-2-01"),
            ("via", "1.1 load-balancer"),
            ("x-forwarded-for", "10.0.0.9"),
        ];
        check("/x?y=1", &given, &expected);
    }

    #[test]
    fn the_way_is_continued() {
        let given = [("host", "shop"), ("x-forwarded-for", "1.2.3.4"), ("via", "1.1 other")];
        let expected = [
            ("host", "shop"),
            ("via", "1.1 load-balancer"),
            ("via", "1.1 other"),
            ("x-forwarded-for", "1.2.3.4, 10.0.0.9"),
        ];
        check("/x?y=1", &given, &expected);
    }

    #[test]
    fn a_whole_uri_names_the_host() {
        let expected =
            [("host", "shop:81"), ("via", "1.1 load-balancer"), ("x-forwarded-for", "10.0.0.9")];
        check("http://shop:81/x?y=1", &[("host", "other")], &expected);
    }
}
