//! Sessions survive the loss of any pod.

use std::net::SocketAddr;

use reference_services::cache::Defect;
use serde_json::json;

use crate::{
    fleet::{pod, send, source},
    world::Answer,
};

async fn begin(at: SocketAddr) -> (Answer, String) {
    let answer = send(at, "POST /session HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = cookie(&answer);
    (answer, cookie)
}

fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().expect("a pair").to_owned()
}

async fn visit(at: SocketAddr, cookie: &str) -> Answer {
    let head = "GET /items/1 HTTP/1.1\r\nhost: it\r\nconnection: close\r\n";
    send(at, &format!("{head}cookie: theme=dark; {cookie}\r\n\r\n")).await
}

#[tokio::test]
async fn every_pod_knows_every_session() {
    let source = source(|_| ()).await;
    let (first, second) = (pod(source.at, |_| ()).await, pod(source.at, |_| ()).await);
    first.answers("/readyz", 200).await;
    second.answers("/readyz", 200).await;
    let (begun, cookie_of_first) = begin(first.at).await;
    let id = begun.json()["id"].clone();
    let visited = visit(first.at, &cookie_of_first).await;
    assert_eq!(visited.json()["session"], json!({ "id": id, "visits": 1 }));
    drop(first);
    let elsewhere = visit(second.at, &cookie(&visited)).await;
    assert_eq!(elsewhere.json()["session"], json!({ "id": id, "visits": 2 }));
    assert_eq!(second.get("/items/1").await.json().get("session"), None);
}

#[tokio::test]
async fn what_no_pod_made_is_unauthorized() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |_| ()).await;
    pod.answers("/readyz", 200).await;
    let (_, cookie) = begin(pod.at).await;
    let forged = cookie.replacen(".0.", ".7.", 1);
    assert_ne!(forged, cookie);
    for bad in [forged.as_str(), "session=", "session=1", "session=a.b.c.d", "session=...."] {
        let answer = visit(pod.at, bad).await;
        assert_eq!(answer.problem(401), "nobody here knows this session");
        assert!(answer.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn a_session_runs_out() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.session.lasts_s = 1).await;
    pod.answers("/readyz", 200).await;
    let (_, cookie) = begin(pod.at).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    visit(pod.at, &cookie).await.problem(401);
}

#[tokio::test]
async fn without_a_key_there_are_none() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.session.key = None).await;
    let post = "POST /session HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    send(pod.at, post).await.problem(404);
}

#[tokio::test]
async fn in_memory_sessions_are_lost_with_their_pod() {
    let source = source(|_| ()).await;
    let in_memory = |config: &mut reference_services::cache::Config| {
        _ = config.defects.insert(Defect::InMemorySessions);
    };
    let (first, second) = (pod(source.at, in_memory).await, pod(source.at, in_memory).await);
    first.answers("/readyz", 200).await;
    second.answers("/readyz", 200).await;
    let (_, cookie) = begin(first.at).await;
    assert_eq!(visit(first.at, &cookie).await.status, 200);
    visit(second.at, &cookie).await.problem(401);
}
