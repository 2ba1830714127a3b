//! The orders and those who take part in them, as programs: the orders are killed again and again, answers
//! are lost and cards declined, and each order ends with all of it or with nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    pool::{Folder, metric, send},
    processes::{ANY, PATIENCE, Process},
    world::Answer,
};

/// A service that has a journal, and its addresses for other services and for operators.
struct Party {
    _process: Process,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Party {
    fn start(folder: &Folder, name: &str, settings: &[&str]) -> Self {
        let journal = format!("journal={}", folder.path().join(name).join("its.journal").display());
        let http = format!("listen_http={ANY}");
        let mut arguments = vec![name, "--listen", ANY, "--set", &journal, "--set", &http];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let mut process = Process::start(&arguments);
        let [grpc, http] = process.listens(&["address", "http"])[..] else { unreachable!() };
        Self { _process: process, grpc, http }
    }

    /// All lines of its book.
    async fn read(&self, book: &str, place: &str) -> Vec<Value> {
        let (mut lines, mut query) = (Vec::new(), String::new());
        loop {
            let page = send(self.http, "GET", &format!("/{book}{query}"), "").await.json();
            let page = page[book].as_array().expect("a page").clone();
            let Some(last) = page.last() else { return lines };
            let last = last[place].to_string().replace('"', "");
            query = format!("?after={last}");
            lines.extend(page);
        }
    }
}

/// The orders of a folder, with those whom they ask.
fn orders(folder: &Folder, parties: &[(&str, &Party)]) -> (Process, SocketAddr) {
    let mut settings = vec![
        format!("journal={}", folder.path().join("orders.journal").display()),
        "backoff.base_ms=5".to_owned(),
        "backoff.cap_ms=50".to_owned(),
        "compact_bytes_min=2000".to_owned(),
        // One answer in four is lost, which is no reason not to ask again.
        "breaker.failure_percent=100".to_owned(),
    ];
    settings.extend(parties.iter().map(|(name, party)| format!("{name}=http://{}", party.grpc)));
    let mut arguments = vec!["orders", "--listen", ANY];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let mut process = Process::start(&arguments);
    let at = process.listens(&["address"])[0];
    (process, at)
}

async fn place(at: SocketAddr, id: &str, quantity: u32) -> Answer {
    let order = json!({
        "id": id, "customer": "c-1", "item": 7, "quantity": quantity, "amount_minor": 1_999
    });
    send(at, "POST", "/orders", &order.to_string()).await
}

#[tokio::test]
async fn orders_that_are_killed_leave_nothing_half_done() {
    let folder = Folder::new();
    let lossy = "lose_answer_fraction=0.25";
    let stock = Party::start(&folder, "stock", &[lossy]);
    let payments = Party::start(&folder, "payments", &[lossy, "refuse_fraction=0.3"]);
    let shipping = Party::start(&folder, "shipping", &[lossy]);
    let notifications = Party::start(&folder, "notifications", &[]);
    let parties = [
        ("stock", &stock),
        ("payments", &payments),
        ("shipping", &shipping),
        ("notifications", &notifications),
    ];
    let mut ids = BTreeSet::new();
    let (mut process, mut at) = orders(&folder, &parties);
    for round in 0..5 {
        for number in 0..20 {
            let id = format!("o-{round}-{number}");
            let placed = place(at, &id, 1).await;
            assert_eq!((placed.status, placed.json()["id"].as_str()), (202, Some(&*id)));
            ids.insert(id);
        }
        process.signal("-KILL");
        assert_eq!(process.ends().await, None);
        (process, at) = orders(&folder, &parties);
        // It knows what it has accepted, and what it has not.
        assert_eq!(place(at, "o-0-0", 1).await.status, 202);
        place(at, "o-0-0", 2).await.problem(409);
        send(at, "GET", "/orders/nobody", "").await.problem(404);
    }
    let begun = Instant::now();
    for gauge in ["orders_open", "orders_outbox"] {
        while metric(at, gauge).await != Some(0.0) {
            assert!(begun.elapsed() < PATIENCE, "{gauge} does not come to 0");
            sleep(Duration::from_millis(20)).await;
        }
    }
    let mut in_effect: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, party) in &parties[..3] {
        for entry in party.read("entries", "key").await {
            let order = entry["order"].as_str().expect("an order").to_owned();
            if entry["fate"] == "done" {
                in_effect.entry(order).or_default().push(name);
            }
        }
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in notifications.read("notifications", "number").await {
        let text = |field: &str| line[field].as_str().expect("text").to_owned();
        told.entry(text("order")).or_default().push(text("kind"));
    }
    assert!(told.keys().eq(&ids), "{told:?}");
    let mut ends = BTreeSet::new();
    for id in &ids {
        let status = send(at, "GET", &format!("/orders/{id}"), "").await.json()["status"].clone();
        let status = status.as_str().expect("a status");
        let effects = in_effect.remove(id).unwrap_or_default();
        let all = status == "completed";
        let expected: &[&str] = if all { &["stock", "payments", "shipping"] } else { &[] };
        assert_eq!(effects, expected, "{id} is {status}");
        assert_eq!(told[id], ["placed", status], "{id}");
        ends.insert(status.to_owned());
    }
    assert!(in_effect.is_empty(), "{in_effect:?}");
    assert_eq!(ends, BTreeSet::from(["cancelled".to_owned(), "completed".to_owned()]));
    process.signal("-TERM");
    assert_eq!(process.ends().await, Some(0));
}
