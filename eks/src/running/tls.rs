//! The certificate that a cluster's port shows.
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use wharf_types::Timestamp;

use super::Credentials;
use crate::{Error, certificate_authorities::Authority};

/// Names of every API server; the last two are those of the first address of services by default.
const NAMES: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "10.100.0.1",
    "172.20.0.1",
];

const LIFE: Duration = Duration::from_hours(24 * 365);
/// Clocks of clients may be behind.
const BACKDATED: Duration = Duration::from_hours(24);

/// Makes a key and a certificate for it, good for a year, for the names of every API server and one
/// more.
pub(super) fn mint(
    authority: &Authority,
    name: &str,
    now: Timestamp,
) -> Result<Credentials, Error> {
    let minted = minted(authority, name, now);
    minted.map_err(Error::running)
}

fn minted(authority: &Authority, name: &str, now: Timestamp) -> Result<Credentials, rcgen::Error> {
    let signer = KeyPair::from_pem(&authority.key)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, signer)?;
    let mut names: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let since_1970 = now.since(Timestamp::from_ms(0));
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(since_1970.as_secs());
    params.not_before = now - BACKDATED;
    params.not_after = now + LIFE;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Credentials {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        client_ca_pem: authority.certificate.clone(),
    })
}
