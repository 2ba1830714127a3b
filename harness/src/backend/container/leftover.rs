//! What runs leave behind that were killed: the next one removes it, as far as it can know.

use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};

use super::{
    engine::{Engine, labelled},
    labels::{PLACE, PROCESS, is_gone, place},
};

/// Removes what is left. What cannot be removed now is found by the next run.
pub(super) async fn remove(engine: &Engine) {
    let mine = format!("{PLACE}={}", place());
    let is_left = |labels: Option<&std::collections::HashMap<String, String>>| {
        labels.and_then(|labels| labels.get(PROCESS)).is_some_and(|process| is_gone(process))
    };
    let options = ListContainersOptionsBuilder::new().all(true).filters(&labelled(&mine)).build();
    for container in engine.0.list_containers(Some(options)).await.unwrap_or_default() {
        if let (true, Some(id)) = (is_left(container.labels.as_ref()), &container.id) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = engine.0.remove_container(id, Some(options)).await;
        }
    }
    let options = ListNetworksOptionsBuilder::new().filters(&labelled(&mine)).build();
    for network in engine.0.list_networks(Some(options)).await.unwrap_or_default() {
        if let (true, Some(name)) = (is_left(network.labels.as_ref()), &network.name) {
            let _ = engine.0.remove_network(name).await;
        }
    }
    let options = ListVolumesOptionsBuilder::new().filters(&labelled(&mine)).build();
    let volumes = engine.0.list_volumes(Some(options)).await;
    for volume in volumes.ok().and_then(|it| it.volumes).unwrap_or_default() {
        if is_left(Some(&volume.labels)) {
            let _ = engine.0.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await;
        }
    }
}
