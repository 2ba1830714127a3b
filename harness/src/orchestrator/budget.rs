//! The eviction API: may this pod be evicted?

/// What the answer depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// Does the container of the pod run?
    pub(crate) running: bool,
    /// Is the pod itself ready?
    pub(crate) ready: bool,
    /// How many pods of the deployment are ready and not terminating.
    pub(crate) healthy: u32,
    /// How many must be, after the eviction.
    pub(crate) desired_healthy: u32,
}

/// May the pod be evicted? One that does not run yet may always be; one that runs and is not ready
/// takes nothing from a deployment that has what it needs (`IfHealthyBudget`).
pub(crate) fn allows(health: Health) -> bool {
    if !health.running {
        true
    } else if health.ready {
        health.healthy > health.desired_healthy
    } else {
        health.desired_healthy > 0 && health.healthy >= health.desired_healthy
    }
}
