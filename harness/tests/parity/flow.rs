//! Bytes in bulk and in bits, and readers that take their time.

use std::{io, time::Duration};

use tokio::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use crate::case::{Done, Side, bytes, cases};

const MIB: usize = 1 << 20;

async fn sends(mut to: impl AsyncWrite + Unpin, all: Vec<u8>, part: usize) -> io::Result<()> {
    for part in all.chunks(part) {
        to.write_all(part).await?;
    }
    to.shutdown().await
}

async fn receives(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    from.read_to_end(&mut found).await?;
    Ok(found)
}

/// Sends 8 MiB and receives as many at the same time.
async fn exchanges(it: &Side, stream: TcpStream, own: u8, other: u8) -> Done {
    let (read, write) = stream.into_split();
    let all = bytes(8 * MIB, own);
    let (sent, found) = tokio::join!(sends(write, all, 100_000), receives(read));
    it.note("sent", &sent);
    it.same("found", found? == bytes(8 * MIB, other), true);
    it.done().await;
    Ok(())
}

async fn exchanges_as_server(it: Side) -> Done {
    let stream = it.accepted().await?;
    exchanges(&it, stream, 1, 2).await
}

async fn exchanges_as_client(it: Side) -> Done {
    let stream = it.connected().await?;
    exchanges(&it, stream, 2, 1).await
}

/// Answers what comes, as it comes.
async fn echoes(it: Side) -> Done {
    let (mut read, mut write) = it.accepted().await?.into_split();
    it.value("copied", tokio::io::copy(&mut read, &mut write).await);
    it.shutdown(&mut write).await;
    it.done().await;
    Ok(())
}

async fn is_echoed(it: Side) -> Done {
    let (read, write) = it.connected().await?.into_split();
    let all = bytes(MIB, 7);
    let (sent, found) = tokio::join!(sends(write, all, 30_000), receives(read));
    it.note("sent", &sent);
    it.same("found", found? == bytes(MIB, 7), true);
    it.done().await;
    Ok(())
}

async fn writes_in_bits(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    let all = bytes(20_000, 9);
    let mut rest = &all[..];
    let mut sizes = (1..=7).cycle();
    while !rest.is_empty() {
        let length = sizes.next().expect("it is endless").min(rest.len());
        stream.write_all(&rest[..length]).await?;
        rest = &rest[length..];
    }
    it.shutdown(&mut stream).await;
    it.done().await;
    Ok(())
}

async fn reads_it_all(it: Side) -> Done {
    let mut found = Vec::new();
    it.value("read", it.connected().await?.read_to_end(&mut found).await);
    it.same("found", found == bytes(20_000, 9), true);
    it.done().await;
    Ok(())
}

async fn writes_more_than_fits(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    // More than buffers grow to by themselves while nobody reads.
    let all = bytes(16 * MIB, 4);
    let mut write = std::pin::pin!(stream.write_all(&all));
    assert!(it.patiently("write", &mut write).await.is_none());
    it.reach("blocked");
    it.note("write", &write.await);
    it.shutdown(&mut stream).await;
    it.done().await;
    Ok(())
}

/// Lets the window fill up and stay closed for longer than a first probe takes.
async fn reads_after_a_while(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.until("blocked").await;
    sleep(Duration::from_millis(700)).await;
    let mut found = Vec::new();
    it.value("read", stream.read_to_end(&mut found).await);
    it.same("found", found == bytes(16 * MIB, 4), true);
    it.done().await;
    Ok(())
}

async fn writes_a_megabyte(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.note("write", &stream.write_all(&bytes(MIB, 4)).await);
    it.shutdown(&mut stream).await;
    it.done().await;
    Ok(())
}

/// Reads in pieces of all sizes, with pauses.
async fn reads_slowly(it: Side) -> Done {
    let mut stream = it.connected().await?;
    let (mut found, mut part) = (Vec::new(), vec![0; 65_536]);
    for length in [1, 1_000, 1_460, 4_096, 32_767, 40_000, 65_536].into_iter().cycle() {
        match stream.read(&mut part[..length]).await? {
            0 => break,
            read => found.extend_from_slice(&part[..read]),
        }
        sleep(Duration::from_millis(1)).await;
    }
    it.same("found", found == bytes(MIB, 4), true);
    it.done().await;
    Ok(())
}

/// Takes no notice of what it is sent, so that no answer carries an acknowledgement.
async fn answers_nothing(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    it.until("written").await;
    sleep(Duration::from_millis(300)).await;
    it.read(&mut stream).await;
    it.done().await;
    Ok(())
}

/// Nagle's algorithm keeps the second bit until the first is acknowledged, which may take as long
/// as the peer delays acknowledgements: it is late, and it arrives.
async fn writes_two_bits(it: Side) -> Done {
    let mut stream = it.connected().await?;
    it.value("nodelay", stream.nodelay());
    it.write(&mut stream, "one").await;
    it.write(&mut stream, " two").await;
    it.reach("written");
    it.done().await;
    Ok(())
}

async fn answers_pairs(it: Side) -> Done {
    let mut stream = it.accepted().await?;
    for _ in 0..10 {
        let mut pair = [0; 2];
        stream.read_exact(&mut pair).await?;
        stream.write_all(&pair).await?;
    }
    it.done().await;
    Ok(())
}

/// A request in two writes and an answer in one: ten of them take no time with `TCP_NODELAY`.
async fn asks_in_pairs(it: Side) -> Done {
    let mut stream = it.connected().await?;
    stream.set_nodelay(true)?;
    let began = tokio::time::Instant::now();
    for _ in 0..10 {
        stream.write_all(b"a").await?;
        stream.write_all(b"b").await?;
        let mut pair = [0; 2];
        stream.read_exact(&mut pair).await?;
        assert_eq!(&pair, b"ab");
    }
    it.within("took", began.elapsed().as_millis() as usize, 0..400);
    it.done().await;
    Ok(())
}

cases! {
    eight_mebibytes_each_way_at_once {
        exchanges_as_server: ["sent: ok", "found: same"],
        exchanges_as_client: ["sent: ok", "found: same"],
    }

    a_mebibyte_is_echoed {
        echoes: ["copied: 1048576", "shutdown: ok"],
        is_echoed: ["sent: ok", "found: same"],
    }

    many_small_writes {
        writes_in_bits: ["shutdown: ok"],
        reads_it_all: ["read: 20000", "found: same"],
    }

    a_closed_window_opens_again {
        writes_more_than_fits: ["write: waits", "write: ok", "shutdown: ok"],
        reads_after_a_while: ["read: 16777216", "found: same"],
    }

    a_slow_reader_gets_everything {
        writes_a_megabyte: ["write: ok", "shutdown: ok"],
        reads_slowly: ["found: same"],
    }

    two_small_writes_to_a_peer_that_does_not_answer {
        answers_nothing: ["read: one two"],
        writes_two_bits: ["nodelay: false", "write: ok", "write: ok"],
    }

    pairs_of_small_writes_without_delay {
        answers_pairs: [],
        asks_in_pairs: ["took: within bounds"],
    }
}
