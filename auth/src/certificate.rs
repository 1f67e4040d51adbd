//! Who a client certificate stands for, as Kubernetes reads its subject.
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer as _, x509::AttributeTypeAndValue,
};

use crate::Error;

/// What a certificate says of its holder. Only the TLS layer knows whether it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The common name: the user. Never empty.
    pub user: String,
    /// The organizations: the groups.
    pub groups: Vec<String>,
}

/// Reads the holder out of the DER of a certificate whose chain was verified. `None` if the
/// certificate names nobody.
pub fn holder(der: &[u8]) -> Result<Option<Holder>, Error> {
    let (_rest, certificate) =
        X509Certificate::from_der(der).map_err(|e| Error::Certificate(e.into()))?;
    let subject = certificate.subject();
    // Of several names Go, and so Kubernetes, takes the last.
    let user = subject.iter_common_name().filter_map(text).last();
    let groups = subject.iter_organization().filter_map(text).collect();
    Ok(user
        .filter(|user| !user.is_empty())
        .map(|user| Holder { user, groups }))
}

fn text(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    attribute.as_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_the_user_and_organizations_are_groups() {
        let der = certificate(&[
            (DnType::CommonName, "system:node:ip-10-0-0-1"),
            (DnType::OrganizationName, "system:nodes"),
        ]);
        let holder = holder(&der).unwrap().unwrap();
        assert_eq!(holder.user, "system:node:ip-10-0-0-1");
        assert_eq!(holder.groups, ["system:nodes"]);
    }

    #[test]
    fn a_certificate_without_a_common_name_is_nobody() {
        let der = certificate(&[(DnType::OrganizationName, "system:masters")]);
        assert_eq!(holder(&der).unwrap(), None);
        assert!(holder(b"").is_err());
        assert!(holder(&der[..der.len() / 2]).is_err());
    }
}
