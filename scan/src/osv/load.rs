//! Reads a directory of advisories.
//!
//! A file is one advisory or an array of them (`.json`), one a line (`.jsonl`), or an archive of
//! such files, as OSV exports its ecosystems (`all.zip`). A broken file costs itself and nothing
//! more.
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use wharf_types::Timestamp;

use super::{Database, Fingerprint, Problem, advisory::Document};
use crate::Error;

/// How deep directories are followed; links to directories are not.
const MAX_DEPTH: usize = 4;

/// How many files are read.
const MAX_FILES: usize = 2_000_000;

/// The largest file that is read at once, and the longest line.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How many problems are kept.
const MAX_PROBLEMS: usize = 20;

struct Found {
    path: PathBuf,
    bytes: u64,
    modified: Timestamp,
}

pub(super) fn fingerprint(folder: &Path) -> Result<Fingerprint, Error> {
    Ok(summary(&files(folder)?))
}

fn summary(files: &[Found]) -> Fingerprint {
    let newest = files.iter().map(|file| file.modified).max();
    Fingerprint {
        files: files.len(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        updated: newest.unwrap_or_default(),
    }
}

pub(super) fn load(folder: &Path) -> Result<Database, Error> {
    let files = files(folder)?;
    let mut database = Database {
        fingerprint: summary(&files),
        advisories: 0,
        problems: Vec::new(),
        problem_count: 0,
        ecosystems: HashMap::new(),
    };
    for file in &files {
        let name = file.path.to_string_lossy();
        let read = File::open(&file.path).map_err(|e| e.to_string());
        let read = read.and_then(|opened| database.read(&file.path, &name, opened));
        if let Err(reason) = read {
            database.problem(&file.path, reason);
        }
    }
    Ok(database)
}

fn files(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found).map_err(|source| Error::Database {
        path: folder.to_owned(),
        source,
    })?;
    // The order of a directory is not the same everywhere.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<Found>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, found)?;
            }
            continue;
        }
        let known = ["json", "jsonl", "zip"];
        let extension = path.extension().and_then(|e| e.to_str());
        if !extension.is_some_and(|e| known.contains(&e)) {
            continue;
        }
        if found.len() >= MAX_FILES {
            let text = format!("there are more than {MAX_FILES} files");
            return Err(io::Error::other(text));
        }
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Replaced while we look.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        let since = metadata.modified()?.duration_since(UNIX_EPOCH);
        let ms = since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        found.push(Found {
            path,
            bytes: metadata.len(),
            modified: Timestamp::from_ms(ms),
        });
    }
    Ok(())
}

impl Database {
    /// Reads a file, or one in an archive, by what its name says it is.
    fn read(&mut self, path: &Path, name: &str, file: File) -> Result<(), String> {
        match name.rsplit('.').next() {
            Some("zip") => self.read_archive(path, file),
            Some("jsonl") => self.read_lines(path, file),
            _ => self.read_document(file),
        }
    }

    fn read_document(&mut self, file: impl Read) -> Result<(), String> {
        let mut bytes = Vec::new();
        let mut limited = file.take(MAX_BYTES + 1);
        limited.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
        let documents: Result<Vec<Document>, _> = if is_list {
            serde_json::from_slice(&bytes)
        } else {
            serde_json::from_slice(&bytes).map(|one| vec![one])
        };
        for document in documents.map_err(|e| e.to_string())? {
            self.add(document);
        }
        Ok(())
    }

    fn read_lines(&mut self, path: &Path, file: impl Read) -> Result<(), String> {
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut lines).take(MAX_BYTES).read_until(b'\n', &mut line);
            if read.map_err(|e| e.to_string())? == 0 {
                return Ok(());
            }
            if line.len() as u64 >= MAX_BYTES {
                return Err(format!("a line has more than {MAX_BYTES} bytes"));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(document) => self.add(document),
                Err(e) => self.problem(path, e.to_string()),
            }
        }
    }

    fn read_archive(&mut self, path: &Path, file: File) -> Result<(), String> {
        let mut archive = zip::ZipArchive::new(file).map_err(|e| e.to_string())?;
        if archive.len() > MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} files"));
        }
        for i in 0..archive.len() {
            let entry = archive.by_index(i).map_err(|e| e.to_string())?;
            let name = entry.name().map_err(|e| e.to_string())?.into_owned();
            if name.rsplit('.').next() != Some("json") {
                continue;
            }
            let within = path.join(name);
            if let Err(reason) = self.read_document(entry) {
                self.problem(&within, reason);
            }
        }
        Ok(())
    }

    fn add(&mut self, document: Document) {
        let rows = document.rows();
        self.advisories += usize::from(!rows.is_empty());
        for (ecosystem, name, affected) in rows {
            let packages = self.ecosystems.entry(ecosystem).or_default();
            packages.entry(name).or_default().push(affected);
        }
    }

    fn problem(&mut self, path: &Path, reason: String) {
        self.problem_count += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                path: path.to_owned(),
                reason,
            });
        }
    }
}
