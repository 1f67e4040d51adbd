//! Certificates, chosen by the name that a client asks for.
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    #[error("there is no certificate in PEM")]
    NoCertificate,
    #[error("there is no private key in PEM")]
    NoKey,
    #[error("the key cannot be used, or is of another certificate")]
    Key(#[source] rustls::Error),
    #[error("no certificate could be made")]
    Mint(#[from] rcgen::Error),
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Certificate(Arc<CertifiedKey>);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Certificate {
    /// A chain and its key, as a secret of type `kubernetes.io/tls` has them.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, BadCertificate> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.unwrap_or_default();
        if chain.is_empty() {
            return Err(BadCertificate::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .ok()
            .ok_or(BadCertificate::NoKey)?;
        Self::new(chain, key)
    }

    /// One that nobody signed but itself.
    pub fn self_signed(names: Vec<String>) -> Result<Self, BadCertificate> {
        let made = rcgen::generate_simple_self_signed(names)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Self::new(vec![made.cert.der().clone()], key.into())
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, BadCertificate> {
        let provider = aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider);
        Ok(Self(Arc::new(certified.map_err(BadCertificate::Key)?)))
    }
}

/// The certificates of all names.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// In lower case; `*.` stands for one label.
    pub by_host: HashMap<String, Certificate>,
    /// For all other names.
    pub otherwise: Certificate,
}

impl Certificates {
    fn find(&self, name: &str) -> &Certificate {
        let name = name.to_ascii_lowercase();
        let exact = self.by_host.get(&name);
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.by_host.get(&format!("*.{parent}"))
        };
        exact.or_else(wild).unwrap_or(&self.otherwise)
    }
}

#[derive(Debug)]
struct Resolver(watch::Receiver<Arc<Certificates>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let all = self.0.borrow();
        let name = hello.server_name().unwrap_or_default();
        Some(Arc::clone(&all.find(name).0))
    }
}

/// How to speak to clients, always with the latest certificates.
pub(super) fn config(
    certificates: watch::Receiver<Arc<Certificates>>,
) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(certificates)));
    config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

pub(super) const HTTP2: &[u8] = b"h2";
