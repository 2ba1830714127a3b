//! What TCP makes of a partition: everything is late, nothing is lost.

use squall::plan::{TcpConfig, partition, partition_one_way};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::world::{Seen, World, ask, echo, log, log_result, ms, timed, us};

/// `a` does `act` with a connection to the echo on `b` that it opened at the beginning, from
/// 900 ms on.
fn connected<F>(act: impl Fn(TcpStream) -> F + Send + Sync + Copy + 'static) -> World
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    World::new().host("b", || echo(7)).host("a", move || async move {
        sleep(ms(1)).await;
        let mut stream = TcpStream::connect("b:7").await?;
        ask(&mut stream).await?;
        log("connected");
        sleep(ms(900)).await;
        log_result("act", &act(stream).await);
        std::future::pending().await
    })
}

fn cut_for_two_seconds(world: World) -> World {
    world.plan(|plan| {
        plan.lasts(ms(8_000)).fault(partition("a", "b").from(ms(500)).until(ms(2_500)))
    })
}

/// Gives up a connection after this many retransmissions, and an attempt after its first timeout.
fn impatient(world: World, retries: u32) -> World {
    world.topology(|topology| {
        let mut tcp = TcpConfig::default();
        tcp.retries2 = retries;
        (tcp.syn_retries, tcp.syn_linear_timeouts) = (0, 0);
        topology.tcp(tcp)
    })
}

#[test]
fn a_request_over_a_live_connection_completes_after_the_heal() {
    let seen = cut_for_two_seconds(connected(|mut stream| async move { ask(&mut stream).await }))
        .completes(1);
    assert!(seen.at("connected") < ms(10));
    let done = seen.at("act: ok");
    // The timeout is the round trip of 1 ms and 200 ms. Sent at 903 ms, and again in vain after 201
    // (to probe for a loss), 402 and 804 ms; the next time is some 1608 ms after the first.
    timed(done, ms(903 + 1), &[201, 201, 402, 804]);
    assert_eq!(seen.affected(), [4]);
}

#[test]
fn an_answer_that_is_under_way_when_the_partition_falls_comes_after_the_heal() {
    // The answer leaves `b` at 103 ms.
    let seen = World::new()
        .host("b", || async {
            let listener = tokio::net::TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            let mut byte = [0];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await?;
            sleep(ms(100)).await;
            tokio::io::AsyncWriteExt::write_all(&mut stream, &byte).await?;
            std::future::pending().await
        })
        .host("a", || async {
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("b:7").await?;
            log_result("answer", &ask(&mut stream).await);
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(ms(5_000)).fault(partition("a", "b").from(ms(50)).until(ms(2_050))))
        .completes(1);
    // And again 201, 402, 804 and 1608 ms later in vain.
    timed(seen.at("answer: ok"), us(103_000 + 500), &[201, 201, 402, 804, 1_608]);
}

#[test]
fn a_connection_attempt_waits_as_tcp_does_and_succeeds_after_the_heal() {
    let seen =
        cut_for_two_seconds(connected(
            |_| async move { TcpStream::connect("b:7").await.map(|_| ()) },
        ))
        .completes(1);
    // The SYN of 903 ms comes again each second at first.
    timed(seen.at("act: ok"), ms(903 + 1), &[1_000, 1_000]);
}

#[test]
fn a_connection_attempt_of_which_the_second_syn_gets_through_takes_a_second() {
    let seen = connected(|_| async move { TcpStream::connect("b:7").await.map(|_| ()) })
        .plan(|plan| {
            plan.lasts(ms(4_000)).fault(partition("a", "b").from(ms(500)).until(ms(1_500)))
        })
        .completes(1);
    timed(seen.at("act: ok"), ms(903 + 1), &[1_000]);
}

#[track_caller]
fn gave_up(seen: &Seen, waits: &[u64]) {
    timed(seen.at("act: TimedOut"), ms(903), waits);
}

#[test]
fn a_connection_that_retries_but_once_ends_with_timed_out() {
    let world = connected(|mut stream| async move { ask(&mut stream).await });
    // One retry means 600 ms from the first retransmission on, which was 402 ms after the data; the
    // timer runs out 402 ms after that, which is too early, and 804 ms later.
    gave_up(&cut_for_two_seconds(impatient(world, 1)).completes(1), &[201, 201, 402, 804]);
}

#[test]
fn the_timeout_of_a_split_stream_is_reported_once_and_its_pipe_is_broken_then() {
    let world = connected(|stream| async move {
        let (mut read, mut write) = stream.into_split();
        tokio::io::AsyncWriteExt::write_all(&mut write, b"?").await?;
        let result = tokio::io::AsyncReadExt::read_u8(&mut read).await;
        log_result("write", &tokio::io::AsyncWriteExt::write_all(&mut write, b"?").await);
        result.map(|_| ())
    });
    let seen = cut_for_two_seconds(impatient(world, 1)).completes(1);
    gave_up(&seen, &[201, 201, 402, 804]);
    assert_eq!(seen.at("write: BrokenPipe"), seen.at("act: TimedOut"));
}

#[test]
fn a_short_connect_timeout_ends_the_attempt_with_timed_out_at_that_time() {
    let world = connected(|_| async move { TcpStream::connect("b:7").await.map(|_| ()) });
    gave_up(&cut_for_two_seconds(impatient(world, 15)).completes(1), &[1_000]);
}

#[test]
fn one_way_is_cut_and_the_other_is_not() {
    // The request arrives, the answer does not.
    let arrives = |from: &'static str, to: &'static str| {
        let seen =
            connected(
                |mut stream| async move { tokio::time::timeout(ms(50), ask(&mut stream)).await? },
            )
            .host("c", || echo(7))
            .plan(|plan| {
                plan.lasts(ms(1_500))
                    .fault(partition_one_way(from, to).from(ms(500)).until(ms(1_400)))
            })
            .completes(1);
        seen.at("act: TimedOut");
        seen.affected()[0]
    };
    // Towards `b` only the request vanishes, and its first retransmissions.
    assert!((1..=4).contains(&arrives("a", "b")));
    // Back both the acknowledgement and the answer do.
    assert!(arrives("b", "a") >= 2);
}
