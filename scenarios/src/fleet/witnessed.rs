//! Fleets that are looked at from outside: what a witness sees, and what is expected of it.

use std::time::Duration;

use serde_json::json;
use squall::objective::{Matching, Objective, always, any_log, logs, sometimes};

use super::{Fleet, millis};

/// What is known of the items, to hold answers against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items {
    /// They are numbered from 1 to this.
    pub(crate) count: u64,
    /// How old an answer may be.
    pub(crate) fresh_for: Duration,
    /// After what time each has another value; zero for never.
    pub(crate) change_every: Duration,
}

impl Fleet {
    /// A witness asks for items through the load balancer, fifty a second from the beginning of
    /// the load on, and each answer must be what was asked for.
    pub(crate) fn items_checked(mut self, items: Items) -> Self {
        let Items { count, .. } = items;
        let [fresh_for_ms, changes_every_ms] = [items.fresh_for, items.change_every].map(millis);
        let witness = json!({
            "target": "lb:8080",
            "items": count,
            "from_ms": millis(self.plan.boot),
            "every_ms": 20,
            "fresh_for_ms": fresh_for_ms,
            "changes_every_ms": changes_every_ms,
        });
        for spec in self.plan.loads.iter_mut().flat_map(|load| &mut load.mix) {
            spec.ids = count;
        }
        self.host("item-witness", witness)
            .configure("catalog", &json!({ "items": count, "changes_every_ms": changes_every_ms }))
            .pods(json!({ "items": count, "fresh_for_ms": fresh_for_ms }))
            .objective(
                always(item_checked(), any_log().with("right", "true"))
                    .named("answers with the item that was asked for"),
            )
    }

    /// A witness begins sessions, uses them, and presents what is none: no visit may be lost, and
    /// nothing may be believed that the service did not say itself, lately.
    pub(crate) fn sessions_checked(self, lasts: Duration) -> Self {
        let witness = json!({
            "target": "lb:8080",
            "users": 20,
            "from_ms": millis(self.plan.boot),
            "lasts_ms": millis(lasts),
        });
        let checked = |kind: &str, accepted: &str| {
            let presented = logs("session checked").with("kind", kind);
            always(presented, any_log().with("accepted", accepted))
        };
        let kept = always(logs("visit counted"), any_log().with("kept", "true"));
        self.host("session-witness", witness)
            .pods(json!({ "session": { "lasts_s": lasts.as_secs() } }))
            .objective(checked("valid", "true").named("sessions that are known"))
            .objective(kept.named("visits that their session counts"))
            .objective(checked("forged", "false").named("changed sessions, refused"))
            .objective(checked("unknown", "false").named("made up sessions, refused"))
            .objective(checked("expired", "false").named("sessions that have run out, refused"))
    }

    /// A witness asks each pod for all of its items at the moment it says that it is ready; `pods`
    /// must be so many during the load at least.
    pub(crate) fn pods_asked_when_ready(mut self, items: u64, pods: u64) -> Self {
        let names: Vec<String> = (1..=8).map(|pod| format!("cache-{pod}:8080")).collect();
        for spec in self.plan.loads.iter_mut().flat_map(|load| &mut load.mix) {
            spec.ids = items;
        }
        let asked = || logs("pod asked when it was ready");
        self.host("readiness-witness", json!({ "pods": names, "items": items }))
            .configure("catalog", &json!({ "items": items }))
            .pods(json!({ "items": items }))
            .objective(sometimes(asked()).times_at_least(pods))
            .objective(
                always(asked(), any_log().with("lacking", "0"))
                    .named("pods that lack nothing when they are ready"),
            )
    }

    /// Adds a host that runs the service of the same name.
    fn host(self, name: &str, config: serde_json::Value) -> Self {
        self.plan(|mut plan| {
            plan.topology = plan.topology.host(name, name, config);
            plan
        })
    }
}

/// An answer that the witness of items has looked at.
pub(crate) fn item_checked() -> Matching {
    logs("item checked").on("item-witness")
}

/// Nothing is answered that is older than it may be.
pub(crate) fn none_over_age() -> Objective {
    always(item_checked(), any_log().with("over_age", "false"))
        .named("answers that are no older than they may be")
}
