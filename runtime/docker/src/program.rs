//! This very program and the libraries that it needs, as the only layer of an image.
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// This program, also when its file was replaced.
const PROGRAM: &str = "/proc/self/exe";

/// The files that this program needs to run in an image of nothing else.
#[derive(Debug)]
pub struct Program {
    file: PathBuf,
    /// What loads the program, if it is not static.
    loader: Option<PathBuf>,
    /// By the names that the program asks for.
    libraries: Vec<(String, PathBuf)>,
}

impl Program {
    /// Finds them. Where programs are not Linux's, only the program itself.
    pub fn find() -> Result<Self, Error> {
        if !cfg!(target_os = "linux") {
            return Ok(Self {
                file: std::env::current_exe().map_err(Error::Io)?,
                loader: None,
                libraries: Vec::new(),
            });
        }
        let file = PathBuf::from(PROGRAM);
        let maps = fs::read_to_string("/proc/self/maps").map_err(Error::Io)?;
        let Some(loader) = loader(&maps) else {
            return Ok(Self {
                file,
                loader: None,
                libraries: Vec::new(),
            });
        };
        let listed = Command::new(&loader)
            .arg("--list")
            // Ours, not the loader's own.
            .arg(format!("/proc/{}/exe", std::process::id()))
            .env_clear()
            .output()
            .map_err(Error::Io)?;
        if !listed.status.success() {
            return Err(Error::Refused(format!(
                "{} does not say which libraries this program needs: {}",
                loader.display(),
                String::from_utf8_lossy(&listed.stderr).trim()
            )));
        }
        Ok(Self {
            file,
            loader: Some(loader),
            libraries: libraries(&String::from_utf8_lossy(&listed.stdout)),
        })
    }

    /// How the program is called in the image, before its arguments.
    pub fn command(&self) -> Vec<String> {
        let words: &[&str] = match self.loader {
            Some(_) => &["/ld.so", "--library-path", "/lib", "/wharf"],
            None => &["/wharf"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Writes the layer as a tar archive: the same bytes whenever the files are the same.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(to);
        copy(&mut archive, "wharf", &self.file)?;
        if let Some(loader) = &self.loader {
            copy(&mut archive, "ld.so", loader)?;
        }
        for (name, path) in &self.libraries {
            copy(&mut archive, &format!("lib/{name}"), path)?;
        }
        archive.finish()
    }
}

fn copy(archive: &mut tar::Builder<impl Write>, name: &str, path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    archive.append_data(&mut header(size, 0o755), name, file.take(size))
}

/// Finds the dynamic loader among what is mapped: `ld-linux-x86-64.so.2`, `ld-musl-aarch64.so.1`.
fn loader(maps: &str) -> Option<PathBuf> {
    let paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let mut loaders = paths.filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.starts_with("ld-") && name.contains(".so")
    });
    loaders.next().map(PathBuf::from)
}

/// Reads lines as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`.
fn libraries(listed: &str) -> Vec<(String, PathBuf)> {
    let library = |line: &str| {
        let (name, path) = line.split_once(" => ")?;
        let path = path.split(" (").next()?.trim();
        let name = name.trim();
        let plain = !name.contains('/') && path.starts_with('/');
        plain.then(|| (name.to_owned(), PathBuf::from(path)))
    };
    let mut found: Vec<_> = listed.lines().filter_map(library).collect();
    found.sort();
    found
}

pub(crate) fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_and_the_libraries_are_found() {
        let maps = "\
7f00-7f01 r--p 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libc.so.6
7f02-7f03 r--p 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
7f04-7f05 rw-p 00000000 00:00 0
";
        let found = loader(maps).unwrap();
        assert_eq!(
            found,
            Path::new("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
        );
        assert_eq!(
            loader("7f00-7f01 r--p 00000000 fe:00 1 /usr/bin/wharf\n"),
            None
        );
        let listed = "\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 => /usr/lib64/ld-linux-x86-64.so.2 (0x00007f)
";
        let names: Vec<String> = libraries(listed)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["libc.so.6", "libgcc_s.so.1"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn with_a_loader_there_is_a_library_at_least() {
        let program = Program::find().unwrap();
        assert_eq!(program.loader.is_none(), program.libraries.is_empty());
    }
}
