//! The API server's door to the network: kubelets renew the leases of their nodes here.

use std::convert::Infallible;

use ::http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::state::ClusterEnvironment;

pub(super) const PORT: u16 = 6443;

/// Where the lease of a node is renewed.
pub(super) fn lease_path(node: usize) -> String {
    format!("/leases/{node}")
}

/// Answers the kubelets.
pub(super) async fn serve(env: impl ClusterEnvironment) {
    let Ok(listener) = env.listen(PORT).await else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let env = env.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&env, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A connection that fails is the kubelet's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(
    env: &impl ClusterEnvironment,
    request: &Request<Incoming>,
) -> Response<Empty<bytes::Bytes>> {
    let renewed = env.with(|state| {
        let mut nodes = 0..state.nodes.len();
        let node = nodes.find(|node| lease_path(*node) == request.uri().path())?;
        state.nodes[node].lease = env.now();
        state.touch();
        Some(())
    });
    let known = renewed.is_some() && request.method() == Method::PUT;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
    response
}
