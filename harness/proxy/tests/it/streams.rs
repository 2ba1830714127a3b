//! What each toxic does to the bytes, their order and the end of a connection, also of one that was
//! open before. It holds of Toxiproxy, against which these tests run as well.

use std::time::{Duration, Instant};

use squall_proxy::{
    Attributes, Bandwidth,
    Direction::{Downstream, Upstream},
    Latency, LimitData, NewToxic, Noop, ProxyUpdate, ResetPeer, Slicer, SlowClose, Timeout,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Ended, Line, bytes, rest, silent};

/// Long enough to see that nothing comes, short enough to wait for.
const WHILE: Duration = Duration::from_millis(150);

fn latency(latency: i64) -> Attributes {
    Attributes::Latency(Latency { latency, jitter: 0 })
}

fn timeout(timeout: i64) -> Attributes {
    Attributes::Timeout(Timeout { timeout })
}

fn reset_peer(timeout: i64) -> Attributes {
    Attributes::ResetPeer(ResetPeer { timeout })
}

fn limit_data(bytes: i64) -> Attributes {
    Attributes::LimitData(LimitData { bytes })
}

fn slow_close(delay: i64) -> Attributes {
    Attributes::SlowClose(SlowClose { delay })
}

fn bandwidth(rate: i64) -> Attributes {
    Attributes::Bandwidth(Bandwidth { rate })
}

/// Bytes in which a lost, doubled or moved one shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 251).expect("below 256")).collect()
}

#[tokio::test]
async fn without_toxics_bytes_pass_both_ways_at_once() {
    let line = Line::new("plain").await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(3_000_000);
    let (mut client_reads, mut client_writes) = client.split();
    let (mut service_reads, mut service_writes) = service.split();
    let mut up = vec![0; sent.len()];
    let mut down = vec![0; sent.len()];
    let (a, b, c, d) = tokio::join!(
        client_writes.write_all(&sent),
        service_writes.write_all(&sent),
        service_reads.read_exact(&mut up),
        client_reads.read_exact(&mut down),
    );
    a.and(b).and(c).and(d).expect("bytes");
    assert!(up == sent && down == sent);
    line.close().await;
}

#[tokio::test]
async fn the_end_of_one_side_is_the_end_of_both() {
    let line = Line::new("ends").await;
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"last words").await.expect("bytes");
    drop(client);
    assert_eq!(rest(&mut service).await, (b"last words".to_vec(), Ended::Orderly));

    let (mut client, mut service) = line.connect().await;
    service.write_all(b"last words").await.expect("bytes");
    drop(service);
    assert_eq!(rest(&mut client).await, (b"last words".to_vec(), Ended::Orderly));

    // There is no half of a connection.
    let (mut client, mut service) = line.connect().await;
    client.shutdown().await.expect("an end");
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn a_reset_of_one_side_ends_the_other_in_order() {
    let line = Line::new("resets").await;
    let (client, mut service) = line.connect().await;
    client.set_zero_linger().expect("a socket");
    drop(client);
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn a_service_that_is_away_closes_the_client() {
    let line = Line::new("away").await;
    let update = ProxyUpdate { upstream: Some("127.0.0.1:1".to_owned()), ..ProxyUpdate::default() };
    line.tested.client.update("away", &update).await.expect("an update");
    let mut client = tokio::net::TcpStream::connect(&line.proxy.listen).await.expect("a proxy");
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn latency_holds_up_one_direction_of_a_live_connection() {
    let line = Line::new("latency").await;
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    line.add("slow", latency(300), Downstream).await;

    let begin = Instant::now();
    service.write_all(b"b").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"b");
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());

    line.add("slower", latency(60_000), Upstream).await;
    service.write_all(b"c").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"c");
    client.write_all(b"d").await.expect("bytes");
    silent(&mut service, WHILE).await;
    line.close().await;
}

