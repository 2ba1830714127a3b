//! The network of a run, and the proxies in it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
};

use testcontainers::{
    ContainerAsync, GenericImage, ImageExt, bollard::models::NetworkCreateRequest,
};

use super::{
    engine::{Engine, reason},
    image::Image,
    labels,
    request::{request, start},
};

/// The port of the proxies' API.
const API: u16 = 8474;

/// The network of a run.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) name: String,
    /// This machine's own address there.
    pub(super) gateway: Ipv4Addr,
}

/// The container of the proxies.
#[derive(Debug)]
pub(super) struct Proxies {
    pub(super) container: ContainerAsync<GenericImage>,
    pub(super) address: Ipv4Addr,
}

impl Proxies {
    pub(super) fn api(&self) -> SocketAddr {
        (self.address, API).into()
    }
}

impl Engine {
    /// Makes a network that no other run has, from which nothing leads to anywhere else.
    pub(super) async fn make_network(&self) -> Result<Network, String> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("squall-{}-{run}", labels::number());
        let wanted = NetworkCreateRequest {
            name: name.clone(),
            internal: Some(true),
            labels: Some(labels::labels().collect()),
            ..NetworkCreateRequest::default()
        };
        let made = self.0.create_network(wanted).await;
        made.map_err(|error| {
            format!("there is no network for the containers: {}", reason(&error))
        })?;
        let inspected = self.0.inspect_network(&name, None).await;
        let gateway = inspected.ok().and_then(|network| {
            let config = network.ipam?.config?;
            config.into_iter().find_map(|it| it.gateway?.split('/').next()?.parse().ok())
        });
        match gateway {
            Some(gateway) => Ok(Network { name, gateway }),
            None => {
                let _ = self.0.remove_network(&name).await;
                Err(format!("expected that the network {name} has a gateway, found none"))
            }
        }
    }

    /// Removes a network; what cannot be removed is found by the next run.
    pub(super) async fn remove_network(&self, network: &Network) {
        let _ = self.0.remove_network(&network.name).await;
    }

    /// Starts the container of the proxies.
    pub(super) async fn start_proxies(
        &self,
        image: &Image,
        network: &Network,
        seed: u64,
    ) -> Result<Proxies, String> {
        let arguments = [
            "proxy",
            "--host",
            "0.0.0.0",
            "--allow-remote",
            "--proxy-metrics",
            "--connection-metrics",
            "--seed",
            &seed.to_string(),
        ];
        let request = request(image, &format!("{}-proxies", network.name))
            .with_network(&network.name)
            .with_cmd(image.command(arguments));
        let container = start(request).await.map_err(|error| format!("the proxies: {error}"))?;
        let address = self.address(container.id(), network).await?;
        Ok(Proxies { container, address })
    }

    /// The address of a container on the network of its run.
    pub(super) async fn address(&self, id: &str, network: &Network) -> Result<Ipv4Addr, String> {
        let inspected = self.0.inspect_container(id, None).await;
        let inspected = inspected.map_err(|error| reason(&error))?;
        let networks = inspected.network_settings.and_then(|it| it.networks).unwrap_or_default();
        let address = networks.get(&network.name).and_then(|it| it.ip_address.as_deref());
        match address.and_then(|it| it.parse().ok()) {
            Some(IpAddr::V4(address)) => Ok(address),
            _ => Err(format!("expected that a container has an address, found {address:?}")),
        }
    }
}
