//! Listeners: what waits in them, when they go, and who may listen where.

use std::{io, net::SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::case::{Done, Side, cases};

/// A listener on this address, with or without `SO_REUSEADDR`.
fn listens(address: SocketAddr, reuseaddr: bool) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(reuseaddr)?;
    socket.bind(address)?;
    socket.listen(16)
}

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn never_accepts(it: Side) -> Done {
    let listener = it.listen().await?;
    it.until("connected").await;
    it.settle().await;
    drop(listener);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn is_never_accepted(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "hello").await;
    it.reach("connected");
    it.until("gone").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.note("connect", &TcpStream::connect(it.there().await?).await);
    it.done().await;
    Ok(())
}

async fn accepts_late(it: Side) -> Done {
    let listener = it.listen().await?;
    it.until("gone").await;
    it.settle().await;
    let accepted = it.patiently("accept", listener.accept()).await;
    if let Some(accepted) = accepted {
        it.note("accept", &accepted);
        let (mut stream, address) = accepted?;
        it.note("peer", &stream.peer_addr());
        it.same("host", address.ip(), it.peer_ip().await?);
        it.read(&mut stream).await;
        it.read(&mut stream).await;
        it.write(&mut stream, "too late").await;
        it.settle().await;
        it.write(&mut stream, "much too late").await;
    }
    it.done().await;
    Ok(())
}

async fn is_gone_by_then(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "hello").await;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn has_reset_by_then(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "hello").await;
    it.settle().await;
    stream.set_zero_linger()?;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn accepts_in_order(it: Side) -> Done {
    let listener = it.listen().await?;
    it.until("connected").await;
    it.settle().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let (mut stream, address) = listener.accept().await?;
        it.same("peer", stream.peer_addr()?, address);
        it.same("port", stream.local_addr()?.port(), listener.local_addr()?.port());
        it.read(&mut stream).await;
        streams.push(stream);
    }
    assert!(it.patiently("accept", listener.accept()).await.is_none());
    it.done().await;
    Ok(())
}

async fn connects_three_times(it: Side) -> Done {
    let mut streams = Vec::new();
    for text in ["one", "two", "three"] {
        let mut stream = it.connected().await?;
        it.write(&mut stream, text).await;
        streams.push(stream);
    }
    it.reach("connected");
    it.done().await;
    Ok(())
}

async fn listens_again(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut old, _) = listener.accept().await?;
    let address = listener.local_addr()?;
    drop(listener);
    it.reach("dropped");
    it.until("refused").await;
    let again = TcpListener::bind(address).await;
    it.note("bind", &again);
    it.reach("bound again");
    let (mut new, _) = again?.accept().await?;
    it.read(&mut new).await;
    it.write(&mut old, "still here").await;
    it.done().await;
    Ok(())
}

async fn outlives_the_listener(it: Side) -> Done {
    let mut old = it.connected().await?;
    it.until("dropped").await;
    it.note("connect", &TcpStream::connect(it.there().await?).await);
    it.reach("refused");
    it.until("bound again").await;
    let mut new = it.connected().await?;
    it.write(&mut new, "hello").await;
    it.read(&mut old).await;
    it.done().await;
    Ok(())
}

async fn binds_what_is_bound(it: Side) -> Done {
    let listener = TcpListener::bind(it.here()).await?;
    let port = listener.local_addr()?.port();
    for ip in [it.own, "0.0.0.0", "127.0.0.1", "[::]"] {
        it.note("bind", &TcpListener::bind(format!("{ip}:{port}")).await);
    }
    let local = SocketAddr::new(it.here().ip(), port);
    it.note("without reuse", &listens(local, false));
    it.note("with reuse", &listens(local, true));
    drop(listener);
    it.note("after the drop", &TcpListener::bind(local).await);
    it.done().await;
    Ok(())
}

