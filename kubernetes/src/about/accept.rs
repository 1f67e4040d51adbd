//! What a client accepts, and which form of an answer that is.
use http::HeaderMap;
use http::header::ACCEPT;

use crate::Status;

/// One of the alternatives in an `Accept` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) kind: String,
    pub(crate) subtype: String,
    /// Parameters but the quality.
    pub(crate) parameters: Vec<(String, String)>,
    /// In thousandths.
    quality: u16,
}

/// How many alternatives are looked at.
const MAX_CLAUSES: usize = 64;

impl Clause {
    /// Whether it takes a type such as `application/json`.
    pub(crate) fn takes(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == kind && (self.subtype == subtype || self.subtype == "*"))
            || (self.kind == "*" && self.subtype == "*")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/').or(match text.trim() {
            "*" => Some(("*", "*")),
            _ => None,
        })?;
        let mut clause = Self {
            kind: kind.trim().to_ascii_lowercase(),
            subtype: subtype.trim().to_ascii_lowercase(),
            quality: 1000,
            ..Self::default()
        };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name == "q" {
                clause.quality = quality(value);
            } else {
                clause.parameters.push((name.to_owned(), value.to_owned()));
            }
        }
        Some(clause)
    }
}

/// Thousandths of `0.8`; what is no number counts as one.
fn quality(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = rest.chars().chain("000".chars()).take(3);
    let thousandths = digits.try_fold(0u16, |sum, digit| {
        Some(sum * 10 + u16::try_from(digit.to_digit(10)?).ok()?)
    });
    match (whole.parse::<u16>(), thousandths) {
        (Ok(0), Some(thousandths)) => thousandths,
        _ => 1000,
    }
}

/// The alternatives, the preferred one first. No header takes everything.
pub(crate) fn clauses(headers: &HeaderMap) -> Vec<Clause> {
    let values = headers.get_all(ACCEPT).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let parts = texts.flat_map(|text| text.split(','));
    let mut clauses: Vec<Clause> = parts.take(MAX_CLAUSES).filter_map(Clause::parse).collect();
    if clauses.is_empty() {
        clauses.extend(Clause::parse("*/*"));
    }
    clauses.sort_by_key(|clause| {
        let wild = (clause.kind == "*", clause.subtype == "*");
        (std::cmp::Reverse(clause.quality), wild)
    });
    clauses.retain(|clause| clause.quality > 0);
    clauses
}

/// A version of `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaVersion {
    V1,
    V1beta1,
}

impl MetaVersion {
    /// As objects tell it.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What objects are shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Whole,
    Table(MetaVersion),
    /// `PartialObjectMetadata`, of one object.
    Metadata(MetaVersion),
    /// `PartialObjectMetadataList`, of a list.
    MetadataList(MetaVersion),
}

const NOT_ACCEPTABLE: &str = "only the following media types are accepted: application/json";

/// The form in which a client wants objects; JSON is the only format.
pub fn form(headers: &HeaderMap) -> Result<Form, Status> {
    clauses(headers)
        .iter()
        .filter(|clause| clause.takes("application", "json"))
        .find_map(form_of)
        .ok_or_else(|| Status::not_acceptable(NOT_ACCEPTABLE))
}

fn form_of(clause: &Clause) -> Option<Form> {
    let name = |name| clause.parameter(name);
    let (kind, group, version) = (name("as"), name("g"), name("v"));
    if (kind, group, version) == (None, None, None) {
        return Some(Form::Whole);
    }
    let version = match (group?, version?) {
        ("meta.k8s.io", "v1") => MetaVersion::V1,
        ("meta.k8s.io", "v1beta1") => MetaVersion::V1beta1,
        _ => return None,
    };
    match kind? {
        "Table" => Some(Form::Table(version)),
        "PartialObjectMetadata" => Some(Form::Metadata(version)),
        "PartialObjectMetadataList" => Some(Form::MetadataList(version)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, text.parse().unwrap());
        headers
    }

    #[test]
    fn the_first_form_that_is_known_is_taken() {
        for (text, wanted) in [
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Some(Form::Table(MetaVersion::V1)),
            ),
            (
                "application/json;as=Table;v=v2;g=meta.k8s.io,application/json",
                Some(Form::Whole),
            ),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some(Form::Whole),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some(Form::MetadataList(MetaVersion::V1)),
            ),
            ("application/json, */*", Some(Form::Whole)),
            ("text/plain", None),
            ("application/vnd.kubernetes.protobuf", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(form(&header(text)).ok(), wanted, "{text}");
        }
        assert_eq!(form(&HeaderMap::new()).unwrap(), Form::Whole);
    }

    #[test]
    fn quality_orders_alternatives() {
        let clauses = clauses(&header("*/*;q=0.1, a/b;q=0.5, a/*, c/d;q=0.75"));
        let order: Vec<&str> = clauses.iter().map(|c| c.subtype.as_str()).collect();
        assert_eq!(order, ["*", "d", "b", "*"]);
    }
}
