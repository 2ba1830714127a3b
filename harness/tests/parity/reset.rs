//! Resets: by a peer that did not read everything, and by one that asked for it with a linger time
//! of zero.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::case::{Done, Side, bytes, cases};

/// Closes with a request unread, which is a reset instead of an end.
async fn drops_unread(it: Side) -> Done {
    let stream = it.accepted().await?;
    it.until("asked").await;
    it.settle().await;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn answers_and_drops_unread(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("asked").await;
    it.settle().await;
    it.write(&mut stream, "answer").await;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn answers_and_resets(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("asked").await;
    it.settle().await;
    it.write(&mut stream, "answer").await;
    it.settle().await;
    it.note("linger", &stream.set_zero_linger());
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

/// Like the one before, and what was written is sent along with the reset or thrown away by it.
async fn writes_much_and_resets(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    let written = it.patiently("write", stream.write_all(&bytes(20_000_000, 1))).await;
    assert!(written.is_none());
    stream.set_zero_linger()?;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

async fn asked(it: &Side) -> io::Result<TcpStream> {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "request").await;
    it.reach("asked");
    it.until("gone").await;
    it.settle().await;
    Ok(stream)
}

async fn reads(it: Side) -> Done {
    let mut stream = asked(&it).await?;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.error(stream.take_error());
    it.done().await;
    Ok(())
}

async fn writes(it: Side) -> Done {
    let mut stream = asked(&it).await?;
    it.write(&mut stream, "more").await;
    it.write(&mut stream, "more").await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn takes_the_error(it: Side) -> Done {
    let mut stream = asked(&it).await?;
    it.error(stream.take_error());
    it.error(stream.take_error());
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.done().await;
    Ok(())
}

async fn looks_around(it: Side) -> Done {
    let mut stream = asked(&it).await?;
    it.note("peer", &stream.peer_addr());
    it.note("local", &stream.local_addr());
    it.note("nodelay", &stream.set_nodelay(true));
    it.value("peek", stream.peek(&mut [0; 8]).await);
    it.value("peek", stream.peek(&mut [0; 8]).await);
    it.shutdown(&mut stream).await;
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn tries(it: Side) -> Done {
    let stream = asked(&it).await?;
    it.note("readable", &stream.readable().await);
    it.note("writable", &stream.writable().await);
    it.value("try_read", stream.try_read(&mut [0; 8]));
    it.value("try_read", stream.try_read(&mut [0; 8]));
    it.value("try_write", stream.try_write(b"more"));
    it.done().await;
    Ok(())
}

async fn resets_while_the_peer_waits(it: Side) -> Done {
    let stream = it.accepted().await?;
    it.until("waiting").await;
    it.settle().await;
    stream.set_zero_linger()?;
    drop(stream);
    it.done().await;
    Ok(())
}

async fn waits_in_a_read(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.reach("waiting");
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.done().await;
    Ok(())
}

async fn waits_in_a_write(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.reach("waiting");
    it.note("write", &stream.write_all(&bytes(20_000_000, 1)).await);
    it.note("write", &stream.write_all(b"more").await);
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn waits_in_both(it: Side) -> Done {
    let stream = it.connected().await?;
    it.reach("waiting");
    let (mut read, mut write) = stream.into_split();
    let all = bytes(20_000_000, 1);
    // In one order, so that it is the reader who is told.
    let (_, result) = tokio::join!(biased; it.read(&mut read), write.write_all(&all));
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    it.same("write fails", result.is_err_and(|error| kinds.contains(&error.kind())), true);
    it.done().await;
    Ok(())
}

/// Reads a part only of what this side has, and closes.
async fn reads_a_part_and_drops(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("asked").await;
    it.settle().await;
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0; 3]).await?;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

/// A request that comes after the close is answered by a reset as well.
async fn ends_before_the_request(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.write(&mut stream, "answer").await;
    it.shutdown(&mut stream).await;
    it.until("asked").await;
    it.settle().await;
    drop(stream);
    it.reach("gone");
    it.done().await;
    Ok(())
}

cases! {
    /// The error is reported once; after it there is the end, and a write finds a broken pipe.
    dropped_with_unread_bytes {
        drops_unread: [],
        reads: [
            "write: ok", "read: ConnectionReset", "read: end", "read: end", "write: BrokenPipe",
            "error: Ok(None)",
        ],
    }

    dropped_with_unread_bytes_and_written_to {
        drops_unread: [],
        writes: [
            "write: ok", "write: ConnectionReset", "write: BrokenPipe", "read: end", "read: end",
        ],
    }

    dropped_with_a_part_unread {
        reads_a_part_and_drops: [],
        reads: [
            "write: ok", "read: ConnectionReset", "read: end", "read: end", "write: BrokenPipe",
            "error: Ok(None)",
        ],
    }

    /// What had arrived before the reset can be read: `tcp_reset` leaves the queue to the reader.
    answered_and_dropped_with_unread_bytes {
        answers_and_drops_unread: ["write: ok"],
        reads: [
            "write: ok", "read: answer", "read: ConnectionReset", "read: end", "write: BrokenPipe",
            "error: Ok(None)",
        ],
    }

    answered_and_dropped_with_unread_bytes_and_written_to {
        answers_and_drops_unread: ["write: ok"],
        writes: [
            "write: ok", "write: ConnectionReset", "write: BrokenPipe", "read: answer", "read: end",
        ],
    }

    answered_and_reset {
        answers_and_resets: ["write: ok", "linger: ok"],
        reads: [
            "write: ok", "read: answer", "read: ConnectionReset", "read: end", "write: BrokenPipe",
            "error: Ok(None)",
        ],
    }

    answered_and_reset_and_written_to {
        answers_and_resets: ["write: ok", "linger: ok"],
        writes: [
            "write: ok", "write: ConnectionReset", "write: BrokenPipe", "read: answer", "read: end",
        ],
    }

    /// The end that came before the reset makes it an `EPIPE`, and no reader sees that.
    half_closed_and_dropped_with_unread_bytes {
        ends_before_the_request: ["write: ok", "shutdown: ok"],
        reads: [
            "write: ok", "read: answer", "read: end", "read: end", "write: BrokenPipe",
            "error: Ok(None)",
        ],
    }

    the_error_is_taken {
        answers_and_resets: ["write: ok", "linger: ok"],
        takes_the_error: [
            "write: ok", "error: Ok(Some(ConnectionReset))", "error: Ok(None)", "read: answer",
            "read: end", "write: BrokenPipe",
        ],
    }

    /// A socket that was reset has no peer, and a shutdown of it passes: Tokio takes the
    /// `ENOTCONN` for success. `peek` finds what `read` does.
    a_socket_that_was_reset {
        drops_unread: [],
        looks_around: [
            "write: ok", "peer: NotConnected", "local: ok", "nodelay: ok", "peek: ConnectionReset",
            "peek: 0", "shutdown: ok", "read: end",
        ],
    }

    a_socket_that_was_reset_is_ready {
        drops_unread: [],
        tries: [
            "write: ok", "readable: ok", "writable: ok", "try_read: ConnectionReset", "try_read: 0",
            "try_write: BrokenPipe",
        ],
    }

    a_read_that_waits_is_woken_by_the_reset {
        resets_while_the_peer_waits: [],
        waits_in_a_read: ["read: ConnectionReset", "read: end", "write: BrokenPipe"],
    }

    a_write_that_waits_is_woken_by_the_reset {
        resets_while_the_peer_waits: [],
        waits_in_a_write: ["write: ConnectionReset", "write: BrokenPipe", "read: end"],
    }

    both_halves_that_wait_are_woken_by_the_reset {
        resets_while_the_peer_waits: [],
        waits_in_both: ["read: ConnectionReset", "write fails: same"],
    }

    /// What had not been sent yet is lost with the reset; the reader finds what had arrived.
    a_reset_throws_away_what_was_not_sent {
        writes_much_and_resets: ["write: waits"],
        reads_a_lot: [
            "read: ConnectionReset", "in order: same", "bytes: within bounds", "read: end",
        ],
    }
}

async fn reads_a_lot(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("gone").await;
    it.settle().await;
    let mut found = Vec::new();
    let result = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut found).await;
    it.note("read", &result);
    it.same("in order", found == bytes(20_000_000, 1)[..found.len()], true);
    it.within("bytes", found.len(), 1..20_000_000);
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}
