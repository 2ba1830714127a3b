//! How large datagrams are, and how many of them wait.

use tokio::net::UdpSocket;

use crate::case::{Done, Side, bytes, cases};

/// What a datagram over IPv4 can hold: 64 KiB without the two headers.
const LARGEST: usize = 65_507;

async fn receives_large_ones(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.publish(socket.local_addr()?);
    let mut found = vec![0; 70_000];
    for expected in [1_472, 1_473, 9_000, LARGEST] {
        let length = socket.recv(&mut found).await?;
        it.same("found", found[..length] == bytes(expected, 2), true);
    }
    it.done().await;
    Ok(())
}

async fn sends_large_ones(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    let there = it.there().await?;
    for length in [1_472, 1_473, 9_000, LARGEST] {
        it.value("send_to", socket.send_to(&bytes(length, 2), there).await);
    }
    it.value("too large", socket.send_to(&bytes(LARGEST + 1, 2), there).await);
    let error = socket.send_to(&bytes(LARGEST + 1, 2), there).await;
    it.say(format!("error {:?}", error.map_err(|error| error.raw_os_error())));
    socket.connect(there).await?;
    it.value("too large", socket.send(&bytes(LARGEST + 1, 2)).await);
    it.done().await;
    Ok(())
}

const FLOOD: u32 = 5_000;

/// Does not read until the flood is over, and then reads what there was room for.
async fn is_flooded(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.publish(socket.local_addr()?);
    it.until("flooded").await;
    it.settle().await;
    let (mut found, mut part) = (Vec::new(), [0; 2_000]);
    while socket.try_recv(&mut part).is_ok() {
        found.push(u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
    }
    it.within("received", found.len(), 20..1_000);
    it.same("the first ones", found.iter().copied().eq(0..found.len() as u32), true);
    it.reach("drained");
    let length = socket.recv(&mut part).await?;
    it.value("after the flood", Ok(String::from_utf8_lossy(&part[..length])));
    it.error(socket.take_error());
    it.done().await;
    Ok(())
}

async fn floods(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    socket.connect(it.there().await?).await?;
    let mut part = [0; 1_000];
    for number in 0..FLOOD {
        part[..4].copy_from_slice(&number.to_le_bytes());
        assert_eq!(socket.send(&part).await?, part.len());
    }
    it.reach("flooded");
    it.until("drained").await;
    it.value("send", socket.send(b"dry again").await);
    it.done().await;
    Ok(())
}

/// Small ones: what they take is more than their bytes.
async fn floods_with_small_ones(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    socket.connect(it.there().await?).await?;
    for number in 0..FLOOD {
        socket.send(&number.to_le_bytes()).await?;
    }
    it.reach("flooded");
    it.until("drained").await;
    it.value("send", socket.send(b"dry again").await);
    it.done().await;
    Ok(())
}

/// A reader that keeps up gets everything, in order.
async fn keeps_up(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    it.publish(socket.local_addr()?);
    let mut part = [0; 8];
    for expected in 0..500_u32 {
        let length = socket.recv(&mut part).await?;
        if part[..length] != expected.to_le_bytes() {
            it.say(format!("{:?} instead of {expected}", &part[..length]));
        }
        it.script.reach(&format!("received {expected}"), 0);
    }
    it.done().await;
    Ok(())
}

async fn sends_in_order(it: Side) -> Done {
    let socket = UdpSocket::bind(it.here()).await?;
    socket.connect(it.there().await?).await?;
    for number in 0..500_u32 {
        socket.send(&number.to_le_bytes()).await?;
        // At most twenty are under way.
        if let Some(earlier) = number.checked_sub(20) {
            it.until(&format!("received {earlier}")).await;
        }
    }
    it.done().await;
    Ok(())
}

cases! {
    /// A larger one than there can be is an `EMSGSIZE`.
    datagrams_of_all_sizes_arrive_whole {
        receives_large_ones: ["found: same", "found: same", "found: same", "found: same"],
        sends_large_ones: [
            "send_to: 1472", "send_to: 1473", "send_to: 9000", "send_to: 65507",
            "too large: Uncategorized", "error Err(Some(90))", "too large: Uncategorized",
        ],
    }

    /// The buffer of the receiver takes the first ones, and what it has no room for is lost.
    a_flood_is_bounded_by_the_receiver {
        is_flooded: [
            "received: within bounds", "the first ones: same", "after the flood: dry again",
            "error: Ok(None)",
        ],
        floods: ["send: 9"],
    }

    /// Each datagram takes some room beside its bytes: 200 KiB hold less than a thousand of four
    /// bytes.
    a_flood_of_small_datagrams_is_bounded_too {
        is_flooded: [
            "received: within bounds", "the first ones: same", "after the flood: dry again",
            "error: Ok(None)",
        ],
        floods_with_small_ones: ["send: 9"],
    }

    a_reader_that_keeps_up_gets_everything {
        keeps_up: [],
        sends_in_order: [],
    }
}
