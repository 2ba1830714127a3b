//! What can be asked of a server, as it says itself: with the client of `tonic-reflection`, which knows no
//! protos of ours.

use std::net::SocketAddr;

use reference_services::{
    catalog,
    dependency::{Config, Kind},
    notifications, participant,
    pb::DESCRIPTORS,
    stock_replica,
};
use tonic::{Code, Status};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    pool::{Broker, Folder, channel, start_store},
    world::start_dependency,
};

async fn ask(server: SocketAddr, request: MessageRequest) -> Result<MessageResponse, Status> {
    let host = String::new();
    let request = ServerReflectionRequest { host, message_request: Some(request) };
    let mut client = ServerReflectionClient::new(channel(server));
    let requests = futures_util::stream::iter([request]);
    let mut replies = client.server_reflection_info(requests).await?.into_inner();
    let reply = replies.message().await?.expect("a reply to each request");
    Ok(reply.message_response.expect("a response"))
}

/// Checks that a server names this service, and has the file that this message is in.
#[track_caller]
fn check(server: SocketAddr, service: &str, message: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let listed = ask(server, MessageRequest::ListServices(String::new())).await;
        let Ok(MessageResponse::ListServicesResponse(listed)) = listed else {
            panic!("{caller}: expected a list, found {listed:?}");
        };
        let names: Vec<&str> = listed.service.iter().map(|it| it.name.as_str()).collect();
        let others = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
        assert_eq!(names, [service, others[0], others[1]], "{caller}");
        for symbol in [service, message] {
            let found = ask(server, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
            let Ok(MessageResponse::FileDescriptorResponse(found)) = found else {
                panic!("{caller}: expected the file of {symbol}, found {found:?}");
            };
            let [file] = found.file_descriptor_proto.as_slice() else {
                panic!("{caller}: expected one file of {symbol}");
            };
            let kept = DESCRIPTORS.windows(file.len()).any(|window| window == file.as_slice());
            assert!(kept, "{caller}: not the file of {symbol} that is kept");
        }
        for symbol in others {
            let found = ask(server, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
            let has_file = matches!(found, Ok(MessageResponse::FileDescriptorResponse(_)));
            assert!(has_file, "{caller}: {symbol}: {found:?}");
        }
    }
}

async fn dependency(kind: Kind) -> SocketAddr {
    let mut config = Config::new(kind);
    config.listen = Some("127.0.0.1:0".to_owned());
    start_dependency(config).await
}

#[tokio::test]
async fn every_server_says_what_it_can_be_asked() {
    for (kind, service, message) in [
        (Kind::Inventory, "inventory.v1.Inventory", "inventory.v1.Changes"),
        (Kind::Pricing, "pricing.v1.Pricing", "pricing.v1.Price"),
        (Kind::Reviews, "reviews.v1.Reviews", "reviews.v1.ReviewSummary"),
        (
            Kind::Recommendations,
            "recommendations.v1.Recommendations",
            "recommendations.v1.RecommendationList",
        ),
    ] {
        check(dependency(kind).await, service, message).await;
    }
    let mut config = catalog::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    let bound = catalog::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    check(address, "catalog.v1.Catalog", "catalog.v1.Page").await;

    let mut config = stock_replica::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_grpc = "127.0.0.1:0".to_owned();
    let bound = stock_replica::bind(config).await.expect("free ports");
    let address = bound.grpc_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    check(address, "inventory.v1.Inventory", "inventory.v1.Stock").await;

    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    check(broker.workers, "queue.v1.Queue", "queue.v1.LeasedJob").await;
    let (_running, store) = start_store(&folder).await;
    check(store, "results.v1.Results", "results.v1.PutReply").await;

    let mut config = participant::Config::new(participant::Kind::Stock);
    config.listen = Some("127.0.0.1:0".to_owned());
    config.listen_http = Some("127.0.0.1:0".to_owned());
    config.journal = Some(folder.path().join("stock.journal"));
    let bound = participant::bind(config).await.expect("free ports and a good journal");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    let (service, message) = ("participant.v1.Participant", "participant.v1.PerformRequest");
    check(address, service, message).await;

    let mut config = notifications::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_http = "127.0.0.1:0".to_owned();
    config.journal = folder.path().join("notifications.journal");
    let bound = notifications::bind(config).await.expect("free ports and a good journal");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    let (service, message) = ("notifications.v1.Notifications", "notifications.v1.DeliverRequest");
    check(address, service, message).await;
}

#[tokio::test]
async fn a_server_can_be_told_to_keep_that_to_itself() {
    let mut config = Config::new(Kind::Pricing);
    config.listen = Some("127.0.0.1:0".to_owned());
    config.grpc.reflection = false;
    let server = start_dependency(config).await;
    let refused = ask(server, MessageRequest::ListServices(String::new())).await;
    assert_eq!(refused.expect_err("no such service").code(), Code::Unimplemented);
}
