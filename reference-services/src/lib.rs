//! Real services for Squall to break: an aggregation API with its four dependencies and a replica that
//! follows the stock, a worker pool with its queue, a cache behind a load balancer with the catalog
//! that fills it, orders with those who take part in them, and a chain of services that ask each other.
//!
//! They run as processes on real sockets and, unchanged, inside a simulated world:
//!
//! | binary | listens on | answers |
//! | --- | --- | --- |
//! | `aggregation-api` | 127.0.0.1:8080 | `GET /products/{id}`, `/healthz`, `/readyz`, `/metrics` |
//! | `inventory` | 127.0.0.1:50051 | `inventory.v1.Inventory/GetStock`, `SetStock`, `Watch`, gRPC health |
//! | `pricing` | 127.0.0.1:50052 | `pricing.v1.Pricing/GetPrice`, gRPC health |
//! | `reviews` | 127.0.0.1:50053 | `reviews.v1.Reviews/GetReviews`, gRPC health |
//! | `recommendations` | 127.0.0.1:50054 | `recommendations.v1.Recommendations/GetRecommendations`, gRPC health |
//! | `stock-replica` | 127.0.0.1:8095 | `GET /stock/{id}`, `/healthz`, `/readyz`, `/metrics` |
//! | | 127.0.0.1:50055 | `inventory.v1.Inventory/GetStock`, gRPC health |
//! | `catalog-source` | 127.0.0.1:50061 | `catalog.v1.Catalog/ListItems`, `GetItem`, gRPC health |
//! | `queue-broker` | 127.0.0.1:8050 | `POST /jobs`, `GET /stats`, `/deadletter`, `/healthz`, `/readyz`, `/metrics` |
//! | | 127.0.0.1:50071 | `queue.v1.Queue/Lease`, `Ack`, `Nack`, `Extend`, `Release`, gRPC health |
//! | `worker` | 127.0.0.1:8060 | `/healthz`, `/readyz`, `/metrics` |
//! | `external-api` | 127.0.0.1:8070 | `POST /v1/process`, `/healthz`, `/readyz`, `/metrics` |
//! | `result-store` | 127.0.0.1:50072 | `results.v1.Results/Put`, `Get`, `Stats`, gRPC health |
//! | | 127.0.0.1:8072 | `/healthz`, `/readyz`, `/metrics` |
//! | `cache-service` | 127.0.0.1:8081 | `GET /items/{id}`, `/export?items=N`, `/snapshot`, `POST /session`, `/prestop`, `/healthz`, `/startupz`, `/livez`, `/readyz`, `/metrics` |
//! | `relay` | 127.0.0.1:8090 | `GET /work/{id}`, `/local`, `/healthz`, `/readyz`, `/metrics` |
//! | `load-balancer` | 127.0.0.1:8000 | what its endpoints answer |
//! | | 127.0.0.1:8001 | `PUT` and `GET /endpoints`, `/healthz`, `/readyz`, `/metrics` |
//! | `orders` | 127.0.0.1:8090 | `POST /orders`, `GET /orders/{id}`, `/healthz`, `/readyz`, `/metrics` |
//! | `stock` | 127.0.0.1:50081 | `participant.v1.Participant/Perform`, `Undo`, gRPC health |
//! | | 127.0.0.1:8091 | `GET /entries?after=KEY`, `/healthz`, `/readyz`, `/metrics` |
//! | `payments` | 127.0.0.1:50082 and 8092 | the same |
//! | `shipping` | 127.0.0.1:50083 and 8093 | the same |
//! | `notifications` | 127.0.0.1:50084 | `notifications.v1.Notifications/Deliver`, gRPC health |
//! | | 127.0.0.1:8094 | `GET /notifications?after=NUMBER`, `/healthz`, `/readyz`, `/metrics` |
//!
//! All that speak gRPC answer Server Reflection (v1) too.
//!
//! ```no_run
//! use reference_services::{aggregation, dependency};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let mut reviews = dependency::Config::new(dependency::Kind::Reviews);
//! reviews.latency = Some(dependency::Latency::Constant { ms: 12.0 });
//! tokio::spawn(dependency::run(reviews.into()));
//!
//! let api: aggregation::Config = serde_json::from_value(serde_json::json!({
//!     "listen": "0.0.0.0:8080",
//!     "upstreams": { "reviews": "http://127.0.0.1:50053" },
//!     "breaker": { "open_ms": 250 },
//!     "defects": ["sequential-calls"],
//! }))?;
//! aggregation::run(api.into()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Configuration
//!
//! Defaults, then a TOML file (`--config`), then the environment (`AGGREGATION_API_CPU_US`,
//! `REVIEWS_FAIL_FRACTION`, two underscores between levels: `AGGREGATION_API_BREAKER__OPEN_MS`),
//! then flags (`--listen`, `--set breaker.open_ms=250`, `--defect sequential-calls`).
//! `--print-config` shows the outcome, without secrets. What Kubernetes puts into the environment of
//! each container for a service of the same name (`REVIEWS_SERVICE_HOST`, `REVIEWS_PORT`) is no
//! configuration. A dependency with several replicas is a list:
//! `AGGREGATION_API_UPSTREAMS__REVIEWS='["http://a:50053", "http://b:50053"]'`. The fields and their defaults are those of
//! the `Config` of each service's module. A mistake is answered with one sentence and exit code 3.
//!
//! On SIGHUP, and within two seconds of a change of the file, all of it is read again. What a service
//! can take up while it runs is in `Config::LIVE` of its module; requests that are under way end with
//! what they began with, and no connection is closed. A mistake, or a change of anything else, is
//! refused as a whole: the log says why, `config_reloads_total{outcome="refused"}` counts it, and
//! `config_last_reload_successful` is 0.
//!
//! Listeners and clients speak TLS if they are told what to show and whom to believe, by paths of files
//! in PEM that may change while the service runs; with `client_authority` it is mutual:
//!
//! ```toml
//! # An inventory.
//! [grpc.tls]
//! certificate = "/tls/tls.crt"
//! key = "/tls/tls.key"
//! client_authority = "/tls/ca.crt"
//! ```
//!
//! ```toml
//! # An API that calls it.
//! [upstreams]
//! inventory = "https://inventory:50051"
//! pricing = "https://pricing:50052"
//! reviews = "https://reviews:50053"
//! recommendations = "https://recommendations:50054"
//! tls = { authority = "/tls/ca.crt", certificate = "/tls/tls.crt", key = "/tls/tls.key" }
//! ```
//!
//! See the module [`tls`].
//!
//! # What an observer sees
//!
//! With `--otlp-endpoint http://collector:4318`, or `OTEL_EXPORTER_OTLP_ENDPOINT`, a binary sends its
//! spans to a collector (OTLP over HTTP, in protobuf), and the histogram of the API's requests names
//! traces as exemplars. A caller's `traceparent` makes its span the parent, and that of a call names
//! the call's span.
//!
//! | span or event | fields | lives |
//! | --- | --- | --- |
//! | `request` | `trace_id`, `outcome`: `ok`, `degraded`, `client-error`, `shed`, `failed`, `cancelled` | from the head of a request for a product to its answer |
//! | `call`, child of `request` | `dependency`, `attempt`, `outcome`: `ok`, `timeout`, `error`, `rejected`, `cancelled`; of a dependency with several endpoints `endpoint`, and `hedge`: `true` of a second attempt beside the first | one attempt |
//! | `serve` | `dependency`, `trace_id`, `outcome`: `ok`, `error`, `cancelled` | one call, in the dependency |
//! | `hop` | `trace_id`, `outcome`: `ok`, `shed`, `timeout`, `failed`, `cancelled` | one request, in each service of a chain |
//! | `call`, child of `hop` | `dependency`, `attempt`, `outcome` as above | one try of a call to the next one |
//! | event `stock changed` | `change`: epoch and revision; `product`, `available` | each change, in the inventory |
//! | event `stock applied` | `change`, `product` | the same change, in a replica |
//! | event `snapshot taken` | `revision` | a replica has all at once |
//! | events `watch begun`, `watch ended` | `how`: `resumed`, `new`, `other epoch`, `compacted`; `code`, `reason` | a watch, in the inventory, and how the inventory ended it |
//! | event `stream ended` | `code`, `reason`, `pause_ms` | the same, in a replica, and when it begins again |
//! | `submit` | `job`, `trace_id`, `outcome`: `ok`, `refused` | a job on its way into the broker |
//! | `job` | `job`, `attempt`, `trace_id`, `outcome`: `ok`, `failed`, `deferred`, `lost`, `cancelled` | one attempt at a job, in a worker |
//! | `external call`, child of `job` | `job`, `lease`, `retry_after_ms` if the API said so, `outcome`: `ok`, `error`, `timeout`, `rejected` | one call of a worker to the external API |
//! | `process` | `job`, `trace_id`, `outcome`: `ok`, `repeated`, `limited`, `poison`, `client-error`, `cancelled` | the same call, in the external API |
//! | events `job processed`, `job was processed already` | `job` | each effect in the external API, and each call that had none because its key was known |
//! | event `job out of order` | `job`, `stream` | an effect whose payload has a `stream` and a smaller `n` than one before it |
//! | `store` | `job`, `trace_id`, `outcome`: `ok`, `error` | one result on its way into the store |
//! | events `job accepted`, `job leased`, `job acknowledged`, `job put back`, `job dead-lettered`, `job replayed`, `job handed back`, `lease expired` | `job`; `policy` of a replay that nobody asked for | each transition of a job, in the broker |
//! | event `lease used` | `job`, `lease` | a worker said what became of a job, and was believed; `job leased`, `lease expired` and `job handed back` name the `lease` too |
//! | events `job stored`, `job was stored already` | `job` | each result, in the store |
//! | event in target `breaker` | `dependency`, `from`, `to`: `closed`, `open`, `half-open` | each transition |
//! | event `seeded`, `could not be seeded` | `from`: `peer`, `snapshot`; `items` or `error` | warm-up of a cache |
//! | event `warm` | `items`, `took_ms`, `version` | the cache is ready |
//! | event `about to stop` | `delay_ms` | the pre-stop hook was called |
//! | event `item fetched by itself` | `item` | the catalog was asked for a single item: some cache had to answer without it |
//! | events `configuration read again`, `configuration refused, the one before stays` | `changed`; `error` | on SIGHUP, and when the file has changed |
//! | event `left an endpoint out` | `endpoint`, `for_ms` | the load balancer ejected an outlier |
//! | `place` | `order`, `trace_id`, `outcome`: `ok`, `refused` | an order on its way into the orders |
//! | `saga` | `order`, `trace_id`, `outcome`: `completed`, `cancelled` | from an order being placed, or taken up again after a restart, until it is final |
//! | `call`, child of `saga` | `dependency`, `order`, `asks`: `perform`, `undo`, `attempt`, `outcome`: `ok`, `refused`, `timeout`, `error`, `rejected` | one call of the orders to one who takes part |
//! | `serve` | `dependency`, `order`, `asks`, `trace_id`, `outcome`: `ok`, `error` | the same call, in the one who takes part |
//! | events `order placed`, `order turned back`, `order completed`, `order cancelled` | `order`; `reason` of the turn | each transition of an order |
//! | events `stock reserved`, `stock released`, `card charged`, `card refunded`, `parcel shipped`, `shipment cancelled` | `order`, `key` | each effect in one who takes part, and each that is taken back |
//! | events `refused for good`, `undone before it was done`, `nothing was left to do` | `order`, `key` | calls that had no effect |
//! | event `customer notified` | `event`, `order`, `customer`, `kind`: `placed`, `completed`, `cancelled`, `reason` | each effect of an event |
//! | event `events were delivered again` | `repeated` | a delivery of events that were known |
//! | event `left an endpoint out` | `endpoint`, `for_ms`, of the API `dependency` | the load balancer or the API ejected an outlier |
//! | events `an endpoint is well`, `an endpoint is not well` | `dependency`, `endpoint`; `check` | what one of several endpoints says of its health has changed |
//!
//! Transitions that are durable are logged once they are. Those of the last batch before a crash
//! are logged again on recovery, with `recovered=true`: nobody knows whether they were before.
//!
//! Cache and load balancer make no span for a request at this level: at 10,000 a second their
//! metrics say more.

pub mod aggregation;
mod alarm;
mod backoff;
pub mod balancer;
mod breaker;
mod budget;
mod bulkhead;
pub mod cache;
pub mod catalog;
pub mod cli;
mod client;
pub mod config;
pub mod defect;
pub mod dependency;
mod endpoints;
pub mod external_api;
mod ids;
pub mod journal;
mod lease;
mod logs;
mod metrics;
pub mod notifications;
pub mod orders;
mod otlp;
pub mod participant;
pub mod pb;
pub mod queue_broker;
pub mod relay;
pub mod result_store;
pub mod server;
pub mod stock_replica;
pub mod tls;
mod traced;
mod window;
pub mod worker;
