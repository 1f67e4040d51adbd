//! TLS of the Kubernetes API of a cluster: one certificate, HTTP/2 too, and client certificates.
use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use wharf_eks::running::Credentials;
use wharf_kubernetes::api::PeerCertificate;

/// Our end of TLS connections to a cluster. Can be changed while connections are open: new ones get
/// what is new.
#[derive(Clone, Debug)]
pub(crate) struct ClusterTls(Arc<RwLock<Arc<Side>>>);

/// What new connections get.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) config: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl ClusterTls {
    pub(crate) fn new(credentials: &Credentials) -> io::Result<Self> {
        let side = Arc::new(side(credentials)?);
        Ok(Self(Arc::new(RwLock::new(side))))
    }

    /// Shows another certificate from now on, and trusts other clients.
    pub(crate) fn replace(&self, credentials: &Credentials) -> io::Result<()> {
        let side = Arc::new(side(credentials)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = side;
        Ok(())
    }

    pub(super) fn side(&self) -> Arc<Side> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Side {
    /// The certificate that a client showed, if it is one of this cluster and of today.
    pub(super) fn verified(&self, session: &ServerConnection) -> Option<PeerCertificate> {
        let (shown, chain) = session.peer_certificates()?.split_first()?;
        let verified = self
            .clients
            .verify_client_cert(shown, chain, UnixTime::now());
        match verified {
            Ok(_) => Some(PeerCertificate(shown.to_vec())),
            Err(error) => {
                tracing::debug!(%error, "the certificate of a client counts for nothing");
                None
            }
        }
    }
}

/// Asks for a certificate, and ends no handshake because of one: as Kubernetes does it, whoever shows
/// one that is not good is a client without one, which then gets a 401 that it can read. That the
/// client has the certificate's key is checked here; [`Side::verified`] checks all else.
#[derive(Debug)]
struct Asking(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn side(credentials: &Credentials) -> io::Result<Side> {
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
        .with_client_cert_verifier(Arc::new(Asking(Arc::clone(&clients))))
        .with_single_cert(certificates(&credentials.certificate_pem)?, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Side {
        config: Arc::new(config),
        clients,
    })
}

fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes());
    all.collect::<Result<_, _>>().map_err(io::Error::other)
}
