//! Real processes as a backend: each host of a plan is a process of this machine, on a loopback address
//! of its own.

mod addresses;
mod disk;
mod folder;
mod machines;
mod quota;
mod supervisor;

use std::{path::PathBuf, sync::Arc};

use squall_proxy::{Client, Options, Server};
use squall_reports::record::{Backend, Record};

use self::{addresses::Loopback, machines::Local};
use super::{
    Asked, Perform,
    real::{self, Abilities, Stage},
};
use crate::scenario::Scenario;

/// Real processes.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// The program whose hidden subcommand is the process of a host: one with the same catalogue.
    pub(crate) program: PathBuf,
    /// A proxy server that somebody else runs; without one, the run has its own.
    pub(crate) toxiproxy: Option<String>,
}

impl Perform for Processes {
    fn backend(&self) -> Backend {
        Backend::Processes
    }

    fn lacks_for(&self, scenario: &Scenario) -> Vec<String> {
        let abilities = Abilities {
            backend: Backend::Processes,
            has_own_proxy: self.toxiproxy.is_none(),
            has_quotas: quota::is_available,
            has_disks: disk::is_available,
        };
        real::lacks(scenario, &abilities)
    }

    fn perform(&self, asked: Asked) -> Result<Record, String> {
        real::perform(Backend::Processes, asked, async |plan, seed, ear| {
            let layout = Loopback::take(plan)
                .await
                .map_err(|error| format!("there is no network of loopback addresses: {error}"))?;
            let (server, proxies) = self.proxy(seed).await?;
            let program = self.program.clone();
            let machines = Local::new(plan, program, layout.number(), server, ear)?;
            let hears_at = ([127, 0, 0, 1], 0).into();
            Ok(Stage { layout: Arc::new(layout), machines, proxies, hears_at })
        })
    }
}

impl Processes {
    /// The proxy server of a run, if it has its own, and a client of it.
    async fn proxy(&self, seed: u64) -> Result<(Option<Server>, Client), String> {
        if let Some(url) = &self.toxiproxy {
            let client = Client::new(url).map_err(|error| error.to_string())?;
            let version = client.version().await;
            version
                .map_err(|error| format!("the proxy server at {url} does not answer: {error}"))?;
            return Ok((None, client));
        }
        let mut options = Options::default();
        options.seed = Some(seed);
        options.metrics.connections = true;
        let server = Server::start(options).await;
        let server = server.map_err(|error| format!("the proxy does not start: {error}"))?;
        let client = Client::new(&format!("http://{}", server.address()));
        Ok((Some(server), client.map_err(|error| error.to_string())?))
    }
}
