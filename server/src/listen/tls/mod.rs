//! TLS: a certificate for whatever name of ours a client asks for, made when it first asks.
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rcgen::KeyPair;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::PrivatePkcs8KeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};
use wharf_types::{Clock, Timestamp};

use super::ca::{Authority, Error};
use crate::guard::{Guard, HostKind};

/// The most certificates that are kept.
const MAX_LEAVES: usize = 256;
/// A certificate is made anew at this age, well within its life.
const RENEW_AFTER: Duration = Duration::from_hours(60 * 24);

/// Our end of TLS connections: `http/1.1` only, TLS 1.2 and 1.3, certificates of our own CA.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mint: Arc<Mint>,
    /// One for each address of ours, because a client that sends no name means the address.
    configs: Mutex<HashMap<IpAddr, Arc<ServerConfig>>>,
}

impl Tls {
    /// Opens the CA in `<data_dir>/tls`, making it at the first start, for the names that `guard`
    /// serves.
    ///
    /// # Errors
    ///
    /// When the files cannot be used; the message names the file and says what to do.
    pub fn open(data_dir: &Path, guard: Guard, clock: Clock) -> Result<Self, Error> {
        let public_hosts = guard.public_hosts();
        let authority = Authority::open(&data_dir.join("tls"), public_hosts, clock.now())?;
        for host in public_hosts.iter().filter(|host| !authority.lists(host)) {
            tracing::warn!(
                host,
                "the CA was made before this public host was added: clients will refuse TLS to \
                 it; delete tls/ca.pem and tls/ca.key in the data directory to have a new CA made"
            );
        }
        let mint = Mint::new(authority, guard, clock)?;
        // Fails now rather than in the first handshake.
        mint.sign(&Name::Localhost)?;
        Ok(Self(Arc::new(Inner {
            mint: Arc::new(mint),
            configs: Mutex::default(),
        })))
    }

    /// Where the certificate that clients are to trust is.
    pub fn ca_path(data_dir: &Path) -> PathBuf {
        data_dir.join("tls").join("ca.pem")
    }

    /// The certificate that clients are to trust.
    pub fn ca_pem(&self) -> &str {
        self.0.mint.authority.pem()
    }

    /// How to speak to a client that connected to `local`.
    pub(super) fn config(&self, local: IpAddr) -> io::Result<Arc<ServerConfig>> {
        let local = local.to_canonical();
        let mut configs = lock(&self.0.configs);
        if let Some(config) = configs.get(&local) {
            return Ok(Arc::clone(config));
        }
        let resolver = Resolver {
            mint: Arc::clone(&self.0.mint),
            local,
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        if configs.len() >= MAX_LEAVES {
            configs.clear();
        }
        configs.insert(local, Arc::clone(&config));
        Ok(config)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Chooses the certificate of one connection.
#[derive(Debug)]
struct Resolver {
    mint: Arc<Mint>,
    local: IpAddr,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = self.mint.name(hello.server_name(), self.local);
        match self.mint.leaf(name) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::error!(%error, "cannot make a certificate");
                None
            }
        }
    }
}

/// What a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Localhost,
    Dns(String),
    Ip(IpAddr),
}

impl Name {
    fn alternative_names(&self) -> Vec<String> {
        let local = ["localhost", "127.0.0.1", "::1"].map(String::from);
        match self {
            Self::Localhost => local.into(),
            Self::Dns(name) => vec![name.clone()],
            // Behind a forwarded port the client's 127.0.0.1 is another address here.
            Self::Ip(ip) => {
                let mut names = Vec::from(local);
                names.retain(|name| *name != ip.to_string());
                names.insert(0, ip.to_string());
                names
            }
        }
    }
}

/// Makes certificates and remembers the last used.
#[derive(Debug)]
struct Mint {
    authority: Authority,
    guard: Guard,
    clock: Clock,
    /// One key for all certificates, new in every process and never written anywhere.
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
    leaves: Mutex<Leaves>,
}

#[derive(Debug, Default)]
struct Leaves {
    by_name: HashMap<Name, Leaf>,
    uses: u64,
}

#[derive(Debug)]
struct Leaf {
    certified: Arc<CertifiedKey>,
    renew_at: Timestamp,
    last_use: u64,
}

impl Mint {
    fn new(authority: Authority, guard: Guard, clock: Clock) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self {
            authority,
            guard,
            clock,
            signing: aws_lc_rs::sign::any_supported_type(&private.into())?,
            key,
            leaves: Mutex::default(),
        })
    }

    /// A name that we would answer with 421 gets the certificate of `localhost`: the client's
    /// message then says whose name it is not, and strangers' names cost us no signature and no
    /// room.
    fn name(&self, sni: Option<&str>, local: IpAddr) -> Name {
        let Some(sni) = sni else {
            return Name::Ip(local);
        };
        match self.guard.host_kind(sni) {
            None | Some(HostKind::Ip(_)) => Name::Localhost,
            Some(_) if sni.eq_ignore_ascii_case("localhost") => Name::Localhost,
            Some(_) => Name::Dns(sni.to_ascii_lowercase()),
        }
    }

    fn leaf(&self, name: Name) -> Result<Arc<CertifiedKey>, Error> {
        let now = self.clock.now();
        let mut leaves = lock(&self.leaves);
        leaves.uses += 1;
        let last_use = leaves.uses;
        if let Some(leaf) = leaves.by_name.get_mut(&name)
            && now < leaf.renew_at
        {
            leaf.last_use = last_use;
            return Ok(Arc::clone(&leaf.certified));
        }
        let certified = self.sign(&name)?;
        leaves.make_room();
        let leaf = Leaf {
            certified: Arc::clone(&certified),
            renew_at: now + RENEW_AFTER,
            last_use,
        };
        leaves.by_name.insert(name, leaf);
        Ok(certified)
    }

    fn sign(&self, name: &Name) -> Result<Arc<CertifiedKey>, Error> {
        let names = name.alternative_names();
        let leaf = self.authority.sign(&self.key, names, self.clock.now())?;
        let signing = Arc::clone(&self.signing);
        Ok(Arc::new(CertifiedKey::new(vec![leaf], signing)))
    }
}

impl Leaves {
    fn make_room(&mut self) {
        if self.by_name.len() < MAX_LEAVES {
            return;
        }
        let oldest = self.by_name.iter().min_by_key(|(_, leaf)| leaf.last_use);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests;
