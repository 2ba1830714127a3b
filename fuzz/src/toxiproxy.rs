//! The API of the proxy, and its configuration file.
//!
//! Requests are lines, `METHOD PATH BODY`, and go to a server of their own; a line `CONFIG BODY` is a
//! file of proxies. Whatever is in them, each is answered in the words of Toxiproxy: JSON that others
//! can read, with the status that an error names; 500 for what the system refuses alone. A proxy that
//! was made is there under its name and says the same again, and so do all of them together.

use std::sync::Mutex;

use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use squall_proxy::{Options, Server};
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};

use crate::{runtime, world::PATIENCE};

/// Requests of an input.
const REQUESTS_MAX: usize = 12;

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

type Sender = http1::SendRequest<Full<Bytes>>;

/// Takes requests one after the other.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn toxiproxy(data: &[u8]) {
    let mut place = RUNTIME.lock().expect("no input has failed");
    let runtime = place.get_or_insert_with(runtime);
    runtime.block_on(async {
        let server = Server::start(Options::default()).await.expect("a free port");
        let stream = TcpStream::connect(server.address()).await.expect("it listens");
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
        let driven = tokio::spawn(connection);
        for line in data.split(|byte| *byte == b'\n').take(REQUESTS_MAX) {
            if let Some(body) = line.strip_prefix(b"CONFIG ") {
                let added = server.populate(body).await;
                assert!(added.as_ref().err().is_none_or(|error| !error.is_empty()));
            } else {
                ask_for(&mut sender, line).await;
            }
        }
        let (status, all) = ask(&mut sender, Method::GET, "/proxies", b"").await;
        assert_eq!(status, StatusCode::OK);
        let all = all.as_object().cloned().expect("an object of proxies");
        for (name, proxy) in all {
            assert_eq!(proxy["name"], *name);
            same_again(&mut sender, &proxy).await;
        }
        drop(sender);
        // The server is there for one client, which has gone.
        let _ = driven.await;
        server.stop().await;
    });
}

async fn ask_for(sender: &mut Sender, line: &[u8]) {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let mut next = || parts.next().unwrap_or_default();
    let (Ok(method), path, body) = (Method::from_bytes(next()), next(), next()) else { return };
    let Some(path) = std::str::from_utf8(path).ok().filter(|path| path.starts_with('/')) else {
        return;
    };
    // An answer to one of these has no body, or is none of HTTP/1.1.
    if path.parse::<Uri>().is_err() || [Method::HEAD, Method::CONNECT].contains(&method) {
        return;
    }
    let (status, answer) = ask(sender, method.clone(), path, body).await;
    if method == Method::POST && path == "/proxies" && status == StatusCode::CREATED {
        same_again(sender, &answer).await;
    }
}

/// A proxy is found under its name, if that can stand in a path, and is as it was said to be.
async fn same_again(sender: &mut Sender, proxy: &Value) {
    let name = proxy["name"].as_str().expect("a name");
    // What stands for another path is no name in one.
    if name.is_empty() || name.contains('/') || [".", ".."].contains(&name) {
        return;
    }
    let escaped: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let (status, found) = ask(sender, Method::GET, &format!("/proxies/{escaped}"), b"").await;
    assert_eq!((status, &found), (StatusCode::OK, proxy), "{name:?} is there");
}

/// The status and the JSON of an answer; nothing of one that is none.
async fn ask(sender: &mut Sender, method: Method, path: &str, body: &[u8]) -> (StatusCode, Value) {
    let request = Request::builder().method(&method).uri(path).header("host", "it");
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
    let shown = || format!("{method} {path} {}", body.escape_ascii());
    let answered = timeout(PATIENCE, async {
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
    });
    let answered = answered.await.unwrap_or_else(|_| panic!("no answer to {}", shown()));
    let (head, text) = answered.unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let json = head
        .headers
        .get("content-type")
        .is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
    let answer = serde_json::from_slice::<Value>(&text);
    assert!(answer.is_ok() || !json, "no JSON in answer to {}: {}", shown(), text.escape_ascii());
    let answer = answer.unwrap_or_default();
    if let Some(said) = answer.get("status").filter(|_| answer.get("error").is_some()) {
        assert_eq!(*said, head.status.as_u16(), "the status of {}", shown());
    }
    if head.status == StatusCode::INTERNAL_SERVER_ERROR {
        let said = answer["error"].as_str().unwrap_or_default();
        let by_system = ["bind", "lookup", "address", "listen"].iter().any(|it| said.contains(it));
        assert!(by_system, "an internal error, {said:?}, of {}", shown());
    }
    (head.status, answer)
}
