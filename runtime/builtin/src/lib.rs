//! The engine that needs no daemon: containers straight from our own store, on Linux, as root.
//!
//! Each pod has a process of its own, the shim, which holds the pod's namespaces and outlives the
//! server. Layers are unpacked once and shared.
mod bundle;
mod cgroup;
mod engine;
mod error;
mod files;
mod net;
mod probe;
mod prune;
mod shim;
mod time;
mod unpack;
mod users;
mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

pub use engine::{Builtin, Network};
pub use error::Error;
pub use probe::missing;
pub use prune::{Left, prune};

/// Runs a part of the engine in this process, if `arguments` name one: it was started for that.
pub fn part(arguments: &[OsString]) -> Option<ExitCode> {
    let (name, rest) = arguments.split_first()?;
    let outcome = match name.to_str()? {
        "__unpack" => unpack::run(rest),
        "__shim" => shim::run(rest),
        "__sandbox" => return Some(sandbox(rest)),
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.chain());
            ExitCode::FAILURE
        }
    })
}

/// The sandbox goes with its shim: what is left of a pod must not keep its addresses.
fn sandbox(arguments: &[OsString]) -> ExitCode {
    let kill = Some(rustix::process::Signal::KILL);
    let bound = rustix::process::set_parent_process_death_signal(kill);
    // The shim may have ended before that.
    if bound.is_err() || rustix::process::getppid().is_none_or(|parent| parent.is_init()) {
        return ExitCode::FAILURE;
    }
    wharf_sandbox::main(arguments.iter().cloned())
}

#[expect(
    clippy::print_stderr,
    reason = "the process that started this one reads it"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}
