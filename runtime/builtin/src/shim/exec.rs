//! How the first process of a container becomes its program.
use std::convert::Infallible;
use std::env;
use std::ffi::CString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::sys::signal::{SigHandler, Signal, signal};
use rustix::fs::Access;
use rustix::process::set_parent_process_death_signal;

/// Runs programs as Docker does: whatever may be executed is, and the log says why something was not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exec;

impl Executor for Exec {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let (name, words) = command(spec).ok_or(ExecutorError::InvalidArg)?;
        let found = find(name, path(spec));
        let Err(error) = found.and_then(|file| execute(&file, words));
        // What only now is known nobody else says.
        let said = format!("exec {name}: {}", text_of(&error));
        drop(writeln!(io::stderr(), "{said}"));
        Err(ExecutorError::Other(said))
    }

    /// In the process of the container, which waits to be started after that.
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let refused = |why: String| Err(ExecutorValidationError::ArgValidationError(why));
        // One that waits holds what is open in the shim, and would be taken for it.
        if let Err(error) = set_parent_process_death_signal(Some(rustix::process::Signal::KILL)) {
            return refused(format!("it cannot end with its shim: {error}"));
        }
        let Some((name, _)) = command(spec) else {
            return refused("no command specified".to_owned());
        };
        match find(name, path(spec)) {
            Ok(_) => Ok(()),
            Err(error) => refused(format!("exec: {name:?}: {}", text_of(&error))),
        }
    }
}

/// The name of the program, and all words, of which it is the first.
fn command(spec: &Spec) -> Option<(&str, &[String])> {
    let words = spec.process().as_ref()?.args().as_deref()?;
    Some((words.first()?, words))
}

/// Where it looks for programs. The last one counts, as in the process itself.
fn path(spec: &Spec) -> &str {
    let process = spec.process().as_ref();
    let env = process.and_then(|process| process.env().as_deref());
    let mut all = env.unwrap_or_default().iter().rev();
    let path = all.find_map(|one| one.strip_prefix("PATH="));
    path.unwrap_or_default()
}

/// Answers only if it fails. Not by the C library's `execvp`, which has a shell run what the kernel
/// cannot.
fn execute(file: &Path, words: &[String]) -> io::Result<Infallible> {
    let file = CString::new(file.as_os_str().as_bytes())?;
    let words = words.iter().map(|word| CString::new(word.as_bytes()));
    let words: Vec<CString> = words.collect::<Result<_, _>>()?;
    let variables = env::vars_os()
        .map(|(name, value)| CString::new([name.as_bytes(), value.as_bytes()].join(&b'=')));
    let variables: Vec<CString> = variables.collect::<Result<_, _>>()?;
    usual_signals()?;
    Ok(nix::unistd::execve(&file, &words, &variables)?)
}

/// This program ignores broken pipes, and what is ignored stays so.
#[expect(
    unsafe_code,
    reason = "what is unsafe is a handler, and the usual action is none"
)]
fn usual_signals() -> io::Result<()> {
    // SAFETY: no code of ours runs when the signal comes.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }?;
    Ok(())
}

/// The file of a program.
fn find(name: &str, path: &str) -> io::Result<PathBuf> {
    if name.contains('/') {
        may_execute(Path::new(name))?;
        return Ok(name.into());
    }
    let folders = path.split(':').filter(|folder| !folder.is_empty());
    let mut files = folders.map(|folder| Path::new(folder).join(name));
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
fn text_of(error: &io::Error) -> String {
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
        let path = format!("/nowhere::{}", folder.path().display());
        assert_eq!(find("own", &path).unwrap(), at("own"));
        for name in ["text", "folder", "none"] {
            let error = find(name, &path).unwrap_err();
            assert_eq!(text_of(&error), "executable file not found in $PATH");
        }
        let whole = |name: &str| text_of(&find(at(name).to_str().unwrap(), "").unwrap_err());
        assert_eq!(whole("none"), "no such file or directory");
        assert_eq!(whole("text"), "permission denied");
        assert_eq!(whole("folder"), "permission denied");
    }
}
