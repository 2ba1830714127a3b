//! One client of a proxy: its connection to the service, and the two links between them.

use std::{io, sync::Arc};

use tokio::net::TcpStream;

use crate::{
    link::{Closing, Link},
    metrics::Labels,
    pipeline::{Draws, Pipeline},
    route::Route,
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
        let _gone = socket.set_nodelay(true);
    }
    let mut chains = route.toxics.watch();
    // What changes from here on is new to both links.
    let current = Arc::clone(&chains.borrow_and_update());
    let resets = |attributes| matches!(attributes, Attributes::ResetPeer(_));
    if current.all().any(|toxic| resets(toxic.attributes)) {
        for socket in [&client, &upstream] {
            let _gone = socket.set_zero_linger();
        }
    }
    let (client_reader, client_writer) = client.into_split();
    let (upstream_reader, upstream_writer) = upstream.into_split();
    let (client_closing, upstream_closing) = <(Arc<Closing>, Arc<Closing>)>::default();
    let link = |direction, reader, writer, source, target| {
        let draws = Draws { seed: route.seed, proxy: Arc::clone(&route.proxy), connection: number };
        let counters = route.metrics.counters(Labels {
            direction,
            proxy: Arc::clone(&route.proxy),
            listener: route.listen.clone(),
            upstream: route.upstream.clone(),
        });
        let (source, target) = (Arc::clone(source), Arc::clone(target));
        let pipeline = Pipeline::new(current.of(direction), draws);
        let chains = chains.clone();
        Link { direction, reader, writer, source, target, pipeline, chains, counters }
    };
    let (near, far) = (&client_closing, &upstream_closing);
    let up = link(Direction::Upstream, client_reader, upstream_writer, near, far);
    let down = link(Direction::Downstream, upstream_reader, client_writer, far, near);
    tokio::join!(up.run(), down.run());
}

/// Connects as Go does: without a host it is this machine.
async fn dial(upstream: &str) -> io::Result<TcpStream> {
    if upstream.starts_with(':') {
        return TcpStream::connect(format!("localhost{upstream}")).await;
    }
    TcpStream::connect(upstream).await
}
