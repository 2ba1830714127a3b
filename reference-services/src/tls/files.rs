//! Files of TLS: reading them, and what they are good for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    ClientConfig, Error as RustlsError, InconsistentKeys, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject},
    },
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use tokio::{fs::File, io::AsyncReadExt};

use super::{
    config::{ClientTls, ServerTls},
    error::TlsError,
    protocol::Protocol,
    unverified,
    validity::Validity,
};

/// No chain and no list of authorities is near this.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file, with what is in it.
pub(super) struct Content {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

/// What was made of files, and until when the certificate among them is valid, if there is one.
pub(super) struct Made<T> {
    pub(super) config: Arc<T>,
    pub(super) not_after: Option<i64>,
}

/// Reads a file.
pub(super) async fn read(path: &Path) -> Result<Content, TlsError> {
    let mut bytes = Vec::new();
    let read = async {
        let mut file = File::open(path).await?.take(FILE_BYTES_MAX + 1);
        file.read_to_end(&mut bytes).await
    };
    read.await.map_err(|error| TlsError::unreadable(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let expected = format!("at most {FILE_BYTES_MAX} bytes");
        return Err(TlsError::new(path, expected, "more"));
    }
    Ok(Content { path: path.to_owned(), bytes })
}

/// The files of a listener, in the order in which [`server`] takes them.
pub(super) fn of_server(tls: &ServerTls) -> Vec<PathBuf> {
    let own = [&tls.certificate, &tls.key];
    own.into_iter().chain(&tls.client_authority).cloned().collect()
}

/// What a listener does with its files.
pub(super) fn server(
    protocol: Protocol,
    files: &[Content],
) -> Result<Made<ServerConfig>, TlsError> {
    let [certificate, key, authority @ ..] = files else {
        unreachable!("a listener has a certificate and a key")
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has all that is asked of it");
    let builder = match authority.first() {
        Some(authority) => {
            let roots = Arc::new(roots(authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let bad = |error| TlsError::new(&authority.path, "authorities of clients", error);
            builder.with_client_cert_verifier(verifier.map_err(bad)?)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, not_after) = chain(certificate)?;
    let mut config = builder
        .with_single_cert(chain, private_key(key)?)
        .map_err(|error| unusable(certificate, key, error))?;
    config.alpn_protocols = protocol.names();
    // Whoever comes again is looked at again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Made { config: Arc::new(config), not_after: Some(not_after) })
}

/// The files of a client, in the order in which [`client`] takes them.
pub(super) fn of_client(tls: &ClientTls) -> Vec<PathBuf> {
    let own = tls.certificate.iter().chain(&tls.key);
    std::iter::once(&tls.authority).chain(own).cloned().collect()
}

/// What a client does with its files.
pub(super) fn client(unverified: bool, files: &[Content]) -> Result<Made<ClientConfig>, TlsError> {
    let [authority, own @ ..] = files else { unreachable!("a client has an authority") };
    let roots = roots(authority)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has all that is asked of it");
    let builder = if unverified {
        unverified::verifier(builder, provider)
    } else {
        builder.with_root_certificates(roots)
    };
    let (mut config, not_after) = match own {
        [certificate, key] => {
            let (chain, not_after) = chain(certificate)?;
            let config = builder
                .with_client_auth_cert(chain, private_key(key)?)
                .map_err(|error| unusable(certificate, key, error))?;
            (config, Some(not_after))
        }
        _ => (builder.with_no_client_auth(), None),
    };
    config.resumption = Resumption::disabled();
    Ok(Made { config: Arc::new(config), not_after })
}

/// The authorities in a file, at least one.
fn roots(file: &Content) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        let expected = "certificates of authorities";
        roots.add(authority).map_err(|error| TlsError::new(&file.path, expected, error))?;
    }
    Ok(roots)
}

/// The certificates in a file, the first of which is valid now, and until when it is.
fn chain(file: &Content) -> Result<(Vec<CertificateDer<'static>>, i64), TlsError> {
    let chain = certificates(file)?;
    let expected = "a certificate in X.509";
    let validity = chain.first().and_then(|first| Validity::of(first));
    let Validity { not_before, not_after } =
        validity.ok_or_else(|| TlsError::new(&file.path, expected, "something else"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let expected = "a certificate that is valid now";
    if now > not_after {
        let found = format!("one that ended {} s ago", now - not_after);
        return Err(TlsError::new(&file.path, expected, found));
    }
    if now < not_before {
        let found = format!("one that begins in {} s", not_before - now);
        return Err(TlsError::new(&file.path, expected, found));
    }
    Ok((chain, not_after))
}

fn certificates(file: &Content) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.bytes).collect();
    let expected = "certificates in PEM";
    let bad = |error: PemError| TlsError::new(&file.path, expected, error);
    let certificates = certificates.map_err(bad)?;
    if certificates.is_empty() {
        return Err(TlsError::new(&file.path, expected, "none"));
    }
    Ok(certificates)
}

fn private_key(file: &Content) -> Result<PrivateKeyDer<'static>, TlsError> {
    let expected = "a private key in PEM";
    PrivateKeyDer::from_pem_slice(&file.bytes).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::new(&file.path, expected, "none"),
        // What cannot be read may be half a key: it is not shown.
        _ => TlsError::new(&file.path, expected, "something else"),
    })
}

fn unusable(certificate: &Content, key: &Content, error: RustlsError) -> TlsError {
    match error {
        RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let expected = format!("the key of {}", certificate.path.display());
            TlsError::new(&key.path, expected, "another one")
        }
        RustlsError::InvalidCertificate(_) => {
            TlsError::new(&certificate.path, "a certificate in X.509", error)
        }
        error => TlsError::new(&key.path, "a key that ring can use", error),
    }
}
