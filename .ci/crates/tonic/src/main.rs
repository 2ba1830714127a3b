//! tonic's server and channel as they are: calls, and a stream that is watched.

use tokio_stream::StreamExt;
use tonic::transport::{Endpoint, Server};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};
use works::{Done, Trial, calls, log, ms};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// A service whose health changes every tenth of a second.
async fn server() -> Done {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("steady", ServingStatus::Serving).await;
    tokio::spawn(async move {
        for status in [ServingStatus::Serving, ServingStatus::NotServing].into_iter().cycle() {
            reporter.set_service_status("restless", status).await;
            tokio::time::sleep(ms(100)).await;
        }
    });
    Server::builder().add_service(service).serve("0.0.0.0:50051".parse()?).await?;
    Ok(())
}

async fn client() -> Done {
    let channel = Endpoint::from_static("http://server:50051")
        .connect_timeout(ms(100))
        .http2_keep_alive_interval(ms(100))
        .keep_alive_timeout(ms(100))
        .keep_alive_while_idle(true)
        .connect_lazy();
    let mut watching = HealthClient::new(channel.clone());
    tokio::spawn(async move {
        loop {
            if let Err(status) = watch(&mut watching).await {
                log(&format!("stream ended: {:?}", status.code()));
            }
            tokio::time::sleep(ms(50)).await;
        }
    });
    let client = HealthClient::new(channel);
    calls(|_| {
        let mut client = client.clone();
        async move {
            let answer = client.check(of("steady")).await?;
            Ok::<_, tonic::Status>(format!("{:?}", answer.into_inner().status()))
        }
    })
    .await
}

async fn watch(client: &mut HealthClient<tonic::transport::Channel>) -> Result<(), tonic::Status> {
    let mut stream = client.watch(of("restless")).await?.into_inner();
    while let Some(answer) = stream.next().await {
        log(&format!("streamed {:?}", answer?.status()));
    }
    Ok(())
}

fn main() {
    Trial::new("tonic").host("server", server).host("client", client).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "Serving");
        let streamed = seen.said("client", "streamed ");
        let within = |from, until| {
            streamed.iter().filter(|(at, _)| (ms(from)..ms(until)).contains(at)).count()
        };
        assert!(within(0, 1_000) >= 8, "{streamed:?}");
        assert_eq!(within(1_050, 2_000), 0, "{streamed:?}");
        assert!(within(3_000, 4_000) >= 8 && within(5_500, 7_000) >= 12, "{streamed:?}");
        assert!(seen.said("client", "stream ended: ").len() >= 2, "at each outage");
    });
}
