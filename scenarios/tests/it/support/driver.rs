//! A browser for tests: ChromeDriver on a free port of loopback, and Chromium without a screen.
//!
//! Both end with the [`Driver`], also when the test panics.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

/// What ChromeDriver says of itself once it listens.
const STARTED: &str = "was started successfully on port ";

/// Lines in which it must have said so.
const LINES_MAX: usize = 20;

/// How often a browser is started until one stays.
const STARTS_MAX: usize = 3;

/// How long it may take to end its browsers.
const PATIENCE: Duration = Duration::from_secs(5);

/// No screen, nothing of an earlier test, and no conversations of the browser's own.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A ChromeDriver of the test's own.
#[must_use = "the browser ends with it"]
pub(crate) struct Driver {
    child: Child,
    port: u16,
    profile: PathBuf,
}

impl Driver {
    /// Starts ChromeDriver, which `chromedriver` on the path or `CHROMEDRIVER` names. The browser's
    /// profile is a new folder called `name`.
    ///
    /// # Panics
    ///
    /// If it cannot be started or does not listen.
    pub(crate) fn start(name: &str) -> Self {
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&profile);
        fs::create_dir_all(&profile).expect("the target folder can be written to");
        let child = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("expected ChromeDriver as {program}: {error}"));
        // Made before anything can fail, so that the child ends whatever happens.
        let mut driver = Self { child, port: 0, profile };
        driver.port = driver.listens_on();
        driver
    }

    /// Opens a browser. Scripts may take as long as `patience`.
    ///
    /// # Panics
    ///
    /// If there is no Chromium, or it cannot be started.
    pub(crate) async fn browser(&self, patience: Duration) -> Client {
        let profile = format!("--user-data-dir={}", self.profile.display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let capabilities = json!({
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": u64::try_from(patience.as_millis()).expect("some minutes") },
        });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        // On a busy machine a browser now and then gives up while it starts.
        let mut failed = None;
        for _ in 0..STARTS_MAX {
            match builder.connect(&format!("http://127.0.0.1:{}", self.port)).await {
                Ok(client) => return client,
                Err(error) => failed = Some(error),
            }
        }
        panic!("expected Chromium to start: {failed:?}");
    }

    /// The port that it has chosen.
    fn listens_on(&mut self) -> u16 {
        let output = self.child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(output).lines().take(LINES_MAX);
        let port = lines.find_map(|line| {
            let line = line.expect("ChromeDriver prints text");
            let (_, port) = line.split_once(STARTED)?;
            port.trim_end_matches('.').parse().ok()
        });
        port.expect("ChromeDriver says on which port it listens")
    }

    /// Asks it to end its browsers and itself: killed outright, it would leave them behind.
    #[expect(clippy::disallowed_types, reason = "the driver is real, and `drop` may block")]
    fn shut_down(&mut self) -> io::Result<()> {
        let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        stream.write_all(request.as_bytes())?;
        let _ = stream.read(&mut [0; 1_024])?;
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE && self.child.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shut_down();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
