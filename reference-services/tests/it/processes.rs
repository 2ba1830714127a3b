//! The services as people run them: programs with arguments and an environment, which are asked to
//! stop by a signal, and killed without one.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tonic::{Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::pool::{Folder, channel, metric, send};

/// Far above what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_services");

/// A service that runs, killed at the end.
pub(crate) struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a service with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(BINARY).args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let piped = command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary is built");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, out }
    }

    /// The addresses that its first line names, and nothing more of what it says.
    pub(crate) fn listens(&mut self, fields: &[&str]) -> Vec<SocketAddr> {
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            let read = self.out.read_line(&mut line).expect("text");
            assert!(read > 0, "it has ended: {}", self.error());
        }
        let named = |field: &&str| {
            let (_, rest) = line.split_once(&format!("{field}=")).expect("an address");
            rest.split_whitespace().next().expect("a word").parse().expect("an address")
        };
        fields.iter().map(named).collect()
    }

    pub(crate) fn error(&mut self) -> String {
        let mut text = String::new();
        let mut error = self.child.stderr.take().expect("piped, and read once");
        error.read_to_string(&mut text).expect("text");
        text
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill");
        assert!(sent.success());
    }

    /// The code with which it ends.
    pub(crate) async fn ends(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn resident_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("one");
        kib / 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broker(folder: &Path, listen: &str, workers: &str) -> Process {
    let journal = format!("journal={}", folder.join("jobs.journal").display());
    let workers = format!("listen_workers={workers}");
    Process::start(&["queue-broker", "--listen", listen, "--set", &journal, "--set", &workers])
}

pub(crate) const ANY: &str = "127.0.0.1:0";

async fn post(broker: SocketAddr, id: &str) {
    let body = json!({ "id": id, "payload": 1 }).to_string();
    assert_eq!(send(broker, "POST", "/jobs", &body).await.status, 202, "{id}");
}

#[tokio::test]
async fn a_second_broker_on_a_journal_costs_no_job() {
    let folder = Folder::new();
    let mut first = broker(folder.path(), ANY, ANY);
    let [jobs, workers] = first.listens(&["address", "workers"])[..] else { unreachable!() };
    for number in 0..100 {
        post(jobs, &format!("before-{number}")).await;
    }
    let taken = [(jobs.to_string(), ANY.to_owned()), (ANY.to_owned(), workers.to_string())];
    for (listen, workers) in taken.into_iter().chain([(ANY.to_owned(), ANY.to_owned())]) {
        let mut second = broker(folder.path(), &listen, &workers);
        assert_eq!(second.ends().await, Some(4));
        let error = second.error();
        let free = listen == ANY && workers == ANY;
        let expected = if free { "locked by another process" } else { "cannot listen on" };
        assert!(error.contains(expected), "{error}");
        for number in 0..100 {
            post(jobs, &format!("{listen}-{workers}-{number}").replace([':', '.'], "-")).await;
        }
    }
    first.signal("-KILL");
    assert_eq!(first.ends().await, None);
    let mut again = broker(folder.path(), ANY, ANY);
    let [jobs, _] = again.listens(&["address", "workers"])[..] else { unreachable!() };
    assert_eq!(metric(jobs, "queue_broker_queued").await, Some(400.0));
}

#[tokio::test]
async fn logs_that_nobody_reads_hold_nobody_up() {
    let folder = Folder::new();
    let mut broker = broker(folder.path(), ANY, ANY);
    let [jobs, _] = broker.listens(&["address", "workers"])[..] else { unreachable!() };
    // Each is two lines at least: far more than a pipe holds, and than may wait.
    let mut stream = TcpStream::connect(jobs).await.expect("it listens");
    let begun = Instant::now();
    let mut posted = 0;
    while metric(jobs, "queue_broker_log_lines_dropped_total").await == Some(0.0) {
        // Each job is a sync of a disk, and others may be at work on it.
        assert!(begun.elapsed() < 4 * PATIENCE, "nothing was dropped after {posted} jobs");
        let mut requests = String::new();
        for number in posted..posted + 500 {
            let body = json!({ "id": format!("job-{number}"), "payload": 1 }).to_string();
            let length = body.len();
            let head = "POST /jobs HTTP/1.1\r\nhost: pool\r\ncontent-length";
            write!(requests, "{head}: {length}\r\n\r\n{body}").expect("memory");
        }
        let (mut read, mut write) = stream.split();
        let answers = async {
            let (mut seen, mut bytes) = (String::new(), vec![0; 1 << 16]);
            while seen.matches("HTTP/1.1 202").count() < 500 {
                let length = read.read(&mut bytes).await.expect("an answer");
                assert!(length > 0, "it was cut off");
                seen.push_str(std::str::from_utf8(&bytes[..length]).expect("text"));
            }
        };
        let both = async { tokio::join!(write.write_all(requests.as_bytes()), answers) };
        timeout(2 * PATIENCE, both).await.expect("it is not held up").0.expect("written");
        posted += 500;
    }
    drop(stream);
    broker.signal("-TERM");
    assert_eq!(broker.ends().await, Some(0));
}

async fn health(client: &mut HealthClient<Channel>) {
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(PATIENCE);
    client.check(request).await.expect("it answers");
}

/// Clients that connect and then say what is given, and nothing more.
async fn connect(to: SocketAddr, clients: usize, says: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..clients {
        let mut stream = TcpStream::connect(to).await.expect("it listens");
        stream.write_all(says).await.expect("written");
        streams.push(stream);
    }
    streams
}

/// Waits until the server has closed all of these.
async fn closed(streams: Vec<TcpStream>) {
    for mut stream in streams {
        let mut bytes = Vec::new();
        // In order or by a reset.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
    }
}

#[tokio::test]
async fn who_does_not_speak_grpc_is_given_up() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut reviews = Process::start(&[
        "reviews",
        "--listen",
        ANY,
        "--set",
        "grpc.connections_max=8",
        "--set",
        "grpc.preface_timeout_ms=300",
    ]);
    let at = reviews.listens(&["address"])[0];
    for says in [&preface[..0], &preface[..23]] {
        let silent = connect(at, 20, says).await;
        health(&mut HealthClient::new(channel(at))).await;
        closed(silent).await;
    }
    // Whoever has begun is asked whether they are there.
    let begun = connect(at, 8, preface).await;
    health(&mut HealthClient::new(channel(at))).await;
    closed(begun).await;
}

