//! Paths and ports that cannot lead out of a container.
use std::fmt;

/// The longest path.
const PATH_BYTES: usize = 4096;

/// Why a path is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("must be an absolute path")]
    Relative,
    #[error("must be a relative path")]
    Absolute,
    #[error("must not contain '..'")]
    Backstep,
    #[error("must not be empty, longer than 4096 bytes, or contain a zero byte")]
    Malformed,
    #[error("must not hide the root, /proc or /sys of the container")]
    Reserved,
}

/// An absolute path inside a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(String);

/// A path below the root of a volume, without `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubPath(String);

fn check(text: &str) -> Result<(), BadPath> {
    if text.is_empty() || text.len() > PATH_BYTES || text.contains('\0') {
        return Err(BadPath::Malformed);
    }
    if text.split('/').any(|part| part == "..") {
        return Err(BadPath::Backstep);
    }
    Ok(())
}

impl Directory {
    pub fn new(text: &str) -> Result<Self, BadPath> {
        check(text)?;
        if !text.starts_with('/') {
            return Err(BadPath::Relative);
        }
        Ok(Self(text.to_owned()))
    }

    /// A place for a volume: what masks the kernel's files is not covered.
    pub fn mount_point(text: &str) -> Result<Self, BadPath> {
        // Kubernetes takes a path without its first slash and means the root.
        let absolute = format!("/{}", text.trim_start_matches('/'));
        let path = Self::new(&absolute)?;
        let mut parts = path.0.split('/').filter(|part| !["", "."].contains(part));
        match parts.next() {
            None | Some("proc" | "sys") => Err(BadPath::Reserved),
            Some(_) => Ok(path),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SubPath {
    pub fn new(text: &str) -> Result<Self, BadPath> {
        check(text)?;
        if text.starts_with('/') {
            return Err(BadPath::Absolute);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// A port that a container listens on. There is none of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub number: u16,
    pub protocol: Protocol,
}

/// A number that is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be between 1 and 65535, inclusive")]
pub struct BadPort;

impl Port {
    /// Reads the number of a port.
    pub fn number(value: i64) -> Result<u16, BadPort> {
        match u16::try_from(value) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(BadPort),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_steps_back() {
        for text in ["..", "a/../b", "../a", "a/.."] {
            assert_eq!(SubPath::new(text), Err(BadPath::Backstep), "{text}");
            let absolute = format!("/{text}");
            assert_eq!(Directory::new(&absolute), Err(BadPath::Backstep), "{text}");
        }
        assert!(SubPath::new("a/..b").is_ok());
        assert_eq!(SubPath::new("/etc"), Err(BadPath::Absolute));
        assert_eq!(SubPath::new("a\0b"), Err(BadPath::Malformed));
    }

    #[test]
    fn nothing_is_mounted_over_what_masks_the_kernel() {
        for text in ["/", "/proc", "/proc/sys", "//sys/", "proc", "/./proc"] {
            assert_eq!(
                Directory::mount_point(text),
                Err(BadPath::Reserved),
                "{text}"
            );
        }
        assert!(Directory::mount_point("/processes").is_ok());
        assert!(Directory::mount_point("/dev/shm").is_ok());
    }
}
