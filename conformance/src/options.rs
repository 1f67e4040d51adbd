//! What is tested, and how.
use std::{fmt, time::Duration};

use reqwest::Url;
use wharf_types::RepoName;

use crate::{Category, Error};

/// How long one request may take unless it is said otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is tested, and how. Made by [`Options::new`]; the public fields may be changed after.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) registry: Url,
    /// The repository that the cases push to.
    pub repo: RepoName,
    /// A second repository, from which blobs are mounted.
    pub repo2: RepoName,
    /// Sent as Basic authorization, or exchanged for tokens, as the registry demands.
    pub credentials: Option<Credentials>,
    /// Accepts any TLS certificate.
    pub insecure: bool,
    /// PEM certificates that are trusted besides those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// The categories to run.
    pub categories: Vec<Category>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Options {
    /// Everything is run, without credentials; the second repository is called `<repo>-2`.
    ///
    /// The registry is `http://host:port`, `https://host` or `host:port`, which means `http` for
    /// this machine and `https` for any other. Credentials in the address are used.
    pub fn new(registry: &str, repo: RepoName) -> Result<Self, Error> {
        let (registry, credentials) = address(registry)?;
        let second = format!("{repo}-2").parse();
        let repo2 = second.map_err(|_too_long| Error::SecondRepository(repo.clone()))?;
        Ok(Self {
            registry,
            repo,
            repo2,
            credentials,
            insecure: false,
            ca_pem: None,
            categories: Category::ALL.to_vec(),
            timeout: TIMEOUT,
        })
    }

    /// The address of the registry.
    pub fn registry(&self) -> &str {
        self.registry.as_str()
    }
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name; `AWS` for ECR.
    pub username: String,
    /// The password, which no report shows.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, .. } = self;
        f.debug_struct("Credentials")
            .field("username", username)
            .finish_non_exhaustive()
    }
}

fn address(text: &str) -> Result<(Url, Option<Credentials>), Error> {
    let invalid = |reason: &str| Error::Address {
        // Whatever stands before an @ may be a password.
        text: text.rsplit('@').next().unwrap_or_default().to_owned(),
        reason: reason.to_owned(),
    };
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("{}://{text}", scheme_of(text))
    };
    let mut url: Url = full
        .parse()
        .map_err(|e: <Url as std::str::FromStr>::Err| invalid(&e.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(invalid("it is neither http nor https"));
    }
    if !["/", "/v2", "/v2/"].contains(&url.path()) || url.query().is_some() {
        return Err(invalid("a path does not belong to it"));
    }
    let credentials = url.password().map(|password| Credentials {
        username: decode(url.username()),
        password: decode(password),
    });
    url.set_path("/");
    url.set_fragment(None);
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| invalid("it has no host"))?;
    Ok((url, credentials))
}

/// As the Docker clients do: this machine speaks HTTP, all others HTTPS.
fn scheme_of(host: &str) -> &'static str {
    let host = host.rsplit('@').next().unwrap_or_default();
    let local = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|own| host.starts_with(own));
    if local { "http" } else { "https" }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: u8| {
            char::from(b)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(registry: &str) -> Result<Options, Error> {
        Options::new(registry, "team/app".parse().unwrap())
    }

    #[test]
    fn addresses_are_urls_or_hosts() {
        for (given, meant) in [
            ("http://host:5000", "http://host:5000/"),
            ("https://host/v2/", "https://host/"),
            ("localhost:5000", "http://localhost:5000/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/"),
            ("[::1]:5000", "http://[::1]:5000/"),
            ("registry.example.org", "https://registry.example.org/"),
        ] {
            assert_eq!(options(given).unwrap().registry(), meant);
        }
        for bad in [
            "",
            "ftp://host",
            "http://host/path",
            "http://host/?a=b",
            "http://",
        ] {
            assert!(matches!(options(bad), Err(Error::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn credentials_leave_the_address_and_are_never_shown() {
        let options = options("https://me:p%40ss@host").unwrap();
        assert_eq!(options.registry(), "https://host/");
        assert_eq!(options.credentials.as_ref().unwrap().password, "p@ss");
        assert!(!format!("{options:?}").contains("p@ss"));
        let error = address("ftp://me:secret@host").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn the_second_repository_is_named_after_the_first() {
        assert_eq!(options("localhost").unwrap().repo2.as_str(), "team/app-2");
        let long = "a".repeat(256).parse().unwrap();
        assert!(matches!(
            Options::new("localhost", long),
            Err(Error::SecondRepository(_))
        ));
    }
}
