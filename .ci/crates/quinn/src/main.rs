//! quinn as it is: QUIC over UDP, with its own timers and its own recovery from loss.

use std::{net::SocketAddr, sync::Arc};

use quinn::{ClientConfig, Connection, Endpoint, IdleTimeout, ServerConfig, TransportConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{net::lookup_host, sync::Mutex};
use works::{BoxError, Done, Trial, calls, log, ms};

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

fn transport() -> Result<Arc<TransportConfig>, BoxError> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IdleTimeout::try_from(ms(300))?));
    Ok(Arc::new(transport))
}

async fn server(identity: Identity) -> Done {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key));
    let mut config = ServerConfig::with_single_cert(vec![identity.certificate], key)?;
    config.transport_config(transport()?);
    let endpoint = Endpoint::server(config, "0.0.0.0:443".parse()?)?;
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let served = serve(incoming).await;
            log(&format!("connection ended: {served:?}"));
        });
    }
    Ok(())
}

async fn serve(incoming: quinn::Incoming) -> Done {
    let connection = incoming.await?;
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        let asked = receive.read_to_end(100_000).await?;
        send.write_all(&asked).await?;
        send.finish()?;
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Connection, BoxError> {
    let address = lookup_host("server:443").await?.next().ok_or("no address")?;
    Ok(endpoint.connect(address, "server")?.await?)
}

/// What a client keeps between its calls.
struct Client {
    endpoint: Endpoint,
    connection: Mutex<Option<Connection>>,
}

/// Sends a text and waits until it comes back, on a connection that is kept as long as that works.
async fn ask(client: Arc<Client>, number: u64) -> Result<String, BoxError> {
    let mut kept = client.connection.lock().await;
    let connection = match kept.take() {
        Some(connection) => connection,
        None => connect(&client.endpoint).await?,
    };
    let (mut send, mut receive) = connection.open_bi().await?;
    let text = format!("{number} ").repeat(2_000);
    send.write_all(text.as_bytes()).await?;
    send.finish()?;
    let answer = receive.read_to_end(100_000).await?;
    *kept = Some(connection);
    if answer == text.as_bytes() {
        Ok(format!("{} bytes", answer.len()))
    } else {
        Err("wrong".into())
    }
}

async fn client(identity: Identity) -> Done {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.certificate)?;
    let mut config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    config.transport_config(transport()?);
    let mut endpoint = Endpoint::client(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    endpoint.set_default_client_config(config);
    let client = Arc::new(Client { endpoint, connection: Mutex::default() });
    calls(move |number| ask(Arc::clone(&client), number)).await
}

fn main() {
    let identity = Identity::new();
    let of_client = identity.clone();
    Trial::new("quinn")
        .host("server", move || server(identity.clone()))
        .host("client", move || client(of_client.clone()))
        .outages()
        .works(|seen| {
            seen.lives_through_outages();
            assert_eq!(seen.said("client", "answered 3: ")[0].1, "4000 bytes");
        });
}
