use std::{collections::HashMap, fs};

use tempfile::TempDir;

use super::*;

mod precedence;
mod replication;

/// A command line, an environment and a file.
struct Start {
    home: TempDir,
    env: HashMap<String, String>,
}

impl Start {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        Self {
            env: HashMap::from([("HOME".into(), path)]),
            home,
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.home.path().join(".local/share/wharf")
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn file(self, text: &str) -> Self {
        fs::create_dir_all(self.data_dir()).unwrap();
        fs::write(self.data_dir().join("wharf.toml"), text).unwrap();
        self
    }

    fn run(&self, args: &str) -> Result<Command, Error> {
        let args = std::iter::once("wharf").chain(args.split_whitespace());
        parse(args, &|name| self.env.get(name).cloned())
    }

    fn config(&self, args: &str) -> Config {
        match self.run(args).unwrap() {
            Command::Serve(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn error(&self, args: &str) -> String {
        self.run(args).unwrap_err().to_string()
    }
}

#[test]
fn without_anything_the_defaults_are_served() {
    let start = Start::new();
    let config = start.config("");
    let mut expected = Config::new(start.data_dir()).unwrap();
    expected.docker.home = Some(start.home.path().to_owned());
    assert_eq!(config, expected);
    assert_eq!(config, start.config("serve"));
    assert_eq!(config.listen, ["127.0.0.1:4566".parse().unwrap()]);
    assert_eq!(config.account.as_str(), "000000000000");
    assert_eq!(config.region.as_str(), "us-east-1");
    assert_eq!(config.auth, Auth::Local);
    assert_eq!(config.durability, Durability::Full);
    assert_eq!(config.drain, Duration::from_secs(30));
}

#[test]
fn lists_are_repeated_flags_and_text_with_commas_and_arrays() {
    let listen = |config: Config| config.listen.len();
    assert_eq!(
        listen(Start::new().config("--listen 127.0.0.1:1 --listen [::1]:2")),
        2
    );
    assert_eq!(
        listen(
            Start::new()
                .env("WHARF_LISTEN", "127.0.0.1:1,[::1]:2")
                .config("")
        ),
        2
    );
    let file = Start::new().file("listen = ['127.0.0.1:1', '[::1]:2']");
    assert_eq!(listen(file.config("")), 2);
    assert_eq!(
        listen(file.config("--listen=127.0.0.1:3")),
        1,
        "replaced, not extended"
    );
    assert!(
        Start::new()
            .file("listen = []")
            .error("")
            .starts_with("listen: ")
    );
}

#[test]
fn a_flag_without_a_value_is_on_and_can_be_off() {
    assert!(Start::new().config("--create-on-push").create_on_push);
    let on = Start::new().env("WHARF_CREATE_ON_PUSH", "1");
    assert!(on.config("").create_on_push);
    assert!(!on.config("--create-on-push=false").create_on_push);
}

#[test]
fn unknown_keys_and_bad_values_name_key_and_file() {
    for (file, expected) in [
        ("colour = 1", "unknown key `colour`"),
        ("[s3]\nbuckets = 1", "unknown key `buckets`"),
        ("config = 'x'", "unknown key `config`"),
        ("gc_grace = '1h'", "unknown key `gc_grace`"),
        (
            "\ngc-grace = '1 fortnight'",
            "line 2: a duration looks like",
        ),
        ("gc-grace = 30", "expected a string"),
        ("listen = 'x'", "\"x\": invalid socket address"),
        ("durability = 'some'", "unknown variant `some`"),
        ("this is not toml", "line 1: "),
        ("data-dir = '/x'", "data-dir cannot be set"),
    ] {
        let error = Start::new().file(file).error("");
        assert!(error.contains(expected), "{file}: {error}");
        assert!(
            error.contains("/.local/share/wharf/wharf.toml: "),
            "{file}: {error}"
        );
    }
}

#[test]
fn a_bad_file_does_not_show_what_is_in_it() {
    let error = Start::new()
        .file("[s3]\nsecret-access-key = 'hunter2")
        .error("");
    assert!(!error.contains("hunter2"), "{error}");
    let config = Start::new()
        .file("store = 's3://one'\n[s3]\naccess-key-id = 'a'\nsecret-access-key = 'hunter2'")
        .config("");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn bad_variables_are_named() {
    for (name, value) in [
        ("WHARF_GC_GRACE", "30"),
        ("WHARF_LISTEN", "localhost"),
        ("WHARF_CREATE_ON_PUSH", "maybe"),
        ("WHARF_S3_ALLOW_HTTP", "maybe"),
        ("WHARF_REGION", "here"),
        ("AWS_REGION", "here"),
    ] {
        let error = Start::new().env(name, value).error("");
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
    }
}

#[test]
fn what_does_not_go_together_names_the_key() {
    for (args, key) in [
        (
            "--listen 0.0.0.0:4566",
            "listen: other machines can reach 0.0.0.0:4566",
        ),
        ("--listen [::]:4566", "listen: "),
        (
            "--listen 127.0.0.1:1,192.168.1.2:1",
            "listen: other machines can reach 192.168.1.2:1",
        ),
        ("--auth=strict", "credentials: "),
        ("--credentials /x", "auth: "),
        ("--auth=local --credentials /x", "auth: "),
        ("--drain 0s", "drain: "),
        ("--gc-interval 0s", "gc-interval: "),
        ("--gc-grace 0ms", "gc-grace: "),
        ("--lifecycle-interval 0s", "lifecycle-interval: "),
        ("--scrub-interval 0s", "scrub-interval: "),
        ("--public-host http://x", "public-host: \"http://x\""),
        ("--public-host x:1", "public-host: "),
        ("--public-host x.", "public-host: "),
        ("--log wharf=loud", "log: "),
        ("--store s3://one", "s3.access-key-id: "),
        ("--redirect", "redirect: there is no bucket"),
        ("login --endpoint localhost:4566", "endpoint: "),
        ("conformance --registry x", "registry: "),
    ] {
        let error = Start::new().error(args);
        assert!(error.starts_with(key), "{args}: {error}");
    }
    for args in [
        "--listen 0.0.0.0:4566 --allow-insecure-listen",
        "--listen 0.0.0.0:4566 --auth=strict --credentials=/x",
        "--listen 127.0.0.2:1 --listen [::1]:1",
    ] {
        Start::new().config(args);
    }
}

#[test]
fn s3_is_set_up_by_our_own_variables_or_the_file_and_never_by_those_of_aws() {
    let aws = Start::new()
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b");
    assert!(
        aws.error("--store s3://one")
            .starts_with("s3.access-key-id")
    );

    let start = Start::new()
        .env("WHARF_S3_ACCESS_KEY_ID", "from-env")
        .env("WHARF_S3_ALLOW_HTTP", "true")
        .file("[s3]\nendpoint = 'http://minio:9000'\naccess-key-id = 'x'\nsecret-access-key = 'y'");
    let expected = S3 {
        bucket: "one".into(),
        prefix: "a/b".into(),
        endpoint: Some("http://minio:9000".into()),
        region: "us-east-1".into(),
        access_key_id: "from-env".into(),
        secret_access_key: Secret::new("y".into()),
        allow_http: true,
    };
    assert_eq!(
        start.config("--store s3://one/a/b/").store,
        Store::S3(expected)
    );
    let plain = start.env("WHARF_S3_ALLOW_HTTP", "no");
    assert!(plain.error("--store s3://one").starts_with("s3.endpoint: "));
    for bad in [
        "s3://",
        "s3://UP",
        "s3://one/a/../b",
        "s3://one//a",
        "file:///x",
        "/x",
    ] {
        Start::new().run(&format!("--store={bad}")).unwrap_err();
    }
}

#[test]
fn the_region_is_ours_then_that_of_aws() {
    let start = Start::new().env("AWS_REGION", "eu-central-1");
    assert_eq!(start.config("").region.as_str(), "eu-central-1");
    let start = start.env("WHARF_REGION", "ap-south-1");
    assert_eq!(start.config("").region.as_str(), "ap-south-1");
    match start.run("env").unwrap() {
        Command::Env(env) => assert_eq!(env.region.as_str(), "ap-south-1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_data_directory_follows_xdg() {
    let start = Start::new().env("XDG_DATA_HOME", "/data");
    assert_eq!(start.config("").data_dir, Path::new("/data/wharf"));
    let relative = Start::new().env("XDG_DATA_HOME", "data");
    assert_eq!(relative.config("").data_dir, relative.data_dir());
    let homeless = parse(["wharf"], &|_| None).unwrap_err().to_string();
    assert!(homeless.starts_with("data-dir: "), "{homeless}");
}

#[test]
fn a_named_file_is_there_and_may_say_where_data_is() {
    let start = Start::new().file("region = 'eu-west-9'");
    let named = start.home.path().join("other.toml");
    let args = format!("--config {}", named.display());
    assert!(
        start
            .error(&args)
            .ends_with("other.toml: there is no such file")
    );
    fs::write(&named, "data-dir = '/elsewhere'").unwrap();
    let config = start.config(&args);
    assert_eq!(config.data_dir, Path::new("/elsewhere"));
    assert_eq!(config.region.as_str(), "us-east-1", "no other file is read");
}

#[test]
fn commands_on_data_find_the_servers_settings() {
    let start = Start::new().file("gc-grace = '2h'");
    match start.run("gc --dry-run").unwrap() {
        Command::Gc(config, gc) => {
            assert!(gc.dry_run && !gc.now);
            assert_eq!(config.gc_grace, Duration::from_hours(2));
            assert_eq!(config.admin_socket(), start.data_dir().join("admin.sock"));
        }
        other => panic!("{other:?}"),
    }
    match start.run("backup /to --data-dir /x").unwrap() {
        Command::Backup(config, backup) => {
            assert_eq!(
                (config.data_dir.as_path(), backup.file.as_path()),
                (Path::new("/x"), Path::new("/to"))
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        start.run("check --repair").unwrap(),
        Command::Check(_, Check { repair: true })
    ));
    assert!(matches!(
        start.run("trust --write").unwrap(),
        Command::Trust(_, Trust { write: true })
    ));
    assert!(matches!(
        start.run("demo").unwrap(),
        Command::Demo(Demo { keep: false, .. })
    ));
    start.run("gc --dry-run --now").unwrap_err();
}

#[test]
fn clients_have_an_endpoint() {
    match Start::new().run("login").unwrap() {
        Command::Login(login) => assert_eq!(login.endpoint, "http://127.0.0.1:4566"),
        other => panic!("{other:?}"),
    }
    let start = Start::new().env("WHARF_PASSWORD", "hunter2");
    let args = "conformance --registry http://r:5000/ --user u --category pull --category push";
    match start.run(args).unwrap() {
        Command::Conformance(c) => {
            assert_eq!(
                (c.registry.as_str(), c.categories.len()),
                ("http://r:5000", 2)
            );
            assert!(!format!("{c:?}").contains("hunter2"));
            assert_eq!(c.password.unwrap().reveal(), "hunter2");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn usage_is_help_or_an_error_of_the_command_line() {
    cli::command().debug_assert();
    for args in [
        "--help",
        "--version",
        "gc --help",
        "--nonsense",
        "--listen nowhere",
        "nonsense",
    ] {
        assert!(
            matches!(Start::new().run(args), Err(Error::Usage(_))),
            "{args}"
        );
    }
    let help = cli::command().render_long_help().to_string();
    for words in [
        "Network:",
        "Storage:",
        "Registry:",
        "Access:",
        "Logs:",
        "Examples:",
        "Commands:",
    ] {
        assert!(help.contains(words), "{help}");
    }
    assert!(!help.contains("--s3"), "secrets are no flags");
}
