//! Attempts to connect.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::case::{Done, Side, cases};

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn is_closed(it: Side) -> Done {
    drop(it.listen().await?);
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn knocks(it: Side) -> Done {
    it.until("closed").await;
    let there = it.there().await?;
    it.note("connect", &TcpStream::connect(there).await);
    let socket = TcpSocket::new_v4()?;
    it.error(socket.take_error());
    it.note("socket", &socket.connect(there).await);
    it.note("by name", &TcpStream::connect((it.peer, there.port())).await);
    it.note("by text", &TcpStream::connect(format!("{}:{}", it.peer, there.port())).await);
    it.done().await;
    Ok(())
}

/// The end of a socket that is bound and does not listen is as closed as any.
async fn binds_only(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.bind(it.here())?;
    it.publish(socket.local_addr()?);
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn listens_twice(it: Side) -> Done {
    let gone = TcpListener::bind(it.here()).await?;
    it.script.reach("closed port", gone.local_addr()?.port());
    drop(gone);
    let (mut stream, _) = it.listen().await?.accept().await?;
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn tries_several_addresses(it: Side) -> Done {
    let there = it.there().await?;
    let closed = SocketAddr::new(there.ip(), it.script.until("closed port").await);
    it.note("none", &TcpStream::connect(&[][..] as &[SocketAddr]).await);
    it.note("closed", &TcpStream::connect(&[closed, closed][..]).await);
    let mut stream = TcpStream::connect(&[closed, there][..]).await?;
    it.same("peer", stream.peer_addr()?, there);
    it.write(&mut stream, "hello").await;
    it.done().await;
    Ok(())
}

/// A socket that is connected to itself: both SYNs are its own.
async fn connects_to_itself(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.bind(it.here())?;
    let address = socket.local_addr()?;
    let mut stream = socket.connect(address).await?;
    it.same("peer", stream.peer_addr()?, stream.local_addr()?);
    it.write(&mut stream, "hello").await;
    it.read(&mut stream).await;
    it.shutdown(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.done().await;
    Ok(())
}

async fn accepts_two(it: Side) -> Done {
    let listener = it.listen().await?;
    for _ in 0..2 {
        let (stream, address) = listener.accept().await?;
        let port = it.script.until("client port").await;
        it.same("port", address.port(), port);
        it.same("peer", stream.peer_addr()?, address);
        it.reach("accepted");
        it.until("closed").await;
    }
    it.done().await;
    Ok(())
}

/// From a port that was chosen, which is free for the same connection again only when the old one
/// has left nothing behind: a reset leaves nothing.
async fn connects_from_one_port(it: Side) -> Done {
    let from = |address| {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        std::io::Result::Ok(socket)
    };
    let there = it.there().await?;
    let first = from(it.here())?;
    let own = first.local_addr()?;
    it.publish(own);
    let first = first.connect(there).await?;
    it.same("port", first.local_addr()?.port(), own.port());
    it.same("peer", first.peer_addr()?, there);
    it.until("accepted").await;
    it.note("again", &from(own)?.connect(there).await);
    first.set_zero_linger()?;
    drop(first);
    it.reach("closed");
    it.settle().await;
    it.note("after the reset", &from(own)?.connect(there).await);
    it.done().await;
    Ok(())
}

async fn listens_in_two_places(it: Side) -> Done {
    let other = TcpListener::bind(it.here()).await?;
    it.script.reach("other port", other.local_addr()?.port());
    let listener = it.listen().await?;
    let (one, two) = tokio::try_join!(listener.accept(), other.accept())?;
    it.same("peer", one.1, two.1);
    it.done().await;
    Ok(())
}

/// One local port, and two connections that differ in where they lead to.
async fn connects_to_two_places(it: Side) -> Done {
    let there = it.there().await?;
    let other = SocketAddr::new(there.ip(), it.script.until("other port").await);
    let (first, second) = (TcpSocket::new_v4()?, TcpSocket::new_v4()?);
    first.set_reuseaddr(true)?;
    second.set_reuseaddr(true)?;
    first.bind(it.here())?;
    second.bind(first.local_addr()?)?;
    let (first, second) = (first.connect(there).await?, second.connect(other).await?);
    it.same("local", first.local_addr()?, second.local_addr()?);
    it.done().await;
    Ok(())
}

/// Connects from a socket of the wrong family.
async fn mixes_families(it: Side) -> Done {
    let address = "127.0.0.1:1".parse().expect("an address");
    it.note("v6 to v4", &TcpSocket::new_v6()?.connect(address).await);
    it.note("v6 on v4", &TcpSocket::new_v6()?.bind(address));
    let address = "[::1]:1".parse().expect("an address");
    it.note("v4 to v6", &TcpSocket::new_v4()?.connect(address).await);
    it.note("v4 on v6", &TcpSocket::new_v4()?.bind(address));
    it.note("port 0", &TcpStream::connect("127.0.0.1:0").await);
    it.done().await;
    Ok(())
}

cases! {
    nobody_listens {
        is_closed: [],
        knocks: [
            "connect: ConnectionRefused", "error: Ok(None)", "socket: ConnectionRefused",
            "by name: ConnectionRefused", "by text: ConnectionRefused",
        ],
    }

    a_bound_socket_does_not_listen {
        binds_only: [],
        knocks: [
            "connect: ConnectionRefused", "error: Ok(None)", "socket: ConnectionRefused",
            "by name: ConnectionRefused", "by text: ConnectionRefused",
        ],
    }

    the_first_address_that_answers_is_taken {
        listens_twice: ["read: hello"],
        tries_several_addresses: [
            "none: InvalidInput", "closed: ConnectionRefused", "peer: same", "write: ok",
        ],
    }

    a_socket_connects_to_itself (alone) {
        does_nothing: [],
        connects_to_itself: [
            "peer: same", "write: ok", "read: hello", "shutdown: ok", "read: end",
            "write: BrokenPipe",
        ],
    }

    a_connection_comes_from_the_bound_port {
        accepts_two: ["port: same", "peer: same", "port: same", "peer: same"],
        connects_from_one_port: [
            "port: same", "peer: same", "again: AddrNotAvailable", "after the reset: ok",
        ],
    }

    one_local_port_leads_to_two_places {
        listens_in_two_places: ["peer: same"],
        connects_to_two_places: ["local: same"],
    }

    families_do_not_mix (alone) {
        does_nothing: [],
        mixes_families: [
            "v6 to v4: InvalidInput", "v6 on v4: InvalidInput", "v4 to v6: Uncategorized",
            "v4 on v6: Uncategorized", "port 0: ConnectionRefused",
        ],
    }
}
