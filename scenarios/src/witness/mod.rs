//! Witnesses: small services that look at the others from outside and log what they saw, so that
//! no objective has to believe what a service says of itself.

mod auditor;
pub(crate) mod client;
mod crowd;
mod idle_watchers;
mod items;
mod operator;
mod pod;
mod readiness;
mod sessions;
mod stock;

use squall::Services;

/// Adds the witnesses to the services of a scenario.
pub(crate) fn with_witnesses(services: Services) -> Services {
    services
        .with("auditor", auditor::run)
        .with("item-witness", items::run)
        .with("session-witness", sessions::run)
        .with("readiness-witness", readiness::run)
        .with("operator", operator::run)
        .with("pod", pod::run)
        .with("crowd", crowd::run)
        .with("stock-witness", stock::run)
        .with("idle-watchers", idle_watchers::run)
}
