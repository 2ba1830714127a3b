//! Sessions of users, in a cookie that carries all there is to know and a signature over it.
//!
//! No pod remembers a session, so none can lose one: whoever has the key can tell a cookie that
//! one of the pods made from one that somebody made up.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, header};
use rand::Rng;

use super::{Config, defect::Defects, entries::SessionView};

/// The name of the cookie.
const COOKIE: &str = "session";

/// Sessions that are remembered at the most, where they are.
const REMEMBERED_MAX: usize = 100_000;

/// A user's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    id: u64,
    begun_s: u64,
    visits: u64,
}

/// What a request says of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Nothing,
    Session(Session),
    /// Made up, damaged, out of date, or of another key.
    Unknown,
}

/// Begins sessions and knows them again.
#[derive(Debug)]
pub(super) struct Sessions {
    key: Option<Key>,
    lasts_s: u64,
    defects: Defects,
    /// Only the defect has one.
    remembered: Option<Mutex<BTreeMap<u64, Session>>>,
}

struct Key([u8; blake3::KEY_LEN]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Sessions {
    pub(super) fn new(config: &Config) -> Self {
        let defects = Defects::from(&config.defects);
        let derive = |key: &str| {
            Key(blake3::derive_key("reference-services cache session v1", key.as_bytes()))
        };
        Self {
            key: config.session.key.as_ref().map(|key| derive(key.reveal())),
            lasts_s: config.session.lasts_s,
            defects,
            remembered: defects.in_memory_sessions.then(Mutex::default),
        }
    }

    /// A new session; `None` without a key.
    pub(super) fn begin(&self) -> Option<Session> {
        self.key.as_ref()?;
        Some(Session { id: rand::rng().random(), begun_s: now_s(), visits: 0 })
    }

    /// The session that a request presents.
    pub(super) fn of(&self, headers: &HeaderMap) -> Presented {
        let Some(cookie) = cookie(headers) else { return Presented::Nothing };
        let known = match &self.remembered {
            None => self.verify(cookie),
            // Defect: what this process does not remember, it does not know.
            Some(remembered) => u64::from_str_radix(cookie, 16).ok().and_then(|id| {
                let sessions = remembered.lock().expect("nothing panics while it holds the lock");
                sessions.get(&id).copied()
            }),
        };
        let lasts = |session: &Session| {
            // Defect: what was a session once is one for ever.
            self.defects.eternal_sessions || now_s().saturating_sub(session.begun_s) < self.lasts_s
        };
        known.filter(lasts).map_or(Presented::Unknown, Presented::Session)
    }

    /// The cookie that stands for a session.
    pub(super) fn cookie(&self, session: Session) -> Option<HeaderValue> {
        let value = match &self.remembered {
            None => {
                let said = session.to_string();
                format!("{said}.{}", self.key.as_ref()?.sign(&said).to_hex())
            }
            Some(remembered) => {
                let mut sessions =
                    remembered.lock().expect("nothing panics while it holds the lock");
                sessions.insert(session.id, session);
                if sessions.len() > REMEMBERED_MAX {
                    sessions.pop_first();
                }
                format!("{:016x}", session.id)
            }
        };
        let lasts = self.lasts_s;
        let text = format!("{COOKIE}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax");
        HeaderValue::from_str(&text).ok()
    }

    /// The session in a cookie, if one of the pods made it.
    fn verify(&self, cookie: &str) -> Option<Session> {
        let (said, signature) = cookie.rsplit_once('.')?;
        let signature = blake3::Hash::from_hex(signature).ok()?;
        // Hashes compare in constant time. Defect: they are not compared at all.
        if self.key.as_ref()?.sign(said) != signature && !self.defects.unsigned_sessions {
            return None;
        }
        Session::parse(said)
    }
}

impl Key {
    fn sign(&self, said: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, said.as_bytes())
    }
}

impl Session {
    /// After one more visit.
    pub(super) fn visited(self) -> Self {
        Self { visits: self.visits.saturating_add(1), ..self }
    }

    /// What an answer says of it.
    pub(super) fn view(self) -> SessionView {
        SessionView { id: format!("{:016x}", self.id), visits: self.visits }
    }

