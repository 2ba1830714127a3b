//! Calls whose message is none: every gRPC service answers with a status and lives on.

use std::net::SocketAddr;

use reference_services::{
    catalog,
    dependency::{Config, Kind},
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

use crate::{
    pool::{Broker, Folder, start_store},
    world::start_dependency,
};

/// Messages as they are, whatever they are.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(from);
        Ok(Some(bytes::Buf::copy_to_bytes(from, length).to_vec()))
    }
}

fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    endpoint.connect_lazy()
}

async fn call(address: SocketAddr, method: &'static str, message: &[u8]) -> Result<(), Status> {
    let mut client = Grpc::new(channel(address));
    client.ready().await.expect("it listens");
    let path = PathAndQuery::from_static(method);
    client.unary(Request::new(message.to_vec()), path, Raw).await.map(|_| ())
}

/// A method whose request has a number in field 1, or a text if `is_text`.
async fn check(address: SocketAddr, method: &'static str, is_text: bool) {
    let wrong_type: &[u8] = if is_text { &[0x08, 0x01] } else { &[0x0a, 0x01, b'x'] };
    let messages: [&[u8]; 4] =
        [&[0xff; 64], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0x08], wrong_type];
    for message in messages {
        let status = call(address, method, message).await.expect_err("no message of this method");
        let clear = [Code::Internal, Code::InvalidArgument].contains(&status.code());
        assert!(clear && !status.message().is_empty(), "{method} {message:?}: {status:?}");
    }
    let unknown = call(address, "/nobody.v1.Nothing/Do", &[]).await.expect_err("no such method");
    assert_eq!(unknown.code(), Code::Unimplemented);
    // A message without fields is one, to which each has its own answer.
    let empty = call(address, method, &[]).await;
    let code = empty.map_or_else(|status| status.code(), |()| Code::Ok);
    let own = [Code::Ok, Code::NotFound, Code::InvalidArgument];
    assert!(own.contains(&code), "{method} lives on: {code:?}");
}

#[tokio::test]
async fn dependencies_refuse_what_is_no_message() {
    for (kind, method) in [
        (Kind::Inventory, "/inventory.v1.Inventory/GetStock"),
        (Kind::Pricing, "/pricing.v1.Pricing/GetPrice"),
        (Kind::Reviews, "/reviews.v1.Reviews/GetReviews"),
        (Kind::Recommendations, "/recommendations.v1.Recommendations/GetRecommendations"),
    ] {
        let mut config = Config::new(kind);
        config.listen = Some("127.0.0.1:0".to_owned());
        check(start_dependency(config).await, method, false).await;
    }
}

#[tokio::test]
async fn the_catalog_refuses_what_is_no_message() {
    let mut config = catalog::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    let bound = catalog::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    check(address, "/catalog.v1.Catalog/GetItem", false).await;
}

#[tokio::test]
async fn the_pool_refuses_what_is_no_message() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    check(broker.workers, "/queue.v1.Queue/Lease", true).await;
    let (_running, store) = start_store(&folder).await;
    check(store, "/results.v1.Results/Get", true).await;
}
