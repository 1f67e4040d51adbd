//! The commands, and what the program's exit status means.
use std::{io::Write as _, process::ExitCode};

use wharf_types::chain;

use crate::{
    StartError,
    config::{self, Command},
};

mod client;
mod conformance;
mod demo;
mod env;
mod lifecycle;
mod login;
mod maintain;
mod prune;
mod ready;
mod serve;
mod trust;

/// Everything went well.
const OK: u8 = 0;
/// Something failed, or a check found something.
const FAILED: u8 = 1;
/// The command line, the environment or the file of settings is wrong.
const USAGE: u8 = 2;
/// The data directory is in use by another server, is damaged, or does not belong to its store.
const DATA: u8 = 3;

/// Runs the program.
pub fn main() -> ExitCode {
    // The engines start this program again for each pod, and the demo in its containers.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let part = wharf_builtin::part(&arguments)
        .or_else(|| wharf_docker::part(&arguments))
        .or_else(|| demo::part(&arguments));
    if let Some(code) = part {
        return code;
    }
    let command = match config::load() {
        Ok(command) => command,
        Err(config::Error::Usage(e)) => {
            // Help and the version are no failures.
            let code = if e.use_stderr() { USAGE } else { OK };
            let printed = e.print();
            return ExitCode::from(if printed.is_ok() { code } else { FAILED });
        }
        Err(e) => {
            complain(&chain(&e));
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            complain(&chain(&e));
            return ExitCode::from(FAILED);
        }
    };
    let outcome = runtime.block_on(run(command));
    // What still runs on blocking threads must not hold up a stop.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            let code = code(&e);
            complain(&format!("{e:#}"));
            ExitCode::from(code)
        }
    }
}

fn code(e: &anyhow::Error) -> u8 {
    match e.downcast_ref::<StartError>() {
        Some(StartError::Data(_)) => DATA,
        Some(StartError::Config(_)) => USAGE,
        _ => FAILED,
    }
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve(config) => serve::run(*config).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Login(options) => login::run(options).await,
        Command::Env(options) => env::run(&options),
        Command::Ready(options) => ready::run(options).await,
        Command::Gc(config, options) => maintain::gc(&config, &options).await,
        Command::Prune(config, options) => prune::run(&config, &options).await,
        Command::Check(config, options) => maintain::check(&config, &options).await,
        Command::Backup(config, options) => maintain::backup(&config, options).await,
        Command::Lifecycle(config, options) => lifecycle::run(&config, &options).await,
        Command::Trust(config, options) => trust::run(&config, &options),
        Command::Conformance(options) => conformance::run(*options).await,
    }
}

/// Prints for the user. A closed pipe ends the program quietly through the error.
fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn complain(text: &str) {
    // Nobody is left to be told if this fails.
    drop(writeln!(std::io::stderr(), "wharf: {text}"));
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = bytes;
    let mut rest = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        rest = scaled % 1024;
        scaled /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 {
        format!("{scaled} {name}")
    } else {
        format!("{scaled}.{} {name}", rest * 10 / 1024)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (1 << 30, "1.0 GiB"),
        ] {
            assert_eq!(super::size(bytes), text);
        }
    }
}