#[tokio::test]
async fn latencies_add_up() {
    let line = Line::new("latencies").await;
    line.add("one", latency(200), Upstream).await;
    line.add("two", latency(200), Upstream).await;
    let (mut client, mut service) = line.connect().await;
    let begin = Instant::now();
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn latency_that_is_removed_lets_go_of_all_that_it_holds_in_order() {
    let line = Line::new("flush").await;
    line.add("slow", latency(60_000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(300_000);
    service.write_all(&sent).await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.remove("slow").await;
    assert!(bytes(&mut client, sent.len()).await == sent);
    service.write_all(b"x").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"x");
    line.close().await;
}

#[tokio::test]
async fn latency_that_is_changed_lets_go_of_the_first_and_holds_up_the_rest() {
    let line = Line::new("changed").await;
    line.add("slow", latency(60_000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    silent(&mut client, WHILE).await;
    service.write_all(b"b").await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.change("slow", latency(60_001), 1.0).await;
    assert_eq!(bytes(&mut client, 1).await, b"a");
    silent(&mut client, WHILE).await;
    line.change("slow", latency(1), 1.0).await;
    assert_eq!(bytes(&mut client, 1).await, b"b");
    line.close().await;
}

#[tokio::test]
async fn the_end_waits_behind_what_latency_holds() {
    let line = Line::new("late-end").await;
    line.add("slow", latency(200), Upstream).await;
    let (mut client, mut service) = line.connect().await;
    let begin = Instant::now();
    client.write_all(b"a").await.expect("bytes");
    drop(client);
    assert_eq!(rest(&mut service).await, (b"a".to_vec(), Ended::Orderly));
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn bandwidth_takes_its_time_and_loses_nothing() {
    let line = Line::new("bandwidth").await;
    line.add("narrow", bandwidth(100), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(50_000);
    let begin = Instant::now();
    service.write_all(&sent).await.expect("bytes");
    assert!(bytes(&mut client, sent.len()).await == sent);
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(480), "{took:?}");
    // The other way is as wide as ever.
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    line.close().await;
}

#[tokio::test]
async fn bandwidth_of_none_stops_bytes_until_it_is_removed() {
    let line = Line::new("narrowest").await;
    line.add("none", bandwidth(0), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"abc").await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.remove("none").await;
    assert_eq!(bytes(&mut client, 3).await, b"abc");
    line.close().await;
}

#[tokio::test]
async fn slow_close_holds_up_the_end_only() {
    let line = Line::new("slow-close").await;
    line.add("late", slow_close(300), Upstream).await;
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    let begin = Instant::now();
    drop(client);
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn slow_close_that_is_removed_closes_at_once() {
    let line = Line::new("slow-closed").await;
    line.add("late", slow_close(60_000), Upstream).await;
    let (client, mut service) = line.connect().await;
    drop(client);
    silent(&mut service, WHILE).await;
    line.remove("late").await;
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn timeout_swallows_data_and_closes_after_the_last() {
    let line = Line::new("timeout").await;
    line.add("hole", timeout(300), Upstream).await;
    let (mut client, mut service) = line.connect().await;
    let begin = Instant::now();
    client.write_all(b"lost").await.expect("bytes");
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn timeout_closes_a_live_connection_without_any_data() {
    let line = Line::new("timeout-live").await;
    let (mut client, mut service) = line.connect().await;
    line.add("hole", timeout(100), Downstream).await;
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn timeout_of_none_stays_open_and_closes_when_removed() {
    let line = Line::new("timeout-none").await;
    line.add("hole", timeout(0), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"lost").await.expect("bytes");
    silent(&mut client, WHILE).await;
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    line.remove("hole").await;
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    // Others connect as before.
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"b").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"b");
    line.close().await;
}

#[tokio::test]
async fn timeout_that_is_removed_closes_connections_that_it_has_spared() {
    let line = Line::new("timeout-spared").await;
    let hole = NewToxic::new(timeout(0), Downstream).named("hole").toxicity(0.0);
    line.tested.client.add_toxic("timeout-spared", &hole).await.expect("a toxic");
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"a");
    line.remove("hole").await;
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn reset_peer_resets_both_sides_after_the_first_data() {
    let line = Line::new("reset").await;
    line.add("reset", reset_peer(100), Upstream).await;
    let (mut client, mut service) = line.connect().await;
    silent(&mut client, WHILE).await;
    let begin = Instant::now();
    client.write_all(b"lost").await.expect("bytes");
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Reset));
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Reset));
    assert!(begin.elapsed() >= Duration::from_millis(100), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn reset_peer_of_downstream_resets_both_sides_as_well() {
    let line = Line::new("reset-down").await;
    line.add("reset", reset_peer(0), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    service.write_all(b"lost").await.expect("bytes");
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Reset));
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Reset));
    line.close().await;
}

#[tokio::test]
async fn reset_peer_on_a_connection_that_was_open_before_closes_it_in_order() {
    let line = Line::new("reset-live").await;
    let (mut client, mut service) = line.connect().await;
    line.add("reset", reset_peer(0), Upstream).await;
    client.write_all(b"lost").await.expect("bytes");
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn connections_that_reset_peer_has_spared_end_in_a_reset_all_the_same() {
    let line = Line::new("reset-spared").await;
    let reset = NewToxic::new(reset_peer(0), Upstream).named("reset").toxicity(0.0);
    line.tested.client.add_toxic("reset-spared", &reset).await.expect("a toxic");
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut service, 1).await, b"a");
    drop(client);
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Reset));
    line.close().await;
}