    fn parse(said: &str) -> Option<Self> {
        let mut fields = said.split('.');
        let id = u64::from_str_radix(fields.next()?, 16).ok()?;
        let begun_s = fields.next()?.parse().ok()?;
        let visits = fields.next()?.parse().ok()?;
        fields.next().is_none().then_some(Self { id, begun_s, visits })
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}.{}", self.id, self.begun_s, self.visits)
    }
}

/// The value of our cookie among those of the request (RFC 6265, 5.4).
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{super::Defect, *};

    fn sessions(key: &str, in_memory: bool) -> Sessions {
        planted(key, in_memory.then_some(Defect::InMemorySessions))
    }

    fn planted(key: &str, defect: Option<Defect>) -> Sessions {
        let mut config = Config { defects: defect.into_iter().collect(), ..Config::default() };
        config.session.key = Some(key.repeat(32).into());
        Sessions::new(&config)
    }

    fn presenting(set_cookie: &HeaderValue) -> HeaderMap {
        let text = set_cookie.to_str().expect("ascii");
        let pair = text.split(';').next().expect("a pair");
        let line = format!("theme=dark; {pair}; a=b");
        HeaderMap::from_iter([(header::COOKIE, line.parse().expect("ascii"))])
    }

    #[test]
    fn every_pod_with_the_key_knows_a_session() {
        let (here, there) = (sessions("k", false), sessions("k", false));
        let session = here.begin().expect("a key").visited();
        let headers = presenting(&here.cookie(session).expect("a key"));
        assert_eq!(there.of(&headers), Presented::Session(session));
        assert_eq!(sessions("another", false).of(&headers), Presented::Unknown);
    }

    #[test]
    fn a_cookie_that_was_changed_is_unknown() {
        let sessions = sessions("k", false);
        let session = sessions.begin().expect("a key");
        let cookie = sessions.cookie(session).expect("a key");
        let pair = cookie.to_str().expect("ascii").split(';').next().expect("a pair").to_owned();
        for at in COOKIE.len() + 1..pair.len() {
            let mut bytes = pair.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            let value = HeaderValue::from_bytes(&bytes).expect("a header");
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            assert_eq!(sessions.of(&headers), Presented::Unknown, "byte {at}");
        }
    }

    #[test]
    fn a_session_runs_out() {
        let presented = |defect, age_s: u64| {
            let sessions = planted("k", defect);
            let begun_s = now_s() - age_s;
            let session = Session { id: 1, begun_s, visits: 2 };
            let headers = presenting(&sessions.cookie(session).expect("a key"));
            sessions.of(&headers) == Presented::Session(session)
        };
        assert!(presented(None, 3_590));
        assert!(!presented(None, 3_600));
        assert!(presented(Some(Defect::EternalSessions), 3_600), "the defect");
    }

    #[test]
    fn a_session_that_somebody_made_up_is_known_to_the_defect_alone() {
        let made_up = Session { id: 1, begun_s: now_s(), visits: 2 };
        let forger = sessions("another", false);
        let headers = presenting(&forger.cookie(made_up).expect("a key"));
        assert_eq!(planted("k", None).of(&headers), Presented::Unknown);
        let defect = planted("k", Some(Defect::UnsignedSessions));
        assert_eq!(defect.of(&headers), Presented::Session(made_up));
    }

    #[test]
    fn nothing_presented_is_nothing() {
        let headers = HeaderMap::from_iter([(header::COOKIE, "a=b; sessions=x".parse().unwrap())]);
        assert_eq!(sessions("k", false).of(&headers), Presented::Nothing);
        assert_eq!(sessions("k", false).of(&HeaderMap::new()), Presented::Nothing);
    }

    #[test]
    fn in_memory_another_pod_knows_nothing() {
        let (here, there) = (sessions("k", true), sessions("k", true));
        let session = here.begin().expect("a key");
        let headers = presenting(&here.cookie(session).expect("a key"));
        assert_eq!(here.of(&headers), Presented::Session(session));
        assert_eq!(there.of(&headers), Presented::Unknown);
    }

    #[test]
    fn without_a_key_there_are_none() {
        let none = Sessions::new(&Config::default());
        assert_eq!(none.begin(), None);
        let session = sessions("k", false).begin().expect("a key");
        let headers = presenting(&sessions("k", false).cookie(session).expect("a key"));
        assert_eq!(none.of(&headers), Presented::Unknown);
    }
}
