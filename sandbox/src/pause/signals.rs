//! Signals as something to wait for, and the children of a process with the id 1.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process_group, wait};

/// What was sent to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Child,
    End(Signal),
}

const ENDS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP];

#[derive(Debug)]
pub(super) struct Signals(OwnedFd);

impl Signals {
    /// From here on these signals wait to be read. Before there are other threads.
    #[expect(
        unsafe_code,
        reason = "rustix has neither sigprocmask nor signalfd, and a process with the id 1 needs them"
    )]
    pub(super) fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `set` is initialised by sigemptyset before anything reads it, and outlives all
        // calls; signalfd answers a descriptor that nobody else has, or -1.
        let fd = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            for signal in ENDS {
                libc::sigaddset(set.as_mut_ptr(), signal.as_raw());
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            let fd = libc::signalfd(-1, set.as_ptr(), flags);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self(fd))
    }

    /// One that waits, if any does.
    pub(super) fn next(&self) -> Option<Received> {
        // struct signalfd_siginfo: 128 bytes, the number first.
        let mut info = [0; 128];
        let filled = rustix::io::read(&self.0, &mut info[..]).ok()?;
        let number = info.get(..filled)?.first_chunk()?;
        let number = i32::try_from(u32::from_ne_bytes(*number)).ok()?;
        let end = ENDS.into_iter().find(|signal| signal.as_raw() == number);
        Some(end.map_or(Received::Child, Received::End))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes leave of all children that have ended. Whether there are others.
pub(super) fn reap() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Passes a signal on to whoever else is in our process namespace, if it is ours.
pub(super) fn forward(signal: Signal) {
    if getpid() == Pid::INIT {
        // The "group" 1 is everybody; none being there is no error.
        kill_process_group(Pid::INIT, signal).ok();
    }
}
