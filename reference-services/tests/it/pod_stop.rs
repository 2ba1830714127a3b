//! How a pod goes: out of the endpoints, then the signal, then what is in flight.

use std::time::Duration;

use reference_services::cache::Defect;
use tokio::net::TcpStream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    fleet::{PATIENCE, Running, connect, pod, source},
    world::Answer,
};

/// An export of 50 lines on a connection, of which the beginning is there.
async fn exporting(pod: &Running) -> TcpStream {
    let mut stream = connect(pod.at).await;
    let request = b"GET /export?items=50 HTTP/1.1\r\nhost: it\r\n\r\n";
    stream.write_all(request).await.expect("written");
    stream.readable_byte().await;
    stream
}

trait FirstByte {
    async fn readable_byte(&mut self);
}

impl FirstByte for TcpStream {
    /// Takes the first byte, an `H`.
    async fn readable_byte(&mut self) {
        let byte = timeout(PATIENCE, self.read_u8()).await.expect("an answer");
        assert_eq!(byte.expect("an open connection"), b'H');
    }
}

#[tokio::test]
async fn the_hook_holds_the_signal_back() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |_| ()).await;
    pod.answers("/readyz", 200).await;
    let begun = Instant::now();
    let (hook, ()) = tokio::join!(pod.get("/prestop"), async {
        sleep(Duration::from_millis(30)).await;
        assert_eq!(pod.get("/readyz").await.problem(503), "the service is stopping");
        let mut kept = connect(pod.at).await;
        kept.write_all(b"GET /items/1 HTTP/1.1\r\nhost: it\r\n\r\n").await.expect("written");
        let answer = Answer::read(&mut kept).await;
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert_eq!(pod.get("/livez").await.status, 200);
    });
    assert_eq!(hook.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_defect_returns_at_once() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| {
        config.prestop_delay_ms = 60_000;
        _ = config.defects.insert(Defect::NoPreStopDelay);
    });
    let pod = pod.await;
    assert_eq!(pod.get("/prestop").await.status, 200);
}

#[tokio::test]
async fn a_stop_ends_what_is_idle_and_waits_for_what_is_in_flight() {
    let source = source(|_| ()).await;
    let mut pod = pod(source.at, |config| config.export_pause_ms = 5).await;
    pod.answers("/readyz", 200).await;
    let mut idle = connect(pod.at).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: it\r\n\r\n").await.expect("written");
    idle.readable_byte().await;
    let mut exporting = exporting(&pod).await;
    pod.stop();
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, idle.read_to_end(&mut rest)).await;
    closed.expect("the idle connection ends").expect("in order");
    let mut lines = String::new();
    exporting.read_to_string(&mut lines).await.expect("an orderly end");
    assert_eq!(lines.matches("\"version\"").count(), 50);
    assert!(lines.ends_with("0\r\n\r\n"));
    pod.stopped().await;
    assert!(TcpStream::connect(pod.at).await.is_err(), "it still listens");
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let source = source(|_| ()).await;
    let tune = |config: &mut reference_services::cache::Config| {
        config.export_pause_ms = 10_000;
        config.drain_ms = 50;
    };
    let mut pod = pod(source.at, tune).await;
    pod.answers("/readyz", 200).await;
    let _exporting = exporting(&pod).await;
    pod.stop();
    pod.stopped().await;
}

#[tokio::test]
async fn the_defect_kills_what_is_in_flight() {
    let source = source(|_| ()).await;
    let tune = |config: &mut reference_services::cache::Config| {
        config.export_pause_ms = 5;
        _ = config.defects.insert(Defect::KillWithoutGrace);
    };
    let mut pod = pod(source.at, tune).await;
    pod.answers("/readyz", 200).await;
    let mut exporting = exporting(&pod).await;
    pod.stop();
    pod.stopped().await;
    let mut lines = Vec::new();
    // How it ends depends on what was under way.
    let _ = exporting.read_to_end(&mut lines).await;
    assert!(!lines.ends_with(b"0\r\n\r\n"), "the export came to its end");
}
