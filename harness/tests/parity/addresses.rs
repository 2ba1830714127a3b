//! Addresses that stand for several, and both families of them.

use std::io;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use crate::case::{Done, Side, cases};

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn listens_on_everything(it: Side) -> Done {
    let listener = TcpListener::bind("[::]:0").await?;
    it.publish(listener.local_addr()?);
    it.value("local", listener.local_addr().map(|address| address.ip()));
    let (stream, address) = listener.accept().await?;
    it.same("peer", address.ip().to_canonical(), it.peer_ip().await?);
    it.say(format!("an address of {}", if address.is_ipv4() { "v4" } else { "v6" }));
    it.same("peer of the stream", stream.peer_addr()?, address);
    it.say(format!("local of {}", if stream.local_addr()?.is_ipv4() { "v4" } else { "v6" }));
    it.done().await;
    Ok(())
}

async fn comes_by_v4(it: Side) -> Done {
    let stream = it.connected().await?;
    it.say(format!("local of {}", if stream.local_addr()?.is_ipv4() { "v4" } else { "v6" }));
    it.same("peer", stream.peer_addr()?, it.there().await?);
    it.done().await;
    Ok(())
}

/// Connects on one host to what listens on `listen`, by `connect`, and says what the two see.
async fn meets(it: &Side, listen: &str, connect: &str) -> Done {
    let listener = TcpListener::bind(format!("{listen}:0")).await?;
    let port = listener.local_addr()?.port();
    let stream = match TcpStream::connect(format!("{connect}:{port}")).await {
        Ok(stream) => stream,
        Err(error) => {
            it.say(format!("{listen} by {connect}: {:?}", error.kind()));
            return Ok(());
        }
    };
    let (accepted, _) = listener.accept().await?;
    assert_eq!(stream.local_addr()?.port(), accepted.peer_addr()?.port());
    let ends = |stream: &TcpStream| {
        let ends = (stream.local_addr()?.ip(), stream.peer_addr()?.ip());
        io::Result::Ok(format!("{} to {}", ends.0, ends.1))
    };
    it.value(&format!("{listen} by {connect}"), ends(&stream));
    it.value("accepted", ends(&accepted));
    Ok(())
}

async fn meets_itself(it: Side) -> Done {
    for (listen, connect) in [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.2"),
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.0.2", "127.0.0.2"),
        ("127.0.0.2", "0.0.0.0"),
    ] {
        meets(&it, listen, connect).await?;
    }
    it.done().await;
    Ok(())
}

