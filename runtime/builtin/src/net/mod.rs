//! Networks of pods: a namespace of its own with a bridge in it, and a cable from there to each pod.
//!
//! The bridge's namespace is the virtual private cloud: pods have its addresses and meet no route of
//! the machine. It lives as long as somebody has it open, which every shim does. One more cable leads
//! from it to the machine.
mod links;
mod subnet;
#[cfg(test)]
mod tests;
mod way_out;

use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::Error;
use crate::unpack::unshare;
use crate::wire::PodPlan;
use links::Links;
pub(crate) use way_out::{WayOut, sweep};

/// The pod's own end of its cable.
const DEVICE: &str = "eth0";

/// The network namespace of this thread.
fn current() -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, "/proc/thread-self/ns/net", flags, Mode::empty())
        .map_err(Error::step("open a namespace"))
}

/// Tells namespaces apart that are there at the same time.
pub(crate) fn inode(space: BorrowedFd<'_>) -> Result<u64, Error> {
    let stat = rustix::fs::fstat(space).map_err(Error::step("look at a namespace"))?;
    Ok(stat.st_ino)
}

fn enter(space: BorrowedFd<'_>) -> Result<(), Error> {
    rustix::thread::move_into_link_name_space(space, Some(LinkNameSpaceType::Network))
        .map_err(Error::step("enter a namespace"))
}

/// Makes the namespace of the bridge. The thread is in another one afterwards, and must end.
pub(crate) fn make_space(bridge: &str, gateway: Ipv4Addr, prefix: u8) -> Result<OwnedFd, Error> {
    unshare(UnshareFlags::NEWNET)?;
    let links = Links::open()?;
    links.up("lo", None)?;
    links.add_bridge(bridge)?;
    links.add_address(bridge, gateway, prefix)?;
    links.up(bridge, None)?;
    current()
}

/// Moves this process, which has one thread, into a new namespace with a cable to the bridge.
pub(crate) fn join(space: BorrowedFd<'_>, plan: &PodPlan) -> Result<(), Error> {
    unshare(UnshareFlags::NEWNET)?;
    let own = current()?;
    enter(space)?;
    let links = Links::open()?;
    links.remove(&plan.cable);
    links.add_cable(&plan.cable, DEVICE, own.as_fd())?;
    links.up(&plan.cable, Some(&plan.bridge))?;
    enter(own.as_fd())?;
    let links = Links::open()?;
    links.up("lo", None)?;
    links.add_address(DEVICE, plan.ip, plan.prefix)?;
    links.up(DEVICE, None)?;
    links.ensure_default_route(plan.gateway)
}
