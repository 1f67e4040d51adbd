//! How the first process of a container becomes its program.
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use rustix::fs::Access;

/// Runs programs as Docker does: whatever may be executed is, and the log says why something was not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exec;

impl Executor for Exec {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let (name, arguments) = words(spec).ok_or(ExecutorError::InvalidArg)?;
        let error = match find(name, path(spec)) {
            Ok(file) => execute(&file, name, arguments),
            Err(error) => error,
        };
        // What only now is known nobody else says.
        let said = format!("exec {name}: {}", words_of(&error));
        drop(writeln!(io::stderr(), "{said}"));
        Err(ExecutorError::Other(said))
    }

    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let refused = |why: String| Err(ExecutorValidationError::ArgValidationError(why));
        let Some((name, _)) = words(spec) else {
            return refused("no command specified".to_owned());
        };
        match find(name, path(spec)) {
            Ok(_) => Ok(()),
            Err(error) => refused(format!("exec: {name:?}: {}", words_of(&error))),
        }
    }
}

/// The program and its arguments.
fn words(spec: &Spec) -> Option<(&String, &[String])> {
    spec.process().as_ref()?.args().as_ref()?.split_first()
}

/// Where it looks for programs. The last one counts, as in the process itself.
fn path(spec: &Spec) -> &str {
    let process = spec.process().as_ref();
    let env = process.and_then(|process| process.env().as_deref());
    let mut all = env.unwrap_or_default().iter().rev();
    let path = all.find_map(|one| one.strip_prefix("PATH="));
    path.unwrap_or_default()
}

/// Answers only if it fails. Also makes signals what programs expect: this one ignores broken pipes.
fn execute(file: &Path, name: &str, arguments: &[String]) -> io::Error {
    match is_program(file) {
        Ok(true) => Command::new(file).arg0(name).args(arguments).exec(),
        Ok(false) => rustix::io::Errno::NOEXEC.into(),
        Err(error) => error,
    }
}

/// Whether the kernel knows what to do with it. Without this the C library gives it to a shell. One
/// that cannot be read can be executed.
fn is_program(file: &Path) -> io::Result<bool> {
    let mut head = [0; 4];
    match File::open(file).and_then(|mut file| file.read(&mut head)) {
        Ok(_) => Ok(head.starts_with(b"#!") || head == *b"\x7fELF"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        Err(error) => Err(error),
    }
}

/// The file of a program.
fn find(name: &str, path: &str) -> io::Result<PathBuf> {
    if name.contains('/') {
        may_execute(Path::new(name))?;
        return Ok(name.into());
    }
    let folders = path.split(':').map(Path::new);
    let mut files = folders.map(|folder| folder.join(name));
    let found = files.find(|file| may_execute(file).is_ok());
    found.ok_or_else(|| io::Error::other("executable file not found in $PATH"))
}

fn may_execute(file: &Path) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(rustix::fs::access(file, Access::EXEC_OK)?)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// As people know it from other tools.
fn words_of(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, mode) in [("own", 0o700), ("text", 0o644)] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(at("folder")).unwrap();
        let path = format!("/nowhere:{}", folder.path().display());
        assert_eq!(find("own", &path).unwrap(), at("own"));
        for name in ["text", "folder", "none"] {
            let error = find(name, &path).unwrap_err();
            assert_eq!(words_of(&error), "executable file not found in $PATH");
        }
        let whole = |name: &str| words_of(&find(at(name).to_str().unwrap(), "").unwrap_err());
        assert_eq!(whole("none"), "no such file or directory");
        assert_eq!(whole("text"), "permission denied");
        assert_eq!(whole("folder"), "permission denied");
    }

    #[test]
    fn what_the_kernel_cannot_run_is_no_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (content, wanted) in [
            ("#!/bin/sh\n", true),
            ("\x7fELF\x02", true),
            ("echo", false),
            ("", false),
        ] {
            fs::write(&file, content).unwrap();
            assert_eq!(is_program(&file).unwrap(), wanted, "{content:?}");
        }
        let error = execute(&file, "file", &[]);
        assert_eq!(words_of(&error), "exec format error");
    }
}
