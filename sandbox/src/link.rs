//! `link`: joins its standard input and output to a pause that runs.
//!
//! The docker engine executes it in the pause container and talks through it. An attached stream of
//! the container itself would not do: it has no beginning after a restart, and fills the log.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{Timespec, poll};

use crate::Error;
use crate::error::During as _;

/// A pause that was just started has its socket a moment later.
const ATTEMPTS: usize = 500;
const BETWEEN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// Returns when either side ends.
pub(crate) fn run(socket: &Path) -> Result<(), Error> {
    let socket = connect(socket).during("no pause listens at the socket")?;
    let mut output = raw(&io::stdout()).during("no standard output")?;
    let mut input = raw(&io::stdin()).during("no standard input")?;
    let mut to = socket.try_clone().during("cannot share the socket")?;
    let mut from = socket;
    std::thread::Builder::new()
        .spawn(move || {
            // However it ends, the other direction ends with it, and the process with that.
            drop(io::copy(&mut input, &mut to));
            drop(to.shutdown(Shutdown::Both));
        })
        .during("cannot start a thread")?;
    io::copy(&mut from, &mut output).during("the link broke")?;
    Ok(())
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let mut outcome = UnixStream::connect(path);
    for _ in 1..ATTEMPTS {
        match &outcome {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) => {}
            _ => break,
        }
        poll(&mut [], Some(&BETWEEN))?;
        outcome = UnixStream::connect(path);
    }
    outcome
}

/// Without the buffers and line ends of the standard library.
fn raw(stream: &impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}
