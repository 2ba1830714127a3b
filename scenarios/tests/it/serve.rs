//! `squall serve`: what it answers and to whom, and what a browser shows of it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::support::{Folder, check_refused, command, ended, text};
#[cfg(feature = "browser")]
use super::support::{squall, window::Window};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a free port of loopback.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Folder) -> Self {
        let mut child = command(&["serve", &folder.path(), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("squall can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim_end().rsplit_once(" on http://").map(|(_, address)| address);
        let address = address.unwrap_or_else(|| panic!("{line}")).trim_end_matches('/').to_owned();
        Self { child, address }
    }

    /// The answer to a request for `path`, by a client that calls the server `host`.
    #[expect(clippy::disallowed_types, reason = "the server is real, and a test may block")]
    fn ask(&self, method: &str, path: &str, host: &str) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        text(&answer)
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", path, &self.address)
    }

    /// Waits until the index has `part`.
    fn wait_for(&self, part: &str) {
        let begun = Instant::now();
        loop {
            let index = self.get("/");
            if index.contains(part) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "expected {part} in {index}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to stop, as Ctrl-C does.
    fn stop(&mut self) -> ExitStatus {
        let process = self.child.id().to_string();
        let asked = std::process::Command::new("kill").args(["-INT", &process]).status();
        assert!(asked.expect("there is a kill command").success());
        ended(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn check_answer(answer: &str, status: &str, parts: &[&str]) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:.300}");
    for part in parts {
        assert!(answer.contains(part), "{part} in {answer:.1000}");
    }
}

#[test]
fn records_are_shown_as_they_are_and_as_they_change() {
    let folder = Folder::with_records("served");
    let mut server = Server::start(&folder);
    for name in ["reviews-hung", "pool-broker-crashes", "deploy-rolling-update"] {
        server.wait_for(&format!("href=\"{name}.html\""));
    }
    let page = server.get("/reviews-hung.html");
    check_answer(&page, "200", &["text/html", "<h1>reviews-hung</h1>", "cache-control: no-store"]);
    assert!(page.contains("cargo squall run reviews-hung --seed 1 --defect no-call-timeout"));
    assert_eq!(server.get("/reviews-hung.html").len(), page.len(), "again, from what was kept");
    check_answer(&server.get("/reviews-hung.trace.json"), "200", &["traceEvents"]);

    // A record that is cut off later is not shown as it was.
    let record = folder.0.join("reviews-hung.jsonl");
    let whole = fs::read(&record).expect("the record");
    fs::write(&record, &whole[..whole.len() / 2]).expect("the record can be cut");
    server.wait_for("is damaged at line");
    check_answer(&server.get("/reviews-hung.html"), "422", &["is damaged at line"]);
    fs::remove_file(&record).expect("the record can be taken away");
    server.wait_for("1 of 2 runs pass");
    check_answer(&server.get("/reviews-hung.html"), "404", &["there is no such page"]);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn nobody_reads_what_is_not_a_record_of_the_folder() {
    let folder = Folder::with_records("served-to-strangers");
    fs::write(folder.0.join("secret.txt"), "secret").expect("a file");
    let server = Server::start(&folder);
    server.wait_for("deploy-rolling-update");
    for path in [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/deploy-rolling-update.jsonl",
        "/..%2fserved-to-strangers%2fdeploy-rolling-update.html",
        "/.html",
        "/%00.html",
    ] {
        check_answer(&server.get(path), "404", &[]);
    }
    check_answer(&server.ask("POST", "/", &server.address), "405", &[]);
    check_answer(&server.ask("GET", "/", "evil.example"), "421", &["answers to localhost"]);
    check_answer(&server.ask("GET", "/", "localhost"), "200", &["frame-ancestors 'none'"]);
    let long = "a".repeat(1_000_000);
    let answer = std::panic::catch_unwind(|| server.ask("GET", &format!("/{long}"), "localhost"));
    // Refused with an answer or by closing the connection; it goes on either way.
    drop(answer);
    check_answer(&server.get("/"), "200", &[]);

    let taken = server.address.clone();
    check_refused(&["serve", &folder.path(), "--listen", &taken], "cannot listen on");
    let file = folder.0.join("secret.txt").to_string_lossy().into_owned();
    check_refused(&["serve", &file], "expected a folder of records, found the file");
    check_refused(&["serve", &folder.path(), "--listen", "localhost"], "invalid value");
}

#[cfg(feature = "browser")]
#[tokio::test]
async fn a_browser_sees_runs_come() {
    let folder = Folder::new("served-live");
    let mut server = Server::start(&folder);
    let window = Window::open("profile-live").await;
    window.goto(&format!("http://{}/", server.address)).await;
    let heading = "document.querySelector('h1').textContent";
    assert_eq!(window.text(heading).await, "Squall: 0 of 0 runs pass");
    window.value("window.stays = true").await;
    window.press("#by-scenario", "paused").await;

    let seeds = ["run", "paused-dependency", "inventory-down", "--seeds", "0..2", "--jobs", "1"];
    let mut run = command(&seeds)
        .args(["--record", &folder.path()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("squall can be started");
    let going_on = "document.getElementById('in-progress').textContent.includes(' of 4 runs done')";
    window.wait_until(going_on).await;
    let bars = "document.querySelectorAll('#in-progress progress').length === 1";
    window.wait_until(bars).await;
    assert!(ended(&mut run).success());
    window.wait_until(&format!("{heading} === 'Squall: 4 of 4 runs pass'")).await;
    window.wait_until("document.getElementById('in-progress').textContent === ''").await;
    // The page is the same one, and its filter was kept.
    assert_eq!(window.value("window.stays").await, true);
    let shown = "[...document.querySelectorAll('#runs tbody tr')].filter((row) => !row.hidden)\
        .every((row) => row.dataset.scenario === 'paused-dependency')";
    assert_eq!(window.value(shown).await, true);
    assert_eq!(window.text("document.getElementById('shown').textContent").await, "2 of 4 shown");
    let console = window.console().await;
    assert!(console.is_empty(), "{console:#?}");

    window.click("#runs tbody tr:not([hidden]) a").await;
    assert_eq!(window.text(heading).await, "paused-dependency");
    window.click("nav a").await;
    window.wait_until("document.querySelectorAll('#runs tbody tr').length === 4").await;
    assert_eq!(server.stop().code(), Some(0), "an open stream of events does not hold it");
    window.wait_until("document.getElementById('connection').textContent !== ''").await;
    let folder = squall(&["report", &folder.path(), "--html"]);
    assert!(folder.status.success(), "{}", text(&folder.stderr));
}
