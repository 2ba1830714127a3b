//! A scenario: a plan, what it claims, and the services that it is performed on.

use std::collections::BTreeSet;

use squall_reports::name;

use crate::{
    plan::{InvalidPlan, Plan},
    service::Services,
};

/// A named test under faults.
#[derive(Clone, Debug)]
pub struct Scenario {
    name: String,
    hypothesis: String,
    plan: Plan,
    services: Services,
    defects: Vec<String>,
}

impl Scenario {
    /// A scenario with this name, which claims `hypothesis` in one sentence.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        hypothesis: impl Into<String>,
        plan: Plan,
        services: Services,
    ) -> Self {
        Self {
            name: name.into(),
            hypothesis: hypothesis.into(),
            plan,
            services,
            defects: Vec::new(),
        }
    }

    /// The scenario's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the scenario claims.
    #[must_use]
    pub fn hypothesis(&self) -> &str {
        &self.hypothesis
    }

    /// What a run does.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The services that the plan is performed on.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The defects that are switched on.
    #[must_use]
    pub fn defects(&self) -> &[String] {
        &self.defects
    }

    /// The same scenario with a defect switched on in the configuration of these hosts and of the
    /// pods of these deployments: its name is added to the list `defects` there.
    #[must_use]
    pub fn with_defect(mut self, name: &str, hosts: &[&str]) -> Self {
        let machines = self.plan.topology.hosts.iter_mut();
        let machines = machines.map(|host| (host.name.as_str(), &mut host.config));
        let deployments = self.plan.cluster.iter_mut().flat_map(|cluster| &mut cluster.deployments);
        let deployments = deployments
            .map(|deployment| (deployment.name.as_str(), &mut deployment.template.config));
        for (host, config) in machines.chain(deployments) {
            if hosts.contains(&host)
                && let Some(config) = config.as_object_mut()
            {
                let defects = config.entry("defects").or_insert_with(|| serde_json::json!([]));
                if let Some(defects) = defects.as_array_mut() {
                    defects.push(name.into());
                }
            }
        }
        self.defects.push(name.to_owned());
        self
    }

    /// The same scenario with the load that it has on processes: the part of it that a small machine
    /// carries.
    pub(crate) fn with_load_of_processes(mut self) -> Self {
        self.plan = self.plan.with_rates_of_processes();
        self
    }

    /// Checks that the plan can be performed with the scenario's services, and that files can be
    /// called after the scenario and its defects (see [`squall_reports::name`]).
    ///
    /// # Errors
    ///
    /// Names the first thing that is wrong, what was expected and what was found.
    pub fn check(&self) -> Result<(), InvalidPlan> {
        // Goldens, records and reports are called after them.
        for (what, name) in std::iter::once(("scenario", &self.name))
            .chain(self.defects.iter().map(|name| ("defect", name)))
        {
            name::check(name).map_err(|error| InvalidPlan::new(what, error.to_string()))?;
        }
        self.plan.check()?;
        let hosts = self.plan.topology.hosts.iter();
        let hosts = hosts
            .filter_map(|host| Some((format!("host {:?}", host.name), host.service.as_ref()?)));
        let deployments = self.plan.cluster.iter().flat_map(|cluster| &cluster.deployments);
        let deployments = deployments.map(|deployment| {
            (format!("deployment {:?}", deployment.name), &deployment.template.service)
        });
        for (place, service) in hosts.chain(deployments) {
            if !self.services.names().any(|name| name == service) {
                return Err(InvalidPlan::unknown(
                    &place,
                    "services",
                    self.services.names(),
                    service,
                ));
            }
        }
        self.check_calls()
    }

    /// The services that hosts and deployments of the plan run, each once.
    pub(crate) fn used_services(&self) -> BTreeSet<&str> {
        let hosts = self.plan.topology.hosts.iter();
        let hosts = hosts.filter_map(|host| host.service.as_deref());
        let deployments = self.plan.cluster.iter().flat_map(|cluster| &cluster.deployments);
        hosts.chain(deployments.map(|deployment| deployment.template.service.as_str())).collect()
    }

    /// Is there a function for each call that a load makes?
    fn check_calls(&self) -> Result<(), InvalidPlan> {
        for (at, load) in self.plan.loads.iter().enumerate() {
            let place = format!("load {}", at + 1);
            for call in load.mix.iter().filter_map(|request| request.call.as_deref()) {
                let mut known = self.services.calls().peekable();
                if known.peek().is_none() {
                    let reason = format!(
                        "expected a call of the services (Services::with_call), found {call:?} \
                         and services without any"
                    );
                    return Err(InvalidPlan::new(place, reason));
                }
                if !self.services.calls().any(|name| name == call) {
                    return Err(InvalidPlan::unknown(&place, "calls", known, call));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Scenario;
    use crate::{
        catalogue::Defect,
        plan::{Cluster, Deployment, Plan, Topology},
        service::Services,
    };

    fn deployed(service: &str) -> Scenario {
        let cluster = Cluster::new()
            .node("node-a", 5)
            .deployment(Deployment::new("front", "web", json!({ "version": 1 }), 2))
            .deployment(Deployment::new("back", service, json!({}), 2));
        let plan = Plan::new(Topology::new().host("lb", "web", json!({}))).cluster(cluster);
        let idle = |_: serde_json::Value| std::future::pending::<std::io::Result<()>>();
        let services = Services::new().with("web", idle).with("db", idle);
        Scenario::new("deployed", "nothing", plan, services)
    }

    #[test]
    fn a_defect_reaches_the_pods_of_its_service() {
        let defect = Defect {
            name: "cold".to_owned(),
            description: String::new(),
            service: "web".to_owned(),
            caught_by: "deployed".to_owned(),
            because: "nothing".to_owned(),
        };
        let planted = defect.plant(&deployed("db"));
        let cluster = planted.plan().cluster.as_ref().expect("the plan has a cluster");
        let configs: Vec<_> = cluster.deployments.iter().map(|it| &it.template.config).collect();
        assert_eq!(configs, [&json!({ "version": 1, "defects": ["cold"] }), &json!({})]);
        assert_eq!(planted.plan().topology.hosts[0].config, json!({ "defects": ["cold"] }));
    }

    #[test]
    fn names_are_names_of_files() {
        let long = "x".repeat(300);
        for name in ["", "../up", "a/b", "Web", "a b", "con", &long] {
            let mut scenario = deployed("db");
            name.clone_into(&mut scenario.name);
            let error = scenario.check().expect_err(name).to_string();
            assert!(error.starts_with("scenario: expected a name of 1 to 100"), "{error}");
            let error = deployed("db").with_defect(name, &[]).check().expect_err(name).to_string();
            assert!(error.starts_with("defect: expected a name of 1 to 100"), "{error}");
        }
    }

    #[test]
    fn pods_run_services_that_there_are() {
        deployed("db").check().expect("both services are known");
        let error = deployed("cache").check().expect_err("there is no such service").to_string();
        let expected = "deployment \"back\": expected one of the services db, web, found \"cache\"";
        assert_eq!(error, expected);
    }
}
