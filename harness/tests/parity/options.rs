//! Options of sockets.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use crate::case::{Done, Side, cases};

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn accepts(it: Side) -> Done {
    let stream = it.accepted().await?;
    says_options(&it, &stream);
    it.done().await;
    Ok(())
}

fn says_options(it: &Side, stream: &TcpStream) {
    it.value("nodelay", stream.nodelay());
    it.say(format!("linger {:?}", stream.linger()));
    it.value("ttl", stream.ttl());
    it.error(stream.take_error());
}

async fn sets_options(it: Side) -> Done {
    let stream = it.connected().await?;
    says_options(&it, &stream);
    it.note("set_nodelay", &stream.set_nodelay(true));
    it.note("set_zero_linger", &stream.set_zero_linger());
    it.note("set_ttl", &stream.set_ttl(17));
    says_options(&it, &stream);
    it.note("set_ttl", &stream.set_ttl(0));
    it.note("set_ttl", &stream.set_ttl(256));
    it.note("set_nodelay", &stream.set_nodelay(false));
    says_options(&it, &stream);
    it.done().await;
    Ok(())
}

async fn sets_options_of_a_socket(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    it.value("keepalive", socket.keepalive());
    it.note("set_keepalive", &socket.set_keepalive(true));
    it.value("keepalive", socket.keepalive());
    it.value("reuseaddr", socket.reuseaddr());
    it.note("set_reuseaddr", &socket.set_reuseaddr(true));
    it.value("reuseaddr", socket.reuseaddr());
    it.value("reuseport", socket.reuseport());
    it.note("set_reuseport", &socket.set_reuseport(true));
    it.value("reuseport", socket.reuseport());
    it.value("nodelay", socket.nodelay());
    it.note("set_nodelay", &socket.set_nodelay(true));
    it.value("nodelay", socket.nodelay());
    it.say(format!("linger {:?}", socket.linger()));
    it.note("set_zero_linger", &socket.set_zero_linger());
    it.say(format!("linger {:?}", socket.linger()));
    it.value("tos", socket.tos_v4());
    it.note("set_tos", &socket.set_tos_v4(0x10));
    it.value("tos", socket.tos_v4());
    it.error(socket.take_error());
    let stream = socket.connect(it.there().await?).await?;
    it.value("nodelay", stream.nodelay());
    it.say(format!("linger {:?}", stream.linger()));
    it.done().await;
    Ok(())
}

/// The system books twice what was asked for, and has a least and a greatest size.
async fn sets_buffer_sizes(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    it.note("set_send_buffer_size", &socket.set_send_buffer_size(20_000));
    it.value("send_buffer_size", socket.send_buffer_size());
    it.note("set_recv_buffer_size", &socket.set_recv_buffer_size(20_000));
    it.value("recv_buffer_size", socket.recv_buffer_size());
    it.note("set_send_buffer_size", &socket.set_send_buffer_size(1));
    it.within("least", socket.send_buffer_size()? as usize, 2_048..8_192);
    it.note("set_recv_buffer_size", &socket.set_recv_buffer_size(1));
    it.within("least", socket.recv_buffer_size()? as usize, 2_048..8_192);
    let fresh = TcpSocket::new_v4()?;
    it.within("send_buffer_size", fresh.send_buffer_size()? as usize, 4_096..1 << 24);
    it.within("recv_buffer_size", fresh.recv_buffer_size()? as usize, 4_096..1 << 26);
    it.done().await;
    Ok(())
}

/// What a listener was set to before it listened, its connections have.
async fn hands_options_down(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.set_nodelay(true)?;
    socket.set_zero_linger()?;
    socket.bind(it.here())?;
    let listener = socket.listen(16)?;
    it.publish(listener.local_addr()?);
    it.value("ttl", listener.ttl());
    it.note("set_ttl", &listener.set_ttl(33));
    it.value("ttl", listener.ttl());
    let (stream, _) = listener.accept().await?;
    says_options(&it, &stream);
    it.done().await;
    Ok(())
}

async fn connects(it: Side) -> Done {
    let _stream = it.connected().await?;
    it.done().await;
    Ok(())
}

