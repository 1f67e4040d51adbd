//! Certificates for servers in a cluster, signed by its authority.
use std::time::Duration;

use futures::{FutureExt as _, future::BoxFuture};
use rcgen::{
    CertificateSigningRequestParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use wharf_kubernetes::certificates::{KUBELET_SERVING, Refusal, Signer, Wanted};
use wharf_types::Timestamp;

use crate::{
    Cx, Error, Place,
    certificate_authorities::{self, Authority},
};

/// What servers are allowed.
const USAGES: [&str; 3] = ["digital signature", "key encipherment", "server auth"];

const NODE: &str = "system:node:";
const NODES: &str = "system:nodes";

/// The authority of a cluster, whichever signs now.
#[derive(Clone, Debug)]
pub(crate) struct ClusterSigner {
    pub(crate) cx: Cx,
    pub(crate) at: Place,
}

impl Signer for ClusterSigner {
    fn sign<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<String, Refusal>> {
        let place = self.at.clone();
        async move {
            let read = self.cx.store.meta().read(move |tx| {
                certificate_authorities::signer(tx, &place.registry, place.cluster())
            });
            let found = read.await;
            let found = found.map_err(|e: Error| Refusal::Unavailable(e.to_string()))?;
            let Some(authority) = found else {
                let why = "the cluster has no authority".to_owned();
                return Err(Refusal::Unavailable(why));
            };
            signed(&authority, wanted)
        }
        .boxed()
    }
}

fn signed(authority: &Authority, wanted: &Wanted) -> Result<String, Refusal> {
    let invalid = |e: rcgen::Error| Refusal::Invalid(format!("unable to parse csr: {e}"));
    let broken = |e: rcgen::Error| Refusal::Unavailable(e.to_string());
    let mut request =
        CertificateSigningRequestParams::from_pem(&wanted.request).map_err(invalid)?;
    check(&request, wanted).map_err(Refusal::Invalid)?;
    let params = &mut request.params;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages.clear();
    params.extended_key_usages.clear();
    for usage in &wanted.usages {
        match usage.as_str() {
            "digital signature" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
            "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
            _server => params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth),
        }
    }
    let last = Timestamp::from_ms(authority.not_after_ms);
    let date = |at: Timestamp| {
        let since_1970 = at.since(Timestamp::from_ms(0));
        date_time_ymd(1970, 1, 1) + Duration::from_secs(since_1970.as_secs())
    };
    params.not_before = date(wanted.not_before);
    params.not_after = date(wanted.not_after.min(last));
    let key = KeyPair::from_pem(&authority.key).map_err(broken)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, key).map_err(broken)?;
    let certificate = request.signed_by(&issuer).map_err(broken)?;
    Ok(certificate.pem())
}

/// Whether the signer takes a request.
fn check(request: &CertificateSigningRequestParams, wanted: &Wanted) -> Result<(), String> {
    if let Some(usage) = wanted
        .usages
        .iter()
        .find(|own| !USAGES.contains(&own.as_str()))
    {
        return Err(format!("usage {usage:?} is not permitted for this signer"));
    }
    let params = &request.params;
    if !matches!(params.is_ca, IsCa::NoCa | IsCa::ExplicitNoCa) {
        return Err("certificates of authorities are not permitted".to_owned());
    }
    if wanted.signer != KUBELET_SERVING {
        return Ok(());
    }
    let subject = &params.distinguished_name;
    let name = text(subject, &DnType::CommonName);
    if text(subject, &DnType::OrganizationName) != NODES {
        return Err(format!("organization in subject is not {NODES}"));
    }
    if !name.starts_with(NODE) {
        return Err(format!("subject common name does not begin with {NODE}"));
    }
    // Only the kubelet itself gets the certificate of its server.
    if wanted.user != name {
        return Err(format!("requested by {}, not by {name}", wanted.user));
    }
    let names = &params.subject_alt_names;
    let is_fine = |one: &SanType| matches!(one, SanType::DnsName(_) | SanType::IpAddress(_));
    if names.is_empty() {
        return Err("DNS or IP subjectAltName is required".to_owned());
    }
    if !names.iter().all(is_fine) {
        return Err("only DNS and IP subjectAltNames are allowed".to_owned());
    }
    if !wanted.usages.iter().any(|usage| usage == "server auth") {
        return Err(
            "usages did not match [digital signature key encipherment server auth]".to_owned(),
        );
    }
    Ok(())
}

fn text(name: &DistinguishedName, kind: &DnType) -> String {
    match name.get(kind) {
        Some(DnValue::Utf8String(text)) => text.clone(),
        Some(DnValue::PrintableString(text)) => text.as_str().to_owned(),
        Some(DnValue::Ia5String(text)) => text.as_str().to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use wharf_kubernetes::certificates::APP_SERVING;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn wanted(signer: &str, subject: &[(DnType, &str)], usages: &[&str]) -> Wanted {
        let mut params = CertificateParams::new(["web.default.svc".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, text) in subject {
            params.distinguished_name.push(kind.clone(), *text);
        }
        let key = KeyPair::generate().unwrap();
        Wanted {
            request: params.serialize_request(&key).unwrap().pem().unwrap(),
            signer: signer.to_owned(),
            user: "system:node:a".to_owned(),
            usages: usages.iter().map(|&usage| usage.to_owned()).collect(),
            not_before: NOW,
            not_after: NOW + Duration::from_hours(1),
        }
    }

    fn node(name: &str, group: &str) -> Vec<(DnType, String)> {
        vec![
            (DnType::CommonName, name.to_owned()),
            (DnType::OrganizationName, group.to_owned()),
        ]
    }

    #[test]
    fn servers_are_signed_and_clients_and_strangers_are_not() {
        let authority = certificate_authorities::generate_for_tests(NOW);
        let web = [(DnType::CommonName, "web")];
        let pem = signed(&authority, &wanted(APP_SERVING, &web, &["server auth"])).unwrap();
        assert!(pem.contains("BEGIN CERTIFICATE"));
        let refused = |wanted: &Wanted| match signed(&authority, wanted) {
            Err(Refusal::Invalid(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused(&wanted(APP_SERVING, &web, &["client auth"])),
            "usage \"client auth\" is not permitted for this signer"
        );
        let mut broken = wanted(APP_SERVING, &web, &["server auth"]);
        broken.request = "no request".to_owned();
        assert!(refused(&broken).starts_with("unable to parse csr"));
        let usages = ["digital signature", "server auth"];
        for (name, group, why) in [
            ("system:node:a", "system:nodes", ""),
            (
                "system:node:b",
                "system:nodes",
                "requested by system:node:a, not by system:node:b",
            ),
            (
                "system:node:a",
                "x",
                "organization in subject is not system:nodes",
            ),
            (
                "a",
                "system:nodes",
                "subject common name does not begin with system:node:",
            ),
        ] {
            let owned = node(name, group);
            let subject: Vec<_> = owned.iter().map(|(k, v)| (k.clone(), v.as_str())).collect();
            let wanted = wanted(KUBELET_SERVING, &subject, &usages);
            if why.is_empty() {
                signed(&authority, &wanted).unwrap();
            } else {
                assert_eq!(refused(&wanted), why);
            }
        }
    }
}
