//! Containers as a backend: each host of a plan is a container of its own, on a network that the run has
//! made, and the proxies between them are in one more.
//!
//! Containers are made with `testcontainers`, and what that has no function for (networks, volumes,
//! signals, quotas, images) is asked of the engine with the client that it brings along.

mod elf;
mod engine;
mod image;
mod labels;
mod layout;
mod leftover;
mod machines;
mod network;
mod request;
mod watch;

use std::{path::PathBuf, sync::Arc, time::Duration};

use squall_proxy::Client;
use squall_reports::record::{Backend, Record};

use self::{engine::Engine, layout::Bridge, machines::Docked, network::Proxies};
use super::{
    Asked, Perform,
    real::{self, Abilities, Machines, Stage},
};
use crate::{scenario::Scenario, service::Foreign};

/// How long the proxies may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Containers.
#[derive(Clone, Debug)]
pub(crate) struct Containers {
    /// The program that all functions of the catalogue run in: one with the same catalogue.
    pub(crate) program: PathBuf,
}

impl Containers {
    /// Is there an engine?
    ///
    /// # Errors
    ///
    /// When there is none, or none for this user, in a sentence.
    pub(crate) fn engine(&self) -> Result<(), String> {
        alone(Engine::connect()).map(drop)
    }

    /// Makes the image of the program, if the engine does not have it: its full name.
    ///
    /// # Errors
    ///
    /// In a sentence.
    pub(crate) fn image(&self) -> Result<String, String> {
        alone(async {
            let engine = Engine::connect().await?;
            let image = image::build(&engine, &self.program).await?;
            Ok(format!("{}:{}", image.name, image.tag))
        })
    }

    /// Makes an image of the program and `others`, and calls it `name`: its full name.
    ///
    /// # Errors
    ///
    /// In a sentence.
    pub(crate) fn image_called(&self, name: &str, others: &[PathBuf]) -> Result<String, String> {
        let programs: Vec<PathBuf> =
            std::iter::once(&self.program).chain(others).cloned().collect();
        alone(async {
            let engine = Engine::connect().await?;
            image::build_named(&engine, name, &programs).await
        })
    }
}

/// Something that is asked of the engine while there is no run.
fn alone<T>(asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime could be made: {error}"))?;
    runtime.block_on(asked)
}

impl Perform for Containers {
    fn backend(&self) -> Backend {
        Backend::Containers
    }

    fn lacks_for(&self, scenario: &Scenario) -> Vec<String> {
        let abilities = Abilities {
            backend: Backend::Containers,
            has_own_proxy: true,
            has_quotas: || true,
            has_disks: || true,
        };
        real::lacks(scenario, &abilities)
    }

    fn perform(&self, asked: Asked) -> Result<Record, String> {
        let services = asked.scenario.services();
        let used = asked.scenario.used_services().into_iter();
        let images = used.filter_map(|name| match services.foreign(name) {
            Some(Foreign::Image(image)) => Some(image.to_owned()),
            _ => None,
        });
        let images: Vec<String> = images.collect();
        real::perform(Backend::Containers, asked, async |plan, seed, ear| {
            let engine = Engine::connect().await?;
            leftover::remove(&engine).await;
            for image in &images {
                image::find(&engine, image).await?;
            }
            let image = image::build(&engine, &self.program).await?;
            let network = engine.make_network().await?;
            let proxies = engine.start_proxies(&image, &network, seed).await;
            let proxies = match proxies {
                Ok(proxies) => proxies,
                Err(error) => {
                    engine.remove_network(&network).await;
                    return Err(error);
                }
            };
            let layout = Arc::new(Bridge::new(plan, &network, proxies.address));
            let hears_at = (network.gateway, 0).into();
            let client = client_of(&proxies).await;
            let machines =
                Docked::new(plan, engine, image, network, proxies, Arc::clone(&layout), ear);
            match client {
                Ok(client) => Ok(Stage { layout, machines, proxies: client, hears_at }),
                Err(error) => {
                    machines.end().await;
                    Err(error)
                }
            }
        })
    }
}

/// A client of the proxies' API, once that answers.
async fn client_of(proxies: &Proxies) -> Result<Client, String> {
    let client = Client::new(&format!("http://{}", proxies.api()));
    let client = client.map_err(|error| error.to_string())?;
    let asked = async {
        while client.version().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let up = tokio::time::timeout(PATIENCE, asked).await;
    up.map_err(|_| {
        format!(
            "the proxies do not answer after {PATIENCE:?}: expected that this machine reaches the \
             addresses of containers, as it does where the engine runs on Linux itself"
        )
    })?;
    Ok(client)
}
