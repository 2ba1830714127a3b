//! Datagrams: who gets them, and what comes of those that nobody gets.

use std::{future::poll_fn, io, net::SocketAddr};

use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

use crate::case::{Done, Side, cases};

/// A socket that the other side knows the port of.
async fn bound(it: &Side) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(it.here()).await?;
    it.publish(socket.local_addr()?);
    Ok(socket)
}

/// A socket that is connected to the other side's, and that the other side knows the port of.
async fn connected(it: &Side) -> io::Result<UdpSocket> {
    let socket = bound(it).await?;
    socket.connect(it.there().await?).await?;
    it.reach("connected");
    Ok(socket)
}

/// Enters the text of a datagram.
fn text(it: &Side, what: &str, bytes: &[u8], result: io::Result<usize>) {
    let text = result.map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned());
    it.value(what, text);
}

async fn receives(it: &Side, socket: &UdpSocket) {
    let mut bytes = [0; 32];
    if let Some(result) = it.patiently("recv", socket.recv(&mut bytes)).await {
        text(it, "recv", &bytes, result);
    }
}

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn is_closed(it: Side) -> Done {
    drop(bound(&it).await?);
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn sends_to_a_closed_port(it: Side) -> Done {
    it.until("closed").await;
    let socket = connected(&it).await?;
    for _ in 0..3 {
        it.value("send", socket.send(b"x").await);
        it.settle().await;
    }
    it.error(socket.take_error());
    it.value("send", socket.send(b"x").await);
    it.settle().await;
    receives(&it, &socket).await;
    receives(&it, &socket).await;
    it.value("send", socket.send(b"x").await);
    it.settle().await;
    it.error(socket.take_error());
    it.error(socket.take_error());
    it.value("try_send", socket.try_send(b"x"));
    it.settle().await;
    it.value("try_recv", socket.try_recv(&mut [0; 8]));
    assert!(it.patiently("readable", socket.readable()).await.is_none());
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn waits_for_a_closed_port(it: Side) -> Done {
    it.until("closed").await;
    let socket = connected(&it).await?;
    let mut bytes = [0; 8];
    let (received, sent) = tokio::join!(socket.recv(&mut bytes), socket.send(b"x"));
    it.value("send", sent);
    it.value("recv", received);
    it.done().await;
    Ok(())
}

/// A socket that is not connected learns nothing of a port that is closed.
async fn sends_there_unconnected(it: Side) -> Done {
    it.until("closed").await;
    let (socket, there) = (UdpSocket::bind(it.here()).await?, it.there().await?);
    for _ in 0..2 {
        it.value("send_to", socket.send_to(b"x", there).await);
        it.settle().await;
    }
    it.error(socket.take_error());
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn closes_between(it: Side) -> Done {
    let socket = bound(&it).await?;
    receives(&it, &socket).await;
    let address = socket.local_addr()?;
    drop(socket);
    it.reach("closed");
    it.until("refused").await;
    let socket = UdpSocket::bind(address).await?;
    it.reach("back");
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn sends_all_the_while(it: Side) -> Done {
    let socket = connected(&it).await?;
    it.value("send", socket.send(b"one").await);
    it.until("closed").await;
    it.value("send", socket.send(b"two").await);
    it.settle().await;
    it.value("send", socket.send(b"three").await);
    it.reach("refused");
    it.until("back").await;
    it.value("send", socket.send(b"four").await);
    it.done().await;
    Ok(())
}

/// What had arrived stays behind the error that came later.
async fn answers_and_closes(it: Side) -> Done {
    let socket = bound(&it).await?;
    let (_, from) = socket.recv_from(&mut [0; 8]).await?;
    socket.send_to(b"answer", from).await?;
    drop(socket);
    it.settle().await;
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn asks_twice(it: Side) -> Done {
    let socket = connected(&it).await?;
    it.value("send", socket.send(b"one").await);
    it.until("closed").await;
    it.value("send", socket.send(b"two").await);
    it.settle().await;
    receives(&it, &socket).await;
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn sends_datagrams(it: Side) -> Done {
    let (socket, there) = (bound(&it).await?, it.there().await?);
    for text in ["first", "", "third", "fourth", "fifth"] {
        it.value("send_to", socket.send_to(text.as_bytes(), there).await);
    }
    it.reach("sent");
    it.done().await;
    Ok(())
}

/// What does not fit into the buffer of the one who receives is gone.
async fn receives_into_small_buffers(it: Side) -> Done {
    let socket = bound(&it).await?;
    it.until("sent").await;
    it.settle().await;
    let mut bytes = [0; 3];
    for _ in 0..3 {
        let received = socket.recv(&mut bytes).await;
        text(&it, "recv", &bytes, received);
    }
    it.value("into nothing", socket.recv(&mut []).await);
    receives(&it, &socket).await;
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn peeks(it: Side) -> Done {
    let socket = bound(&it).await?;
    let mut bytes = [0; 32];
    it.value("try_peek", socket.try_peek(&mut bytes));
    it.until("sent").await;
    it.settle().await;
    let there = it.there().await?;
    let (length, from) = socket.peek_from(&mut bytes).await?;
    it.same("from", from, there);
    text(&it, "peek_from", &bytes, Ok(length));
    it.same("peek_sender", socket.peek_sender().await?, there);
    let peeked = socket.peek(&mut bytes[..2]).await;
    text(&it, "peek", &bytes, peeked);
    let peeked = socket.try_peek(&mut bytes);
    text(&it, "try_peek", &bytes, peeked);
    let (length, from) = socket.try_peek_from(&mut bytes)?;
    it.same("from", from, there);
    text(&it, "try_peek_from", &bytes, Ok(length));
    let (length, from) = socket.recv_from(&mut bytes).await?;
    it.same("from", from, there);
    text(&it, "recv_from", &bytes, Ok(length));
    let peeked = socket.peek(&mut bytes).await;
    text(&it, "peek", &bytes, peeked);
    it.done().await;
    Ok(())
}

async fn receives_in_all_ways(it: Side) -> Done {
    let socket = bound(&it).await?;
    let mut bytes = [0; 32];
    it.value("try_recv", socket.try_recv(&mut bytes));
    it.note("try_recv_from", &socket.try_recv_from(&mut bytes));
    it.note("writable", &socket.writable().await);
    it.until("sent").await;
    it.settle().await;
    let there = it.there().await?;
    it.note("readable", &socket.readable().await);
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = socket.ready(both).await?;
    it.say(format!("readable {}, writable {}", ready.is_readable(), ready.is_writable()));
    let received = socket.try_recv(&mut bytes);
    text(&it, "try_recv", &bytes, received);
    let (length, from) = socket.try_recv_from(&mut bytes)?;
    it.same("from", from, there);
    text(&it, "try_recv_from", &bytes, Ok(length));
    let mut part = ReadBuf::new(&mut bytes);
    it.note("poll_recv", &poll_fn(|cx| socket.poll_recv(cx, &mut part)).await);
    it.say(String::from_utf8_lossy(part.filled()));
    part.clear();
    let from = poll_fn(|cx| socket.poll_recv_from(cx, &mut part)).await?;
    it.same("from", from, there);
    it.say(String::from_utf8_lossy(part.filled()));
    let (length, from) = socket.recv_from(&mut bytes).await?;
    it.same("from", from, there);
    text(&it, "recv_from", &bytes, Ok(length));
    it.value("try_recv", socket.try_recv(&mut bytes));
    assert!(it.patiently("readable", socket.readable()).await.is_none());
    it.done().await;
    Ok(())
}

async fn hears_one_only(it: Side) -> Done {
    let socket = bound(&it).await?;
    it.note("peer", &socket.peer_addr());
    it.until("strangers").await;
    it.settle().await;
    // What came before the connect stays, whoever it is from.
    socket.connect(it.there().await?).await?;
    it.same("peer", socket.peer_addr()?, it.there().await?);
    it.reach("connected");
    it.until("all sent").await;
    it.settle().await;
    for _ in 0..3 {
        receives(&it, &socket).await;
    }
    it.done().await;
    Ok(())
}

async fn sends_among_strangers(it: Side) -> Done {
    let (socket, there) = (bound(&it).await?, it.there().await?);
    let stranger = UdpSocket::bind(it.here()).await?;
    it.value("stranger", stranger.send_to(b"early", there).await);
    it.reach("strangers");
    it.until("connected").await;
    it.value("stranger", stranger.send_to(b"strange", there).await);
    it.value("friend", socket.send_to(b"known", there).await);
    it.reach("all sent");
    // To the stranger the port is as good as closed, if it is connected.
    stranger.connect(there).await?;
    it.value("stranger", stranger.send(b"again").await);
    it.settle().await;
    it.value("stranger", stranger.send(b"again").await);
    it.done().await;
    Ok(())
}

async fn sends_without_an_address(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.value("send", socket.send(b"x").await);
    it.value("try_send", socket.try_send(b"x"));
    it.note("peer", &socket.peer_addr());
    it.value("port 0", socket.send_to(b"x", ("127.0.0.1", 0)).await);
    it.value("no address", socket.send_to(b"x", &[][..] as &[SocketAddr]).await);
    it.done().await;
    Ok(())
}

async fn receives_from_two(it: Side) -> Done {
    let first = bound(&it).await?;
    let second = UdpSocket::bind(it.here()).await?;
    it.script.reach("second port", second.local_addr()?.port());
    receives(&it, &first).await;
    receives(&it, &second).await;
    receives(&it, &second).await;
    let (_, from) = first.recv_from(&mut [0; 8]).await?;
    it.value("send_to", first.send_to(b"from the first", from).await);
    it.value("send_to", second.send_to(b"from the second", from).await);
    it.done().await;
    Ok(())
}

/// A connected socket may send elsewhere, and may connect elsewhere.
async fn connects_again(it: Side) -> Done {
    let (socket, first) = (UdpSocket::bind(it.here()).await?, it.there().await?);
    let second = SocketAddr::new(first.ip(), it.script.until("second port").await);
    socket.connect(first).await?;
    it.value("send", socket.send(b"one").await);
    it.value("send_to", socket.send_to(b"two", second).await);
    socket.connect(second).await?;
    it.same("peer", socket.peer_addr()?, second);
    it.value("send", socket.send(b"three").await);
    it.value("send_to", socket.send_to(b"four", first).await);
    receives(&it, &socket).await;
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

async fn binds_twice(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    let address = socket.local_addr()?;
    it.note("again", &UdpSocket::bind(address).await);
    it.note("everywhere", &UdpSocket::bind(("0.0.0.0", address.port())).await);
    drop(socket);
    it.note("after the drop", &UdpSocket::bind(address).await);
    it.done().await;
    Ok(())
}

/// A socket that is bound to all addresses has the one of the way to its peer once it is connected.
async fn looks_at_its_address(it: Side) -> Done {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    let before = socket.local_addr()?;
    it.value("before", Ok(before.ip()));
    socket.connect("127.0.0.1:7").await?;
    it.value("after", socket.local_addr().map(|address| address.ip()));
    it.same("port", socket.local_addr()?.port(), before.port());
    it.value("peer", socket.peer_addr());
    it.done().await;
    Ok(())
}

async fn talks_to_itself(it: Side) -> Done {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    socket.connect(address).await?;
    it.value("send", socket.send(b"hello").await);
    receives(&it, &socket).await;
    it.done().await;
    Ok(())
}

cases! {
    /// The error is one of the socket: whatever is called next reports it, once, and a send that
    /// reports it sends nothing. To Tokio an error makes a socket ready for `recv`, and neither
    /// readable nor ready for `try_recv`.
    a_closed_port_is_reported_to_a_connected_socket {
        is_closed: [],
        sends_to_a_closed_port: [
            "send: 1", "send: ConnectionRefused", "send: 1", "error: Ok(Some(ConnectionRefused))",
            "send: 1", "recv: ConnectionRefused", "recv: waits", "send: 1",
            "error: Ok(Some(ConnectionRefused))", "error: Ok(None)", "try_send: 1",
            "try_recv: WouldBlock", "readable: waits", "recv: ConnectionRefused",
        ],
    }

    a_receive_that_waits_is_woken_by_a_closed_port {
        is_closed: [],
        waits_for_a_closed_port: ["send: 1", "recv: ConnectionRefused"],
    }

    a_closed_port_is_not_reported_to_others {
        is_closed: [],
        sends_there_unconnected: ["send_to: 1", "send_to: 1", "error: Ok(None)", "recv: waits"],
    }

    a_port_that_is_open_again_is_reached_again {
        closes_between: ["recv: one", "recv: four"],
        sends_all_the_while: ["send: 3", "send: 3", "send: ConnectionRefused", "send: 4"],
    }

    /// The error goes before what waits in the socket.
    an_answer_stays_when_the_port_closes {
        answers_and_closes: [],
        asks_twice: ["send: 3", "send: 3", "recv: ConnectionRefused", "recv: answer"],
    }

    what_does_not_fit_is_cut_off {
        receives_into_small_buffers: [
            "recv: fir", "recv: ", "recv: thi", "into nothing: 0", "recv: fifth", "recv: waits",
        ],
        sends_datagrams: ["send_to: 5", "send_to: 0", "send_to: 5", "send_to: 6", "send_to: 5"],
    }

    a_peek_takes_nothing {
        peeks: [
            "try_peek: WouldBlock", "from: same", "peek_from: first", "peek_sender: same",
            "peek: fi", "try_peek: first", "from: same", "try_peek_from: first", "from: same",
            "recv_from: first", "peek: ",
        ],
        sends_datagrams: ["send_to: 5", "send_to: 0", "send_to: 5", "send_to: 6", "send_to: 5"],
    }

    receives_of_all_kinds {
        receives_in_all_ways: [
            "try_recv: WouldBlock", "try_recv_from: WouldBlock", "writable: ok", "readable: ok",
            "readable true, writable true", "try_recv: first", "from: same", "try_recv_from: ",
            "poll_recv: ok", "third", "from: same", "fourth", "from: same", "recv_from: fifth",
            "try_recv: WouldBlock", "readable: waits",
        ],
        sends_datagrams: ["send_to: 5", "send_to: 0", "send_to: 5", "send_to: 6", "send_to: 5"],
    }

    a_connected_socket_hears_its_peer_only {
        hears_one_only: [
            "peer: NotConnected", "peer: same", "recv: early", "recv: known", "recv: waits",
        ],
        sends_among_strangers: [
            "stranger: 5", "stranger: 7", "friend: 5", "stranger: 5", "stranger: ConnectionRefused",
        ],
    }

    /// `Uncategorized` is `EDESTADDRREQ` here.
    a_send_needs_an_address {
        does_nothing: [],
        sends_without_an_address: [
            "send: Uncategorized", "try_send: Uncategorized", "peer: NotConnected",
            "port 0: InvalidInput", "no address: InvalidInput",
        ],
    }

    a_socket_can_be_connected_again {
        receives_from_two: ["recv: one", "recv: two", "recv: three", "send_to: 14", "send_to: 15"],
        connects_again: [
            "send: 3", "send_to: 3", "peer: same", "send: 5", "send_to: 4", "recv: from the second",
            "recv: waits",
        ],
    }

    a_port_can_be_bound_once {
        does_nothing: [],
        binds_twice: ["again: AddrInUse", "everywhere: AddrInUse", "after the drop: ok"],
    }

    a_connected_socket_has_an_address (alone) {
        does_nothing: [],
        looks_at_its_address: [
            "before: 0.0.0.0", "after: 127.0.0.1", "port: same", "peer: 127.0.0.1:7",
        ],
    }

    a_socket_connects_to_itself (alone) {
        does_nothing: [],
        talks_to_itself: ["send: 5", "recv: hello"],
    }
}
