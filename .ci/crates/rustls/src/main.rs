//! reqwest over TLS, with rustls on both ends: a handshake draws its keys from the seed.

use std::sync::Arc;

use axum::{Router, routing::get};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use works::{Done, Trial, calls, ms};

/// A certificate for the name `server`, and its key.
#[derive(Clone)]
struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["server".to_owned()]).expect("a name");
        Self { certificate: made.cert.der().clone(), key: made.signing_key.serialize_der() }
    }
}

async fn server(identity: Identity) -> Done {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let app = Router::new().route("/", get(async || "sealed"));
    let listener = TcpListener::bind("0.0.0.0:443").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, app) = (acceptor.clone(), app.clone());
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await?;
            let service = TowerToHyperService::new(app);
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            served.await.map_err(std::io::Error::other)
        });
    }
}

async fn client(identity: Identity) -> Done {
    let root = reqwest::Certificate::from_der(&identity.certificate)?;
    let client = reqwest::Client::builder().tls_certs_only([root]).timeout(ms(200)).build()?;
    let untrusting = reqwest::Client::builder().tls_certs_only([]).build()?;
    let refused = untrusting.get("https://server/").send().await.is_err();
    works::log(&format!("refused {refused}"));
    calls(|_| {
        let request = client.get("https://server/");
        async move { request.send().await?.text().await }
    })
    .await
}

fn main() {
    ring::default_provider().install_default().expect("it is the only one");
    let identity = Identity::new();
    let of_client = identity.clone();
    Trial::new("rustls")
        .host("server", move || server(identity.clone()))
        .host("client", move || client(of_client.clone()))
        .outages()
        .works(|seen| {
            seen.lives_through_outages();
            assert_eq!(seen.said("client", "answered 3: ")[0].1, "sealed");
            assert_eq!(seen.said("client", "refused ")[0].1, "true");
        });
}
