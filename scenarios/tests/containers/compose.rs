//! `docker-compose.yml`, as people bring it up.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::support::{on_processes::one_at_a_time, records, squall, text};

/// How long all services may take to come up, and an answer to be what it is to be.
const PATIENCE: Duration = Duration::from_secs(60);

/// The loopback address that the services of this test are reached at: nobody else's.
const ADDRESS: &str = "127.77.0.1";

/// The tool, which is a program of its own or a part of another one.
pub(super) fn command() -> Option<Vec<&'static str>> {
    let ways = [vec!["docker-compose"], vec!["docker", "compose"]];
    ways.into_iter().find(|way| {
        let asked = Command::new(way[0]).args(&way[1..]).arg("version").output();
        asked.is_ok_and(|asked| asked.status.success())
    })
}

/// All services, which are gone at the end of a test, however it ends.
struct Up {
    tool: Vec<&'static str>,
    image: String,
}

impl Up {
    fn new() -> Self {
        let image = format!("squall-compose:test-{}", std::process::id());
        let services = Path::new(env!("CARGO_BIN_EXE_squall")).with_file_name("services");
        let made = squall(&["image", "--name", &image, &services.to_string_lossy()]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert_eq!(text(&made.stdout).trim(), image);
        let up = Self { tool: command().expect("it was there before"), image };
        let started = up.compose(&["up", "--detach", "--no-build"]);
        assert!(started.status.success(), "{}", text(&started.stderr));
        up
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        Command::new(self.tool[0])
            .args(&self.tool[1..])
            .args(["--project-name", &format!("squall-test-{}", std::process::id())])
            .args(arguments)
            .env("SQUALL_IMAGE", &self.image)
            .env("SQUALL_ADDRESS", ADDRESS)
            .env("SQUALL_RECORDS", records())
            .current_dir(folder)
            .output()
            .expect("it was there before")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let down = self.compose(&["down", "--volumes", "--timeout", "5"]);
        if !down.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&down.stderr));
        }
        let _ = Command::new("docker").args(["image", "rm", &self.image]).output();
    }
}

/// The answer to a request, with its head; nothing if there is none.
#[expect(clippy::disallowed_types, reason = "the services are real, and a test may block")]
fn ask(method: &str, port: u16, path: &str, body: &str) -> String {
    let asked = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect((ADDRESS, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let length = body.len();
        // `squall serve` answers to names of loopback only.
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().unwrap_or_default()
}

fn get(port: u16, path: &str) -> String {
    ask("GET", port, path, "")
}

/// Asks until the answer has `part`.
#[track_caller]
fn wait_for(port: u16, path: &str, part: &str) {
    let begun = Instant::now();
    loop {
        let answer = get(port, path);
        if answer.contains(part) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "expected {part} from {port}{path}, found: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(super) fn the_services_come_up_and_a_toxic_shows_in_their_answers() {
    let _turn = one_at_a_time();
    let up = Up::new();
    // The shop, whose reviews go through the proxy.
    wait_for(8080, "/products/42", "\"degraded\":[]");
    let toxic = r#"{"type":"timeout","attributes":{"timeout":0}}"#;
    let made = ask("POST", 8474, "/proxies/reviews/toxics", toxic);
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    let page = get(8080, "/products/42");
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("\"degraded\":[\"reviews\"]"),
        "{page}"
    );
    let removed = ask("DELETE", 8474, "/proxies/reviews/toxics/timeout_downstream", "");
    assert!(removed.starts_with("HTTP/1.1 204"), "{removed}");
    wait_for(8080, "/products/42", "\"degraded\":[]");
    // The worker pool does a job to its end.
    let job = ask("POST", 8050, "/jobs", r#"{"id":"one","payload":"x"}"#);
    assert!(job.starts_with("HTTP/1.1 202"), "{job}");
    wait_for(9090, "/metrics", "worker_jobs_total{job=\"worker\",outcome=\"ok\"} 1");
    // The fleet answers while one of its copies cannot be reached.
    wait_for(8000, "/items/42", "\"id\":42");
    let off = ask("POST", 8474, "/proxies/cache-1", r#"{"enabled":false}"#);
    assert!(off.starts_with("HTTP/1.1 200"), "{off}");
    for item in 1..=20 {
        let answer = get(8000, &format!("/items/{item}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Each has metrics, and the records are shown.
    let page = get(9090, "/metrics");
    for job in ["proxy", "api", "external-api", "result-store", "queue-broker", "worker"] {
        assert!(page.contains(&format!("up{{job=\"{job}\"}} 1")), "{job}: {page}");
    }
    assert!(get(7341, "/").contains("Squall: runs"));
    // Nobody is unwell, and nobody may do more than it needs.
    let listed = up.compose(&["ps", "--quiet"]);
    let ids: Vec<String> = text(&listed.stdout).lines().map(str::to_owned).collect();
    assert_eq!(ids.len(), 16, "{ids:?}");
    let format = "{{.Name}} {{.State.Health.Status}} {{.HostConfig.ReadonlyRootfs}} \
                  {{.HostConfig.CapDrop}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.Config.User}}";
    let inspected = || {
        let shown =
            Command::new("docker").args(["inspect", "--format", format]).args(&ids).output();
        text(&shown.expect("it was there before").stdout).to_owned()
    };
    // Whoever was started last may not have been asked yet.
    let begun = Instant::now();
    while inspected().contains(" starting ") {
        assert!(begun.elapsed() < PATIENCE, "not asked how it is: {}", inspected());
        std::thread::sleep(Duration::from_millis(200));
    }
    for line in inspected().lines() {
        let (name, rest) = line.split_once(' ').expect("two parts");
        assert_eq!(rest, "healthy true [ALL] 268435456 500000000 65534:65534", "{name}");
    }
}
