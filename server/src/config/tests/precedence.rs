//! Every setting from every source.
use super::*;

/// Every setting, with four values of which the first is the default, and what it shows as.
const SETTINGS: &[(&str, [&str; 4])] = &[
    (
        "listen",
        ["127.0.0.1:4566", "127.0.0.1:1", "127.0.0.1:2", "[::1]:3"],
    ),
    (
        "public-host",
        ["", "one.example", "two.example", "three.example"],
    ),
    ("allow-insecure-listen", ["false", "true", "false", "true"]),
    ("drain", ["30s", "1s", "2m", "3h"]),
    (
        "store",
        ["local", "s3://one/a/b", "s3://two", "s3://three/x"],
    ),
    ("redirect", ["false", "true", "false", "true"]),
    ("durability", ["full", "relaxed", "full", "relaxed"]),
    ("verify-reads", ["false", "true", "false", "true"]),
    ("scrub-interval", ["7d", "1s", "2s", "3s"]),
    ("gc-interval", ["1h", "1s", "2s", "3s"]),
    ("gc-grace", ["24h", "1s", "2s", "3s"]),
    ("lifecycle-interval", ["1h", "1s", "2s", "3s"]),
    ("transition-delay", ["0s", "1s", "2s", "3s"]),
    ("engine", ["auto", "builtin", "simulated", "builtin"]),
    ("cluster-endpoint", ["port", "path", "port", "path"]),
    (
        "account",
        [
            "000000000000",
            "111111111111",
            "222222222222",
            "333333333333",
        ],
    ),
    (
        "region",
        ["us-east-1", "eu-west-1", "eu-west-2", "eu-west-3"],
    ),
    ("uri-style", ["localhost", "aws", "localhost", "aws"]),
    ("create-on-push", ["false", "true", "false", "true"]),
    ("references", ["strict", "sparse", "strict", "sparse"]),
    ("vulnerability-db", ["", "/one", "/two", "/three"]),
    ("allow-reset", ["false", "true", "false", "true"]),
    ("credentials", ["", "/one", "/two", "/three"]),
    (
        "upstream-allow",
        [
            "",
            "http://127.0.0.1:1",
            "https://two.example",
            "http://[::1]:3",
        ],
    ),
    ("upstream-timeout", ["1h", "1s", "2s", "3s"]),
    ("secrets", ["", "/one", "/two", "/three"]),
    ("log", ["info", "warn", "debug", "wharf=trace"]),
    ("log-format", ["text", "json", "text", "json"]),
];

/// What a setting needs besides its key: strict access for credentials, keys and a bucket for S3.
fn prepared(key: &str) -> Start {
    let start = Start::new()
        .env("WHARF_S3_ACCESS_KEY_ID", "a")
        .env("WHARF_S3_SECRET_ACCESS_KEY", "b");
    match key {
        "credentials" => start
            .env("WHARF_AUTH", "strict")
            .env("WHARF_CREDENTIALS", "/zero"),
        "redirect" => start.env("WHARF_STORE", "s3://zero"),
        _ => start,
    }
}

fn toml(key: &str, value: &str) -> String {
    match value {
        "true" | "false" => format!("{key} = {value}"),
        _ => format!("{key} = {value:?}"),
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    for (key, [default, in_file, in_env, flag]) in SETTINGS.iter().copied() {
        let name = format!("WHARF_{}", key.replace('-', "_").to_uppercase());
        let by_flag = |value: &str| prepared(key).config(&format!("--{key}={value}"));
        // Directories and homes differ between the starts, and credentials have no default.
        let same = |mut config: Config, mut expected: Config, what: &str| {
            config.data_dir.clear();
            expected.data_dir.clear();
            expected.docker.home.clone_from(&config.docker.home);
            assert_eq!(config, expected, "{key}: {what}");
        };
        if !default.is_empty() {
            same(prepared(key).config(""), by_flag(default), "default");
        }
        if key != "credentials" {
            let start = prepared(key).file(&toml(key, in_file));
            same(start.config(""), by_flag(in_file), "file");
            let start = prepared(key).env(&name, "").file(&toml(key, in_file));
            same(
                start.config(""),
                by_flag(in_file),
                "an empty variable is none",
            );
        }
        let start = prepared(key).env(&name, in_env).file(&toml(key, in_file));
        same(start.config(""), by_flag(in_env), "environment");
        same(
            start.config(&format!("--{key}={flag}")),
            by_flag(flag),
            "flag",
        );
        same(
            start.config(&format!("serve --{key}={flag}")),
            by_flag(flag),
            "serve",
        );
    }
}

#[test]
fn every_setting_is_in_the_table_above_and_says_its_default() {
    let known = ["config", "data-dir", "auth", "help", "version"];
    let command = cli::command();
    for arg in command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some())
    {
        let key = arg.get_long().unwrap();
        if known.contains(&key) {
            continue;
        }
        let (_, [default, ..]) = SETTINGS
            .iter()
            .find(|(name, _)| *name == key)
            .unwrap_or_else(|| panic!("{key} is not tested"));
        let help = arg.get_help().unwrap().to_string();
        match *default {
            "" | "false" => assert!(!help.contains("[default"), "{key}: {help}"),
            "us-east-1" => assert!(help.contains("or us-east-1]"), "{key}: {help}"),
            default => assert!(
                help.contains(&format!("[default: {default}]")),
                "{key}: {help}"
            ),
        }
        assert!(arg.get_help_heading().is_some(), "{key} has no group");
    }
}
