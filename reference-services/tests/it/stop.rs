//! A graceful stop: not ready, no new connections, what is in flight ends, then the service.

use std::time::Duration;

use reference_services::dependency::{Kind, Latency};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::Plan;

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_is_in_flight_is_answered_and_nothing_new_is_taken() {
    let plan = Plan::default().tuned(Kind::Inventory, |config| {
        config.latency = Some(Latency::Constant { ms: 120.0 });
    });
    let mut world = plan.start().await;
    let idle = world.connect().await;
    let (answer, ()) = {
        let (api, stop) = (world.api, &mut world);
        let mut stream = TcpStream::connect(api).await.expect("the API listens");
        let request = b"GET /products/1 HTTP/1.1\r\nhost: api\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("written");
        stop.reaches("aggregation_api_in_flight", 1.0).await;
        stop.stop();
        (crate::world::Answer::read(&mut stream).await, ())
    };
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    let served = timeout(PATIENCE, &mut world.serving).await.expect("it stops");
    served.expect("no panic").expect("no error");
    assert!(TcpStream::connect(world.api).await.is_err(), "it still listens");
    drop(idle);
}

#[tokio::test]
async fn during_the_delay_it_is_not_ready_but_serves() {
    let mut world = Plan::default().api(|config| config.stop_delay_ms = 400).start().await;
    world.ready().await;
    world.stop();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.get("/readyz").await.problem(503), "the service is stopping");
    assert_eq!(world.get("/products/1").await.status, 200);
    assert_eq!(world.get("/healthz").await.status, 200);
    let served = timeout(PATIENCE, &mut world.serving).await.expect("it stops");
    served.expect("no panic").expect("no error");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let plan = Plan::default().hanging(Kind::Inventory);
    let plan = plan.api(|config| {
        config.drain_ms = 50;
        config.request_deadline_ms = 60_000;
        config.call_timeout_ms = 60_000;
    });
    let mut world = plan.start().await;
    let mut stream = world.connect().await;
    let request = b"GET /products/1 HTTP/1.1\r\nhost: api\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("written");
    world.reaches("aggregation_api_in_flight", 1.0).await;
    world.stop();
    let served = timeout(PATIENCE, &mut world.serving).await.expect("it stops");
    served.expect("no panic").expect("no error");
}
