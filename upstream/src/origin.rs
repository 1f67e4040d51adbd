//! Where a registry is: scheme, host and port.
use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;
use wharf_types::Invalid;

/// `https://host:port` or `http://host:port`, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a host name's port 443.
    pub fn https(host: &str) -> Result<Self, Invalid> {
        format!("https://{host}").parse()
    }

    /// That of a URL, if it has one and speaks HTTP.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            tls,
            host: url.host_str()?.trim_end_matches('.').to_ascii_lowercase(),
            port: url.port_or_known_default()?,
        })
    }

    /// Whether it is at a `host[:port]`.
    pub fn is_at(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port.parse()),
            _ => (host, Ok(if self.tls { 443 } else { 80 })),
        };
        self.host.eq_ignore_ascii_case(name) && port == Ok(self.port)
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The address, if the host is not a name. All spellings of one are the same: `2130706433` and
    /// `0x7f.1` are `127.0.0.1` once they are in a URL.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'));
        bare.unwrap_or(&self.host).parse().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl FromStr for Origin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid {
            what: "URL of a registry (scheme, host and port)",
            text: text.chars().take(300).collect(),
        };
        let url: Url = text.parse().map_err(|_malformed| invalid())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        Self::of(&url).filter(|_| bare).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, shown) in [
            ("https://Quay.IO", "https://quay.io"),
            ("https://quay.io:443/", "https://quay.io"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("http://2130706433:5000", "http://127.0.0.1:5000"),
            ("https://[::1]:5000", "https://[::1]:5000"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), shown);
        }
        for wrong in [
            "quay.io",
            "ftp://quay.io",
            "https://quay.io/v2",
            "https://quay.io?x",
            "https://me@quay.io",
            "https://",
            "",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
        assert!(Origin::https("quay.io/x").is_err());
    }
}
