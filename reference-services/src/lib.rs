//! Real services for Squall to break: an aggregation API and its four dependencies.
//!
//! They run as processes on real sockets and, unchanged, inside a simulated world:
//!
//! | binary | listens on | answers |
//! | --- | --- | --- |
//! | `aggregation-api` | 127.0.0.1:8080 | `GET /products/{id}`, `/healthz`, `/readyz`, `/metrics` |
//! | `inventory` | 127.0.0.1:50051 | `inventory.v1.Inventory/GetStock`, gRPC health |
//! | `pricing` | 127.0.0.1:50052 | `pricing.v1.Pricing/GetPrice`, gRPC health |
//! | `reviews` | 127.0.0.1:50053 | `reviews.v1.Reviews/GetReviews`, gRPC health |
//! | `recommendations` | 127.0.0.1:50054 | `recommendations.v1.Recommendations/GetRecommendations`, gRPC health |
//! | `catalog-source` | 127.0.0.1:50061 | `catalog.v1.Catalog/ListItems`, `GetItem`, gRPC health |
//!
//! ```no_run
//! use reference_services::{aggregation, dependency};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let mut reviews = dependency::Config::new(dependency::Kind::Reviews);
//! reviews.latency = Some(dependency::Latency::Constant { ms: 12.0 });
//! tokio::spawn(dependency::run(reviews));
//!
//! let api: aggregation::Config = serde_json::from_value(serde_json::json!({
//!     "listen": "0.0.0.0:8080",
//!     "upstreams": { "reviews": "http://127.0.0.1:50053" },
//!     "breaker": { "open_ms": 250 },
//!     "defects": ["sequential-calls"],
//! }))?;
//! aggregation::run(api).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Configuration
//!
//! Defaults, then a TOML file (`--config`), then the environment (`AGGREGATION_API_CPU_US`,
//! `REVIEWS_FAIL_FRACTION`, two underscores between levels: `AGGREGATION_API_BREAKER__OPEN_MS`),
//! then flags (`--listen`, `--set breaker.open_ms=250`, `--defect sequential-calls`).
//! `--print-config` shows the outcome. The fields and their defaults are those of
//! [`aggregation::Config`] and [`dependency::Config`]. A mistake is answered with one sentence
//! and exit code 3.
//!
//! # What an observer sees
//!
//! | span or event | fields | lives |
//! | --- | --- | --- |
//! | `request` | `trace_id`, `outcome`: `ok`, `degraded`, `client-error`, `shed`, `failed`, `cancelled` | from the head of a request for a product to its answer |
//! | `call`, child of `request` | `dependency`, `attempt`, `outcome`: `ok`, `timeout`, `error`, `rejected`, `cancelled` | one attempt |
//! | `serve` | `dependency`, `trace_id`, `outcome`: `ok`, `error`, `cancelled` | one call, in the dependency |
//! | event in target `breaker` | `dependency`, `from`, `to`: `closed`, `open`, `half-open` | each transition |

pub mod aggregation;
mod budget;
mod bulkhead;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod dependency;
pub mod external_api;
mod metrics;
pub mod pb;
pub mod server;
