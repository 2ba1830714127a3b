//! What a side sees of a peer that has closed its socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::case::{Done, Side, bytes, cases};

async fn closes(it: Side) -> Done {
    drop(it.accepted().await?);
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn writes_on(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    for text in ["one", "two", "three"] {
        it.settle().await;
        it.write(&mut stream, text).await;
    }
    it.read(&mut stream).await;
    it.error(stream.take_error());
    it.done().await;
    Ok(())
}

async fn writes_once_and_reads(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    it.settle().await;
    it.write(&mut stream, "one").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "two").await;
    it.write(&mut stream, "three").await;
    it.done().await;
    Ok(())
}

async fn writes_once_and_asks_for_the_error(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    it.settle().await;
    it.write(&mut stream, "one").await;
    it.settle().await;
    it.error(stream.take_error());
    it.error(stream.take_error());
    it.note("peer", &stream.peer_addr());
    it.write(&mut stream, "two").await;
    it.done().await;
    Ok(())
}

async fn reads_the_end_again_and_again(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.error(stream.take_error());
    it.note("peer", &stream.peer_addr());
    it.shutdown(&mut stream).await;
    it.settle().await;
    it.read(&mut stream).await;
    it.write(&mut stream, "one").await;
    it.note("peer", &stream.peer_addr());
    it.done().await;
    Ok(())
}

async fn writes_much_and_closes(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.note("write", &stream.write_all(&bytes(1_000_000, 3)).await);
    drop(stream);
    it.reach("closed");
    it.done().await;
    Ok(())
}

async fn reads_slowly(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let (mut found, mut part) = (Vec::new(), vec![0; 50_000]);
    loop {
        match stream.read(&mut part).await? {
            0 => break,
            length => found.extend_from_slice(&part[..length]),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    it.until("closed").await;
    it.same("bytes", found == bytes(1_000_000, 3), true);
    it.done().await;
    Ok(())
}

async fn writes_and_closes(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.write(&mut stream, "last words").await;
    drop(stream);
    it.reach("closed");
    it.done().await;
    Ok(())
}

/// The answer to `one` is a reset, behind data and an end that nobody has read yet.
async fn writes_before_it_reads(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    it.settle().await;
    it.write(&mut stream, "one").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "two").await;
    it.done().await;
    Ok(())
}

async fn writes_before_it_reads_and_again(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("closed").await;
    it.settle().await;
    it.write(&mut stream, "one").await;
    it.settle().await;
    it.write(&mut stream, "two").await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn waits_for_the_peer_to_close(it: Side) -> Done {
    let stream = it.accepted().await?;
    it.reach("accepted");
    it.until("reading").await;
    it.settle().await;
    drop(stream);
    it.done().await;
    Ok(())
}

async fn reads_until_the_end(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("accepted").await;
    it.reach("reading");
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

cases! {
    /// The first write is taken and answered by a reset; the reset is an `EPIPE`, because the end
    /// had come before it. It is reported once, and every later write has the same error by itself.
    peer_closed_and_this_side_writes_on {
        closes: [],
        writes_on: [
            "write: ok", "write: BrokenPipe", "write: BrokenPipe", "read: end", "error: Ok(None)",
        ],
    }

    /// A read after the reset finds the end that came before it, not the error.
    peer_closed_and_this_side_writes_and_reads {
        closes: [],
        writes_once_and_reads: [
            "write: ok", "read: end", "read: end", "write: BrokenPipe", "write: BrokenPipe",
        ],
    }

    /// The pending error is the one of the reset, and taking it clears it.
    peer_closed_and_the_error_is_taken {
        closes: [],
        writes_once_and_asks_for_the_error: [
            "write: ok", "error: Ok(Some(BrokenPipe))", "error: Ok(None)", "peer: NotConnected",
            "write: BrokenPipe",
        ],
    }

    /// The end stays. A socket that both sides have closed has no peer any more.
    the_end_can_be_read_again {
        closes: [],
        reads_the_end_again_and_again: [
            "read: end", "read: end", "error: Ok(None)", "peer: ok", "shutdown: ok", "read: end",
            "write: BrokenPipe", "peer: NotConnected",
        ],
    }

    /// Closing does not cut off what was written before.
    what_was_written_before_the_close_arrives {
        writes_much_and_closes: ["write: ok"],
        reads_slowly: ["bytes: same"],
    }

    /// A reset leaves what had arrived before it, and the end behind it.
    a_reset_after_the_end_leaves_what_is_queued {
        writes_and_closes: ["write: ok"],
        writes_before_it_reads: ["write: ok", "read: last words", "read: end", "write: BrokenPipe"],
    }

    a_write_before_the_queued_data_is_read_reports_the_reset {
        writes_and_closes: ["write: ok"],
        writes_before_it_reads_and_again: [
            "write: ok", "write: BrokenPipe", "read: last words", "read: end",
        ],
    }

    a_read_that_waits_is_woken_by_the_end {
        waits_for_the_peer_to_close: [],
        reads_until_the_end: ["read: end"],
    }
}
