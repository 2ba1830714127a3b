//! Containers as a run asks for them.

use std::time::Duration;

use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, bollard::models::HostConfig,
    runners::AsyncRunner,
};

use super::{
    engine::USER,
    image::{Image, name_and_tag},
    labels::labels,
};
use crate::service::chain;

/// How long a container may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// As many processes and threads may be in a container.
const PIDS_MAX: i64 = 4096;

/// A container of our own image: as little as it needs.
pub(super) fn request(image: &Image, name: &str) -> ContainerRequest<GenericImage> {
    GenericImage::new(image.name.clone(), image.tag.clone())
        .with_container_name(name)
        .with_labels(labels())
        .with_startup_timeout(START_TIMEOUT)
        .with_user(USER.1)
        .with_readonly_rootfs(true)
        .with_cap_drop("ALL")
        .with_security_opt("no-new-privileges")
        .with_host_config_modifier(limits)
}

/// A container of somebody else's image, which is as it is.
pub(super) fn foreign(image: &str, name: &str) -> ContainerRequest<GenericImage> {
    let (image, tag) = name_and_tag(image);
    GenericImage::new(image, tag)
        .with_container_name(name)
        .with_labels(labels())
        .with_startup_timeout(START_TIMEOUT)
        .with_security_opt("no-new-privileges")
}

/// What bounds a container, whatever is in it.
pub(super) fn limits(config: &mut HostConfig) {
    config.pids_limit = Some(PIDS_MAX);
    config.publish_all_ports = Some(false);
}

/// Starts a container.
///
/// # Errors
///
/// In a sentence.
pub(super) async fn start(
    request: ContainerRequest<GenericImage>,
) -> Result<ContainerAsync<GenericImage>, String> {
    request.start().await.map_err(|error| format!("a container does not start: {}", chain(&error)))
}
