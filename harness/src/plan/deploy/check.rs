//! Is a cluster one that can be performed?

use std::{collections::BTreeSet, time::Duration};

use super::{
    Bound, CanaryStep, Cluster, Deployment, DisruptionBudget, Gate, GateBound, Operation,
    OperationKind, PreStop, Probe,
};
use crate::plan::{InvalidPlan, check::is_path};

/// More pods than any test needs: each is a host with a stack.
const PODS_MOST: u32 = 1_000;

type Checked = Result<(), InvalidPlan>;

impl Cluster {
    /// Checks all that can be known without the topology: names, bounds, times and thresholds.
    pub(crate) fn check(&self) -> Checked {
        let wrong = |reason: &str| Err(InvalidPlan::new("cluster", reason));
        if self.nodes.is_empty() {
            return wrong("expected at least one node, found none");
        }
        if self.node_monitor_grace.is_zero() {
            return wrong("expected a node_monitor_grace above zero, found zero");
        }
        if let Some(node) = self.nodes.iter().find(|node| node.pods == 0) {
            let place = format!("node {:?}", node.name);
            return Err(InvalidPlan::new(place, "expected room for at least one pod, found 0"));
        }
        let mut names = BTreeSet::new();
        for deployment in &self.deployments {
            if !names.insert(&deployment.name) {
                return Err(InvalidPlan::new(
                    place_of(&deployment.name),
                    "expected each deployment once, found the name twice",
                ));
            }
            deployment.check()?;
        }
        let mut budgets = BTreeSet::new();
        for budget in &self.disruption_budgets {
            let place = format!("disruption budget of {:?}", budget.deployment);
            self.known(&place, &budget.deployment)?;
            if !budgets.insert(&budget.deployment) {
                return Err(InvalidPlan::new(place, "expected one for a deployment, found two"));
            }
            budget.check().map_err(|reason| InvalidPlan::new(place, reason))?;
        }
        self.operations.iter().enumerate().try_for_each(|(at, operation)| {
            let place = format!("operation {} ({})", at + 1, operation.label());
            self.check_operation(&place, operation)
        })
    }

    fn known<'a>(&'a self, place: &str, name: &str) -> Result<&'a Deployment, InvalidPlan> {
        let names = || self.deployments.iter().map(|deployment| deployment.name.as_str());
        self.find(name).ok_or_else(|| InvalidPlan::unknown(place, "deployments", names(), name))
    }

    fn check_operation(&self, place: &str, operation: &Operation) -> Checked {
        let wrong = |reason: String| Err(InvalidPlan::new(place, reason));
        match &operation.kind {
            OperationKind::Rollout { deployment, gate, .. } => {
                let deployment = self.known(place, deployment)?;
                gate.as_ref().map_or(Ok(()), |gate| check_gate(place, gate, deployment))
            }
            OperationKind::Canary { deployment, steps, gate, .. } => {
                let deployment = self.known(place, deployment)?;
                if deployment.publish_to.is_empty() {
                    return wrong(format!(
                        "expected a load balancer that {} publishes to, found none",
                        deployment.name
                    ));
                }
                if let Err(reason) = check_steps(steps) {
                    return wrong(reason);
                }
                check_gate(place, gate, deployment)
            }
            OperationKind::Scale { deployment, .. } => self.known(place, deployment).map(|_| ()),
            OperationKind::Cordon { node }
            | OperationKind::Drain { node }
            | OperationKind::Uncordon { node } => {
                let names = || self.nodes.iter().map(|node| node.name.as_str());
                if names().any(|known| known == node) {
                    return Ok(());
                }
                Err(InvalidPlan::unknown(place, "nodes", names(), node))
            }
        }
    }
}

fn place_of(deployment: &str) -> String {
    format!("deployment {deployment:?}")
}

impl DisruptionBudget {
    fn check(&self) -> Result<(), String> {
        let (Bound::MinAvailable(amount) | Bound::MaxUnavailable(amount)) = self.bound;
        amount.check()
    }
}

