//! TLS of the Kubernetes API of a cluster: one certificate, HTTP/2 too, and client certificates.
use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use wharf_eks::running::Credentials;

/// Our end of TLS connections to a cluster. Can be changed while connections are open: new ones get
/// what is new.
#[derive(Clone, Debug)]
pub(crate) struct ClusterTls(Arc<RwLock<Arc<ServerConfig>>>);

impl ClusterTls {
    pub(crate) fn new(credentials: &Credentials) -> io::Result<Self> {
        let config = Arc::new(server_config(credentials)?);
        Ok(Self(Arc::new(RwLock::new(config))))
    }

    /// Shows another certificate from now on, and trusts other clients.
    pub(crate) fn replace(&self, credentials: &Credentials) -> io::Result<()> {
        let config = Arc::new(server_config(credentials)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn server_config(credentials: &Credentials) -> io::Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut trusted = RootCertStore::empty();
    for authority in certificates(&credentials.client_ca_pem)? {
        trusted.add(authority).map_err(io::Error::other)?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(trusted.into(), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(io::Error::other)?;
    let key =
        PrivateKeyDer::from_pem_slice(credentials.key_pem.as_bytes()).map_err(io::Error::other)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&credentials.certificate_pem)?, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes());
    all.collect::<Result<_, _>>().map_err(io::Error::other)
}
