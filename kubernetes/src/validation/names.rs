//! The forms of names. Each function answers what is wrong, and nothing if all is well.

const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const SEARCH: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/// What is wrong with a name.
pub(crate) type Faults = Vec<String>;

fn too_long(value: &str, max: usize, faults: &mut Faults) {
    if value.len() > max {
        faults.push(format!("must be no more than {max} characters"));
    }
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Starts and ends with `edge`, and has only `edge` or `inner` between.
fn framed(value: &str, edge: fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = value.as_bytes();
    bytes.first().is_some_and(|b| edge(*b))
        && bytes.last().is_some_and(|b| edge(*b))
        && bytes.iter().all(|b| edge(*b) || inner.contains(b))
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(|part| framed(part, lower, b"-"))
}

/// A label of DNS after RFC 1123.
pub(crate) fn dns_label(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 63, &mut faults);
    if !framed(value, lower, b"-") {
        let dots = is_subdomain(value);
        let text = if dots {
            "must not contain dots"
        } else {
            DNS_LABEL
        };
        faults.push(text.to_owned());
    }
    faults
}

/// A label of DNS after RFC 1035, as names of services were.
pub(crate) fn dns_label_1035(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 63, &mut faults);
    let letter = value.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !letter || !framed(value, lower, b"-") {
        faults.push(DNS_LABEL_1035.to_owned());
    }
    faults
}

/// A name of DNS after RFC 1123: what most objects are named.
pub(crate) fn dns_subdomain(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 253, &mut faults);
    if !is_subdomain(value) {
        faults.push(DNS_SUBDOMAIN.to_owned());
    }
    faults
}

/// A name of DNS in which underscores are welcome, also at the start of a label.
pub(crate) fn dns_search(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 253, &mut faults);
    let label = |part: &str| framed(part.strip_prefix('_').unwrap_or(part), lower, b"-_");
    if !value.split('.').all(label) {
        faults.push(SEARCH.to_owned());
    }
    faults
}

/// `*.` and a name of DNS.
pub(crate) fn wildcard_subdomain(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 253, &mut faults);
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        faults.push(WILDCARD.to_owned());
    }
    faults
}

fn is_word(value: &str) -> bool {
    framed(value, |b| b.is_ascii_alphanumeric(), b"-_.")
}

/// A name with an optional prefix, as keys of labels have.
pub(crate) fn qualified_name(value: &str) -> Faults {
    let mut faults = Faults::new();
    let mut parts = value.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let found = dns_subdomain(prefix);
                faults.extend(found.iter().map(|fault| format!("prefix part {fault}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 characters".to_owned());
    }
    if !is_word(name) {
        faults.push(format!("name part {QUALIFIED}"));
    }
    faults
}

/// A value of a label.
pub(crate) fn label_value(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 63, &mut faults);
    if !value.is_empty() && !is_word(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

/// A name that fits between two slashes of a path.
pub(crate) fn path_segment(value: &str) -> Faults {
    match value {
        "." => return vec!["may not be '.'".to_owned()],
        ".." => return vec!["may not be '..'".to_owned()],
        _ => {}
    }
    let bad = ['/', '%'].into_iter().filter(|c| value.contains(*c));
    bad.map(|c| format!("may not contain '{c}'")).collect()
}

fn dots(value: &str, faults: &mut Faults) {
    match value {
        "." => faults.push("must not be '.'".to_owned()),
        ".." => faults.push("must not be '..'".to_owned()),
        _ if value.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
}

/// A key of the data of a config map or secret.
pub(crate) fn config_map_key(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 253, &mut faults);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if value.is_empty() || !value.bytes().all(allowed) {
        faults.push(CONFIG_KEY.to_owned());
    }
    dots(value, &mut faults);
    faults
}

/// A name of an environment variable, by the relaxed rule of 1.32 and later.
pub(crate) fn env_var_name(value: &str) -> Faults {
    let mut faults = Faults::new();
    if value.is_empty() {
        faults.push("environment variable name must be non-empty".to_owned());
    }
    if value
        .bytes()
        .any(|b| !matches!(b, b' '..=b'~') || b == b'=')
    {
        faults.push("a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned());
    }
    faults
}

/// A name of a header of HTTP.
pub(crate) fn http_header_name(value: &str) -> Faults {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !value.is_empty() && value.bytes().all(allowed) {
        return Faults::new();
    }
    vec![HEADER.to_owned()]
}

/// A name of a port (RFC 6335, lower case only).
pub(crate) fn port_name(value: &str) -> Faults {
    let mut faults = Faults::new();
    too_long(value, 15, &mut faults);
    if value.is_empty() || !value.bytes().all(|b| lower(b) || b == b'-') {
        faults.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// A number between two others, both allowed.
pub(crate) fn in_range(value: i64, least: i64, most: i64) -> Faults {
    if (least..=most).contains(&value) {
        return Faults::new();
    }
    vec![format!("must be between {least} and {most}, inclusive")]
}

pub(crate) fn port_number(value: i64) -> Faults {
    in_range(value, 1, 65535)
}

/// Digits and `%`.
pub(crate) fn percent(value: &str) -> Faults {
    let digits = value.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Faults::new();
    }
    vec![PERCENT.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_subdomains() {
        assert!(dns_subdomain("a.b-c.1").is_empty());
        for bad in ["", "A", "a..b", "-a", "a.", "a_b"] {
            assert_eq!(dns_subdomain(bad), [DNS_SUBDOMAIN], "{bad}");
        }
        assert_eq!(
            dns_subdomain(&"a".repeat(254)),
            ["must be no more than 253 characters"]
        );
        assert_eq!(dns_label("a.b"), ["must not contain dots"]);
        assert!(dns_label_1035("1a")[0].starts_with("a DNS-1035 label must consist of"));
    }

    #[test]
    fn searches_may_have_underscores() {
        assert!(dns_search("_tcp.a_b.c").is_empty());
        for bad in ["", "A", "__a", "a_", "a..b"] {
            assert_eq!(dns_search(bad), [SEARCH], "{bad}");
        }
    }

    #[test]
    fn qualified_names_have_at_most_one_prefix() {
        assert!(qualified_name("app.kubernetes.io/name").is_empty());
        assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
        assert!(qualified_name("a/b/c")[0].starts_with("a qualified name must consist"));
        assert_eq!(qualified_name("a/").len(), 2);
    }

    #[test]
    fn port_names_are_those_of_rfc_6335() {
        assert!(port_name("http-2").is_empty());
        assert_eq!(port_name("80"), ["must contain at least one letter (a-z)"]);
        assert_eq!(port_name("a--b"), ["must not contain consecutive hyphens"]);
    }
}
