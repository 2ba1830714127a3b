//! How many pods a deployment lacks and has too many, as gauges: what an operation costs while it
//! goes on, and what taking it back costs.

use squall_reports::record::{Gauge, What};

use super::state::State;
use crate::run::environment::Environment;

/// The pods of a deployment against those that are desired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// How many available pods are missing to what is desired.
    missing: u32,
    /// How many pods there are beyond what is desired; one that terminates is none any more.
    surplus: u32,
}

impl Capacity {
    fn of(desired: u32, pods: usize, available: usize) -> Self {
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        Self {
            missing: desired.saturating_sub(count(available)),
            surplus: count(pods).saturating_sub(desired),
        }
    }
}

impl State {
    /// Samples the gauges of a deployment if they have changed.
    pub(super) fn gauge_capacity(&mut self, env: &impl Environment, at: usize, now: u64) {
        let pods = self.pods_of(at).count();
        let available = self.pods_of(at).filter(|pod| self.is_available(pod, now)).count();
        let deployment = &mut self.deployments[at];
        let is = Capacity::of(deployment.spec.replicas, pods, available);
        if deployment.capacity == Some(is) {
            return;
        }
        deployment.capacity = Some(is);
        let spec = &deployment.spec;
        let gauges = [(spec.missing_gauge(), is.missing), (spec.surplus_gauge(), is.surplus)];
        for (name, value) in gauges {
            let name = env.intern(&name);
            env.record(What::Gauge(Gauge { host: self.control_plane, name, value: value.into() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Capacity;

    #[test]
    fn what_is_missing_is_not_available_and_what_is_too_many_is_there() {
        let of = |desired, pods, available| {
            let Capacity { missing, surplus } = Capacity::of(desired, pods, available);
            (missing, surplus)
        };
        assert_eq!(of(3, 3, 3), (0, 0));
        assert_eq!(of(3, 4, 3), (0, 1));
        assert_eq!(of(3, 4, 2), (1, 1));
        assert_eq!(of(0, 2, 2), (0, 2));
    }
}
