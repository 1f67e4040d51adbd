//! The commands.
use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use wharf_types::{Region, RepoName};

use super::{
    Config, Environment, Error, Secret,
    demo::{Demo, DemoFlags},
    layers,
    ready::{Ready, ReadyFlags},
    resolve,
    settings::{Settings, StoreUrl},
};

/// Where commands for a client look for the server.
pub(super) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    Serve(Box<Config>),
    Demo(Demo),
    Login(Login),
    Env(Env),
    Ready(Ready),
    Gc(Box<Config>, Gc),
    Prune(Box<Config>, Prune),
    Check(Box<Config>, Check),
    Backup(Box<Config>, Backup),
    Trust(Box<Config>, Trust),
    Lifecycle(Box<Config>, Lifecycle),
    Conformance(Box<Conformance>),
}

/// ECR on your own machine: docker push to it, with the AWS commands you know and no AWS account.
#[derive(Parser)]
#[command(name = "wharf", version, args_conflicts_with_subcommands = true,
    after_help = EXAMPLES, subcommand_help_heading = "Commands",
    override_usage = "wharf [OPTIONS]\n       wharf <COMMAND>")]
struct Cli {
    #[command(flatten)]
    serve: Box<Settings>,
    #[command(subcommand)]
    command: Option<Sub>,
}

const EXAMPLES: &str = "\
Every option can also be a variable (--gc-grace is WHARF_GC_GRACE) or a key of wharf.toml
(gc-grace). S3 is set up by WHARF_S3_ENDPOINT, _REGION, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY and
_ALLOW_HTTP, or the table [s3] of the file: AWS_* variables point clients at wharf itself.

Examples:
  wharf                                     serve on 127.0.0.1:4566
  wharf --listen 127.0.0.1:0 --data-dir /tmp/w --durability=relaxed --create-on-push
  eval \"$(wharf env)\"                       point the AWS CLI here
  wharf login                               let docker push to localhost:4566";

#[derive(Subcommand)]
enum Sub {
    /// Serve the registry (what wharf does without a command)
    Serve(Box<Settings>),
    /// Serve, push an image, deploy it to a cluster and call it, all by itself
    Demo(DemoFlags),
    /// Log docker in
    Login(LoginFlags),
    /// Print the variables that point AWS clients here
    Env(EnvFlags),
    /// Succeed if the server is ready, for health checks and scripts
    #[command(
        after_help = "Example:\n  wharf ready --wait 30s      wait for a server that is starting"
    )]
    Ready(ReadyFlags),
    /// Delete bytes that nothing names
    #[command(after_help = "Example:\n  wharf gc --dry-run      say what would go")]
    Gc(With<Gc>),
    /// Remove what is left of pods that no cluster owns
    #[command(after_help = "Example:\n  wharf prune --dry-run      say what would go")]
    Prune(With<Prune>),
    /// Check that every byte is what it should be
    #[command(after_help = "Example:\n  wharf check --repair")]
    Check(With<Check>),
    /// Copy the database, while serving
    #[command(after_help = "Example:\n  wharf backup /mnt/backup/wharf.db")]
    Backup(With<Backup>),
    /// Apply lifecycle policies
    #[command(
        subcommand,
        after_help = "Example:\n  wharf lifecycle run --dry-run     say what would go"
    )]
    Lifecycle(LifecycleSub),
    /// Make docker trust this server under the names of AWS
    #[command(
        after_help = "Example:\n  wharf trust             print what is to be done\n  \
        sudo wharf trust --write --data-dir ~/.local/share/wharf"
    )]
    Trust(With<Trust>),
    /// Test any registry against the OCI distribution specification
    #[command(
        after_help = "Example:\n  wharf conformance --registry http://localhost:5000 \
        --html report.html\n\nThe password can be in WHARF_PASSWORD."
    )]
    Conformance(Box<ConformanceFlags>),
}

#[derive(Subcommand)]
enum LifecycleSub {
    /// Expire and archive images now, not only every --lifecycle-interval
    Run(With<Lifecycle>),
}

#[derive(Args)]
struct LoginFlags {
    /// Log in to the server at this URL
    #[arg(long, value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    /// Print the password instead of giving it to docker
    #[arg(long)]
    print: bool,
}

/// Log docker in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The server's URL, without a slash at the end.
    pub endpoint: String,
    /// Whether to print the password instead.
    pub print: bool,
}

#[expect(
    clippy::doc_markdown,
    reason = "the text of --help, which is read as it is"
)]
#[derive(Args)]
struct EnvFlags {
    /// Point clients at this URL
    #[arg(long, value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    /// Set this region [default: $WHARF_REGION, $AWS_REGION or us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
}

/// Print variables.
#[derive(Clone, Debug)]
pub struct Env {
    /// The server's URL, without a slash at the end.
    pub endpoint: String,
    pub region: Region,
}

/// A command on the data of a server, which it reaches through `admin.sock` or locks itself.
#[expect(
    clippy::doc_markdown,
    reason = "the text of --help, which is read as it is"
)]
#[derive(Args)]
struct With<T: Args> {
    #[command(flatten)]
    options: T,
    /// The server's directory [default: $XDG_DATA_HOME/wharf or ~/.local/share/wharf]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The server's file of settings [default: <data-dir>/wharf.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's store, if the file does not say [default: local]
    #[arg(long, value_name = "URL")]
    store: Option<StoreUrl>,
}

