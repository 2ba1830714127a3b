//! Each answer is the one that Toxiproxy 2.12.0 gave, built from its source with Go 1.19 and asked
//! by `.ci/proxy-clients/record`.

use std::{collections::BTreeMap, fmt::Write};

use serde::Deserialize;
use squall_proxy::{Options, Server, Shown};
use tokio::net::TcpListener;

use crate::raw;

const RECORDED: &str = include_str!("../answers/toxiproxy-2.12.json");

/// An address that no other test listens on, so that ports are free here if they were a moment ago.
const HOST: &str = "127.77.0.1";

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
struct Call {
    method: String,
    path: String,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    status: u16,
    #[serde(rename = "type")]
    kind: Option<String>,
    answer: String,
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind((HOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port.to_string())
}

/// What does not agree in one case, with a server of its own.
async fn differences(case: &Case) -> String {
    let mut options = Options::default();
    options.metrics = Shown::default();
    let server = Server::start(options).await.expect("a server");
    let (taken, taken_port) = listener().await;
    let mut ports = vec![("{taken}", taken_port)];
    let free = [listener().await, listener().await, listener().await, listener().await];
    for (name, (listener, port)) in ["{a}", "{b}", "{c}", "{d}"].into_iter().zip(free) {
        drop(listener);
        ports.push((name, port));
    }
    let with_ports = |text: &str| {
        ports.iter().fold(text.to_owned(), |text, (name, port)| text.replace(name, port))
    };
    let mut differences = String::new();
    for call in &case.calls {
        let path = with_ports(&call.path);
        let body = call.body.as_deref().map(with_ports);
        let headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let found =
            raw::ask(server.address(), &call.method, &path, &headers, body.as_deref()).await;
        let expected = (call.status, call.kind.as_deref(), with_ports(&call.answer));
        let found = (found.status, found.header("content-type"), found.body.clone());
        if found != expected {
            let Call { method, body, .. } = call;
            writeln!(
                differences,
                "{}: {method} {path} {}\n  expected {expected:?}\n  found    {found:?}",
                case.name,
                body.as_deref().unwrap_or_default(),
            )
            .expect("a String takes all");
        }
    }
    server.stop().await;
    drop(taken);
    differences
}

#[tokio::test]
async fn every_call_is_answered_as_by_the_real_server() {
    let cases: Vec<Case> = serde_json::from_str(RECORDED).expect("cases");
    assert!(cases.iter().map(|case| case.calls.len()).sum::<usize>() > 300);
    let mut all = String::new();
    for case in &cases {
        all.push_str(&differences(case).await);
    }
    assert!(all.is_empty(), "\n{all}");
}
