//! What TCP makes of a partition: everything is late, nothing is lost.

use std::time::Duration;

use squall::plan::{TcpConfig, partition, partition_one_way};
use squall_os::net::TcpStream;
use tokio::time::sleep;

use crate::world::{Seen, World, ask, echo, log, log_result, ms};

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

fn impatient(world: World, connect: Duration, user: Duration) -> World {
    world.topology(|topology| {
        let mut tcp = TcpConfig::default();
        (tcp.connect_timeout, tcp.user_timeout) = (connect, user);
        topology.tcp(tcp)
    })
}

#[test]
fn a_request_over_a_live_connection_completes_after_the_heal() {
    let seen = cut_for_two_seconds(connected(|mut stream| async move { ask(&mut stream).await }))
        .completes(1);
    assert!(seen.at("connected") < ms(10));
    let done = seen.at("act: ok");
    // Sent at 903 ms and again after 200, 600 and 1400 ms in vain; the next time is 3000 ms
    // after the first.
    assert!((ms(3_900)..ms(3_910)).contains(&done), "done at {done:?}");
    assert!(seen.affected()[0] >= 4);
}

#[test]
fn an_answer_that_is_under_way_when_the_partition_falls_comes_after_the_heal() {
    // Asked at 903 ms, the answer would have left `b` at 1003 ms.
    let seen = World::new()
        .host("b", || async {
            let listener = squall_os::net::TcpListener::bind("0.0.0.0:7").await?;
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
    let at = seen.at("answer: ok");
    assert!((ms(3_100)..ms(3_110)).contains(&at), "at {at:?}");
}

#[test]
fn a_connection_attempt_waits_as_tcp_does_and_succeeds_after_the_heal() {
    let seen =
        cut_for_two_seconds(connected(
            |_| async move { TcpStream::connect("b:7").await.map(|_| ()) },
        ))
        .completes(1);
    // The SYN of 903 ms comes again 1 s and 3 s later.
    let at = seen.at("act: ok");
    assert!((ms(3_900)..ms(3_910)).contains(&at), "at {at:?}");
}

#[test]
fn a_connection_attempt_of_which_the_second_syn_gets_through_takes_a_second() {
    let seen = connected(|_| async move { TcpStream::connect("b:7").await.map(|_| ()) })
        .plan(|plan| {
            plan.lasts(ms(4_000)).fault(partition("a", "b").from(ms(500)).until(ms(1_500)))
        })
        .completes(1);
    let at = seen.at("act: ok");
    assert!((ms(1_900)..ms(1_910)).contains(&at), "at {at:?}");
}

#[track_caller]
fn gave_up(seen: &Seen, after: Duration) {
    let at = seen.at("act: TimedOut");
    let sent = ms(903);
    assert!((sent + after..sent + after + ms(3)).contains(&at), "at {at:?}");
}

#[test]
fn a_short_user_timeout_ends_the_connection_with_timed_out_at_that_time() {
    let world = connected(|mut stream| async move { ask(&mut stream).await });
    gave_up(&cut_for_two_seconds(impatient(world, ms(60_000), ms(700))).completes(1), ms(700));
}

#[test]
fn a_short_user_timeout_is_reported_to_both_halves_of_a_split_stream() {
    let world = connected(|stream| async move {
        let (mut read, mut write) = stream.into_split();
        tokio::io::AsyncWriteExt::write_all(&mut write, b"?").await?;
        let result = tokio::io::AsyncReadExt::read_u8(&mut read).await;
        log_result("write", &tokio::io::AsyncWriteExt::write_all(&mut write, b"?").await);
        result.map(|_| ())
    });
    let seen = cut_for_two_seconds(impatient(world, ms(60_000), ms(700))).completes(1);
    gave_up(&seen, ms(700));
    seen.at("write: TimedOut");
}

#[test]
fn a_short_connect_timeout_ends_the_attempt_with_timed_out_at_that_time() {
    let world = connected(|_| async move { TcpStream::connect("b:7").await.map(|_| ()) });
    gave_up(&cut_for_two_seconds(impatient(world, ms(1_300), ms(60_000))).completes(1), ms(1_300));
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
