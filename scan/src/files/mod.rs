//! The few files of an image that say what is installed, as its layers leave them.
use std::{collections::BTreeMap, io::Read};

use crate::{
    Error, Limits,
    layers::{self, Archive, Entry, Kind, Used},
};

/// Files that are kept.
const WANTED: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/Packages",
];

/// Directories of which all files are kept.
const WANTED_IN: &[&str] = &["var/lib/dpkg/status.d/", "usr/lib/os.release.d/"];

/// How many symbolic links lead to a file at the most.
const LINKS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    File(Vec<u8>),
    /// With the path it leads to.
    Symlink(String),
    /// There, but not for us to read, and why.
    Unreadable(&'static str),
}

type Tree = BTreeMap<String, Node>;

/// What is kept of an image. Layers are added from the lowest on.
#[derive(Debug)]
pub struct Files {
    limits: Limits,
    used: Used,
    tree: Tree,
}

impl Files {
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Used {
                image_bytes: 0,
                entries: 0,
            },
            tree: Tree::new(),
        }
    }

    /// Applies a layer: a tar archive, as it is or packed with gzip or zstd.
    pub fn add_layer(&mut self, layer: impl Read) -> Result<(), Error> {
        let mut archive = layers::open(self.limits, self.used, layer)?;
        let mut upper = Tree::new();
        while let Some(entry) = archive.next()? {
            self.apply(&mut upper, &mut archive, entry)?;
        }
        let (bytes, entries) = archive.used();
        self.used.image_bytes = self.used.image_bytes.saturating_add(bytes);
        self.used.entries = entries;
        self.tree.append(&mut upper);
        Ok(())
    }

    /// Applies one entry. What a layer deletes is gone from the layers below, not from itself,
    /// in whatever order its entries come.
    fn apply(
        &mut self,
        upper: &mut Tree,
        archive: &mut Archive<'_>,
        entry: Entry,
    ) -> Result<(), Error> {
        let path = normal("", &entry.path);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            remove_below(&mut self.tree, folder);
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(".wh.") {
            // Names that begin with two of these are the file system's own.
            if !hidden.starts_with(".wh.") {
                let hidden = normal(folder, hidden);
                self.tree.remove(&hidden);
                remove_below(&mut self.tree, &hidden);
            }
            return Ok(());
        }
        if entry.kind == Kind::Directory {
            self.tree.remove(&path);
            upper.remove(&path);
            return Ok(());
        }
        // What is not a directory is put in the place of one.
        for tree in [&mut self.tree, &mut *upper] {
            remove_below(tree, &path);
            tree.remove(&path);
        }
        if !is_wanted(&path) {
            return Ok(());
        }
        let node = match entry.kind {
            Kind::File => Node::File(archive.content(self.limits.file_bytes)?),
            Kind::Symlink(target) => Node::Symlink(if target.starts_with('/') {
                normal("", &target)
            } else {
                normal(folder, &target)
            }),
            Kind::HardLink(target) => {
                let target = normal("", &target);
                let shared = upper.get(&target).or_else(|| self.tree.get(&target));
                shared.cloned().unwrap_or(Node::Unreadable(
                    "it is a hard link to a file that is not looked at",
                ))
            }
            Kind::Sparse => Node::Unreadable("it is stored as a sparse file"),
            Kind::Directory | Kind::Other => Node::Unreadable("it is not a regular file"),
        };
        upper.insert(path, node);
        self.check(upper)
    }

    fn check(&self, upper: &Tree) -> Result<(), Error> {
        let nodes = || self.tree.values().chain(upper.values());
        let (files, kept) = (self.limits.kept_files, self.limits.kept_bytes);
        if nodes().count() as u64 > files {
            return Err(Error::Limit {
                what: "more package files",
                limit: files,
            });
        }
        let bytes = nodes().map(|node| match node {
            Node::File(bytes) => bytes.len() as u64,
            _ => 0,
        });
        if bytes.sum::<u64>() > kept {
            return Err(Error::Limit {
                what: "package files of more bytes",
                limit: kept,
            });
        }
        Ok(())
    }

    /// A file's content, through symbolic links. One that leads to where nothing is kept cannot be
    /// followed; one that is not there at all is `None`.
    pub(crate) fn content(&self, path: &str) -> Result<Option<&[u8]>, Error> {
        let mut at = path;
        for hop in 0..LINKS {
            match self.tree.get(at) {
                Some(Node::File(bytes)) => return Ok(Some(bytes)),
                Some(Node::Symlink(target)) => at = target,
                Some(Node::Unreadable(why)) => return Err(Error::file(path, *why)),
                None if hop == 0 => return Ok(None),
                None => {
                    let reason = format!("it is a link to /{at}, which is not looked at");
                    return Err(Error::file(path, reason));
                }
            }
        }
        Err(Error::file(path, "its links lead nowhere"))
    }

    /// The files of a directory by name.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let from = folder.to_owned();
        let paths = self.tree.range(folder.to_owned()..);
        paths
            .map(|(path, _)| path.as_str())
            .take_while(move |path| path.starts_with(&from))
    }
}

fn is_wanted(path: &str) -> bool {
    let in_folder = |folder: &&str| {
        path.strip_prefix(*folder).is_some_and(|name| {
            !name.is_empty() && !name.contains('/') && !name.ends_with(".md5sums")
        })
    };
    WANTED.contains(&path) || WANTED_IN.iter().any(in_folder)
}

/// Removes all that is in a directory; the empty path is the root.
fn remove_below(tree: &mut Tree, folder: &str) {
    if folder.is_empty() {
        tree.clear();
        return;
    }
    let from = format!("{folder}/");
    let below: Vec<String> = tree
        .range(from.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&from))
        .cloned()
        .collect();
    for path in below {
        tree.remove(&path);
    }
}

/// A path from the root, without `.`, `..` and empty parts. Nothing leads out of the root.
fn normal(folder: &str, path: &str) -> String {
    let mut parts = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