/// With buffers this small, a write of some size waits for the reader.
async fn has_a_small_buffer(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8_192)?;
    socket.bind(it.here())?;
    let listener = socket.listen(16)?;
    it.publish(listener.local_addr()?);
    let (mut stream, _) = listener.accept().await?;
    it.until("full").await;
    let mut found = vec![0; 300_000];
    it.note("read", &tokio::io::AsyncReadExt::read_exact(&mut stream, &mut found).await);
    it.same("bytes", found == crate::case::bytes(300_000, 5), true);
    it.done().await;
    Ok(())
}

async fn writes_into_small_buffers(it: Side) -> Done {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(8_192)?;
    let mut stream = socket.connect(it.there().await?).await?;
    let all = crate::case::bytes(300_000, 5);
    let mut taken = 0;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), stream.write(&all[taken..])).await
    {
        taken += written?;
    }
    it.within("taken", taken, 2_000..100_000);
    it.reach("full");
    it.note("write", &stream.write_all(&all[taken..]).await);
    it.done().await;
    Ok(())
}

async fn sets_options_of_datagrams(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.value("ttl", socket.ttl());
    it.note("set_ttl", &socket.set_ttl(17));
    it.value("ttl", socket.ttl());
    it.error(socket.take_error());
    it.note("peer", &socket.peer_addr());
    it.done().await;
    Ok(())
}

async fn looks_at_a_listener(it: Side) -> Done {
    let listener = TcpListener::bind(it.here()).await?;
    it.same("local", listener.local_addr()?.ip(), it.here().ip());
    it.value("ttl", listener.ttl());
    it.done().await;
    Ok(())
}

cases! {
    options_of_a_stream {
        accepts: ["nodelay: false", "linger Ok(None)", "ttl: 64", "error: Ok(None)"],
        sets_options: [
            "nodelay: false", "linger Ok(None)", "ttl: 64", "error: Ok(None)", "set_nodelay: ok",
            "set_zero_linger: ok", "set_ttl: ok", "nodelay: true", "linger Ok(Some(0ns))",
            "ttl: 17", "error: Ok(None)", "set_ttl: InvalidInput", "set_ttl: InvalidInput",
            "set_nodelay: ok", "nodelay: false", "linger Ok(Some(0ns))", "ttl: 17",
            "error: Ok(None)",
        ],
    }

    options_of_a_socket_stay_with_its_stream {
        accepts: ["nodelay: false", "linger Ok(None)", "ttl: 64", "error: Ok(None)"],
        sets_options_of_a_socket: [
            "keepalive: false", "set_keepalive: ok", "keepalive: true", "reuseaddr: false",
            "set_reuseaddr: ok", "reuseaddr: true", "reuseport: false", "set_reuseport: ok",
            "reuseport: true", "nodelay: false", "set_nodelay: ok", "nodelay: true",
            "linger Ok(None)", "set_zero_linger: ok", "linger Ok(Some(0ns))", "tos: 0",
            "set_tos: ok", "tos: 16", "error: Ok(None)", "nodelay: true", "linger Ok(Some(0ns))",
        ],
    }

    sizes_of_buffers (alone) {
        does_nothing: [],
        sets_buffer_sizes: [
            "set_send_buffer_size: ok", "send_buffer_size: 40000", "set_recv_buffer_size: ok",
            "recv_buffer_size: 40000", "set_send_buffer_size: ok", "least: within bounds",
            "set_recv_buffer_size: ok", "least: within bounds", "send_buffer_size: within bounds",
            "recv_buffer_size: within bounds",
        ],
    }

    small_buffers_take_little {
        has_a_small_buffer: ["read: ok", "bytes: same"],
        writes_into_small_buffers: ["taken: within bounds", "write: ok"],
    }

    connections_inherit_from_their_listener {
        hands_options_down: [
            "ttl: 64", "set_ttl: ok", "ttl: 33", "nodelay: true", "linger Ok(Some(0ns))", "ttl: 33",
            "error: Ok(None)",
        ],
        connects: [],
    }

    options_of_a_listener {
        does_nothing: [],
        looks_at_a_listener: ["local: same", "ttl: 64"],
    }

    options_of_a_datagram_socket {
        does_nothing: [],
        sets_options_of_datagrams: [
            "ttl: 64", "set_ttl: ok",
            "ttl: 17", "error: Ok(None)",
            "peer: NotConnected",
        ],
    }
}
