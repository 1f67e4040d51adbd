//! Our CA as clients see it.
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_types::Clock;

use super::*;
use crate::guard::Guard;

struct Secure {
    server: Server,
    ca: String,
    _dir: TempDir,
}

impl Secure {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let guard = Guard::new(&["registry.example".into(), "192.0.2.9".into()]);
        let tls = Tls::open(dir.path(), guard, Clock::System).unwrap();
        let ca = tls.ca_pem().to_owned();
        let show = |Extension(c): Extension<Connection>| async move { format!("tls={}", c.tls) };
        let router = Router::new().route("/", get(show));
        Self {
            server: Server::start(router, patient(), Some(tls)),
            ca,
            _dir: dir,
        }
    }

    async fn connect(&self, name: &str, alpn: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap())
            .unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = self.server.connect().await;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

#[tokio::test]
async fn one_port_speaks_both() {
    let secure = Secure::start();
    let mut plain = secure.server.connect().await;
    assert!(one(&mut plain, GET).await.ends_with("tls=false"));
    let mut encrypted = secure.connect("localhost", &[]).await.unwrap();
    assert!(one(&mut encrypted, GET).await.ends_with("tls=true"));
    assert!(one(&mut encrypted, GET).await.ends_with("tls=true"));
    secure.server.stop().await;
    assert_eq!(rest(&mut encrypted).await, "");
}

#[tokio::test]
async fn every_name_of_ours_has_a_certificate() {
    let secure = Secure::start();
    for name in [
        "localhost",
        "127.0.0.1",
        "console.localhost",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com",
        "000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com.localhost",
        "000000000000.dkr-ecr.us-east-1.on.aws",
        "ecr.us-east-1.api.aws",
        "public.ecr.aws",
        "registry.example",
    ] {
        let mut stream = secure
            .connect(name, &["http/1.1"])
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(one(&mut stream, GET).await.ends_with("tls=true"));
    }
}

#[tokio::test]
async fn other_names_get_the_certificate_of_localhost() {
    let secure = Secure::start();
    let error = secure.connect("evil.test", &[]).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("evil.test") && text.contains("localhost"),
        "{text}"
    );
}

#[tokio::test]
async fn q13_only_http11_is_offered() {
    let secure = Secure::start();
    let both = secure
        .connect("localhost", &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(
        both.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
    secure.connect("localhost", &["h2"]).await.unwrap_err();
}

#[tokio::test]
async fn without_tls_a_handshake_is_a_bad_request() {
    let server = Server::start(hello(), patient(), None);
    let response = server.send("\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n").await;
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 400"),
        "{response}"
    );
}