/// Sockets with `SO_REUSEADDR` share an address until one of them listens.
async fn binds_without_listening(it: Side) -> Done {
    let one = TcpSocket::new_v4()?;
    one.set_reuseaddr(true)?;
    it.note("bind", &one.bind(it.here()));
    let address = one.local_addr()?;
    let strict = TcpSocket::new_v4()?;
    it.note("without reuse", &strict.bind(address));
    let two = TcpSocket::new_v4()?;
    two.set_reuseaddr(true)?;
    it.note("with reuse", &two.bind(address));
    it.note("bind again", &two.bind(address));
    let listener = one.listen(16);
    it.note("listen", &listener);
    it.note("listen as well", &two.listen(16));
    it.done().await;
    Ok(())
}

async fn shares_a_port(it: Side) -> Done {
    let mut listeners = Vec::new();
    let mut address = it.here();
    for _ in 0..2 {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        it.note("bind", &socket.bind(address));
        address = socket.local_addr()?;
        let listener = socket.listen(16);
        it.note("listen", &listener);
        listeners.push(listener?);
    }
    it.note("without sharing", &TcpListener::bind(address).await);
    it.done().await;
    Ok(())
}

/// A port with a live connection and no listener.
async fn binds_below_a_connection(it: Side) -> Done {
    let listener = it.listen().await?;
    let (stream, _) = listener.accept().await?;
    let address = listener.local_addr()?;
    drop(listener);
    it.note("without reuse", &listens(address, false));
    let again = listens(address, true);
    it.note("with reuse", &again);
    drop((stream, again));
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn holds_a_connection(it: Side) -> Done {
    let stream = it.connected().await?;
    it.until("closed").await;
    drop(stream);
    it.done().await;
    Ok(())
}

/// Closes first, so that its end of the connection lingers in `TIME_WAIT`.
async fn closes_first(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut stream, _) = listener.accept().await?;
    let address = listener.local_addr()?;
    drop(listener);
    stream.shutdown().await?;
    it.reach("closed first");
    it.read(&mut stream).await;
    drop(stream);
    it.settle().await;
    it.note("without reuse", &listens(address, false));
    it.note("with reuse", &listens(address, true));
    it.done().await;
    Ok(())
}

async fn closes_second(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed first").await;
    it.read(&mut stream).await;
    drop(stream);
    it.done().await;
    Ok(())
}

/// Closes second: nothing of the connection is left on its port.
async fn waits_for_the_end(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut stream, _) = listener.accept().await?;
    let address = listener.local_addr()?;
    drop(listener);
    it.read(&mut stream).await;
    drop(stream);
    it.settle().await;
    it.note("without reuse", &listens(address, false));
    it.done().await;
    Ok(())
}

async fn accepts_nothing(it: Side) -> Done {
    let _listener = it.listen().await?;
    it.until("counted").await;
    it.done().await;
    Ok(())
}

async fn counts_what_waits(it: Side) -> Done {
    let mut streams = Vec::new();
    while let Some(stream) = it.patiently("connect", it.connected()).await {
        streams.push(stream?);
    }
    it.say(format!("{} before", streams.len()));
    it.reach("counted");
    it.done().await;
    Ok(())
}

async fn ends_at_once(it: Side) -> Done {
    drop(it.connected().await?);
    it.done().await;
    Ok(())
}

async fn has_a_short_queue(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.bind(it.here())?;
    let listener = socket.listen(1)?;
    it.publish(listener.local_addr()?);
    it.until("full").await;
    for _ in 0..3 {
        let accepted = listener.accept().await;
        it.note("accept", &accepted);
        it.read(&mut accepted?.0).await;
    }
    it.done().await;
    Ok(())
}

/// The attempt for which there is no place is repeated by its stack until there is one.
async fn fills_the_queue(it: Side) -> Done {
    let mut streams = Vec::new();
    for text in ["one", "two"] {
        let mut stream = it.connected().await?;
        it.write(&mut stream, text).await;
        it.settle().await;
        streams.push(stream);
    }
    let mut third = std::pin::pin!(it.connected());
    assert!(it.patiently("connect", &mut third).await.is_none());
    it.reach("full");
    let third = third.await;
    it.note("connect", &third);
    it.write(&mut third?, "three").await;
    it.done().await;
    Ok(())
}

async fn gives_up_an_accept(it: Side) -> Done {
    let listener = it.listen().await?;
    assert!(it.patiently("accept", listener.accept()).await.is_none());
    it.reach("given up");
    let (stream, _) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
    let (mut read, _write) = stream.into_split();
    let mut text = String::new();
    it.note("read", &read.read_to_string(&mut text).await);
    it.say(text);
    it.done().await;
    Ok(())
}