#[tokio::test]
async fn connections_leave_descriptors_for_all_else() {
    let folder = Folder::new();
    let journal = format!("journal={}", folder.path().join("jobs.journal").display());
    let script = format!(
        "ulimit -n 256 && exec '{BINARY}' queue-broker --listen {ANY} --set '{journal}' \
         --set listen_workers={ANY}"
    );
    let mut broker = Process::spawn(Command::new("sh").args(["-c", &script]));
    let [jobs, workers] = broker.listens(&["address", "workers"])[..] else { unreachable!() };
    let silent = connect(workers, 300, b"").await;
    post(jobs, "one").await;
    let idle = connect(jobs, 60, b"").await;
    post(jobs, "two").await;
    assert_eq!(metric(jobs, "queue_broker_queued").await, Some(2.0));
    drop((silent, idle));
}

#[tokio::test]
async fn answers_that_nobody_reads_are_bounded() {
    let mut source = Process::start(&["catalog-source", "--listen", ANY, "--set", "items=300000"]);
    let from = source.listens(&["address"])[0];
    let from = format!("source=http://{from}");
    let settings = [
        "items=300000",
        "warm_up.page_size=1000",
        "fresh_for_ms=600000",
        "http.unread_timeout_ms=4000",
        &from,
    ];
    let mut arguments = vec!["cache-service", "--listen", ANY];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let mut cache = Process::start(&arguments);
    let at = cache.listens(&["address"])[0];
    let begun = Instant::now();
    while send(at, "GET", "/readyz", "").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it does not become warm");
        sleep(Duration::from_millis(20)).await;
    }
    let before = cache.resident_mib();
    // Each of them is some 15 MB.
    let greedy = connect(at, 200, b"GET /snapshot HTTP/1.1\r\nhost: it\r\n\r\n").await;
    let begun = Instant::now();
    while metric(at, "cache_streams").await != Some(64.0) {
        assert!(begun.elapsed() < PATIENCE, "not as many are begun as may be");
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_millis(300)).await;
    let streams = metric(at, "cache_streams").await.expect("a gauge");
    assert!(streams <= 64.0, "{streams} are begun");
    let more = cache.resident_mib().saturating_sub(before);
    assert!(more < 64, "expected less than 64 MiB for 200 clients, found {more}");
    let begun = Instant::now();
    while metric(at, "cache_streams").await != Some(0.0) {
        assert!(begun.elapsed() < PATIENCE, "they keep their places");
        sleep(Duration::from_millis(20)).await;
    }
    drop(greedy);
    // A stop does not wait for those who do not read.
    let greedy = connect(at, 20, b"GET /snapshot HTTP/1.1\r\nhost: it\r\n\r\n").await;
    let begun = Instant::now();
    cache.signal("-TERM");
    assert_eq!(cache.ends().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    drop(greedy);
}

