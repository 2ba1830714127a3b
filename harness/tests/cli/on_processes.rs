//! Scenarios for real processes, of about a second each: programs, calls of the user's own, and
//! services that do not do what they should.

use std::{fs::OpenOptions, io::Write, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use squall::{
    Call, Catalogue, Reply, Scenario, Services,
    objective::{
        Objective, availability, gauge, logs, pause_between, returns_to_baseline, sometimes, spans,
    },
    plan::{Load, Plan, Processes, RequestSpec, Topology, disk_full, partition, refuse},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    catalogue::SEED,
    program::{PROGRAM, WRITES},
};

/// How long a child of a program would live, if nobody ended it: a number that no other process has
/// in its arguments.
pub(crate) const CHILD_LIVES: &str = "7613";

/// The image that a service is.
pub(crate) const IMAGE: &str = "SQUALL_TEST_IMAGE";

/// A program that is not there.
pub(crate) const NOWHERE: &str = "/no/such/program";

pub(crate) fn catalogue(fixtures: PathBuf) -> Catalogue {
    let this = std::env::current_exe().expect("this program");
    // A shell that starts something of its own, and then becomes a web server.
    let script = format!("sleep {CHILD_LIVES} & exec \"$0\" \"$1\"");
    let args = json!(["-c", script, &this, "--listen=0.0.0.0:8080"]);
    let program = json!({ "args": args, "env": { PROGRAM: "yes" } });
    let silent = json!({ "args": ["-c", "echo nobody here; exec sleep 600"] });
    let get = || plan("sh", &program, RequestSpec::get("/"));
    let call = |name| plan("sh", &program, RequestSpec::call(name)).objective(all_answered());
    let web = |config| plan("web", &config, RequestSpec::get("/")).objective(all_answered());
    // The image of this program itself, which a test has made.
    let image = std::env::var(IMAGE).unwrap_or_else(|_| "no-image".to_owned());
    let itself = this.file_name().unwrap_or_default().to_string_lossy();
    let boxed = json!({ "args": [itself, "--listen=0.0.0.0:8080"], "env": { PROGRAM: "yes" } });
    let keeps = |config: bool| {
        let config = json!({ "listen": "0.0.0.0:8080", "keeps": config });
        plan("journal", &config, RequestSpec::get("/")).objective(all_answered())
    };
    let (from, until) = (Duration::from_millis(400), Duration::from_millis(700));
    let between = partition("idle", "web").from(from).until(until);
    let plans = [
        ("program", get().objective(all_answered()).objective(sometimes(logs(WRITES)))),
        ("refused", get().objective(all_answered()).fault(refuse("web").from(from).until(until))),
        ("untouched", get().objective(all_answered()).fault(between)),
        ("asked-by-a-call", call("ask")),
        ("call-panics", call("panic")),
        ("call-blocks", call("block")),
        ("no-tasks", get().objective(returns_to_baseline("tasks"))),
        ("not-there", plan("nowhere", &json!({}), RequestSpec::get("/")).objective(all_answered())),
        ("listens-nowhere", plan("sh", &silent, RequestSpec::get("/")).objective(all_answered())),
        ("wrong-configuration", web(json!({ "listen": 8080 }))),
        ("panics", web(json!({ "listen": "0.0.0.0:8080", "then": "panic" }))),
        ("exits", web(json!({ "listen": "0.0.0.0:8080", "then": "exit" }))),
        ("disk-full", keeps(true).fault(disk_full("web").from(from).until(until))),
        ("disk-unused", keeps(false).fault(disk_full("web").from(from).until(until))),
        (
            "disk-of-a-program",
            get().objective(all_answered()).fault(disk_full("web").from(from).until(until)),
        ),
        (
            "in-an-image",
            plan("boxed", &boxed, RequestSpec::get("/"))
                .objective(all_answered())
                .objective(sometimes(logs(WRITES)))
                .objective(gauge("resident_mib").at_most(64.0)),
        ),
        (
            "image-with-gauge",
            plan("boxed", &boxed, RequestSpec::get("/")).objective(gauge("sockets").at_most(9.0)),
        ),
        (
            "memory",
            web(json!({ "listen": "0.0.0.0:8080" })).objective(gauge("resident_mib").at_most(64.0)),
        ),
        ("connections", get().objective(gauge("connections_opened").at_most(0.0))),
        (
            "slack",
            get()
                .objective(pause_between(spans("call")).at_least(Duration::from_millis(20)))
                .on_processes(Processes::new().slack(Duration::from_millis(20))),
        ),
        (
            "direct",
            get()
                .objective(gauge("connections_opened").at_most(0.0))
                .on_processes(Processes::new().without_proxy("web")),
        ),
    ];
    let services = Services::new()
        .with_program("sh", "/bin/sh")
        .with_program("nowhere", NOWHERE)
        .with_image("boxed", &image)
        .with("web", web_until)
        .with("journal", journal)
        .with_call("ask", ask)
        .with_call("panic", panics)
        .with_call("block", blocks);
    plans.into_iter().fold(Catalogue::new(SEED, fixtures), |catalogue, (name, plan)| {
        let claims = "every request is answered";
        let scenario = Scenario::new(name, claims, plan, services.clone());
        catalogue.scenario(scenario, "on_processes.rs")
    })
}

fn all_answered() -> Objective {
    availability().at_least(0.999)
}

/// One service on a host, and who asks it.
fn plan(service: &str, config: &Value, request: RequestSpec) -> Plan {
    let topology = Topology::new()
        .host("web", service, config.clone())
        .port(8080)
        .client("users")
        .client("idle");
    let load = Load::constant("users", "web:8080", 40.0);
    Plan::new(topology)
        .boot(Duration::from_millis(200))
        .settle(Duration::from_millis(200))
        .load(load.lasts(Duration::from_millis(800)).request(request))
}

#[derive(serde::Deserialize)]
struct Config {
    listen: String,
    then: String,
}

/// Listens, and then does no good.
async fn web_until(config: Config) -> Result<(), String> {
    let listener = TcpListener::bind(&config.listen).await.map_err(|error| error.to_string())?;
    let (mut stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
    // Whoever looks whether it is up says nothing.
    while stream.read_u8().await.is_err() {
        (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
    }
    if config.then == "panic" {
        // In a task, of which nobody waits for the end.
        tokio::spawn(async { panic!("out of luck") });
        std::future::pending::<()>().await;
    }
    Err("out of patience".to_owned())
}

#[derive(serde::Deserialize)]
struct Journal {
    listen: String,
    keeps: bool,
}

/// Writes each request down before it is answered, if it keeps any.
async fn journal(config: Journal) -> std::io::Result<()> {
    let listener = TcpListener::bind(&config.listen).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 8192];
        if stream.read(&mut request).await? == 0 {
            continue;
        }
        let kept = if config.keeps { keep(&request) } else { Ok(()) };
        let status = if kept.is_ok() { "200 OK" } else { "507 Insufficient Storage" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn keep(request: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open("journal")?;
    file.write_all(request)
}

/// A request by hand, as a client of another protocol would make it.
async fn ask(call: Call) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(call.target()).await?;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await?;
    let is_good = answer == *b"HTTP/1.1 200 OK";
    Ok(if is_good { Reply::succeeded() } else { Reply::wrong("no web server") })
}

async fn panics(_: Call) -> std::io::Result<Reply> {
    panic!("out of calls")
}

/// Takes the threads from whoever sends the load.
async fn blocks(_: Call) -> std::io::Result<Reply> {
    std::thread::sleep(Duration::from_millis(100));
    Ok(Reply::succeeded())
}
