//! `link`: joins its standard input and output to a pause that runs.
//!
//! The docker engine executes it in the pause container and talks through it. The first link of a
//! pause is its own standard input and output, which costs no process; they would not do for later
//! ones, because they have no beginning then.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{Timespec, poll};

use crate::Error;
use crate::error::During as _;

/// A pause that was just started has its socket a moment later.
const ATTEMPTS: usize = 500;
const BUFFER: usize = 256 * 1024;
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
            drop(pump(&mut input, &mut to));
            drop(to.shutdown(Shutdown::Both));
        })
        .during("cannot start a thread")?;
    pump(&mut from, &mut output).during("the link broke")
}

/// Not `io::copy`, which splices: while the kernel waits for the socket it holds the lock of the pipe
/// that it splices to, and whoever reads that pipe waits for bytes that are there.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(filled) => to.write_all(buffer.get(..filled).unwrap_or_default())?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
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
