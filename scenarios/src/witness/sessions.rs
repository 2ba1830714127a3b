//! Users that begin sessions and use them one request at a time, then present what nobody should
//! know: a session that was changed, one that was made up, and one that has run out.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{HeaderMap, Request, StatusCode, header};
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::client::{Answer, ask};

/// Visits of each session, and the pause between them.
const VISITS: u64 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Sessions are as old as their second, and nothing is said of the one in which they run out.
const SLACK: Duration = Duration::from_millis(1_100);

/// Who is asked, and what is known of sessions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Who answers, as `host:port`.
    target: String,
    /// How many users.
    users: u64,
    /// When they begin.
    from_ms: u64,
    /// How long a session lasts.
    lasts_ms: u64,
}

/// What a session should be to the service.
#[derive(Clone, Copy)]
enum Kind {
    /// Begun by the service, and not too old.
    Valid,
    /// The same with something changed.
    Forged,
    /// Made up.
    Unknown,
    /// Begun by the service too long ago.
    Expired,
}

/// Goes on for as long as the run lasts.
pub(super) async fn run(config: Config) -> Result<(), Infallible> {
    let config = Arc::new(config);
    let mut users = JoinSet::new();
    for number in 0..config.users {
        let config = Arc::clone(&config);
        users.spawn(async move {
            // They do not all do the same at once.
            sleep(Duration::from_millis(config.from_ms + number * 130)).await;
            loop {
                session(&config).await;
            }
        });
    }
    while users.join_next().await.is_some() {}
    Ok(())
}

/// One session from its beginning until it has run out.
async fn session(config: &Config) {
    let begun = Instant::now();
    let answer = ask(&config.target, Request::post("/session")).await.ok();
    let first = answer.as_ref().filter(|it| it.status == StatusCode::CREATED);
    let Some((id, mut cookie)) =
        first.and_then(|it| Some((it.body["id"].clone(), given(&it.headers)?)))
    else {
        return sleep(PAUSE).await;
    };
    for visit in 1..=VISITS {
        sleep(PAUSE).await;
        let Some(answer) = present(config, Kind::Valid, &cookie).await else { continue };
        let seen = &answer.body["session"];
        let kept = seen["id"] == id && seen["visits"] == visit;
        let found = seen["visits"].as_u64();
        tracing::info!(expected = visit, found, kept, "visit counted");
        if let Some(next) = given(&answer.headers) {
            cookie = next;
        }
    }
    present(config, Kind::Forged, &forged(&cookie)).await;
    present(config, Kind::Unknown, &made_up(&cookie)).await;
    sleep_until(begun + Duration::from_millis(config.lasts_ms) + SLACK).await;
    present(config, Kind::Expired, &cookie).await;
}

/// Asks for an item with a session; returns the answer if the session was accepted.
async fn present(config: &Config, kind: Kind, cookie: &str) -> Option<Answer> {
    let request = Request::get("/items/1").header(header::COOKIE, cookie);
    let answer = match ask(&config.target, request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(kind = kind.name(), %error, "session not checked");
            return None;
        }
    };
    let status = answer.status;
    if status != StatusCode::OK && status != StatusCode::UNAUTHORIZED {
        tracing::info!(kind = kind.name(), status = status.as_u16(), "session not checked");
        return None;
    }
    let accepted = status == StatusCode::OK;
    tracing::info!(kind = kind.name(), accepted, "session checked");
    accepted.then_some(answer)
}

/// The session in an answer, as the client presents it from then on.
fn given(headers: &HeaderMap) -> Option<String> {
    let cookie = headers.get(header::SET_COOKIE)?.to_str().ok()?;
    Some(cookie.split(';').next()?.to_owned())
}

/// The session with another number of visits, `session=ID.BEGUN.VISITS.SIGNATURE`.
fn forged(cookie: &str) -> String {
    let mut fields: Vec<&str> = cookie.split('.').collect();
    if let [_, _, visits, _] = fields.as_mut_slice() {
        *visits = "4000";
    }
    fields.join(".")
}

/// A session that begins when this one does, of somebody else, with a signature of zeros.
fn made_up(cookie: &str) -> String {
    let begun = cookie.split('.').nth(1).unwrap_or_default();
    format!("session=00000000000000aa.{begun}.1.{}", "0".repeat(64))
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Forged => "forged",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
        }
    }
}
