//! Half closes: the end of one direction while the other goes on.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::case::{Done, Side, Who, cases};

async fn answers_after_the_end(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("shut down").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "answer").await;
    it.settle().await;
    it.write(&mut stream, " and more").await;
    it.reach("answered");
    it.done().await;
    Ok(())
}

async fn shuts_down_and_reads(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.write(&mut stream, "request").await;
    it.shutdown(&mut stream).await;
    it.reach("shut down");
    it.until("answered").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.shutdown(&mut stream).await;
    it.note("peer", &stream.peer_addr());
    let waits = it.patiently("read", stream.read(&mut [0; 1])).await;
    assert!(waits.is_none());
    it.done().await;
    Ok(())
}

async fn shuts_down(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    shut_down_at_once(&it, &mut stream).await
}

async fn shuts_down_too(it: Side) -> Done {
    let mut stream = it.connected().await?;
    shut_down_at_once(&it, &mut stream).await
}

/// Both sides send their ends at the same time, and neither is the first to close.
async fn shut_down_at_once(it: &Side, stream: &mut tokio::net::TcpStream) -> Done {
    it.reach(if it.who == Who::Server { "server ready" } else { "client ready" });
    it.until("server ready").await;
    it.until("client ready").await;
    it.shutdown(stream).await;
    it.settle().await;
    it.read(stream).await;
    it.read(stream).await;
    it.shutdown(stream).await;
    it.write(stream, "late").await;
    it.note("peer", &stream.peer_addr());
    it.note("local", &stream.local_addr());
    it.done().await;
    Ok(())
}

async fn reads_to_the_end_and_writes(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.write(&mut stream, "still here").await;
    it.reach("written");
    it.until("halves dropped").await;
    it.settle().await;
    it.write(&mut stream, "anybody?").await;
    it.settle().await;
    it.write(&mut stream, "nobody").await;
    it.done().await;
    Ok(())
}

/// An owned write half that is dropped is the end of what this side says, not of the connection.
async fn drops_its_write_half(it: Side) -> Done {
    let (mut read, mut write) = it.connected().await?.into_split();
    it.write(&mut write, "bye").await;
    it.settle().await;
    drop(write);
    it.until("written").await;
    it.read(&mut read).await;
    drop(read);
    it.reach("halves dropped");
    it.done().await;
    Ok(())
}

/// A read half that is dropped does nothing by itself.
async fn drops_its_read_half(it: Side) -> Done {
    let (read, mut write) = it.connected().await?.into_split();
    drop(read);
    it.write(&mut write, "still").await;
    it.settle().await;
    it.write(&mut write, " here").await;
    it.reach("written");
    it.until("answered").await;
    it.done().await;
    Ok(())
}

async fn reads_and_answers(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("written").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.write(&mut stream, "an answer").await;
    it.settle().await;
    it.write(&mut stream, "and another").await;
    it.reach("answered");
    it.done().await;
    Ok(())
}

async fn forgets_its_write_half(it: Side) -> Done {
    let (mut read, write) = it.connected().await?.into_split();
    write.forget();
    it.reach("written");
    it.read(&mut read).await;
    it.done().await;
    Ok(())
}

async fn sees_no_end(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("written").await;
    let waits = it.patiently("read", stream.read(&mut [0; 1])).await;
    assert!(waits.is_none());
    it.write(&mut stream, "hello").await;
    it.done().await;
    Ok(())
}

async fn reunites_its_halves(it: Side) -> Done {
    let (read, mut write) = it.connected().await?.into_split();
    it.write(&mut write, "one").await;
    let mut stream = read.reunite(write).expect("halves of one stream");
    it.write(&mut stream, " two").await;
    it.reach("written");
    it.read(&mut stream).await;
    it.read(&mut stream).await;
    it.reach("answered");
    let (read, _write) = stream.split();
    it.note("peer", &read.peer_addr());
    it.done().await;
    Ok(())
}

async fn answers_and_shuts_down(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("written").await;
    it.settle().await;
    it.read(&mut stream).await;
    stream.write_all(b"answer").await?;
    it.settle().await;
    it.shutdown(&mut stream).await;
    it.shutdown(&mut stream).await;
    it.write(&mut stream, "more").await;
    it.until("answered").await;
    it.done().await;
    Ok(())
}

cases! {
    /// The direction that was shut down takes nothing any more, and the other one goes on.
    half_close {
        answers_after_the_end: ["read: request", "read: end", "write: ok", "write: ok"],
        shuts_down_and_reads: [
            "write: ok", "shutdown: ok", "read: answer and more", "write: BrokenPipe",
            "shutdown: ok", "peer: ok", "read: waits",
        ],
    }

    /// A socket that both sides have shut down has no peer any more.
    simultaneous_close {
        shuts_down: [
            "shutdown: ok", "read: end", "read: end", "shutdown: ok", "write: BrokenPipe",
            "peer: NotConnected", "local: ok",
        ],
        shuts_down_too: [
            "shutdown: ok", "read: end", "read: end", "shutdown: ok", "write: BrokenPipe",
            "peer: NotConnected", "local: ok",
        ],
    }

    a_dropped_write_half_is_an_end {
        reads_to_the_end_and_writes: [
            "read: bye", "read: end", "write: ok", "write: ok", "write: BrokenPipe",
        ],
        drops_its_write_half: ["write: ok", "read: still here"],
    }

    a_dropped_read_half_is_nothing {
        reads_and_answers: ["read: still here", "write: ok", "write: ok"],
        drops_its_read_half: ["write: ok", "write: ok"],
    }

    a_forgotten_write_half_is_no_end {
        sees_no_end: ["read: waits", "write: ok"],
        forgets_its_write_half: ["read: hello"],
    }

    halves_can_be_reunited_and_a_shutdown_repeated {
        answers_and_shuts_down: [
            "read: one two", "shutdown: ok", "shutdown: ok", "write: BrokenPipe",
        ],
        reunites_its_halves: ["write: ok", "write: ok", "read: answer", "read: end", "peer: ok"],
    }
}
