//! When the pods' network has a way out: while there are pods, so that a cluster without any leaves
//! nothing on the machine.
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::Path;

use super::space::is_held;
use super::{Builtin, Inner, lock};
use crate::files;
use crate::net::WayOut;

impl Drop for Inner {
    /// Pods that outlive this server keep theirs.
    fn drop(&mut self) {
        let way = self.way_out.get_mut();
        if let Some(way) = way.ok().and_then(Option::take)
            && !is_held(&self.root, &self.space)
        {
            way.close();
        }
    }
}

impl Builtin {
    /// Finds the way out of pods that are there. Without any it only says whether there can be one.
    pub(super) fn find_way_out(&self) {
        // Whoever has no network only comes to remove what there is.
        if self.0.network.prefix == 0 {
            return;
        }
        match self.open_way_out() {
            Ok(way) if has_pods(&self.0.root) => *lock(&self.0.way_out) = Some(way),
            Ok(way) => way.close(),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "pods have no way out of their network");
            }
        }
    }

    /// Sees to it that there is a way out for a pod that has its directory, and writes there which
    /// hosts it knows. Answers where it reaches this machine.
    pub(super) fn enter(
        &self,
        pod: &Path,
        hosts: impl Fn(Option<IpAddr>) -> String,
    ) -> Result<Option<IpAddr>, crate::Error> {
        let mut way = lock(&self.0.way_out);
        if !pod.exists() {
            // It was removed meanwhile, and nobody would close what is opened now.
            return Ok(None);
        }
        let opened = match &*way {
            Some(way) => way.keep(),
            None => self.open_way_out().map(|opened| *way = Some(opened)),
        };
        let host = way.as_ref().map(|way| way.host().into());
        let written = files::write(&pod.join("hosts"), hosts(host).as_bytes());
        drop(way);
        if let Err(error) = opened {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "a pod has no way out");
        }
        written.map(|()| host)
    }

    /// Removes the directory of a pod; with the last one the way out goes.
    pub(super) fn leave(&self, pod: &Path) -> Result<(), crate::Error> {
        let mut way = lock(&self.0.way_out);
        let removed = files::remove(pod);
        if !has_pods(&self.0.root)
            && let Some(way) = way.take()
        {
            way.close();
        }
        drop(way);
        removed
    }

    /// Where pods reach this machine.
    pub(super) fn host(&self) -> Option<IpAddr> {
        lock(&self.0.way_out).as_ref().map(|way| way.host().into())
    }

    fn open_way_out(&self) -> Result<WayOut, crate::Error> {
        WayOut::open(self.0.space.as_fd(), self.0.network, &self.0.root)
    }
}

fn has_pods(root: &Path) -> bool {
    let pods = std::fs::read_dir(root.join("pods"));
    pods.is_ok_and(|mut pods| pods.next().is_some())
}
