//! One client of a proxy: its connection to the service, and the two links between them.

use std::{io, sync::Arc};

use tokio::net::TcpStream;

use crate::{
    link::{End, Link},
    metrics::Labels,
    pipeline::{Draws, Pipeline},
    proxy::Route,
    toxic::{Attributes, Direction},
};

/// Carries bytes between a client and the service until one of them has closed. Whoever drops this
/// closes both at once.
pub(crate) async fn serve(route: Arc<Route>, client: TcpStream, number: u64) {
    let upstream = match dial(&route.upstream).await {
        Ok(upstream) => upstream,
        Err(error) => {
            route.tell(&format!("cannot connect to {}: {error}", route.upstream));
            return;
        }
    };
    for socket in [&client, &upstream] {
        // A socket that cannot be told is one that is gone already.
        drop(socket.set_nodelay(true));
    }
    let (client, upstream) = (End::new(client), End::new(upstream));
    let mut chains = route.toxics.watch();
    // What changes from here on is new to both links.
    let current = Arc::clone(&chains.borrow_and_update());
    let link = |direction| {
        let chain = current.of(direction);
        let resets = |attributes| matches!(attributes, Attributes::ResetPeer(_));
        if chain.iter().any(|toxic| resets(toxic.attributes)) {
            client.reset_when_closed();
            upstream.reset_when_closed();
        }
        let (source, target) = match direction {
            Direction::Upstream => (client.clone(), upstream.clone()),
            Direction::Downstream => (upstream.clone(), client.clone()),
        };
        let draws = Draws { seed: route.seed, proxy: Arc::clone(&route.proxy), connection: number };
        let counters = route.metrics.counters(Labels {
            direction,
            proxy: Arc::clone(&route.proxy),
            listener: route.listen.clone(),
            upstream: route.upstream.clone(),
        });
        let pipeline = Pipeline::new(chain, draws);
        Link { direction, source, target, pipeline, chains: chains.clone(), counters }
    };
    let (up, down) = (link(Direction::Upstream), link(Direction::Downstream));
    drop((client, upstream));
    tokio::join!(up.run(), down.run());
}

/// Connects as Go does: without a host it is this machine.
async fn dial(upstream: &str) -> io::Result<TcpStream> {
    if upstream.starts_with(':') {
        return TcpStream::connect(format!("localhost{upstream}")).await;
    }
    TcpStream::connect(upstream).await
}
