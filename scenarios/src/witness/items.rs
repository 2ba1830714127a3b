//! Asks for one item after the other, and holds each answer against what the catalog has: is it
//! the item that was asked for, how old is it, and does it say so if it is too old?

use std::{
    convert::Infallible,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Request, StatusCode};
use reference_services::catalog;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{interval, sleep};

use super::client::ask;

/// What is asked, and what is known of the catalog.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Who answers, as `host:port`.
    target: String,
    /// Items are numbered from 1 to this.
    items: u64,
    /// When it begins.
    from_ms: u64,
    /// From one question to the next.
    every_ms: u64,
    /// How old an answer may be.
    fresh_for_ms: u64,
    /// After what time the catalog has another value for each item; 0 for never.
    changes_every_ms: u64,
}

/// Asks for as long as the run lasts.
pub(super) async fn run(config: Config) -> Result<(), Infallible> {
    sleep(Duration::from_millis(config.from_ms)).await;
    let mut next = interval(Duration::from_millis(config.every_ms.max(1)));
    for item in (1..=config.items).cycle() {
        next.tick().await;
        let asked_ms = unix_ms();
        match ask(&config.target, Request::get(format!("/items/{item}"))).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let seen = Seen::of(&config, item, asked_ms, &answer.body);
                let Seen { right, over_age, marked, version } = seen;
                tracing::info!(item, version, right, over_age, marked, "item checked");
            }
            Ok(answer) => {
                tracing::info!(item, status = answer.status.as_u16(), "item refused");
            }
            Err(error) => tracing::info!(item, %error, "item not answered"),
        }
    }
    Ok(())
}

/// What an answer turned out to be.
#[derive(Debug, PartialEq, Eq)]
struct Seen<'a> {
    /// It is the item that was asked for, with a value that the catalog had at some time.
    right: bool,
    /// It had been replaced for longer than an answer may be old when it was asked for.
    over_age: bool,
    /// It says that it is too old.
    marked: bool,
    /// The version of the service that answered.
    version: &'a str,
}

impl<'a> Seen<'a> {
    fn of(config: &Config, item: u64, asked_ms: u64, body: &'a Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let value = text("value");
        let every = config.changes_every_ms;
        let revision: Option<u64> = match value.rsplit_once(", revision ") {
            Some((_, revision)) if every > 0 => revision.parse().ok(),
            _ => None,
        };
        let has_been = revision.is_some() == (every > 0)
            && revision.is_none_or(|revision| revision <= unix_ms() / every);
        // The catalog had another value from the next multiple on.
        let replaced_ms = revision.map(|it| it.saturating_add(1).saturating_mul(every));
        let says = |warning: &Value| warning == "stale";
        Self {
            right: body["id"] == item && has_been && value == catalog::value(item, revision),
            over_age: replaced_ms
                .is_some_and(|at| at.saturating_add(config.fresh_for_ms) < asked_ms),
            marked: body["warnings"].as_array().is_some_and(|all| all.iter().any(says)),
            version: text("version"),
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(changes_every_ms: u64, id: u64, value: &str, warnings: Value, expected: [bool; 3]) {
        let config = Config {
            target: String::new(),
            items: 9,
            from_ms: 0,
            every_ms: 1,
            fresh_for_ms: 500,
            changes_every_ms,
        };
        let body = json!({ "id": id, "value": value, "version": "v2", "warnings": warnings });
        let seen = Seen::of(&config, 3, 10_000, &body);
        assert_eq!([seen.right, seen.over_age, seen.marked], expected, "{value}");
        assert_eq!(seen.version, "v2");
    }

    #[test]
    fn an_answer_is_held_against_the_catalog() {
        let none = || json!([]);
        check(0, 3, &catalog::value(3, None), none(), [true, false, false]);
        check(0, 4, &catalog::value(3, None), none(), [false, false, false]);
        check(0, 3, &catalog::value(4, None), none(), [false, false, false]);
        check(0, 3, &catalog::value(3, Some(1)), none(), [false, false, false]);
        check(100, 3, &catalog::value(3, None), none(), [false, false, false]);
        // Replaced at 9.5 s, and asked for at 10 s: just young enough.
        check(100, 3, &catalog::value(3, Some(94)), none(), [true, false, false]);
        check(100, 3, &catalog::value(3, Some(93)), none(), [true, true, false]);
        check(100, 3, &catalog::value(3, Some(93)), json!(["stale"]), [true, true, true]);
        check(100, 3, &catalog::value(3, Some(u64::MAX - 1)), none(), [false, false, false]);
    }
}
