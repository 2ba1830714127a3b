//! The ways of reading and writing a stream.

use std::{
    future::poll_fn,
    io::{IoSlice, IoSliceMut},
    pin::Pin,
};

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::case::{Done, Side, bytes, cases};

async fn writes_a_line(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("ready").await;
    it.settle().await;
    it.write(&mut stream, "hello").await;
    it.reach("written");
    it.until("read").await;
    it.done().await;
    Ok(())
}

async fn peeks(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let mut bytes = [0; 8];
    assert!(it.patiently("peek", stream.peek(&mut bytes)).await.is_none());
    it.reach("ready");
    it.value("peek", stream.peek(&mut bytes).await);
    it.value("peek", stream.peek(&mut bytes[..2]).await);
    let mut part = ReadBuf::new(&mut bytes);
    it.value("poll_peek", poll_fn(|cx| stream.poll_peek(cx, &mut part)).await);
    it.say(String::from_utf8_lossy(part.filled()));
    it.read(&mut stream).await;
    assert!(it.patiently("peek", stream.peek(&mut bytes)).await.is_none());
    it.reach("read");
    it.done().await;
    Ok(())
}

async fn tries_to_read(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let mut bytes = [0; 8];
    it.value("try_read", stream.try_read(&mut bytes));
    assert!(it.patiently("readable", stream.readable()).await.is_none());
    it.reach("ready");
    it.until("written").await;
    it.settle().await;
    it.note("readable", &stream.readable().await);
    it.note("poll_read_ready", &poll_fn(|cx| stream.poll_read_ready(cx)).await);
    it.value("try_read", stream.try_read(&mut bytes[..2]));
    let (one, two) = bytes.split_at_mut(1);
    let mut parts = [IoSliceMut::new(one), IoSliceMut::new(two)];
    it.value("try_read_vectored", stream.try_read_vectored(&mut parts));
    it.say(String::from_utf8_lossy(&bytes[..3]));
    it.value("try_read", stream.try_read(&mut bytes));
    assert!(it.patiently("readable", stream.readable()).await.is_none());
    assert!(it.patiently("read", stream.read(&mut bytes)).await.is_none());
    it.reach("read");
    it.done().await;
    Ok(())
}

async fn asks_for_both_kinds_of_readiness(it: Side) -> Done {
    let stream = it.connected().await?;
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = stream.ready(both).await?;
    it.say(format!("readable {}, writable {}", ready.is_readable(), ready.is_writable()));
    it.reach("ready");
    it.until("written").await;
    it.settle().await;
    stream.readable().await?;
    let ready = stream.ready(both).await?;
    it.say(format!("readable {}, writable {}", ready.is_readable(), ready.is_writable()));
    it.say(format!("closed {} and {}", ready.is_read_closed(), ready.is_write_closed()));
    let mut bytes = [0; 8];
    it.value("try_read", stream.try_read(&mut bytes));
    it.reach("read");
    it.done().await;
    Ok(())
}

/// More than two sockets take while nobody reads.
const MUCH: usize = 32 << 20;

async fn reads_late(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("full").await;
    let mut found = Vec::new();
    it.note("read", &stream.read_to_end(&mut found).await);
    it.same("found", found == bytes(MUCH, 6), true);
    it.done().await;
    Ok(())
}