#[tokio::test]
async fn the_environment_of_a_pod_is_no_configuration() {
    let shown = Command::new(BINARY)
        .args(["cache-service", "--print-config"])
        .env("CACHE_SERVICE_SERVICE_HOST", "10.0.0.11")
        .env("CACHE_SERVICE_SERVICE_PORT", "80")
        .env("CACHE_SERVICE_PORT", "tcp://10.0.0.11:80")
        .env("CACHE_SERVICE_PORT_80_TCP", "tcp://10.0.0.11:80")
        .env("CACHE_SERVICE_SESSION__KEY", "k".repeat(40))
        .output()
        .expect("the binary is built");
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let text = String::from_utf8(shown.stdout).expect("text");
    assert!(text.contains("(hidden)") && !text.contains("kkk"), "{text}");
}

/// Sends a call of the external API on this connection, and waits for the answer.
async fn process(stream: &mut TcpStream, id: &str) -> String {
    let body = json!({ "id": id, "payload": 1 }).to_string();
    let length = body.len();
    let head = "POST /v1/process HTTP/1.1\r\nhost: it\r\ncontent-length";
    let request = format!("{head}: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("it is not cut off");
    let (mut seen, mut bytes) = (String::new(), [0; 4096]);
    // The body is one object.
    while !seen.ends_with('}') {
        let length = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer");
        let length = length.expect("it is not cut off");
        assert!(length > 0, "it was closed after {seen}");
        seen.push_str(std::str::from_utf8(&bytes[..length]).expect("text"));
    }
    seen
}

async fn reaches(at: SocketAddr, series: &str, value: f64) {
    let begun = Instant::now();
    while metric(at, series).await != Some(value) {
        assert!(begun.elapsed() < PATIENCE, "{series} is not {value}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_configuration_is_read_again_while_connections_live_on() {
    const APPLIED: &str = "external_api_config_reloads_total{outcome=\"applied\"}";
    const REFUSED: &str = "external_api_config_reloads_total{outcome=\"refused\"}";
    const USED: &str = "external_api_config_last_reload_successful";
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path()).expect("a temporary folder");
    let file = folder.path().join("api.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("a folder");
    write("[latency]\nkind = 'constant'\nms = 3000.0\n");
    let path = file.display().to_string();
    let mut api = Process::start(&["external-api", "--config", &path, "--listen", ANY]);
    let at = api.listens(&["address"])[0];
    let mut idle = TcpStream::connect(at).await.expect("it listens");
    let begun = Instant::now();
    let slow = tokio::spawn(async move {
        let mut stream = TcpStream::connect(at).await.expect("it listens");
        process(&mut stream, "slow").await
    });
    reaches(at, "external_api_in_flight", 1.0).await;
    // By the signal, before the file is looked at by itself.
    write("[latency]\nkind = 'constant'\nms = 1.0\n");
    api.signal("-HUP");
    reaches(at, APPLIED, 1.0).await;
    assert!(process(&mut idle, "fast").await.starts_with("HTTP/1.1 200"));
    assert!(begun.elapsed() < Duration::from_millis(2_900), "took {:?}", begun.elapsed());
    let slow = slow.await.expect("no panic");
    assert!(slow.starts_with("HTTP/1.1 200"), "{slow}");
    assert!(begun.elapsed() >= Duration::from_secs(3), "it ends with what it began with");
    // What cannot be used: a mistake, and what takes a restart.
    for wrong in ["[latency]\nkind = 'constant'\nms = 'soon'\n", "keys_max = 5\n"] {
        let refused = metric(at, REFUSED).await.expect("a counter");
        write(wrong);
        api.signal("-HUP");
        reaches(at, REFUSED, refused + 1.0).await;
        assert_eq!(metric(at, USED).await, Some(0.0));
        assert!(process(&mut idle, wrong.trim()).await.starts_with("HTTP/1.1 200"));
    }
    // Without the signal.
    std::fs::write(folder.path().join("new.toml"), "retry_after_s = 7\n").expect("a folder");
    std::fs::rename(folder.path().join("new.toml"), &file).expect("a folder");
    reaches(at, USED, 1.0).await;
    assert_eq!(metric(at, REFUSED).await, Some(2.0));
    api.signal("-TERM");
    assert_eq!(api.ends().await, Some(0));
}
