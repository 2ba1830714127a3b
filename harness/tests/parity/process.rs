//! What is left of a process that dies: the kernel closes its sockets, as a process does that drops
//! them.
//!
//! On Linux the server is a process that is killed; in the simulation it crashes. Either way what
//! it saw dies with it, so that it enters nothing.

use std::{future::pending, time::Duration};

use tokio::net::{TcpStream, UdpSocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::case::{Done, Side, bytes, cases};

async fn writes_and_hangs(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut stream, _) = listener.accept().await?;
    stream.write_all(b"last words").await?;
    it.reach("written");
    pending().await
}

async fn reads_last_words(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("written").await;
    it.settle().await;
    it.end_peer().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "hello?").await;
    it.settle().await;
    it.write(&mut stream, "hello?").await;
    it.read(&mut stream).await;
    it.note("connect", &TcpStream::connect(it.there().await?).await);
    Ok(())
}

/// Writes on, which is answered by a reset, before it reads what is there.
async fn writes_before_it_reads(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("written").await;
    it.settle().await;
    it.end_peer().await;
    it.write(&mut stream, "hello?").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "hello?").await;
    Ok(())
}

async fn has_a_request_that_nobody_read(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "request").await;
    it.until("written").await;
    it.settle().await;
    it.end_peer().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    Ok(())
}

async fn waits_for_more(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("written").await;
    it.read(&mut stream).await;
    tokio::join!(it.read(&mut stream), it.end_peer());
    Ok(())
}

async fn waits_for_room(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("written").await;
    let all = bytes(20_000_000, 1);
    let (written, ()) = tokio::join!(stream.write_all(&all), it.end_peer());
    it.note("write", &written);
    it.write(&mut stream, "more").await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    Ok(())
}

/// Waits in the queue of a process that never accepts it.
async fn is_not_accepted(it: Side) -> Done {
    let _first = it.connected().await?;
    it.until("written").await;
    let mut second = it.connected().await?;
    it.settle().await;
    it.end_peer().await;
    it.read(&mut second).await;
    it.read(&mut second).await;
    Ok(())
}

async fn has_shut_down(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.shutdown(&mut stream).await;
    it.until("written").await;
    it.settle().await;
    it.end_peer().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.note("peer", &stream.peer_addr());
    Ok(())
}

async fn writes_much(it: Side) -> Done {
    let listener = it.listen().await?;
    let (mut stream, _) = listener.accept().await?;
    let all = bytes(32_000_000, 1);
    let written = timeout(Duration::from_millis(300), stream.write_all(&all)).await;
    assert!(written.is_err(), "the sockets cannot take it all");
    it.reach("written");
    pending().await
}

async fn reads_much(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("written").await;
    it.end_peer().await;
    let mut found = Vec::new();
    it.note("read", &stream.read_to_end(&mut found).await);
    it.same("in order", found == bytes(32_000_000, 1)[..found.len()], true);
    it.within("bytes", found.len(), 32_768..32_000_000);
    Ok(())
}

async fn receives_and_hangs(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.publish(socket.local_addr()?);
    socket.recv(&mut [0; 8]).await?;
    it.reach("received");
    pending().await
}

async fn sends_on(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    socket.connect(it.there().await?).await?;
    it.value("send", socket.send(b"one").await);
    it.until("received").await;
    it.value("send", socket.send(b"two").await);
    it.settle().await;
    it.end_peer().await;
    it.error(socket.take_error());
    it.value("send", socket.send(b"three").await);
    it.settle().await;
    it.value("send", socket.send(b"four").await);
    Ok(())
}

cases! {
    /// What it wrote arrives, and then the end.
    what_it_wrote_arrives (killed) {
        writes_and_hangs: [],
        reads_last_words: [
            "read: last words", "read: end", "write: ok", "write: BrokenPipe", "read: end",
            "connect: ConnectionRefused",
        ],
    }

    a_write_to_it_is_answered_by_a_reset (killed) {
        writes_and_hangs: [],
        writes_before_it_reads: ["write: ok", "read: last words", "read: end", "write: BrokenPipe"],
    }

    /// What it did not read makes the end a reset, behind what it wrote.
    what_it_did_not_read_is_a_reset (killed) {
        writes_and_hangs: [],
        has_a_request_that_nobody_read: [
            "write: ok", "read: last words", "read: ConnectionReset", "read: end",
            "write: BrokenPipe",
        ],
    }

    a_read_that_waits_is_woken (killed) {
        writes_and_hangs: [],
        waits_for_more: ["read: last words", "read: end"],
    }

    a_write_that_waits_is_woken (killed) {
        writes_and_hangs: [],
        waits_for_room: [
            "write: ConnectionReset", "write: BrokenPipe", "read: last words", "read: end",
        ],
    }

    what_it_did_not_accept_is_reset (killed) {
        writes_and_hangs: [],
        is_not_accepted: ["read: ConnectionReset", "read: end"],
    }

    a_stream_that_was_shut_down_ends (killed) {
        writes_and_hangs: [],
        has_shut_down: ["shutdown: ok", "read: last words", "read: end", "peer: NotConnected"],
    }

    /// The kernel goes on to send what it has taken, as long as somebody reads.
    what_the_kernel_has_taken_arrives (killed) {
        writes_much: [],
        reads_much: ["read: ok", "in order: same", "bytes: within bounds"],
    }

    a_datagram_for_it_is_refused (killed) {
        receives_and_hangs: [],
        sends_on: ["send: 3", "send: 3", "error: Ok(None)", "send: 5", "send: ConnectionRefused"],
    }
}
