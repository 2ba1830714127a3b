//! A dependency with two replicas: calls are balanced, hedged and retried among them, and one that is
//! lost or fails is left out until it is back.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use reference_services::{
    aggregation::{self, Defect},
    dependency::{self, FailCode, Kind, Latency},
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    observer::Observer,
    world::{Plan, World, start_dependency},
};

async fn replica(kind: Kind, tune: impl FnOnce(&mut dependency::Config)) -> SocketAddr {
    let mut config = dependency::Config::new(kind);
    config.listen = Some("127.0.0.1:0".to_owned());
    config.latency = Some(Latency::Constant { ms: 1.0 });
    tune(&mut config);
    start_dependency(config).await
}

/// Patient with a machine that is busy, quick with what is lost.
fn api(config: &mut aggregation::Config) {
    config.request_deadline_ms = 2000;
    config.call_timeout_ms = 1500;
    config.health.interval_ms = 20;
    config.health.timeout_ms = 500;
    config.outlier.ejected_ms = 200;
    config.slow_start.window_ms = 100;
}

/// Reviews at two addresses, the second of which takes ten seconds, and hedges after 100 ms.
async fn one_hangs(defect: Option<Defect>) -> (World, [SocketAddr; 2]) {
    let well = replica(Kind::Reviews, |_| {}).await;
    let hung = |config: &mut dependency::Config| {
        config.latency = Some(Latency::Constant { ms: 10_000.0 });
    };
    let hung = replica(Kind::Reviews, hung).await;
    let plan = Plan::default().replicas(Kind::Reviews, &[well, hung]).api(|config| {
        api(config);
        config.hedge.percent = 100.0;
        config.hedge.delay_ms = 100;
        config.defects.extend(defect);
    });
    let world = plan.start().await;
    world.ready().await;
    for address in [well, hung] {
        world.reaches(&of_endpoint("healthy", Kind::Reviews, address), 1.0).await;
    }
    (world, [well, hung])
}

