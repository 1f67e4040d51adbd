//! Where settings come from besides the command line: the environment, and the file.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, Parser};

use super::{
    Environment, Error,
    replication::{ReplicationSettings, check_private},
    settings::{S3Settings, Settings},
};

/// Lays the flags over the environment over the file. `data_dir` is set in what comes out.
pub(super) fn collect(flags: Settings, env: Environment<'_>) -> Result<Settings, Error> {
    let mut settings = flags.or(environment(env)?);
    if let Some(path) = settings.config.clone() {
        let file = read(&path)?.ok_or_else(|| Error::file(&path, "there is no such file"))?;
        settings = settings.or(file);
        if settings.data_dir.is_none() {
            settings.data_dir = Some(default_data_dir(env)?);
        }
        return Ok(settings);
    }
    let data_dir = match &settings.data_dir {
        Some(dir) => dir.clone(),
        None => default_data_dir(env)?,
    };
    let path = data_dir.join("wharf.toml");
    settings.data_dir = Some(data_dir);
    let file = read(&path)?.unwrap_or_default();
    if file.data_dir.is_some() {
        let problem = "data-dir cannot be set in a file that was found by it; use --data-dir, \
                       WHARF_DATA_DIR, or --config with this file";
        return Err(Error::file(&path, problem));
    }
    Ok(settings.or(file))
}

/// `$XDG_DATA_HOME/wharf`, else `~/.local/share/wharf`. The specification has relative values of
/// the variable ignored.
fn default_data_dir(env: Environment<'_>) -> Result<PathBuf, Error> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|share| share.join("wharf"))
        .ok_or_else(|| Error::invalid("data-dir", "HOME is not set; say where with --data-dir"))
}

/// The settings alone, so that a variable is read just as its flag is.
#[derive(Parser)]
#[command(name = "wharf", disable_help_flag = true)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

/// `WHARF_GC_GRACE` for `gc-grace`.
fn variable(key: &str) -> String {
    format!("WHARF_{}", key.replace('-', "_").to_ascii_uppercase())
}

pub(super) fn environment(env: Environment<'_>) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    for key in Flags::command()
        .get_arguments()
        .filter_map(|arg| arg.get_long())
    {
        let name = variable(key);
        let Some(value) = env(&name) else { continue };
        let flags = Flags::try_parse_from(["wharf", &format!("--{key}={value}")])
            .map_err(|error| not_parsed(name, &error))?;
        settings = settings.or(flags.settings);
    }
    let allow_http = match env("WHARF_S3_ALLOW_HTTP").as_deref() {
        None => None,
        Some("true" | "1" | "yes" | "on") => Some(true),
        Some("false" | "0" | "no" | "off") => Some(false),
        Some(other) => {
            return Err(Error::Environment {
                name: "WHARF_S3_ALLOW_HTTP".into(),
                problem: format!("{other:?} is neither true nor false"),
            });
        }
    };
    settings.s3 = S3Settings {
        endpoint: env("WHARF_S3_ENDPOINT"),
        region: env("WHARF_S3_REGION"),
        access_key_id: env("WHARF_S3_ACCESS_KEY_ID"),
        secret_access_key: env("WHARF_S3_SECRET_ACCESS_KEY"),
        allow_http,
    };
    Ok(settings)
}

fn not_parsed(name: String, error: &clap::Error) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Error::Environment {
        name,
        problem: first.trim_start_matches("error: ").into(),
    }
}

fn read(path: &Path) -> Result<Option<Settings>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path, error)),
    };
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        // The whole of toml's text repeats the line, which may hold a secret.
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| format!("line {}: ", before.matches('\n').count() + 1));
        let message = error.message().replace("unknown field", "unknown key");
        Error::file(path, format!("{}{message}", line.unwrap_or_default()))
    })?;
    if settings
        .replication
        .as_ref()
        .is_some_and(ReplicationSettings::has_secrets)
    {
        check_private(path)?;
    }
    Ok(Some(settings))
}
