//! The certificate authority of this installation: made once, kept in two files.
//!
//! # Guarantees
//!
//! * Its name constraints bind it to names and addresses that are local or ours, so that trusting it
//!   lets nobody impersonate the rest of the internet.
//! * The key is on disk before the certificate, each whole or not at all. A key alone was never
//!   shown to anybody and is replaced; a certificate without its key may be trusted somewhere, so
//!   that is an error for a person to resolve.
use std::{
    fs, io,
    io::Write as _,
    net::IpAddr,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SerialNumber, date_time_ymd,
};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use wharf_types::Timestamp;

/// Clocks of clients may be behind ours.
const BACKDATED: Duration = Duration::from_hours(1);
const CA_LIFE: Duration = Duration::from_hours(3652 * 24);
const LEAF_LIFE: Duration = Duration::from_hours(90 * 24);

/// Names that a certificate may be for, with all below them.
const DNS: [&str; 7] = [
    "localhost",
    "amazonaws.com",
    "amazonaws.com.cn",
    "on.aws",
    "api.aws",
    "public.ecr.aws",
    "host.docker.internal",
];
/// Addresses that a certificate may be for: loopback, private, link-local, carrier-grade NAT.
const NETWORKS: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Why there is no certificate authority.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read or write {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} {problem}; put it right, or delete ca.pem and ca.key to have a new CA made, which \
         clients must then be told to trust again",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Signs certificates.
#[derive(Debug)]
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// Reads the authority from `dir`, or makes it there, for the usual names and `public_hosts`.
    pub(super) fn open(dir: &Path, public_hosts: &[String], now: Timestamp) -> Result<Self, Error> {
        let (cert_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        let (cert, key) = (read(&cert_path)?, read(&key_path)?);
        match (cert, key) {
            (None, _) => Self::create(dir, public_hosts, now),
            (Some(_), None) => Err(damaged(&key_path, "is missing")),
            (Some(cert), Some(key)) => {
                check_mode(&key_path)?;
                Self::load(&cert, &key, &cert_path, &key_path)
            }
        }
    }

    fn load(cert: &str, key: &str, cert_path: &Path, key_path: &Path) -> Result<Self, Error> {
        let no_key = |_| damaged(key_path, "holds no private key");
        let pair = KeyPair::from_pem(key).map_err(no_key)?;
        let der = CertificateDer::from_pem_slice(cert.as_bytes())
            .map_err(|_malformed| damaged(cert_path, "holds no certificate"))?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_malformed| damaged(key_path, "holds no private key"))?;
        let signing = aws_lc_rs::sign::any_supported_type(&private)?;
        if CertifiedKey::new(vec![der.clone()], signing)
            .keys_match()
            .is_err()
        {
            return Err(damaged(key_path, "is not the key of ca.pem"));
        }
        let issuer = Issuer::from_ca_cert_der(&der, pair)
            .map_err(|_malformed| damaged(cert_path, "holds no certificate of ours"))?;
        Ok(Self {
            issuer,
            der,
            pem: cert.to_owned(),
        })
    }

    fn create(dir: &Path, public_hosts: &[String], now: Timestamp) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let params = ca_params(public_hosts, now)?;
        let certificate = params.self_signed(&key)?;
        let pem = certificate.pem();
        make_dir(dir)?;
        write(dir, "ca.key", &key.serialize_pem(), 0o600)?;
        write(dir, "ca.pem", &pem, 0o644)?;
        tracing::info!(path = %dir.join("ca.pem").display(), "made a certificate authority");
        Ok(Self {
            issuer: Issuer::new(params, key),
            der: certificate.der().clone(),
            pem,
        })
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether the constraints list `name` itself. (They hold each name as written, after its tag
    /// and length, and nothing else in our CA has that form.)
    pub(super) fn lists(&self, name: &str) -> bool {
        let bytes = match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => [&[0x87, 8], v4.octets().as_slice(), &[0xff; 4]].concat(),
            Ok(IpAddr::V6(v6)) => [&[0x87, 32], v6.octets().as_slice(), &[0xff; 16]].concat(),
            Err(_name) => {
                let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
                [&[0x82, length], name.as_bytes()].concat()
            }
        };
        self.der.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Signs a server certificate for `key`, for names and addresses in the order given.
    pub(super) fn sign(
        &self,
        key: &KeyPair,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        // Words, not a name: clients would hold a name against the constraints.
        params.distinguished_name = subject("wharf server certificate");
        params.serial_number = Some(serial());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, LEAF_LIFE);
        Ok(params.signed_by(key, &self.issuer)?.into())
    }
}

fn ca_params(public_hosts: &[String], now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    // A new CA has a new name, or clients that knew the old one would take the one for the other.
    let id = uuid::Uuid::new_v4().simple().to_string();
    params.distinguished_name = subject(&format!("wharf local CA {}", id.split_at(8).0));
    params.serial_number = Some(serial());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted(public_hosts),
        excluded_subtrees: Vec::new(),
    });
    set_life(&mut params, now, CA_LIFE);
    Ok(params)
}

fn permitted(public_hosts: &[String]) -> Vec<GeneralSubtree> {
    let dns = DNS
        .iter()
        .map(|name| GeneralSubtree::DnsName((*name).into()));
    let networks = NETWORKS
        .iter()
        .filter_map(|network| network.parse::<CidrSubnet>().ok())
        .map(GeneralSubtree::IpAddress);
    let public = public_hosts
        .iter()
        .map(|host| match host.parse::<IpAddr>() {
            Ok(ip) => {
                let bits = if ip.is_ipv4() { 32 } else { 128 };
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, bits))
            }
            Err(_name) => GeneralSubtree::DnsName(host.to_ascii_lowercase()),
        });
    dns.chain(networks).chain(public).collect()
}

fn subject(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Random: all certificates of a process have one key, from which rcgen would derive one number.
fn serial() -> SerialNumber {
    let mut bytes = uuid::Uuid::new_v4().into_bytes();
    bytes[0] &= 0x7f;
    SerialNumber::from_slice(&bytes)
}

fn set_life(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let since_1970 = now.since(Timestamp::from_ms(0));
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(since_1970.as_secs());
    params.not_before = now - BACKDATED;
    params.not_after = now + life;
}

fn damaged(path: &Path, problem: &'static str) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        problem,
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::File { path, source }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn check_mode(key: &Path) -> Result<(), Error> {
    let mode = fs::metadata(key).map_err(failed(key))?.permissions().mode();
    let others = mode & 0o077;
    if others == 0 {
        Ok(())
    } else {
        Err(damaged(key, "can be read by others (chmod 600 it)"))
    }
}

fn make_dir(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(failed(dir))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed(dir))
}

/// Writes a file so that it is there whole, or not at all, also after a power cut.
fn write(dir: &Path, name: &str, text: &str, mode: u32) -> Result<(), Error> {
    let (new, path) = (dir.join(format!("{name}.new")), dir.join(name));
    let write = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(dir)?.sync_all()
    };
    write().map_err(failed(&path))
}

#[cfg(test)]
mod tests;