async fn meets_itself_by_v6(it: Side) -> Done {
    for (listen, connect) in [
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
        ("[::]", "[::]"),
        ("[::1]", "[::]"),
        ("[::]", "127.0.0.1"),
        ("[::]", "0.0.0.0"),
        ("[::1]", "127.0.0.1"),
        ("0.0.0.0", "[::]"),
        ("0.0.0.0", "[::1]"),
        ("127.0.0.1", "[::ffff:127.0.0.1]"),
        ("[::]", "[::ffff:127.0.0.1]"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ] {
        meets(&it, listen, connect).await?;
    }
    it.done().await;
    Ok(())
}

async fn binds_what_is_not_its_own(it: Side) -> Done {
    it.note("tcp", &TcpListener::bind("203.0.113.1:0").await);
    it.note("udp", &UdpSocket::bind("203.0.113.1:0").await);
    it.note("v6", &TcpListener::bind("[2001:db8::1]:0").await);
    let socket = TcpSocket::new_v4()?;
    it.note("socket", &socket.bind("203.0.113.1:0".parse().expect("an address")));
    it.value("local", socket.local_addr());
    it.done().await;
    Ok(())
}

/// A port of one family on every address, and of one address in the presence of all.
async fn binds_side_by_side(it: Side) -> Done {
    let v4 = TcpListener::bind("127.0.0.1:0").await?;
    let port = v4.local_addr()?.port();
    it.note("another address", &TcpListener::bind(("127.0.0.2", port)).await);
    it.note("all addresses", &TcpListener::bind(("0.0.0.0", port)).await);
    it.note("the other family", &TcpListener::bind(("::1", port)).await);
    it.note("both families", &TcpListener::bind(("::", port)).await);
    it.note("udp", &UdpSocket::bind(("127.0.0.1", port)).await);
    drop(v4);
    let all = TcpListener::bind(("::", port)).await?;
    it.note("v4 beside both", &TcpListener::bind(("0.0.0.0", port)).await);
    it.note("one beside both", &TcpListener::bind(("127.0.0.1", port)).await);
    drop(all);
    it.done().await;
    Ok(())
}

async fn receives_from_both_families(it: Side) -> Done {
    let socket = UdpSocket::bind("[::]:0").await?;
    let port = socket.local_addr()?.port();
    let v4 = UdpSocket::bind("127.0.0.1:0").await?;
    let v6 = UdpSocket::bind("[::1]:0").await?;
    it.note("v4", &v4.send_to(b"four", ("127.0.0.1", port)).await);
    it.note("v6", &v6.send_to(b"six", ("::1", port)).await);
    let mut bytes = [0; 8];
    for expected in [v4.local_addr()?, v6.local_addr()?] {
        let (length, from) = socket.recv_from(&mut bytes).await?;
        it.say(format!("{} from {}", String::from_utf8_lossy(&bytes[..length]), from.ip()));
        it.same("port", from.port(), expected.port());
        socket.send_to(b"answer", from).await?;
    }
    it.value("v4", v4.recv(&mut bytes).await);
    it.value("v6", v6.recv(&mut bytes).await);
    it.note("v4 to v6", &v4.send_to(b"x", ("::1", port)).await);
    it.note("v6 to v4", &v6.send_to(b"x", ("127.0.0.1", port)).await);
    it.done().await;
    Ok(())
}

cases! {
    /// A listener on `[::]` takes connections by IPv4, from addresses that are mapped into IPv6.
    both_families_reach_a_listener_on_all_addresses {
        listens_on_everything: [
            "local: ::", "peer: same", "an address of v6", "peer of the stream: same",
            "local of v6",
        ],
        comes_by_v4: ["local of v4", "peer: same"],
    }

    /// To connect to `0.0.0.0` is to connect to `127.0.0.1`.
    loopback_by_v4 (alone) {
        does_nothing: [],
        meets_itself: [
            "127.0.0.1 by 127.0.0.1: 127.0.0.1 to 127.0.0.1", "accepted: 127.0.0.1 to 127.0.0.1",
            "0.0.0.0 by 127.0.0.1: 127.0.0.1 to 127.0.0.1", "accepted: 127.0.0.1 to 127.0.0.1",
            "0.0.0.0 by 0.0.0.0: 127.0.0.1 to 127.0.0.1", "accepted: 127.0.0.1 to 127.0.0.1",
            "127.0.0.1 by 0.0.0.0: 127.0.0.1 to 127.0.0.1", "accepted: 127.0.0.1 to 127.0.0.1",
            "0.0.0.0 by 127.0.0.2: 127.0.0.1 to 127.0.0.2", "accepted: 127.0.0.2 to 127.0.0.1",
            "127.0.0.1 by 127.0.0.2: ConnectionRefused",
            "127.0.0.2 by 127.0.0.2: 127.0.0.1 to 127.0.0.2", "accepted: 127.0.0.2 to 127.0.0.1",
            "127.0.0.2 by 0.0.0.0: ConnectionRefused",
        ],
    }

    /// To connect to `[::]` is to connect to `[::1]`, which nothing of IPv4 listens on.
    loopback_by_v6 (alone) {
        does_nothing: [],
        meets_itself_by_v6: [
            "[::1] by [::1]: ::1 to ::1", "accepted: ::1 to ::1", "[::] by [::1]: ::1 to ::1",
            "accepted: ::1 to ::1", "[::] by [::]: ::1 to ::1", "accepted: ::1 to ::1",
            "[::1] by [::]: ::1 to ::1", "accepted: ::1 to ::1",
            "[::] by 127.0.0.1: 127.0.0.1 to 127.0.0.1",
            "accepted: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
            "[::] by 0.0.0.0: 127.0.0.1 to 127.0.0.1",
            "accepted: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
            "[::1] by 127.0.0.1: ConnectionRefused", "0.0.0.0 by [::]: ConnectionRefused",
            "0.0.0.0 by [::1]: ConnectionRefused",
            "127.0.0.1 by [::ffff:127.0.0.1]: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
            "accepted: 127.0.0.1 to 127.0.0.1",
            "[::] by [::ffff:127.0.0.1]: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
            "accepted: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
            "[::ffff:127.0.0.1] by 127.0.0.1: 127.0.0.1 to 127.0.0.1",
            "accepted: ::ffff:127.0.0.1 to ::ffff:127.0.0.1",
        ],
    }

    an_address_of_another_host_cannot_be_bound (alone) {
        does_nothing: [],
        binds_what_is_not_its_own: [
            "tcp: AddrNotAvailable", "udp: AddrNotAvailable", "v6: AddrNotAvailable",
            "socket: AddrNotAvailable", "local: 0.0.0.0:0",
        ],
    }

    what_can_be_bound_side_by_side (alone) {
        does_nothing: [],
        binds_side_by_side: [
            "another address: ok", "all addresses: AddrInUse", "the other family: ok",
            "both families: AddrInUse", "udp: ok", "v4 beside both: AddrInUse",
            "one beside both: AddrInUse",
        ],
    }

    datagrams_of_both_families_reach_a_socket_on_all_addresses (alone) {
        does_nothing: [],
        receives_from_both_families: [
            "v4: ok", "v6: ok", "four from ::ffff:127.0.0.1", "port: same", "six from ::1",
            "port: same", "v4: 6", "v6: 6", "v4 to v6: Uncategorized",
            "v6 to v4: NetworkUnreachable",
        ],
    }
}
