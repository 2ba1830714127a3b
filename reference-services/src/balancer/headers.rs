//! What a proxy does to headers (RFC 9110, 7.6): those that are for one connection end here, and
//! the way of a message is written into it.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use rand::Rng;

use crate::server::Problem;

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

/// For all who get the message: no sender may name them in `Connection` (RFC 9110, 7.6.1), and who
/// does has something in mind.
const END_TO_END: [HeaderName; 4] =
    [header::HOST, header::CONTENT_LENGTH, header::VIA, FORWARDED_FOR];

/// How an instance signs messages: with a name that no other one has, so that it knows its own.
pub(super) fn via() -> HeaderValue {
    let instance: u32 = rand::rng().random();
    // Letters and digits.
    HeaderValue::from_str(&format!("1.1 load-balancer-{instance:08x}"))
        .unwrap_or_else(|_| HeaderValue::from_static("1.1 load-balancer"))
}

/// Makes a client's request one to an endpoint; `peer` is the client's address. Refuses one that has
/// been here before.
pub(super) fn of_request(
    parts: &mut Parts,
    peer: &HeaderValue,
    via: &HeaderValue,
) -> Result<(), Problem> {
    if has_passed(&parts.headers, via) {
        let detail = "the request has come here in a circle";
        return Err(Problem::unread(StatusCode::LOOP_DETECTED, detail));
    }
    remove_hop_by_hop(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    // A client may name the whole URI; an endpoint gets the path, and the name as `Host`.
    if let (Some(authority), Some(path)) = (parts.uri.authority(), parts.uri.path_and_query()) {
        // Without the name of a user, which is for nobody else.
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(host) {
            parts.headers.insert(header::HOST, host);
        }
        parts.uri = path.clone().into();
    }
    let before = parts.headers.get_all(FORWARDED_FOR).iter();
    let way: Vec<&[u8]> = before.chain([peer]).map(HeaderValue::as_bytes).collect();
    // What were values are one value.
    if let Ok(way) = HeaderValue::from_bytes(&way.join(&b", "[..])) {
        parts.headers.insert(FORWARDED_FOR, way);
    }
    parts.headers.append(header::VIA, via.clone());
    Ok(())
}

/// Makes an endpoint's answer one to a client.
pub(super) fn of_answer(headers: &mut HeaderMap, via: &HeaderValue) {
    remove_hop_by_hop(headers);
    headers.append(header::VIA, via.clone());
}

/// Has a message this signature?
fn has_passed(headers: &HeaderMap, via: &HeaderValue) -> bool {
    let signed = headers.get_all(header::VIA).iter();
    signed
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|signature| signature.trim_ascii() == via.as_bytes())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Of a message with both the chunks count (RFC 9112, 6.3); whoever reads it next must not be told
    // of another length.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named.iter().filter(|name| !END_TO_END.contains(name)) {
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

    const VIA: HeaderValue = HeaderValue::from_static("1.1 load-balancer-0");

    fn parts(uri: &str, given: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in given {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[track_caller]
    fn check(uri: &str, given: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut parts = parts(uri, given);
        of_request(&mut parts, &HeaderValue::from_static("10.0.0.9"), &VIA).expect("no circle");
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
            ("via", "1.1 load-balancer-0"),
            ("x-forwarded-for", "10.0.0.9"),
        ];
        check("/x?y=1", &given, &expected);
    }

    #[test]
    fn what_is_for_all_is_not_for_one_connection() {
        let given = [
            ("connection", "host, via, content-length, x-forwarded-for"),
            ("content-length", "0"),
            ("host", "shop"),
            ("via", "1.1 other"),
            ("x-forwarded-for", "1.2.3.4"),
        ];
        let expected = [
            ("content-length", "0"),
            ("host", "shop"),
            ("via", "1.1 load-balancer-0"),
            ("via", "1.1 other"),
            ("x-forwarded-for", "1.2.3.4, 10.0.0.9"),
        ];
        check("/x?y=1", &given, &expected);
    }

    #[test]
    fn a_request_that_comes_in_a_circle_is_refused() {
        let refused = |value: &str| {
            let mut parts = parts("/x", &[("via", "1.1 a"), ("via", value)]);
            of_request(&mut parts, &HeaderValue::from_static("10.0.0.9"), &VIA).is_err()
        };
        assert!(refused("1.1 load-balancer-0"));
        assert!(refused("1.0 b , 1.1 load-balancer-0,1.1 c"));
        assert!(!refused("1.1 load-balancer-1"), "another instance");
        assert_ne!(via(), via());
    }

    #[test]
    fn the_way_is_continued() {
        let given = [
            ("host", "shop"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "5.6.7.8, 9.9.9.9"),
            ("via", "1.1 other"),
        ];
        let expected = [
            ("host", "shop"),
            ("via", "1.1 load-balancer-0"),
            ("via", "1.1 other"),
            ("x-forwarded-for", "1.2.3.4, 5.6.7.8, 9.9.9.9, 10.0.0.9"),
        ];
        check("/x?y=1", &given, &expected);
    }

    #[test]
    fn a_whole_uri_names_the_host() {
        let expected =
            [("host", "shop:81"), ("via", "1.1 load-balancer-0"), ("x-forwarded-for", "10.0.0.9")];
        check("http://shop:81/x?y=1", &[("host", "other")], &expected);
        check("http://me:secret@shop:81/x?y=1", &[("host", "other")], &expected);
    }
}
