//! Certificates on the disks of hosts, as those find them to whom a kubelet mounts a secret: a service
//! is started once its files are there, and they may be replaced while it runs.
//!
//! They are those of `fixtures/certificates`. A host gets the files that its configuration names, and
//! no others.

use std::path::{Path, PathBuf};

use reference_services::{
    aggregation, dependency, queue_broker, result_store,
    server::Error as ServiceError,
    tls::{ClientTls, ServerTls},
    worker,
};
use serde_json::{Value, json};
use squall::{Services, plan::Processes};
use tokio::{fs, time::sleep};

use crate::shop::{DEPENDENCIES, Shop, ms};

/// When certificates that run out are replaced: a second and a half before.
const RENEWED_AFTER: std::time::Duration = ms(2_500);

/// Why secured connections are not for real processes.
pub(crate) const NAMES_ARE_ADDRESSES: &str =
    "hosts have addresses here, and certificates are for their names";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The content of a file of `fixtures/certificates`.
macro_rules! fixtures {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../fixtures/certificates/", $name)))),*]
    };
}

const FIXTURES: &[(&str, &[u8])] = fixtures! {
    "authority.pem"
    "api.pem" "api.key" "api-short.pem" "api-short.key"
    "inventory.pem" "inventory.key" "inventory-short.pem" "inventory-short.key"
    "pricing.pem" "pricing.key" "pricing-short.pem" "pricing-short.key"
    "reviews.pem" "reviews.key" "reviews-short.pem" "reviews-short.key"
    "recommendations.pem" "recommendations.key"
    "recommendations-short.pem" "recommendations-short.key"
    "reviews-forged.pem" "reviews-forged.key" "somebody-else.pem" "somebody-else.key"
    "broker.pem" "broker.key" "store.pem" "store.key" "worker.pem" "worker.key"
};

/// What a listener is configured with that shows this certificate, and asks clients for one.
pub(crate) fn server(name: &str) -> Value {
    json!({
        "certificate": format!("tls/{name}.pem"),
        "key": format!("tls/{name}.key"),
        "client_authority": "tls/authority.pem",
    })
}

/// What a client is configured with that shows this certificate.
pub(crate) fn client(name: &str) -> Value {
    json!({
        "authority": "tls/authority.pem",
        "certificate": format!("tls/{name}.pem"),
        "key": format!("tls/{name}.key"),
    })
}

/// The same for one that has none.
pub(crate) fn nobody() -> Value {
    json!({ "authority": "tls/authority.pem" })
}

/// What an API is configured with that calls its dependencies over TLS.
pub(crate) fn upstreams(tls: &Value) -> Value {
    let mut upstreams = json!({ "tls": tls });
    for (kind, port) in DEPENDENCIES {
        upstreams[kind] = format!("https://{kind}:{port}").into();
    }
    json!({ "upstreams": upstreams })
}

/// The shop with mutual TLS between the API and its dependencies.
pub(crate) fn secured(mut shop: Shop) -> Shop {
    for (kind, _) in DEPENDENCIES {
        shop = shop.configure(kind, &json!({ "grpc": { "tls": server(kind) } }));
    }
    shop.configure("api", &upstreams(&client("api")))
        .services(|services| {
            services.with("dependency", dependency).with("aggregation-api", aggregation_api)
        })
        .plan(|plan| plan.on_processes(Processes::new().refused(NAMES_ARE_ADDRESSES)))
}

/// The same with certificates that run out soon, and others that take their place before that.
pub(crate) fn renewed(shop: Shop) -> Shop {
    secured(shop).services(|services| {
        services
            .with("dependency", renewed_dependency)
            .with("aggregation-api", renewed_aggregation_api)
    })
}

/// The pool with services that find their files.
pub(crate) fn of_pool(services: Services) -> Services {
    services
        .with("queue-broker", |config: queue_broker::Config| {
            mounted(of_server(config.grpc.tls.as_ref()), queue_broker::run(config.into()))
        })
        .with("result-store", |config: result_store::Config| {
            mounted(of_server(config.grpc.tls.as_ref()), result_store::run(config.into()))
        })
        .with("worker", |config: worker::Config| {
            mounted(of_client(config.tls.as_ref()), worker::run(config.into()))
        })
}

fn of_dependency(config: &dependency::Config) -> Vec<PathBuf> {
    of_server(config.grpc.tls.as_ref())
}

fn of_api(config: &aggregation::Config) -> Vec<PathBuf> {
    of_client(config.upstreams.tls.as_ref())
}

async fn dependency(config: dependency::Config) -> Result<(), Error> {
    mounted(of_dependency(&config), dependency::run(config.into())).await
}

async fn aggregation_api(config: aggregation::Config) -> Result<(), Error> {
    mounted(of_api(&config), aggregation::run(config.into())).await
}

async fn renewed_dependency(config: dependency::Config) -> Result<(), Error> {
    replaced(of_dependency(&config), dependency::run(config.into())).await
}

async fn renewed_aggregation_api(config: aggregation::Config) -> Result<(), Error> {
    replaced(of_api(&config), aggregation::run(config.into())).await
}

fn of_server(tls: Option<&ServerTls>) -> Vec<PathBuf> {
    let files = |tls: &ServerTls| {
        let own = [tls.certificate.clone(), tls.key.clone()];
        own.into_iter().chain(tls.client_authority.clone()).collect()
    };
    tls.map(files).unwrap_or_default()
}

fn of_client(tls: Option<&ClientTls>) -> Vec<PathBuf> {
    let files = |tls: &ClientTls| {
        let own = tls.certificate.iter().chain(&tls.key);
        std::iter::once(&tls.authority).chain(own).cloned().collect()
    };
    tls.map(files).unwrap_or_default()
}

/// A service whose files are there when it starts.
async fn mounted(
    paths: Vec<PathBuf>,
    service: impl Future<Output = Result<(), ServiceError>>,
) -> Result<(), Error> {
    write(&paths, "").await?;
    Ok(service.await?)
}

/// A service whose certificate runs out soon and is replaced before.
async fn replaced(
    paths: Vec<PathBuf>,
    service: impl Future<Output = Result<(), ServiceError>>,
) -> Result<(), Error> {
    write(&paths, "-short").await?;
    let replacing = async {
        sleep(RENEWED_AFTER).await;
        let replaced = write(&paths, "").await;
        tracing::info!("certificate renewed");
        match replaced {
            Ok(()) => std::future::pending().await,
            Err(error) => Err(error),
        }
    };
    tokio::select! {
        ended = service => Ok(ended?),
        failed = replacing => failed,
    }
}

/// Writes files, each beside its place and then into it. Of what has a variant it is taken.
async fn write(paths: &[PathBuf], variant: &str) -> Result<(), Error> {
    for path in paths {
        let content = content(path, variant)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).await?;
        }
        let beside = path.with_extension("new");
        fs::write(&beside, content).await?;
        fs::rename(&beside, path).await?;
    }
    Ok(())
}

fn content(path: &Path, variant: &str) -> Result<&'static [u8], Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let varied = name.replace('.', &format!("{variant}."));
    let found = |wanted: &str| FIXTURES.iter().find(|(name, _)| *name == wanted);
    let (_, content) = found(&varied)
        .or_else(|| found(name))
        .ok_or_else(|| format!("{}: expected the name of a fixture", path.display()))?;
    Ok(content)
}