async fn tries_to_write(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let all = bytes(MUCH, 6);
    let mut taken = 0;
    let refused = loop {
        // What waits in the socket goes to the peer's as long as there is room.
        match stream.try_write(&all[taken..]) {
            Ok(length) => taken += length,
            Err(error) if it.quiet(&stream).await => break error,
            Err(_) => {}
        }
    };
    it.say(format!("try_write: {:?}", refused.kind()));
    it.within("taken", taken, 32_768..MUCH);
    assert!(it.patiently("writable", stream.writable()).await.is_none());
    let waits = it.patiently("poll_write_ready", poll_fn(|cx| stream.poll_write_ready(cx))).await;
    assert!(waits.is_none());
    it.reach("full");
    it.note("writable", &stream.writable().await);
    it.note("write", &stream.write_all(&all[taken..]).await);
    it.shutdown(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn reads_all_of_it(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    let mut found = vec![0; MUCH];
    it.note("read", &stream.read_exact(&mut found).await);
    it.same("found", found == bytes(MUCH, 6), true);
    it.reach("read");
    it.done().await;
    Ok(())
}

/// The loop that Tokio's documentation shows.
async fn writes_when_it_can(it: Side) -> Done {
    let stream = it.connected().await?;
    let (all, mut taken) = (bytes(MUCH, 6), 0);
    while taken < MUCH {
        stream.writable().await?;
        match stream.try_write(&all[taken..]) {
            Ok(length) => taken += length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    it.say("written");
    it.until("read").await;
    it.done().await;
    Ok(())
}

impl Side {
    /// Is the stream still not writable when everything has settled?
    async fn quiet(&self, stream: &TcpStream) -> bool {
        self.settle().await;
        tokio::time::timeout(std::time::Duration::from_millis(100), stream.writable())
            .await
            .is_err()
    }
}

async fn reads_everything(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("written").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.write(&mut stream, "hello").await;
    it.done().await;
    Ok(())
}

async fn writes_in_all_ways(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.value("nothing", stream.write(b"").await);
    it.value("try nothing", stream.try_write(b""));
    it.say(format!("vectored {}", stream.is_write_vectored()));
    let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b" two")];
    it.value("write_vectored", stream.write_vectored(&parts).await);
    it.value("try_write_vectored", stream.try_write_vectored(&parts));
    it.note("flush", &stream.flush().await);
    let poll = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, b" three"));
    it.value("poll_write", poll.await);
    it.reach("written");
    it.value("into nothing", stream.read(&mut []).await);
    it.value("try into nothing", stream.try_read(&mut []));
    stream.readable().await?;
    it.value("into nothing", stream.read(&mut []).await);
    it.value("try into nothing", stream.try_read(&mut []));
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn uses_halves(it: Side) -> Done {
    let (mut read, write) = it.connected().await?.into_split();
    it.same("local", read.local_addr()?, write.local_addr()?);
    it.same("peer", read.peer_addr()?, it.there().await?);
    it.same("peer", write.peer_addr()?, it.there().await?);
    let mut bytes = [0; 8];
    it.value("try_read", read.try_read(&mut bytes));
    it.note("writable", &write.writable().await);
    it.value("try_write", write.try_write(b"one"));
    it.value("try_write_vectored", write.try_write_vectored(&[IoSlice::new(b" two")]));
    it.reach("written");
    it.note("readable", &read.readable().await);
    it.value("peek", read.peek(&mut bytes).await);
    it.read(&mut read).await;
    let ready = write.ready(Interest::WRITABLE).await?;
    it.say(format!("writable {}", ready.is_writable()));
    it.note("set_nodelay", &write.as_ref().set_nodelay(true));
    it.value("nodelay", read.as_ref().nodelay());
    it.done().await;
    Ok(())
}

async fn uses_borrowed_halves(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let there = it.there().await?;
    let (mut read, mut write) = stream.split();
    it.same("local", read.local_addr()?, write.local_addr()?);
    it.same("peer", read.peer_addr()?, there);
    it.same("peer", write.peer_addr()?, there);
    let mut bytes = [0; 8];
    it.value("try_read", read.try_read(&mut bytes));
    it.value("try_write", write.try_write(b"one"));
    it.note("writable", &write.writable().await);
    it.write(&mut write, " two").await;
    it.reach("written");
    it.note("readable", &read.readable().await);
    it.value("peek", read.peek(&mut bytes).await);
    it.read(&mut read).await;
    it.shutdown(&mut write).await;
    it.done().await;
    Ok(())
}

/// A read that is given up takes nothing from the stream.
async fn gives_up_reads(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let mut bytes = [0; 8];
    assert!(it.patiently("read", stream.read_exact(&mut bytes)).await.is_none());
    assert!(it.patiently("read", stream.read(&mut bytes)).await.is_none());
    it.reach("ready");
    it.until("written").await;
    it.settle().await;
    it.read(&mut stream).await;
    it.reach("read");
    it.done().await;
    Ok(())
}

async fn closes_behind_a_line(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.write(&mut stream, "hello").await;
    it.shutdown(&mut stream).await;
    it.reach("written");
    it.done().await;
    Ok(())
}

async fn asks_for_readiness_at_the_end(it: Side) -> Done {
    let stream = it.connected().await?;
    it.until("written").await;
    it.settle().await;
    stream.readable().await?;
    let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
    it.say(format!("closed {} and {}", ready.is_read_closed(), ready.is_write_closed()));
    let mut bytes = [0; 8];
    it.value("peek", stream.peek(&mut bytes).await);
    it.value("try_read", stream.try_read(&mut bytes));
    it.note("readable", &stream.readable().await);
    it.value("peek", stream.peek(&mut bytes).await);
    it.value("try_read", stream.try_read(&mut bytes));
    it.note("readable", &stream.readable().await);
    it.done().await;
    Ok(())
}

cases! {
    a_peek_takes_nothing {
        writes_a_line: ["write: ok"],
        peeks: [
            "peek: waits", "peek: 5", "peek: 2", "poll_peek: 5", "hello", "read: hello",
            "peek: waits",
        ],
    }

    a_try_reads_what_is_there {
        writes_a_line: ["write: ok"],
        tries_to_read: [
            "try_read: WouldBlock", "readable: waits", "readable: ok", "poll_read_ready: ok",
            "try_read: 2", "try_read_vectored: 3", "llo", "try_read: WouldBlock", "readable: waits",
            "read: waits",
        ],
    }

    readiness_is_told_for_both_directions {
        writes_a_line: ["write: ok"],
        asks_for_both_kinds_of_readiness: [
            "readable false, writable true", "readable true, writable true",
            "closed false and false", "try_read: 5",
        ],
    }

    /// The end is a read that is ready for ever.
    the_end_is_readable {
        closes_behind_a_line: ["write: ok", "shutdown: ok"],
        asks_for_readiness_at_the_end: [
            "closed true and false", "peek: 5", "try_read: 5", "readable: ok", "peek: 0",
            "try_read: 0", "readable: ok",
        ],
    }

    /// How much two sockets take is up to the system; that it ends, and what arrives, is not.
    a_writer_waits_for_room_each_time {
        reads_all_of_it: ["read: ok", "found: same"],
        writes_when_it_can: ["written"],
    }
    a_try_writes_until_the_sockets_are_full {
        reads_late: ["read: ok", "found: same"],
        tries_to_write: [
            "try_write: WouldBlock", "taken: within bounds", "writable: waits",
            "poll_write_ready: waits", "writable: ok", "write: ok", "shutdown: ok",
        ],
    }

    writes_of_all_kinds {
        reads_everything: ["read: one twoone two three", "write: ok"],
        writes_in_all_ways: [
            "nothing: 0", "try nothing: 0", "vectored true", "write_vectored: 7",
            "try_write_vectored: 7", "flush: ok", "poll_write: 6", "into nothing: 0",
            "try into nothing: 0", "into nothing: 0", "try into nothing: 0", "read: hello",
        ],
    }

    owned_halves {
        reads_everything: ["read: one two", "write: ok"],
        uses_halves: [
            "local: same", "peer: same", "peer: same", "try_read: WouldBlock", "writable: ok",
            "try_write: 3", "try_write_vectored: 4", "readable: ok", "peek: 5", "read: hello",
            "writable true", "set_nodelay: ok", "nodelay: true",
        ],
    }

    borrowed_halves {
        reads_everything: ["read: one two", "write: ok"],
        uses_borrowed_halves: [
            "local: same", "peer: same", "peer: same", "try_read: WouldBlock", "try_write: 3",
            "writable: ok", "write: ok", "readable: ok", "peek: 5", "read: hello", "shutdown: ok",
        ],
    }

    a_read_that_was_given_up_takes_nothing {
        writes_a_line: ["write: ok"],
        gives_up_reads: ["read: waits", "read: waits", "read: hello"],
    }
}
