//! gRPC Server Reflection (v1): what a server can be asked, told to tools that have no protos.

use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection, ServerReflectionServer},
};

use crate::pb::DESCRIPTORS;

/// No request is near this.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// Tells of the service with this name, of health, and of itself. A client has its answers one at a
/// time, so that one which does not read holds one.
pub(super) fn service(name: &str) -> Option<ServerReflectionServer<impl ServerReflection>> {
    let built = Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(name)
        .with_service_name("grpc.health.v1.Health")
        .with_service_name("grpc.reflection.v1.ServerReflection")
        .build_v1();
    match built {
        Ok(service) => Some(service.max_decoding_message_size(REQUEST_BYTES_MAX)),
        Err(error) => {
            tracing::warn!(%error, "cannot say what can be asked");
            None
        }
    }
}
