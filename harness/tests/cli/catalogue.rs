//! Scenarios of a second or so: one that passes, one that fails, one that panics.

use std::{path::PathBuf, time::Duration};

use squall::{
    Catalogue, Defect, Scenario, Services,
    objective::{availability, p99},
    plan::{Load, Plan, Topology},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::on_processes;

/// The folder of the fixtures, in the environment of a process that is a command line.
pub(crate) const FIXTURES: &str = "SQUALL_TEST_FIXTURES";

/// In the environment of one whose catalogue is that of services for real processes.
pub(crate) const ON_PROCESSES: &str = "SQUALL_TEST_ON_PROCESSES";

/// What one more scenario is called.
pub(crate) const NAME: &str = "SQUALL_TEST_NAME";

/// What a service says that means no good: escapes, a bell, a new line.
pub(crate) const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{0}\u{fffe}\r\n::error::forged";

/// The seed of the goldens.
pub(crate) const SEED: u64 = 1;

pub(crate) fn asked_for() -> Option<Catalogue> {
    let fixtures = PathBuf::from(std::env::var_os(FIXTURES)?);
    if std::env::var_os(ON_PROCESSES).is_some() {
        return Some(on_processes::catalogue(fixtures));
    }
    let defect = Defect {
        name: "refuses".to_owned(),
        description: "it refuses whatever it is asked".to_owned(),
        service: "web".to_owned(),
        caught_by: "good".to_owned(),
        because: "availability".to_owned(),
    };
    let mut catalogue = Catalogue::new(SEED, fixtures)
        .scenario(scenario("good", "serves"), "good.rs")
        .scenario(scenario("bad", "refuses"), "bad.rs")
        .scenario(scenario("panics", "panics"), "panics.rs")
        .defect(defect);
    if let Ok(name) = std::env::var(NAME) {
        catalogue = catalogue.scenario(scenario(&name, "refuses"), "named.rs");
    }
    Some(catalogue)
}

fn scenario(name: &str, behaviour: &str) -> Scenario {
    let config = serde_json::json!({ "behaviour": behaviour });
    let topology = Topology::new().host("web", "web", config).client("users");
    let load = Load::constant("users", "web:80", 20.0).lasts(Duration::from_millis(500)).get("/");
    let plan = Plan::new(topology)
        .load(load)
        .objective(availability().at_least(0.999))
        .objective(p99().at_most(Duration::from_millis(100)));
    Scenario::new(name, "every request is answered", plan, Services::new().with("web", web))
}

async fn web(config: serde_json::Value) -> std::io::Result<()> {
    let planted = config["defects"].as_array().is_some_and(|defects| !defects.is_empty());
    let behaviour = config["behaviour"].as_str().unwrap_or_default();
    assert!(behaviour != "panics", "{HOSTILE}");
    let status = if planted || behaviour == "refuses" { "500 No" } else { "200 OK" };
    answer_all("0.0.0.0:80", status).await
}

/// Gives all who ask the same answer.
pub(crate) async fn answer_all(listen: &str, status: &str) -> std::io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nhi");
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (mut stream, _peer) = listener.accept().await?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let mut request = [0; 1024];
            while stream.read(&mut request).await? > 0 {
                stream.write_all(answer.as_bytes()).await?;
            }
            std::io::Result::Ok(())
        });
    }
}
