//! Stock that is watched: by a client that shows each message, and by a replica whose inventory is a
//! process that is killed.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use futures_util::{Stream, stream};
use reference_services::{
    dependency::{self, Kind, Latency},
    pb::inventory::{
        Applied, Begin, Changes, GetStockRequest, SetStockReply, SetStockRequest, Snapshot,
        WatchReply, WatchRequest, inventory_client::InventoryClient, watch_reply::Reply,
        watch_request::Request,
    },
    stock_replica,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tonic::{Code, Status, Streaming};

use crate::{
    pool::{channel, metric, send},
    processes::Process,
    world::start_dependency,
};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(tune: impl FnOnce(&mut dependency::StockConfig)) -> dependency::Config {
    let mut config = dependency::Config::new(Kind::Inventory);
    config.listen = Some("127.0.0.1:0".to_owned());
    config.latency = Some(Latency::Constant { ms: 0.0 });
    tune(&mut config.stock);
    config
}

/// A watch, as its client has it.
struct Watch {
    requests: mpsc::UnboundedSender<WatchRequest>,
    replies: Streaming<WatchReply>,
}

/// Requests that come one after the other.
fn sent(requests: mpsc::UnboundedReceiver<WatchRequest>) -> impl Stream<Item = WatchRequest> {
    stream::unfold(requests, |mut requests| async { Some((requests.recv().await?, requests)) })
}

impl Watch {
    async fn open(server: SocketAddr) -> Result<Self, Status> {
        let (requests, queue) = mpsc::unbounded_channel();
        let replies = InventoryClient::new(channel(server)).watch(sent(queue)).await?.into_inner();
        Ok(Self { requests, replies })
    }

    /// Begins to watch these products, behind this epoch and revision.
    async fn begin(server: SocketAddr, products: &[u64], (epoch, revision): (u64, u64)) -> Self {
        let watch = Self::open(server).await.expect("a place");
        let product_ids = products.to_vec();
        watch.say(Request::Begin(Begin { product_ids, epoch, revision }));
        watch
    }

    fn say(&self, request: Request) {
        let sent = self.requests.send(WatchRequest { request: Some(request) });
        sent.expect("the watch goes on");
    }

    async fn next(&mut self) -> Result<Reply, Status> {
        let next = timeout(PATIENCE, self.replies.message()).await.expect("a message in time")?;
        Ok(next.expect("a stream ends with a status").reply.expect("one of the two"))
    }

    async fn snapshot(&mut self) -> Snapshot {
        match self.next().await {
            Ok(Reply::Snapshot(snapshot)) => snapshot,
            other => panic!("expected a snapshot, found {other:?}"),
        }
    }

    async fn changes(&mut self) -> Changes {
        match self.next().await {
            Ok(Reply::Changes(changes)) => changes,
            other => panic!("expected changes, found {other:?}"),
        }
    }

    /// How the server ends the watch, whatever it says before.
    async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

/// Reads, and acknowledges.
async fn acknowledge(watch: &mut Watch) -> Infallible {
    loop {
        let revision = watch.changes().await.revision;
        watch.say(Request::Applied(Applied { revision }));
    }
}

async fn set(server: SocketAddr, product_id: u64, available: u32) -> SetStockReply {
    let request = SetStockRequest { product_id, available };
    let set = InventoryClient::new(channel(server)).set_stock(request).await;
    set.expect("an inventory that is there").into_inner()
}

#[tokio::test]
async fn a_watch_goes_on_behind_what_was_applied() {
    let server = start_dependency(config(|stock| stock.history_max = 3)).await;
    let mut watch = Watch::begin(server, &[1, 2], (0, 0)).await;
    let first = watch.snapshot().await;
    assert_eq!((first.revision, first.stocks.len()), (0, 2));
    let epoch = first.epoch;
    for (product, available) in [(1, 1_001), (3, 1_002), (2, 1_003)] {
        assert_eq!(set(server, product, available).await.epoch, epoch);
    }
    let (mut after, mut seen) = (0, Vec::new());
    while after < 3 {
        let told = watch.changes().await;
        assert_eq!(told.after, after, "nothing is missing");
        after = told.revision;
        seen.extend(told.changes.iter().map(|it| (it.revision, it.product_id, it.available)));
    }
    assert_eq!(seen, [(1, 1, 1_001), (3, 2, 1_003)]);
    drop(watch);

    let mut watch = Watch::begin(server, &[1, 2], (epoch, 1)).await;
    let resumed = watch.changes().await;
    assert_eq!((resumed.after, resumed.revision, resumed.newest), (1, 3, 3));
    assert_eq!(resumed.changes.len(), 1);
    let mut watch = Watch::begin(server, &[1, 2], (epoch, 3)).await;
    let resumed = watch.changes().await;
    assert_eq!((resumed.after, resumed.revision, resumed.changes.len()), (3, 3, 0));
    let mut watch = Watch::begin(server, &[1], (epoch ^ 1, 3)).await;
    assert_eq!(watch.snapshot().await.epoch, epoch, "another life");
    set(server, 1, 1_004).await;
    let mut watch = Watch::begin(server, &[1], (epoch, 0)).await;
    let compacted = watch.snapshot().await;
    assert_eq!((compacted.revision, compacted.stocks[0].available), (4, 1_004));
    // Whoever watches can watch something else.
    watch.say(Request::Begin(Begin { product_ids: vec![7], epoch, revision: 4 }));
    set(server, 7, 1_005).await;
    loop {
        let told = watch.changes().await;
        if let [change] = told.changes.as_slice() {
            assert_eq!((change.product_id, change.available), (7, 1_005));
            break;
        }
    }
}

#[tokio::test]
async fn who_does_not_acknowledge_is_told_so_much_and_turned_out() {
    let server = start_dependency(config(|stock| {
        stock.changes_per_s = 5_000.0;
        stock.unacknowledged_max = 500;
        stock.stalled_ms = 400;
    }));
    let server = server.await;
    let products: Vec<u64> = (1..=100).collect();
    let mut good = Watch::begin(server, &products, (0, 0)).await;
    let from = good.snapshot().await.revision;
    good.say(Request::Applied(Applied { revision: from }));
    let mut silent = Watch::begin(server, &products, (0, 0)).await;
    let begun = silent.snapshot().await.revision;
    let end = async {
        let mut last = begun;
        loop {
            match silent.next().await {
                Ok(Reply::Changes(told)) => last = told.revision,
                Ok(Reply::Snapshot(_)) => panic!("it has one"),
                Err(status) => return (last, status),
            }
        }
    };
    let (last, status) = tokio::select! {
        ended = end => ended,
        never = acknowledge(&mut good) => match never {},
    };
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    // Up to the bound, and the message that reaches it.
    assert!(last - begun <= 500 + 256, "told from {begun} to {last}");
    let further = good.changes().await.revision;
    assert!(further > last, "{further} is not beyond {last}");
}

#[tokio::test]
async fn what_makes_no_sense_ends_the_watch() {
    let server = start_dependency(config(|stock| stock.watched_max = 2)).await;
    let begin = |product_ids| Request::Begin(Begin { product_ids, epoch: 0, revision: 0 });
    for (requests, expected) in [
        (vec![Request::Applied(Applied { revision: 0 })], Code::FailedPrecondition),
        (vec![begin(Vec::new())], Code::InvalidArgument),
        (vec![begin(vec![1, 2, 3])], Code::InvalidArgument),
        (vec![begin(vec![1]), Request::Applied(Applied { revision: 9 })], Code::InvalidArgument),
    ] {
        let mut watch = Watch::open(server).await.expect("a place");
        for request in &requests {
            watch.say(request.clone());
        }
        assert_eq!(watch.end().await.code(), expected, "{requests:?}");
    }
}

#[tokio::test]
async fn there_are_so_many_places_and_each_is_given_back() {
    let server = start_dependency(config(|stock| {
        stock.watchers_max = 1;
        stock.stalled_ms = 300;
    }));
    let server = server.await;
    let mut first = Watch::begin(server, &[1], (0, 0)).await;
    first.snapshot().await;
    let second = Watch::open(server).await.map(drop);
    assert_eq!(second.expect_err("no place").code(), Code::ResourceExhausted);
    drop(first);
    let begun = Instant::now();
    let mut silent = loop {
        match Watch::open(server).await {
            Ok(watch) => break watch,
            Err(_) => assert!(begun.elapsed() < PATIENCE, "the place is not given back"),
        }
        sleep(Duration::from_millis(5)).await;
    };
    // One that never begins keeps its place for a while only.
    assert_eq!(silent.end().await.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_stop_ends_watches_in_order() {
    let bound = dependency::bind(config(|_| ())).await.expect("a free port");
    let server = bound.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve_until(async {
        // Nobody drops it before.
        let _ = stopped.await;
        Ok(())
    }));
    let mut watch = Watch::begin(server, &[1], (0, 0)).await;
    watch.snapshot().await;
    stop.send(()).expect("it runs");
    assert_eq!(watch.end().await.code(), Code::Unavailable);
    let ended = timeout(PATIENCE, serving).await.expect("it waits for no watch");
    ended.expect("no panic").expect("no error");
}

/// Starts an inventory of its own process.
fn inventory(listen: &str) -> (Process, SocketAddr) {
    let mut process = Process::start(&["inventory", "--listen", listen]);
    let address = process.listens(&["address"])[0];
    (process, address)
}

/// A replica, and where it is asked over HTTP and over gRPC.
async fn replica(inventory: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mut config = stock_replica::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_grpc = "127.0.0.1:0".to_owned();
    config.inventory = format!("http://{inventory}");
    config.products = 10;
    config.backoff.base_ms = 5;
    config.backoff.cap_ms = 20;
    let bound = stock_replica::bind(config).await.expect("free ports");
    let addresses = (bound.local_addr(), bound.grpc_addr());
    tokio::spawn(bound.serve_until(std::future::pending()));
    addresses
}

/// Waits until the replica says so of product 3.
async fn reaches(replica: SocketAddr, available: u64) {
    let begun = Instant::now();
    loop {
        let found = send(replica, "GET", "/stock/3", "").await;
        if found.status == 200 && found.json()["available"] == available {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "expected {available}, found {found:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_replica_goes_on_when_the_inventory_was_killed_and_started_again() {
    let (first, address) = inventory("127.0.0.1:0");
    let (http, _) = replica(address).await;
    let begun = Instant::now();
    while send(http, "GET", "/readyz", "").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it is not ready");
        sleep(Duration::from_millis(5)).await;
    }
    let before = send(http, "GET", "/stock/3", "").await.json()["available"].as_u64();
    let before = before.expect("a number");
    set(address, 3, 1_234).await;
    reaches(http, 1_234).await;
    drop(first);
    let alone = send(http, "GET", "/stock/3", "").await.json();
    assert_eq!(alone["available"], 1_234);
    assert!(alone["age_ms_max"].as_u64() >= Some(2_000), "{alone}");
    let (_second, _) = inventory(&address.to_string());
    // What was set is gone with its life.
    reaches(http, before).await;
    set(address, 3, 4_321).await;
    reaches(http, 4_321).await;
    assert_eq!(metric(http, "stock_replica_snapshots_total").await, Some(2.0));
    assert_eq!(metric(http, "stock_replica_following").await, Some(1.0));
}

#[tokio::test]
async fn a_replica_without_an_inventory_is_not_ready_and_knows_nothing() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = nobody.local_addr().expect("a bound address");
    drop(nobody);
    let (http, grpc) = replica(address).await;
    let detail = "there is no copy of the stock yet";
    assert_eq!(send(http, "GET", "/readyz", "").await.problem(503), detail);
    assert_eq!(send(http, "GET", "/stock/3", "").await.problem(503), detail);
    let detail = "this product is not followed";
    for path in ["/stock/11", "/stock/0", "/stock/x", "/stock/"] {
        assert_eq!(send(http, "GET", path, "").await.problem(404), detail, "{path}");
    }
    let request = GetStockRequest { product_id: 3 };
    let asked = InventoryClient::new(channel(grpc)).get_stock(request).await;
    assert_eq!(asked.expect_err("nobody knows").code(), Code::Unavailable);
}

#[tokio::test]
async fn what_is_not_followed_is_asked_of_the_inventory() {
    let server = start_dependency(config(|_| ())).await;
    let (_, grpc) = replica(server).await;
    for product_id in [3, 11] {
        let request = GetStockRequest { product_id };
        let expected = InventoryClient::new(channel(server)).get_stock(request).await;
        let found = InventoryClient::new(channel(grpc)).get_stock(request).await;
        let expected = expected.expect("it is there").into_inner();
        assert_eq!(found.expect("it asks").into_inner(), expected);
    }
}
