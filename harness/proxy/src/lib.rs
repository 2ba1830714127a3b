//! A TCP proxy with toxics, driven over HTTP: the API of Toxiproxy 2.12, and a client of it.
//!
//! A service under test is told to connect to a proxy instead of to what it depends on. The proxy
//! carries bytes both ways until a *toxic* holds them up, loses them or ends the connection. Which
//! toxics there are is changed over HTTP while connections are open.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use squall_proxy::{Direction, Latency, Attributes, NewToxic, ProxyConfig, Server, Options};
//! use squall_proxy::Client;
//!
//! let server = Server::start(Options::default()).await.unwrap();
//! let client = Client::new(&format!("http://{}", server.address())).unwrap();
//! let redis = ProxyConfig::new("redis", "127.0.0.1:0", "127.0.0.1:6379");
//! let redis = client.create(&redis).await.unwrap();
//! println!("connect to {} instead", redis.listen);
//! let slow = Attributes::Latency(Latency { latency: 500, jitter: 100 });
//! client.add_toxic("redis", &NewToxic::new(slow, Direction::Downstream)).await.unwrap();
//! client.remove_toxic("redis", "latency_downstream").await.unwrap();
//! server.stop().await;
//! # });
//! ```
//!
//! What the real server does is what this one does, up to its messages, with these exceptions:
//! it listens on loopback only unless it is told otherwise, bodies have at most 4 MB, a refused
//! change changes nothing, bytes are counted as they pass and not when a connection ends, a seed
//! decides what is left to chance, and attributes that make the real one panic do no harm.

mod address;
mod api;
mod client;
mod collection;
mod connection;
mod descriptors;
mod draw;
mod error;
mod json;
mod link;
mod metrics;
mod pipeline;
mod proxy;
mod route;
mod server;
mod toxic;
mod toxics;

pub use self::{
    api::VERSION,
    client::{Client, ClientError, NewToxic, ProxyConfig, ProxyState, ProxyUpdate, ToxicState},
    descriptors::raise_descriptor_limit,
    metrics::Shown,
    server::{Options, Server, StartError},
    toxic::{
        Attributes, Bandwidth, Direction, Latency, LimitData, Noop, ResetPeer, Slicer, SlowClose,
        Timeout,
    },
};
