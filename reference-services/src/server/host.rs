//! Whom a request is for (RFC 9112, 3.2): exactly one `Host`, which is an authority; a message with
//! none or two means different things to different readers.

use http::{HeaderMap, Request, StatusCode, Version, header, uri::Authority};

use super::Problem;

/// Refuses a request that does not say whom it is for, or says it twice. Only HTTP/1.0 need not.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let wrong = |detail| Err(Problem::unread(StatusCode::BAD_REQUEST, detail));
    match one_host(request.headers()) {
        Some(Ok(())) => Ok(()),
        Some(Err(detail)) => wrong(detail),
        None if request.version() < Version::HTTP_11 => Ok(()),
        None => wrong("expected a Host, found none"),
    }
}

fn one_host(headers: &HeaderMap) -> Option<Result<(), &'static str>> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    if hosts.next().is_some() {
        return Some(Err("expected one Host, found several"));
    }
    // Empty for a target that has no authority.
    let named = |text: &str| text.parse::<Authority>().is_ok_and(|it| !it.as_str().contains('@'));
    let good = host.to_str().is_ok_and(|text| text.is_empty() || named(text));
    Some(if good { Ok(()) } else { Err("expected a Host that is a name and a port") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: Version, hosts: &[&str]) -> bool {
        let mut request = Request::get("/").version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        check(&request.body(()).expect("a request")).is_err()
    }

    #[test]
    fn one_host_is_named() {
        for good in ["shop", "shop:80", "[::1]:80", "10.0.0.1", "", "a.b-c"] {
            assert!(!refused(Version::HTTP_11, &[good]), "{good:?}");
        }
        for bad in ["a b", "a, b", "me@shop", "shop/path", "a:b:c"] {
            assert!(refused(Version::HTTP_11, &[bad]), "{bad:?}");
        }
        assert!(refused(Version::HTTP_11, &[]));
        assert!(!refused(Version::HTTP_10, &[]));
        assert!(refused(Version::HTTP_10, &["shop", "shop"]));
        assert!(refused(Version::HTTP_11, &["shop", "other"]));
    }
}
