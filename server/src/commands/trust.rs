//! `wharf trust`: makes the names of AWS work with docker on this machine.
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{OK, say};
use crate::{
    config::{Config, Trust},
    guard::Guard,
    listen::Tls,
};

/// Where docker looks for the CA of a registry.
const CERTS: &str = "/etc/docker/certs.d";

/// Where names get addresses.
const HOSTS: &str = "/etc/hosts";

pub(super) fn run(config: &Config, options: &Trust) -> anyhow::Result<u8> {
    // Makes the CA if the server was never started.
    let tls = Tls::open(
        &config.data_dir,
        Guard::new(&config.public_hosts),
        wharf_types::Clock::System,
    )?;
    let ca = Tls::ca_path(&config.data_dir);
    let name = format!("{}.dkr.ecr.{}.amazonaws.com", config.account, config.region);
    let line = format!("127.0.0.1 {name}");
    let target = Path::new(CERTS).join(&name).join("ca.crt");
    if options.write {
        write(&target, tls.ca_pem())
            .with_context(|| format!("{} cannot be written: run as root", target.display()))?;
        add_line(&line).with_context(|| format!("{HOSTS} cannot be written: run as root"))?;
        say(format_args!(
            "Wrote {} and the line for {name} in {HOSTS}.",
            target.display()
        ))?;
    } else {
        say(format_args!(
            "Give docker the CA:\n  sudo install -D -m 644 {} {}\n\nGive the name an address, in {HOSTS}:\n  {line}\n\n(or let `sudo wharf trust --write --data-dir {}` do both)",
            ca.display(),
            target.display(),
            config.data_dir.display(),
        ))?;
    }
    say(format_args!(
        "\nSuch names carry no port, so serve on 443 as well:\n  wharf --listen 127.0.0.1:4566 --listen 127.0.0.1:443 --uri-style aws\n\nWhich needs, unless you are root, one of:\n  sudo setcap cap_net_bind_service=+ep {}\n  sudo sysctl net.ipv4.ip_unprivileged_port_start=443",
        program().display()
    ))?;
    Ok(OK)
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wharf"))
}

fn write(target: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(dir) = target.parent() {
        std::fs::create_dir_all(dir)?;
    }
    Ok(std::fs::write(target, text)?)
}

fn add_line(line: &str) -> anyhow::Result<()> {
    let mut hosts = std::fs::read_to_string(HOSTS)?;
    if hosts.lines().any(|there| there.trim() == line) {
        return Ok(());
    }
    if !hosts.is_empty() && !hosts.ends_with('\n') {
        hosts.push('\n');
    }
    hosts.push_str(line);
    hosts.push('\n');
    Ok(std::fs::write(HOSTS, hosts)?)
}
