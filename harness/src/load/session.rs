//! Clients that keep the cookies they are given (RFC 6265), as far as a load on one service shows
//! it: names and values, and that a cookie which has run out is dropped.

use std::{collections::BTreeMap, sync::Mutex};

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What a client must be able to keep for one host (RFC 6265, 6.1), and keeps here at most.
const COOKIES_MAX: usize = 50;

/// The cookies of each client of a load.
pub(crate) struct Sessions(Vec<Mutex<BTreeMap<String, String>>>);

impl Sessions {
    pub(crate) fn new(clients: u32) -> Self {
        Self((0..clients).map(|_| Mutex::default()).collect())
    }

    /// The client that sends the next request; `None` if nobody keeps cookies.
    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> Option<usize> {
        (!self.0.is_empty()).then(|| rng.random_range(0..self.0.len()))
    }

    /// What this client sends along.
    pub(crate) fn header(&self, client: usize) -> Option<HeaderValue> {
        let cookies = self.0[client].lock().expect("nothing panics while it holds the lock");
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::from_str(&pairs.join("; ")).ok()
    }

    /// Keeps what this client was given.
    pub(crate) fn keep(&self, client: usize, headers: &HeaderMap) {
        let mut cookies = self.0[client].lock().expect("nothing panics while it holds the lock");
        for header in headers.get_all(header::SET_COOKIE) {
            let Some(cookie) = header.to_str().ok().and_then(|text| Cookie::parse(text).ok())
            else {
                continue;
            };
            if cookie.max_age().is_some_and(|age| !age.is_positive()) {
                cookies.remove(cookie.name());
            } else if cookies.len() < COOKIES_MAX || cookies.contains_key(cookie.name()) {
                cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::Sessions;

    #[track_caller]
    fn check(given: &[&'static str], sent: Option<&str>) {
        let sessions = Sessions::new(2);
        for cookie in given {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            sessions.keep(1, &headers);
        }
        let header = sessions.header(1);
        assert_eq!(header.as_ref().map(|value| value.to_str().expect("text")), sent);
        assert_eq!(sessions.header(0), None, "another client has none of them");
    }

    #[test]
    fn a_client_sends_what_it_was_given() {
        check(&[], None);
        check(&["session=abc; Path=/; HttpOnly"], Some("session=abc"));
        check(&["session=abc", "theme=dark", "session=def"], Some("session=def; theme=dark"));
        check(&["session=abc", "session=; Max-Age=0"], None);
        check(&["no pair"], None);
    }
}