impl Deployment {
    fn check(&self) -> Checked {
        let wrong = |reason: String| Err(InvalidPlan::new(place_of(&self.name), reason));
        if self.pods_max == 0 || self.pods_max > PODS_MOST {
            return wrong(format!(
                "expected pods_max from 1 to {PODS_MOST}, found {}",
                self.pods_max
            ));
        }
        if self.replicas > self.pods_max {
            return wrong(format!(
                "expected at most pods_max ({}) replicas, found {}",
                self.pods_max, self.replicas
            ));
        }
        for (name, amount) in
            [("max_surge", self.max_surge), ("max_unavailable", self.max_unavailable)]
        {
            if let Err(reason) = amount.check() {
                return wrong(format!("{name}: {reason}"));
            }
        }
        if self.max_surge.is_zero() && self.max_unavailable.is_zero() {
            return wrong(
                "expected max_unavailable above 0 where max_surge is 0, found 0: no pod could \
                 ever be replaced"
                    .to_owned(),
            );
        }
        if self.progress_deadline <= self.min_ready {
            return wrong(format!(
                "expected a progress_deadline above min_ready ({:?}), found {:?}",
                self.min_ready, self.progress_deadline
            ));
        }
        let template = &self.template;
        if template.cores == 0 || template.port == 0 {
            return wrong(format!(
                "expected cores and a port above 0, found {} and {}",
                template.cores, template.port
            ));
        }
        let probes = [
            ("startup", &template.startup),
            ("readiness", &template.readiness),
            ("liveness", &template.liveness),
        ];
        for (name, probe) in probes {
            if let Some(Err(reason)) = probe.as_ref().map(|probe| probe.check(name)) {
                return wrong(format!("{name} probe: {reason}"));
            }
        }
        if let Some(PreStop::Get { path }) = &template.pre_stop {
            check_path(path).or_else(|reason| wrong(format!("pre_stop: {reason}")))?;
        }
        if template.container_start.check().is_some() {
            return wrong("expected a container_start that is a distribution".to_owned());
        }
        Ok(())
    }
}

impl Probe {
    fn check(&self, name: &str) -> Result<(), String> {
        check_path(&self.path)?;
        if self.port == Some(0) {
            return Err("expected a port above 0, found 0".to_owned());
        }
        if self.period.is_zero() || self.timeout.is_zero() {
            return Err(format!(
                "expected a period and a timeout above zero, found {:?} and {:?}",
                self.period, self.timeout
            ));
        }
        if self.success_threshold == 0 || self.failure_threshold == 0 {
            return Err(format!(
                "expected thresholds from 1 on, found {} and {}",
                self.success_threshold, self.failure_threshold
            ));
        }
        if name != "readiness" && self.success_threshold != 1 {
            return Err(format!(
                "expected a success_threshold of 1, found {}",
                self.success_threshold
            ));
        }
        Ok(())
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if is_path(path) { Ok(()) } else { Err(format!("expected a path from / on, found {path:?}")) }
}

fn check_steps(steps: &[CanaryStep]) -> Result<(), String> {
    let weights: Vec<u32> = steps.iter().map(|step| step.weight).collect();
    let rising = weights.windows(2).all(|pair| pair[0] < pair[1]);
    let bounded = weights.iter().all(|weight| (1..=100).contains(weight));
    if weights.is_empty() || !rising || !bounded {
        return Err(format!("expected rising weights from 1 to 100, found {weights:?}"));
    }
    Ok(())
}

fn check_gate(place: &str, gate: &Gate, deployment: &Deployment) -> Checked {
    let wrong = |reason: String| Err(InvalidPlan::new(format!("{place}: gate"), reason));
    if gate.bounds.is_empty() {
        return wrong("expected at least one bound, found none".to_owned());
    }
    if deployment.publish_to.is_empty() {
        return wrong(format!(
            "expected a load balancer that {} publishes to, whose metrics are read; found none",
            deployment.name
        ));
    }
    if gate.every.is_zero() {
        return wrong("expected metrics read every so often, found zero".to_owned());
    }
    let share = |share: f64| share > 0.0 && share < 1.0;
    let window = |window: Duration| window >= gate.every;
    for bound in &gate.bounds {
        let good = match bound {
            GateBound::ErrorShare { at_most, window: of } => {
                (0.0..1.0).contains(at_most) && window(*of)
            }
            GateBound::BurnRate { objective, windows } => {
                share(*objective)
                    && windows.iter().all(|pair| {
                        pair.factor > 0.0
                            && pair.factor.is_finite()
                            && window(pair.short)
                            && pair.short <= pair.long
                    })
            }
            GateBound::P99 { at_most, window: of } => !at_most.is_zero() && window(*of),
        };
        if !good {
            return wrong(format!(
                "expected shares below 1, factors above 0, and windows of at least {:?} with the \
                 short one first, found {bound:?}",
                gate.every
            ));
        }
    }
    Ok(())
}