#[tokio::test]
async fn slicer_passes_all_bytes_in_small_pieces() {
    let line = Line::new("slicer").await;
    let slices = Slicer { average_size: 100, size_variation: 20, delay: 20_000 };
    line.add("slices", Attributes::Slicer(slices), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(1000);
    service.write_all(&sent).await.expect("bytes");
    let (mut found, mut reads): (Vec<u8>, _) = (Vec::new(), 0);
    while found.len() < sent.len() {
        let mut piece = vec![0; 1000];
        let count = client.read(&mut piece).await.expect("bytes");
        assert!(count > 0, "an end after {} bytes", found.len());
        found.extend(&piece[..count]);
        reads += 1;
    }
    assert!(found == sent);
    assert!(reads > 2, "{reads}");
    line.close().await;
}

#[tokio::test]
async fn slicer_that_is_removed_lets_go_of_the_rest() {
    let line = Line::new("slicer-removed").await;
    let slices = Slicer { average_size: 1, size_variation: 0, delay: 100_000 };
    line.add("slices", Attributes::Slicer(slices), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(5000);
    service.write_all(&sent).await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, sent[..1]);
    line.remove("slices").await;
    assert!(bytes(&mut client, sent.len() - 1).await == sent[1..]);
    line.close().await;
}

#[tokio::test]
async fn limit_data_closes_after_so_many_bytes() {
    let line = Line::new("limit").await;
    line.add("limit", limit_data(100_000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let sent = pattern(100_000);
    service.write_all(&sent).await.expect("bytes");
    assert_eq!(rest(&mut client).await, (sent, Ended::Orderly));
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn limit_data_of_none_closes_at_the_first_byte() {
    let line = Line::new("limit-none").await;
    line.add("limit", limit_data(0), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    silent(&mut client, WHILE).await;
    service.write_all(b"a").await.expect("bytes");
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    line.close().await;
}

#[tokio::test]
async fn limit_data_that_is_changed_counts_from_the_beginning() {
    let line = Line::new("limit-changed").await;
    line.add("limit", limit_data(1000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"abcd").await.expect("bytes");
    assert_eq!(bytes(&mut client, 4).await, b"abcd");
    line.change("limit", limit_data(6), 1.0).await;
    service.write_all(b"efgh").await.expect("bytes");
    assert_eq!(rest(&mut client).await.0, b"ef");
    line.close().await;
}

#[tokio::test]
async fn a_proxy_that_is_down_closes_its_connections_and_its_port() {
    let line = Line::new("down").await;
    line.add("slow", latency(1), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    line.tested.client.update("down", &ProxyUpdate::enabled(false)).await.expect("an update");
    assert_eq!(rest(&mut client).await, (Vec::new(), Ended::Orderly));
    assert_eq!(rest(&mut service).await, (Vec::new(), Ended::Orderly));
    let refused = tokio::net::TcpStream::connect(&line.proxy.listen).await;
    let refused = refused.expect_err("nobody listens").kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);

    let up = line.tested.client.update("down", &ProxyUpdate::enabled(true)).await;
    assert_eq!(up.expect("an update").toxics.len(), 1);
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"a");
    line.close().await;
}

#[tokio::test]
async fn toxics_act_one_after_the_other() {
    let line = Line::new("chain").await;
    line.add("limit", limit_data(10), Downstream).await;
    line.add("slow", latency(200), Downstream).await;
    line.add("noop", Attributes::Noop(Noop {}), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    let begin = Instant::now();
    service.write_all(&pattern(20)).await.expect("bytes");
    assert_eq!(rest(&mut client).await.0, pattern(10));
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    line.close().await;
}

#[tokio::test]
async fn a_toxic_that_is_added_behind_another_makes_it_let_go_of_the_first() {
    let line = Line::new("behind").await;
    line.add("slow", latency(60_000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    silent(&mut client, WHILE).await;
    service.write_all(b"b").await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.add("noop", Attributes::Noop(Noop {}), Downstream).await;
    assert_eq!(bytes(&mut client, 1).await, b"a");
    silent(&mut client, WHILE).await;
    line.remove("noop").await;
    assert_eq!(bytes(&mut client, 1).await, b"b");
    line.close().await;
}

#[tokio::test]
async fn toxicity_decides_which_connections_are_met() {
    let line = Line::new("toxicity").await;
    let slow = NewToxic::new(latency(60_000), Downstream).named("slow").toxicity(0.0);
    line.tested.client.add_toxic("toxicity", &slow).await.expect("a toxic");
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"a");
    line.change("slow", latency(60_000), 1.0).await;
    service.write_all(b"b").await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.change("slow", latency(60_000), 0.0).await;
    assert_eq!(bytes(&mut client, 1).await, b"b");
    line.close().await;
}

#[tokio::test]
async fn reset_switches_proxies_on_and_removes_toxics_of_live_connections() {
    if std::env::var_os("TOXIPROXY").is_some() {
        // The other tests have proxies there.
        return;
    }
    let line = Line::new("all").await;
    line.add("slow", latency(60_000), Downstream).await;
    let (mut client, mut service) = line.connect().await;
    service.write_all(b"a").await.expect("bytes");
    silent(&mut client, WHILE).await;
    line.tested.client.reset().await.expect("a reset");
    assert_eq!(bytes(&mut client, 1).await, b"a");
    assert_eq!(line.tested.client.toxics("all").await.expect("toxics"), []);
    line.close().await;
}