fn of_endpoint(metric: &str, kind: Kind, address: SocketAddr) -> String {
    let labels = format!(r#"dependency="{kind}",endpoint="{address}""#);
    format!("aggregation_api_endpoint_{metric}{{{labels}}}")
}

fn hedges(outcome: &str) -> String {
    format!(r#"aggregation_api_hedges_total{{dependency="reviews",outcome="{outcome}"}}"#)
}

fn calls(outcome: &str) -> String {
    format!(r#"aggregation_api_calls_total{{dependency="reviews",outcome="{outcome}"}}"#)
}

/// Asks for a product until `done`, and wants each answer to be complete.
async fn ask_until(world: &World, done: impl AsyncFn() -> bool) {
    for product in 1..=200 {
        let answer = world.get(&format!("/products/{product}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["degraded"], json!([]));
        if done().await {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not come about");
}

#[tokio::test]
async fn a_hedge_wins_and_the_other_attempt_is_cancelled_at_its_replica() {
    let (observer, _watching) = Observer::watch();
    let (world, [well, hung]) = one_hangs(None).await;
    ask_until(&world, async || world.metric(&hedges("won")).await >= Some(3.0)).await;
    // Each hedged call has one attempt that is cancelled, and nothing waits for its ten seconds.
    let sent = world.metric(&hedges("sent")).await.expect("it is a number");
    world.reaches(&calls("cancelled"), sent).await;
    assert_eq!(world.metric(&calls("timeout")).await, Some(0.0));

    let spans = |name| observer.closed(name).into_iter();
    let cancelled = |name| spans(name).filter(|it| it.fields["outcome"] == "cancelled");
    let begun = std::time::Instant::now();
    while (cancelled("serve").count() as f64) < sent {
        assert!(begun.elapsed() < Duration::from_secs(5), "the replica works on for nobody");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(cancelled("serve").all(|it| it.fields["dependency"] == "reviews"));
    let (well, hung) = (well.to_string(), hung.to_string());
    let lost = cancelled("call").filter(|it| it.fields["attempt"] == "1");
    assert!(lost.clone().count() >= 3);
    for lost in lost {
        assert_eq!((&lost.fields["endpoint"], lost.fields.get("hedge")), (&hung, None));
    }
    let won = spans("call").filter(|it| it.fields.get("hedge").is_some_and(|it| it == "true"));
    let won = won.filter(|it| it.fields["outcome"] == "ok");
    assert!(won.clone().count() >= 3);
    for won in won {
        assert_eq!((&won.fields["endpoint"], &*won.fields["attempt"]), (&well, "2"));
    }
}

#[tokio::test]
async fn without_a_cancel_the_other_attempt_goes_on() {
    let (world, _) = one_hangs(Some(Defect::HedgeWithoutCancel)).await;
    ask_until(&world, async || world.metric(&hedges("won")).await >= Some(1.0)).await;
    world.reaches(&calls("timeout"), 1.0).await;
    assert_eq!(world.metric(&calls("cancelled")).await, Some(0.0));
}

#[tokio::test]
async fn without_a_budget_there_is_no_hedge() {
    let [well, slow] = [1.0, 100.0].map(|ms| async move {
        replica(Kind::Reviews, |config| config.latency = Some(Latency::Constant { ms })).await
    });
    let (well, slow) = tokio::join!(well, slow);
    let plan = Plan::default().replicas(Kind::Reviews, &[well, slow]).api(|config| {
        api(config);
        config.hedge.percent = 0.001;
        config.hedge.tokens_max = 1;
        config.hedge.delay_ms = 30;
    });
    let world = plan.start().await;
    world.ready().await;
    ask_until(&world, async || world.metric(&hedges("not-permitted")).await >= Some(3.0)).await;
    assert!(world.metric(&hedges("sent")).await <= Some(1.0));
}

/// Passes bytes on, unless it is cut.
struct Relay {
    address: SocketAddr,
    to: SocketAddr,
    passing: JoinHandle<()>,
}

impl Relay {
    async fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        Self { address, to, passing: tokio::spawn(pass(listener, to)) }
    }

    /// Closes all connections, and takes no more.
    fn cut(&self) {
        self.passing.abort();
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("nobody else has taken it");
        self.passing = tokio::spawn(pass(listener, self.to));
    }
}

async fn pass(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut far = TcpStream::connect(to).await.expect("the replica listens");
            // Either end may go away at any time.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

#[tokio::test]
async fn a_replica_that_is_lost_is_left_out_and_gets_its_calls_when_it_is_back() {
    let (observer, _watching) = Observer::watch();
    let kept = replica(Kind::Inventory, |_| {}).await;
    let mut lost = Relay::new(replica(Kind::Inventory, |_| {}).await).await;
    let plan = Plan::default().replicas(Kind::Inventory, &[kept, lost.address]).api(api);
    let world = plan.start().await;
    world.ready().await;
    let healthy = of_endpoint("healthy", Kind::Inventory, lost.address);
    world.reaches(&healthy, 1.0).await;
    let address = lost.address.to_string();
    let answered = || {
        let calls = observer.closed("call").into_iter();
        let calls = calls.filter(|it| it.fields.get("endpoint") == Some(&address));
        calls.filter(|it| it.fields["outcome"] == "ok").count()
    };
    ask_until(&world, async || answered() > 0).await;

    lost.cut();
    ask_until(&world, async || world.metric(&healthy).await == Some(0.0)).await;
    let retries = r#"aggregation_api_retries_total{dependency="inventory"}"#;
    let before = (answered(), world.metric(retries).await);
    for _ in 0..20 {
        assert_eq!(world.get("/products/1").await.status, 200);
    }
    assert_eq!((answered(), world.metric(retries).await), before, "nothing is sent there");

    lost.mend().await;
    ask_until(&world, async || answered() > before.0).await;
    assert_eq!(world.metric(&healthy).await, Some(1.0));
}

#[tokio::test]
async fn a_replica_that_fails_is_left_out_and_let_in_again() {
    let well = replica(Kind::Reviews, |_| {}).await;
    let failing = replica(Kind::Reviews, |config| {
        config.fail_first = 5;
        config.fail_code = FailCode::Internal;
    });
    let failing = failing.await;
    let plan = Plan::default().replicas(Kind::Reviews, &[well, failing]).api(|config| {
        api(config);
        config.outlier.ejected_ms = 400;
        // It is for the endpoint that this is made, and not for the dependency.
        config.breaker.calls_min = 1000;
    });
    let world = plan.start().await;
    world.ready().await;
    world.reaches(&of_endpoint("healthy", Kind::Reviews, failing), 1.0).await;
    let ejections = of_endpoint("ejections_total", Kind::Reviews, failing);
    let mut incomplete = 0;
    while world.metric(&ejections).await == Some(0.0) {
        let answer = world.get("/products/1").await;
        incomplete += usize::from(answer.json()["degraded"] == json!(["reviews"]));
        assert!(incomplete <= 5, "it was not left out");
    }
    assert_eq!(incomplete, 5);
    // It fails no more, and each answer is complete.
    let (observer, _watching) = Observer::watch();
    let address = failing.to_string();
    let is_back = async || {
        let calls = observer.closed("call").into_iter();
        let endpoints: BTreeSet<_> =
            calls.filter_map(|it| it.fields.get("endpoint").cloned()).collect();
        endpoints.contains(&address)
    };
    ask_until(&world, is_back).await;
    assert_eq!(world.metric(&ejections).await, Some(1.0));
}

#[tokio::test]
async fn a_single_endpoint_has_no_series_of_its_own() {
    let plan = Plan::default().api(|config| config.hedge.percent = 5.0);
    let text = plan.start().await.get("/metrics").await.body;
    assert!(text.contains("aggregation_api_calls_total"));
    assert!(!text.contains("endpoint") && !text.contains("hedges"), "{text}");
}
