//! What this program does inside of a pod's sandbox container.
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use crate::given;

/// Where the sandbox listens; no container of the pod sees it.
pub(crate) const SOCKET: &str = "/run/wharf/sandbox.sock";

/// The link to the directory that has a volume's files now, as kubelets name it.
pub(crate) const DATA: &str = "..data";
/// The link that is to become that one.
pub(crate) const NEXT: &str = "..data_tmp";

/// Where a sandbox has the last words of its pod's containers.
pub(crate) const WORDS: &str = "/words";

/// Says that a container was given its pod's files. If Docker starts it again nobody gives it any.
const GIVEN: &str = "/run/wharf/given";

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Runs a part of the engine in this process, if `arguments` name one: it was started for that.
pub fn part(arguments: &[OsString]) -> Option<ExitCode> {
    let (name, rest) = arguments.split_first()?;
    if name != "__docker" {
        return None;
    }
    let words: Vec<&str> = rest.iter().filter_map(|word| word.to_str()).collect();
    let outcome = match words.as_slice() {
        ["pause", resolv_conf] => return Some(pause(resolv_conf)),
        ["link"] => return Some(sandbox(&["link", "--socket", SOCKET])),
        ["probe"] => return Some(sandbox(&["probe-here"])),
        ["swap", folder] => swap(Path::new(folder)),
        _ => Err(io::Error::other("wrong arguments")),
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    })
}

#[cfg(target_os = "linux")]
fn sandbox(arguments: &[&str]) -> ExitCode {
    wharf_sandbox::main(arguments.iter().map(OsString::from))
}

#[cfg(not(target_os = "linux"))]
fn sandbox(_arguments: &[&str]) -> ExitCode {
    complain("the sandbox needs Linux");
    ExitCode::FAILURE
}

fn pause(resolv_conf: &str) -> ExitCode {
    if let Err(error) = prepare(resolv_conf) {
        // In the place of the line that it is ready.
        let _heard = writeln!(io::stdout(), "{error}");
        return ExitCode::FAILURE;
    }
    let files = ["--socket", SOCKET, "--resolv-conf", RESOLV_CONF];
    sandbox(&[&["pause", "--stdio"], &files[..]].concat())
}

fn prepare(resolv_conf: &str) -> io::Result<()> {
    if !Path::new(GIVEN).exists() {
        // Without the buffer of the standard library: what comes after it is of the link.
        let mut input = fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
        given::take(&mut input, Path::new("/")).map_err(during("its files"))?;
        let mark = fs::create_dir_all("/run/wharf").and_then(|()| fs::write(GIVEN, ""));
        mark.map_err(during(GIVEN))?;
    }
    // Docker writes a file of its own at each start of a container.
    if !resolv_conf.is_empty() {
        fs::write(RESOLV_CONF, resolv_conf).map_err(during(RESOLV_CONF))?;
    }
    Ok(())
}

fn during(what: &str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::other(format!("{what} cannot be written: {error}"))
}

/// Puts the files of a volume in place at once, and removes those before.
fn swap(folder: &Path) -> io::Result<()> {
    let fresh = fs::read_link(folder.join(NEXT))?;
    fs::rename(folder.join(NEXT), folder.join(DATA))?;
    for entry in fs::read_dir(folder.join(&fresh))? {
        let name = entry?.file_name();
        if fs::symlink_metadata(folder.join(&name)).is_err() {
            symlink(Path::new(DATA).join(&name), folder.join(name))?;
        }
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == DATA || name == fresh.as_os_str() {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(path)?;
        } else if !path.exists() {
            // A link to a file that is gone.
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "it is the log of the container")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_replaces_all_files_and_leaves_none_behind() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (stamp, name) in [("..1", "old"), ("..2", "new")] {
            fs::create_dir(at(stamp)).unwrap();
            fs::write(at(stamp).join(name), stamp).unwrap();
            fs::write(at(stamp).join("both"), stamp).unwrap();
        }
        symlink(Path::new(DATA).join("old"), at("old")).unwrap();
        symlink(Path::new(DATA).join("both"), at("both")).unwrap();
        symlink("..1", at(DATA)).unwrap();
        symlink("..2", at(NEXT)).unwrap();
        swap(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(at("both")).unwrap(), "..2");
        assert_eq!(fs::read_to_string(at("new")).unwrap(), "..2");
        assert!(fs::symlink_metadata(at("old")).is_err() && !at("..1").exists());
        assert!(fs::symlink_metadata(at(NEXT)).is_err());
    }

    #[test]
    fn other_arguments_are_not_for_us() {
        assert!(part(&[]).is_none());
        assert!(part(&["serve".into()]).is_none());
        assert!(part(&["__docker".into(), "what".into()]).is_some());
    }
}