async fn comes_late(it: Side) -> Done {
    it.until("given up").await;
    let mut stream = it.connected().await?;
    it.write(&mut stream, "hello").await;
    it.shutdown(&mut stream).await;
    it.done().await;
    Ok(())
}

cases! {
    /// Connections that nobody accepted are reset when their listener goes.
    a_listener_is_dropped_with_a_connection_in_its_queue {
        never_accepts: [],
        is_never_accepted: [
            "write: ok", "read: ConnectionReset", "read: end", "connect: ConnectionRefused",
        ],
    }

    /// A connection whose client is gone can be accepted, and read to its end.
    a_client_closes_before_it_is_accepted {
        accepts_late: [
            "accept: ok", "peer: ok", "host: same", "read: hello", "read: end", "write: ok",
            "write: BrokenPipe",
        ],
        is_gone_by_then: ["write: ok"],
    }

    /// So can one that was reset; the error comes from the stream.
    a_client_resets_before_it_is_accepted {
        accepts_late: [
            "accept: ok", "peer: NotConnected", "host: same", "read: hello",
            "read: ConnectionReset", "write: BrokenPipe", "write: BrokenPipe",
        ],
        has_reset_by_then: ["write: ok"],
    }

    connections_are_accepted_in_the_order_in_which_they_came {
        accepts_in_order: [
            "peer: same", "port: same", "read: one", "peer: same", "port: same", "read: two",
            "peer: same", "port: same", "read: three", "accept: waits",
        ],
        connects_three_times: ["write: ok", "write: ok", "write: ok"],
    }

    /// Tokio sets `SO_REUSEADDR` when it binds a listener.
    a_listener_is_bound_again_while_a_connection_lives {
        listens_again: ["bind: ok", "read: hello", "write: ok"],
        outlives_the_listener: ["connect: ConnectionRefused", "write: ok", "read: still here"],
    }

    two_listeners_cannot_have_one_address {
        binds_what_is_bound: [
            "bind: AddrInUse", "bind: AddrInUse", "bind: AddrInUse", "bind: AddrInUse",
            "without reuse: AddrInUse", "with reuse: AddrInUse", "after the drop: ok",
        ],
        does_nothing: [],
    }

    sockets_that_do_not_listen_can_share_an_address {
        binds_without_listening: [
            "bind: ok", "without reuse: AddrInUse", "with reuse: ok", "bind again: InvalidInput",
            "listen: ok", "listen as well: AddrInUse",
        ],
        does_nothing: [],
    }

    listeners_with_reuseport_share_a_port {
        shares_a_port: [
            "bind: ok", "listen: ok", "bind: ok", "listen: ok", "without sharing: AddrInUse",
        ],
        does_nothing: [],
    }

    a_port_with_a_connection_needs_reuseaddr {
        binds_below_a_connection: ["without reuse: AddrInUse", "with reuse: ok"],
        holds_a_connection: [],
    }

    a_port_in_time_wait_needs_reuseaddr {
        closes_first: ["read: end", "without reuse: AddrInUse", "with reuse: ok"],
        closes_second: ["read: end"],
    }

    the_side_that_closes_second_has_no_time_wait {
        waits_for_the_end: ["read: end", "without reuse: ok"],
        ends_at_once: [],
    }

    /// One more than the backlog have a place in the queue.
    a_full_queue_keeps_the_next_connection_waiting {
        has_a_short_queue: [
            "accept: ok", "read: one", "accept: ok", "read: two", "accept: ok", "read: three",
        ],
        fills_the_queue: ["write: ok", "write: ok", "connect: waits", "connect: ok", "write: ok"],
    }

    a_listener_has_room_for_as_many_as_the_standard_library_asks_for {
        accepts_nothing: [],
        counts_what_waits: ["connect: waits", "129 before"],
    }

    an_accept_that_was_given_up_takes_nothing {
        gives_up_an_accept: ["accept: waits", "read: ok", "hello"],
        comes_late: ["write: ok", "shutdown: ok"],
    }
}