/// Delete bytes that nothing names.
#[derive(Args, Clone, Debug)]
pub struct Gc {
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not wait for the grace period; only safe while nobody pushes
    #[arg(long, conflicts_with = "dry_run")]
    pub now: bool,
}

/// Remove what is left of pods that no cluster owns: containers, networks, volumes and images in Docker, processes and
/// control groups. What servers of other data directories own stays; one whose directory is not there is gone, so mount
/// first what it is on.
#[derive(Args, Clone, Debug)]
pub struct Prune {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Check that every byte is what it should be.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Stop serving what is damaged, so that a push of it heals it
    #[arg(long)]
    pub repair: bool,
}

/// Copy the database.
#[derive(Args, Clone, Debug)]
pub struct Backup {
    /// Write the copy here
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Apply lifecycle policies.
#[derive(Args, Clone, Debug)]
pub struct Lifecycle {
    /// Say what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Only look at this repository; repeats
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub repository: Vec<RepoName>,
}

/// Make docker trust this server.
#[derive(Args, Clone, Debug)]
pub struct Trust {
    /// Write the files instead of printing what to do
    #[arg(long)]
    pub write: bool,
}

#[expect(
    clippy::doc_markdown,
    reason = "the text of --help, which is read as it is"
)]
#[derive(Args)]
struct ConformanceFlags {
    /// Test the registry at this URL
    #[arg(long, value_name = "URL")]
    registry: String,
    /// Push to this repository
    #[arg(long, value_name = "NAME", default_value = "conformance/one")]
    repo: String,
    /// Mount blobs into this repository
    #[arg(long, value_name = "NAME", default_value = "conformance/two")]
    repo2: String,
    /// Log in as this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Log in with this password
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,
    /// Only test this category; repeats
    #[arg(long, value_name = "NAME")]
    category: Vec<String>,
    /// Write a report for CI servers, as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    junit: Option<PathBuf>,
    /// Write a page to read
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    html: Option<PathBuf>,
    /// Write all results as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    json: Option<PathBuf>,
}

/// Test a registry.
#[derive(Clone, Debug)]
pub struct Conformance {
    /// The registry's URL, without a slash at the end.
    pub registry: String,
    pub repo: String,
    pub repo2: String,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Empty for all.
    pub categories: Vec<String>,
    pub junit: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub json: Option<PathBuf>,
}

pub(super) fn parse(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    env: Environment<'_>,
) -> Result<Command, Error> {
    let matches = Cli::command().try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let config = |flags| resolve::config(layers::collect(flags, env)?, env).map(Box::new);
    let Some(command) = cli.command else {
        return Ok(Command::Serve(config(*cli.serve)?));
    };
    Ok(match command {
        Sub::Serve(flags) => Command::Serve(config(*flags)?),
        Sub::Demo(flags) => Command::Demo(flags.complete(env)?),
        Sub::Login(flags) => Command::Login(Login {
            endpoint: url("endpoint", &flags.endpoint)?,
            print: flags.print,
        }),
        Sub::Env(flags) => Command::Env(Env {
            endpoint: url("endpoint", &flags.endpoint)?,
            region: {
                let variables = layers::environment(env)?;
                resolve::region(flags.region.or(variables.region), env)?
            },
        }),
        Sub::Ready(flags) => Command::Ready(flags.complete(env)?),
        Sub::Gc(with) => Command::Gc(config(with.settings())?, with.options),
        Sub::Prune(with) => Command::Prune(config(with.settings())?, with.options),
        Sub::Check(with) => Command::Check(config(with.settings())?, with.options),
        Sub::Backup(with) => Command::Backup(config(with.settings())?, with.options),
        Sub::Lifecycle(LifecycleSub::Run(with)) => {
            Command::Lifecycle(config(with.settings())?, with.options)
        }
        Sub::Trust(with) => Command::Trust(config(with.settings())?, with.options),
        Sub::Conformance(flags) => Command::Conformance(Box::new(flags.complete(env)?)),
    })
}

impl<T: Args> With<T> {
    fn settings(&self) -> Settings {
        Settings {
            data_dir: self.data_dir.clone(),
            config: self.config.clone(),
            store: self.store.clone(),
            ..Settings::default()
        }
    }
}

impl ConformanceFlags {
    fn complete(self, env: Environment<'_>) -> Result<Conformance, Error> {
        Ok(Conformance {
            registry: url("registry", &self.registry)?,
            repo: self.repo,
            repo2: self.repo2,
            user: self.user,
            password: self
                .password
                .or_else(|| env("WHARF_PASSWORD"))
                .map(Secret::new),
            categories: self.category,
            junit: self.junit,
            html: self.html,
            json: self.json,
        })
    }
}

pub(super) fn url(key: &'static str, text: &str) -> Result<String, Error> {
    let uri: Option<http::Uri> = text.parse().ok();
    let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
    match scheme {
        Some("http" | "https") => Ok(text.trim_end_matches('/').into()),
        _ => Err(Error::invalid(
            key,
            format!("{text:?} is not an http or https URL"),
        )),
    }
}

/// The whole command line, for tests of what it says.
#[cfg(test)]
pub(super) fn command() -> clap::Command {
    Cli::command()
}
