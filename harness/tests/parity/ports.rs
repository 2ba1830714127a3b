//! Ports that the system chooses.

use std::collections::BTreeSet;

use tokio::net::{TcpListener, TcpSocket, UdpSocket};

use crate::case::{Done, Side, cases};

/// The ports of outgoing connections, as Linux has them by default and as IANA does.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=65_535;

const MANY: usize = 200;

async fn accepts_many(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut streams, mut ports) = (Vec::new(), BTreeSet::new());
    for _ in 0..MANY {
        let (stream, address) = listener.accept().await?;
        ports.insert(address.port());
        streams.push(stream);
    }
    it.value("ports", Ok(ports.len()));
    it.same("ephemeral", ports.iter().all(|port| EPHEMERAL.contains(port)), true);
    it.done().await;
    Ok(())
}

async fn connects_often(it: Side) -> Done {
    let (mut streams, mut ports) = (Vec::new(), BTreeSet::new());
    for _ in 0..MANY {
        let stream = it.connected().await?;
        ports.insert(stream.local_addr()?.port());
        streams.push(stream);
    }
    it.value("ports", Ok(ports.len()));
    it.done().await;
    Ok(())
}

async fn binds_many(it: Side) -> Done {
    let (mut sockets, mut listeners) = (Vec::new(), Vec::new());
    let (mut udp, mut tcp) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..MANY {
        let socket = UdpSocket::bind(it.here()).await?;
        udp.insert(socket.local_addr()?.port());
        sockets.push(socket);
        let listener = TcpListener::bind(it.here()).await?;
        tcp.insert(listener.local_addr()?.port());
        listeners.push(listener);
    }
    it.value("udp", Ok(udp.len()));
    it.value("tcp", Ok(tcp.len()));
    it.same("ephemeral", udp.union(&tcp).all(|port| EPHEMERAL.contains(port)), true);
    it.done().await;
    Ok(())
}

/// A socket that is not bound has no address, and none of a port before it connects.
async fn looks_at_its_address(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    it.value("new", socket.local_addr());
    it.value("v6", TcpSocket::new_v6()?.local_addr());
    socket.bind(it.here())?;
    it.same("bound", socket.local_addr()?.ip(), it.here().ip());
    it.same("port", socket.local_addr()?.port() == 0, false);
    it.done().await;
    Ok(())
}

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

cases! {
    each_connection_has_a_port_of_its_own {
        accepts_many: ["ports: 200", "ephemeral: same"],
        connects_often: ["ports: 200"],
    }

    each_bound_socket_has_a_port_of_its_own {
        does_nothing: [],
        binds_many: ["udp: 200", "tcp: 200", "ephemeral: same"],
    }

    a_socket_has_a_port_once_it_is_bound {
        does_nothing: [],
        looks_at_its_address: ["new: 0.0.0.0:0", "v6: [::]:0", "bound: same", "port: same"],
    }
}
