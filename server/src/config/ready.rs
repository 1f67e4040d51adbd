//! `wharf ready`: which server is asked, and for how long.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;

use super::{
    Environment, Error,
    cli::{DEFAULT_ENDPOINT, url},
    duration::Span,
    layers,
    settings::Settings,
};

#[derive(Args)]
pub(super) struct ReadyFlags {
    /// Ask the server at this URL [default: where the settings have it listen]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Go on asking for so long
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    wait: Span,
}

/// Ask whether a server is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The server's URL, without a slash at the end.
    pub endpoint: String,
    /// How long to go on asking.
    pub wait: Duration,
}

impl ReadyFlags {
    pub(super) fn complete(self, env: Environment<'_>) -> Result<Ready, Error> {
        let endpoint = match self.endpoint {
            Some(endpoint) => url("endpoint", &endpoint)?,
            None => listening(&layers::collect(Settings::default(), env)?)?,
        };
        Ok(Ready {
            endpoint,
            wait: self.wait.0,
        })
    }
}

/// Where a server with these settings answers on this machine.
fn listening(settings: &Settings) -> Result<String, Error> {
    let first = settings.listen.as_ref().and_then(|listen| listen.first());
    let Some(address) = first else {
        return Ok(DEFAULT_ENDPOINT.to_owned());
    };
    if address.port() == 0 {
        let problem = "port 0 is chosen when the server starts: say which it is with --endpoint";
        return Err(Error::invalid("listen", problem));
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(format!("http://{}", SocketAddr::new(ip, address.port())))
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    fn ready(args: &str, listen: Option<&str>) -> Result<Ready, Error> {
        let args = ["wharf", "ready"]
            .into_iter()
            .chain(args.split_whitespace());
        let env = |name: &str| match name {
            "HOME" => Some("/nowhere".to_owned()),
            "WHARF_LISTEN" => listen.map(str::to_owned),
            _ => None,
        };
        match parse(args, &env)? {
            Command::Ready(ready) => Ok(ready),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_server_of_the_settings_is_asked() {
        for (listen, endpoint) in [
            (None, "http://127.0.0.1:4566"),
            (Some("0.0.0.0:80"), "http://127.0.0.1:80"),
            (Some("[::]:4567,127.0.0.1:1"), "http://[::1]:4567"),
            (Some("192.0.2.7:4566"), "http://192.0.2.7:4566"),
        ] {
            assert_eq!(ready("", listen).unwrap().endpoint, endpoint, "{listen:?}");
        }
        assert!(ready("", Some("127.0.0.1:0")).is_err());
    }

    #[test]
    fn another_server_can_be_named_and_waited_for() {
        let asked = ready(
            "--endpoint http://wharf:4566/ --wait 30s",
            Some("127.0.0.1:0"),
        );
        let expected = Ready {
            endpoint: "http://wharf:4566".to_owned(),
            wait: Duration::from_secs(30),
        };
        assert_eq!(asked.unwrap(), expected);
        assert!(ready("--wait 30", None).is_err());
    }
}
