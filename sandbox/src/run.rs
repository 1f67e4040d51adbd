//! The command line, which only engines write.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::pause::Options;
use crate::{Error, link, nft, pause};

const USAGE: &str = "usage: pause --socket PATH [--resolv-conf PATH] [--netns PATH] [--stdio]
       link --socket PATH
       probe
       probe-here";

/// Runs the sandbox with these arguments, of which the first is the command. Returns when it ends.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(command) = parse(arguments) else {
        say(USAGE);
        return ExitCode::from(2);
    };
    let outcome = match command {
        Command::Pause(options) => pause::run(&options),
        Command::Link { socket } => link::run(&socket),
        Command::Probe => nft::probe(),
        Command::ProbeHere => nft::probe_here(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

enum Command {
    Pause(Options),
    Link { socket: PathBuf },
    Probe,
    ProbeHere,
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Command> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next()?;
    let (mut socket, mut resolv_conf, mut netns) = (None, None, None);
    let mut stdio = false;
    while let Some(name) = arguments.next() {
        let place = match name.to_str()? {
            "--stdio" => {
                stdio = true;
                continue;
            }
            "--socket" => &mut socket,
            "--resolv-conf" => &mut resolv_conf,
            "--netns" => &mut netns,
            _ => return None,
        };
        *place = Some(PathBuf::from(arguments.next()?));
    }
    match command.to_str()? {
        "pause" => Some(Command::Pause(Options {
            socket: socket?,
            resolv_conf,
            netns,
            stdio,
        })),
        "link" => Some(Command::Link { socket: socket? }),
        "probe" => Some(Command::Probe),
        "probe-here" => Some(Command::ProbeHere),
        _ => None,
    }
}

/// Writes a line to standard error, which is the log of the pod's sandbox.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell if this fails.
    drop(writeln!(io::stderr(), "{text}"));
}

/// An error with all that it is of.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
