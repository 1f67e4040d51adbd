//! What a certificate authority is, and how one is made.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde::{Deserialize, Serialize};
use wharf_storage::Document;
use wharf_types::{Registry, Timestamp};

use crate::{
    Error, Life, Phase,
    parts::{self, Part},
    shape::enums,
};

/// How long a certificate is good for.
const YEARS: i64 = 10;

enums! {
    Who { Eks = "EKS", Customer = "CUSTOMER" }
    Signing { NotUsed = "NOT_USED", Activating = "ACTIVATING", InUse = "IN_USE" }
}

/// An authority: a document named by cluster and id.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Authority {
    pub id: String,
    /// `UPDATING` while it is being activated; else how far its trust has come.
    pub life: Life,
    pub created_ms: i64,
    pub created_by: Who,
    pub activated_ms: Option<i64>,
    pub activated_by: Option<Who>,
    pub in_use: bool,
    /// Whether it was in use until its successor was activated.
    pub retired: bool,
    pub not_before_ms: i64,
    pub not_after_ms: i64,
    /// PEM.
    pub certificate: String,
    /// PEM. Never shown.
    pub key: String,
    /// The update that is being made.
    #[serde(default)]
    pub update: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.id)
    }
}

impl Document for Authority {
    const KIND: &'static str = "eks-certificate-authority";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Part for Authority {
    fn missing(cluster: &str, id: &str) -> Error {
        let text = format!("No certificate authority found with ID: {id} in cluster: {cluster}");
        Error::not_found(text).cluster(cluster)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        crate::arn(
            registry,
            &format!("certificate-authority/{cluster}/{}", self.id),
        )
    }
}

impl Authority {
    /// As `signingStatus` has it.
    pub const fn signing(&self) -> Signing {
        match self.life.phase {
            Phase::Updating => Signing::Activating,
            _ if self.in_use => Signing::InUse,
            _ => Signing::NotUsed,
        }
    }

    /// As `distributionStatus` has it.
    pub const fn distribution(&self) -> &'static str {
        match self.life.phase {
            Phase::Creating => "IN_PROGRESS",
            Phase::Deleting => "DELETING",
            _ => "COMPLETE",
        }
    }

    /// The certificate as answers have it.
    pub fn data(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// When EKS would activate a successor: a year, and a month, before the certificate of the signer
    /// ends. Nothing is activated by itself here before that either.
    pub fn scheduled(&self, signer: &Self) -> Option<(i64, i64)> {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let waits = !self.in_use && !self.retired;
        waits.then_some((
            signer.not_after_ms - 365 * DAY,
            signer.not_after_ms - 30 * DAY,
        ))
    }
}

/// Makes a certificate and its key.
pub(super) fn generate(cluster: &str, now: Timestamp) -> Result<Authority, Error> {
    let unsigned =
        |e: rcgen::Error| Error::from(wharf_storage::Error::from(std::io::Error::other(e)));
    let undated =
        |e: jiff::Error| Error::from(wharf_storage::Error::from(std::io::Error::other(e)));
    let start = jiff::Timestamp::from_millisecond(now.as_ms()).map_err(undated)?;
    let start = start
        .to_zoned(jiff::tz::TimeZone::UTC)
        .start_of_day()
        .map_err(undated)?;
    let span = jiff::Span::new().try_years(YEARS).map_err(undated)?;
    let end = start.checked_add(span).map_err(undated)?;
    let date = |day: &jiff::Zoned| {
        let unsigned = |n: i8| u8::try_from(n).unwrap_or(1);
        rcgen::date_time_ymd(
            day.year().into(),
            unsigned(day.month()),
            unsigned(day.day()),
        )
    };
    let mut params = CertificateParams::default();
    params.not_before = date(&start);
    params.not_after = date(&end);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    params
        .distinguished_name
        .push(DnType::CommonName, "kubernetes");
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, cluster);
    let key = KeyPair::generate().map_err(unsigned)?;
    let certificate = params.self_signed(&key).map_err(unsigned)?;
    Ok(Authority {
        id: format!("ca-{}", parts::letters(17)),
        life: Life::begin(Phase::Creating, now),
        created_ms: now.as_ms(),
        created_by: Who::Customer,
        activated_ms: None,
        activated_by: None,
        in_use: false,
        retired: false,
        not_before_ms: start.timestamp().as_millisecond(),
        not_after_ms: end.timestamp().as_millisecond(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        update: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_good_for_ten_years_and_never_prints_its_key() {
        // 2026-11-22T12:00:00Z
        let now = Timestamp::from_secs(1_795_348_800);
        let made = generate("dev", now).unwrap();
        assert_eq!(
            Timestamp::from_ms(made.not_before_ms).to_string(),
            "2026-11-22T00:00:00Z"
        );
        assert_eq!(
            Timestamp::from_ms(made.not_after_ms).to_string(),
            "2036-11-22T00:00:00Z"
        );
        assert!(made.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!format!("{made:?}").contains("KEY"));
        assert_eq!(made.signing(), Signing::NotUsed);
        assert_eq!(made.distribution(), "IN_PROGRESS");
        let signer = Authority {
            in_use: true,
            ..made.clone()
        };
        assert!(made.scheduled(&signer).is_some());
        assert_eq!(signer.scheduled(&signer), None);
    }
}
