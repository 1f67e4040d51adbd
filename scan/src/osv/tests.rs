use std::{fs, io::Write as _};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Distribution, Inventory, Manager, Package};

fn package(name: &str, version: &str, source: &str, source_version: &str) -> Package {
    Package {
        name: name.into(),
        version: version.into(),
        arch: "amd64".into(),
        source: source.into(),
        source_version: source_version.into(),
        modular: version.contains(".module"),
    }
}

fn inventory(ecosystem: &str, manager: Manager, packages: Vec<Package>) -> Inventory {
    Inventory {
        distribution: Distribution {
            ecosystem: ecosystem.into(),
            platform: String::new(),
            manager,
        },
        packages,
    }
}

fn debian(packages: Vec<Package>) -> Inventory {
    inventory("Debian:12", Manager::Dpkg, packages)
}

fn advisory(id: &str, ecosystem: &str, name: &str, events: &Value) -> Value {
    json!({
        "id": id,
        "modified": "2024-01-02T03:04:05Z",
        "details": format!("About {id}."),
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": name },
            "ranges": [{ "type": "ECOSYSTEM", "events": events }],
        }],
    })
}

fn database(files: &[(&str, String)]) -> (TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let database = Database::load(dir.path()).unwrap();
    (dir, database)
}

fn of(documents: Vec<Value>) -> Database {
    database(&[("all.json", Value::Array(documents).to_string())]).1
}

fn found(database: &Database, inventory: &Inventory) -> Vec<(String, String, Severity)> {
    let findings = database.findings(inventory).unwrap();
    let one = |f: Finding| (f.name, f.package, f.severity);
    findings.into_iter().map(one).collect()
}

fn names(database: &Database, inventory: &Inventory) -> Vec<String> {
    found(database, inventory)
        .into_iter()
        .map(|f| f.0)
        .collect()
}

#[test]
fn debian_is_matched_by_source_package_and_its_version() {
    let fixed = json!([{ "introduced": "0" }, { "fixed": "2.36-9+deb12u4" }]);
    let db = of(vec![advisory(
        "DEBIAN-CVE-2023-4911",
        "Debian:12",
        "glibc",
        &fixed,
    )]);
    let old = debian(vec![
        package("libc6", "2.36-9+deb12u3", "glibc", "2.36-9+deb12u3"),
        package("libc-bin", "2.36-9+deb12u3", "glibc", "2.36-9+deb12u3"),
        // A package of the advisory's name, but of another source.
        package("glibc", "1", "other", "1"),
    ]);
    let findings = db.findings(&old).unwrap();
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(
        (finding.name.as_str(), finding.package.as_str()),
        ("CVE-2023-4911", "glibc")
    );
    let vulnerable: Vec<_> = finding.vulnerable.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(vulnerable, ["libc6", "libc-bin"]);
    assert_eq!(
        finding.vulnerable[0].fixed.as_deref(),
        Some("2.36-9+deb12u4")
    );
    let new = debian(vec![package(
        "libc6",
        "2.36-9+deb12u4",
        "glibc",
        "2.36-9+deb12u4",
    )]);
    assert_eq!(names(&db, &new), [""; 0]);
    // What decides is the source's version, not the binary's.
    let rebuilt = debian(vec![package(
        "libc6",
        "2.36-9+deb12u3+b9",
        "glibc",
        "2.36-9+deb12u4",
    )]);
    assert_eq!(names(&db, &rebuilt), [""; 0]);
}

#[test]
fn an_image_that_takes_too_many_comparisons_is_refused() {
    let events = json!([{ "introduced": "0" }, { "fixed": "1" }]);
    let advisory = |n: usize| advisory(&format!("CVE-{n}"), "Debian:12", "a", &events);
    let db = of((0..10).map(advisory).collect());
    let image = debian(vec![package("a", "2", "a", "2"); 10]);
    assert_eq!(db.findings_within(100, &image).unwrap(), []);
    let refused = db.findings_within(99, &image).unwrap_err();
    assert!(matches!(refused, Error::Limit { .. }), "{refused:?}");
}

#[test]
fn no_advisories_for_a_distribution_are_not_no_findings() {
    let db = of(vec![advisory(
        "CVE-1",
        "Alpine:v3.19",
        "musl",
        &json!([{ "introduced": "0" }]),
    )]);
    let error = db.findings(&debian(Vec::new())).unwrap_err();
    assert!(matches!(error, Error::NoAdvisories(name) if name == "Debian:12"));
}

// osv-schema: "Evaluation", with the events in any order.
#[test]
fn ranges_are_evaluated_as_the_format_says() {
    let events = json!([
        { "fixed": "1.5" }, { "introduced": "2.0" }, { "introduced": "1.0" }, { "last_affected": "2.2" },
    ]);
    let mut document = advisory("CVE-2", "Debian:12", "a", &events);
    document["affected"][0]["versions"] = json!(["1.0", "0.3", "9"]);
    let db = of(vec![document]);
    for (version, affected) in [
        ("0.3", true),
        ("0.9", false),
        ("1.0", true),
        ("1.4.9", true),
        ("1.5", false),
        ("2.0~rc1", false),
        ("2.2", true),
        ("2.2+b1", false),
        ("9", true),
    ] {
        let image = debian(vec![package("a", version, "a", version)]);
        assert_eq!(names(&db, &image).len(), usize::from(affected), "{version}");
    }
    let never = of(vec![advisory(
        "CVE-3",
        "Debian:12",
        "a",
        &json!([{ "introduced": "0" }, { "fixed": "0" }]),
    )]);
    assert_eq!(
        names(&never, &debian(vec![package("a", "1", "a", "1")])),
        [""; 0]
    );
}

#[test]
fn rpm_is_matched_by_binary_and_source_within_its_module() {
    let plain = json!([{ "introduced": "0" }, { "fixed": "1:3.0.7-25.el9_3" }]);
    let module = json!([{ "introduced": "0" }, { "fixed": "0:18.2.0-1.module+el9.1.0+1+abc" }]);
    let mut alma = advisory("ALSA-2024:1", "AlmaLinux:9", "openssl-libs", &plain);
    alma["related"] = json!(["CVE-2024-2", "CVE-2024-1"]);
    let db = of(vec![
        alma,
        advisory("ALSA-2024:2", "AlmaLinux:9", "nodejs", &module),
    ]);
    let image = |packages| inventory("AlmaLinux:9", Manager::Rpm, packages);
    let old = image(vec![package(
        "openssl-libs",
        "1:3.0.7-24.el9",
        "openssl",
        "1:3.0.7-24.el9",
    )]);
    assert_eq!(names(&db, &old), ["CVE-2024-1", "CVE-2024-2"]);
    let new = image(vec![package(
        "openssl-libs",
        "1:3.0.7-25.el9_3",
        "openssl",
        "1:3.0.7-25.el9_3",
    )]);
    assert_eq!(names(&db, &new), [""; 0]);
    let node = |version| image(vec![package("nodejs", version, "nodejs", version)]);
    assert_eq!(names(&db, &node("1:16.1.0-1.el9")).len(), 0);
    assert_eq!(
        names(&db, &node("0:16.1.0-1.el9")).len(),
        0,
        "not of a module"
    );
    assert_eq!(
        names(&db, &node("0:18.1.0-1.module+el9.1.0+1+abc")),
        ["ALSA-2024:2"]
    );
    let rhel = of(vec![advisory(
        "RHSA-1",
        "Red Hat:enterprise_linux:9::baseos",
        "bash",
        &plain,
    )]);
    let image = inventory(
        "Red Hat:enterprise_linux:9",
        Manager::Rpm,
        vec![package("bash", "0:5.1-1.el9", "bash", "0:5.1-1.el9")],
    );
    assert_eq!(names(&rhel, &image), ["RHSA-1"]);
}

#[test]
fn severities_are_scores_or_words() {
    let all = json!([{ "introduced": "0" }]);
    let with = |id: &str, path: &str, value: Value| {
        let mut document = advisory(id, "Debian:12", "a", &all);
        *document
            .pointer_mut(path.rsplit_once('/').unwrap().0)
            .unwrap() = {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut parent = document.pointer(parent).unwrap().clone();
            parent[key] = value;
            parent
        };
        document
    };
    let v3 =
        json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]);
    let v4 = json!([{ "type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N" }]);
    let db = of(vec![
        with("CVE-1", "/severity", v3),
        with("CVE-2", "/severity", v4),
        with(
            "CVE-3",
            "/database_specific",
            json!({ "severity": "IMPORTANT" }),
        ),
        with(
            "CVE-4",
            "/affected/0/ecosystem_specific",
            json!({ "urgency": "not yet assigned" }),
        ),
        with(
            "CVE-5",
            "/affected/0/ecosystem_specific",
            json!({ "urgency": "unimportant" }),
        ),
        with(
            "CVE-6",
            "/severity",
            json!([{ "type": "Ubuntu", "score": "medium" }]),
        ),
    ]);
    let severities: Vec<_> = found(&db, &debian(vec![package("a", "1", "a", "1")]));
    let expected = [
        ("CVE-1", Severity::Critical),
        ("CVE-3", Severity::High),
        ("CVE-6", Severity::Medium),
        ("CVE-5", Severity::Informational),
        ("CVE-2", Severity::Undefined),
        ("CVE-4", Severity::Undefined),
    ];
    assert_eq!(
        severities,
        expected.map(|(id, s)| (id.to_owned(), "a".to_owned(), s))
    );
}

#[test]
fn one_vulnerability_in_several_advisories_is_one_finding() {
    let all = json!([{ "introduced": "0" }, { "fixed": "2" }]);
    let mut dsa = advisory("DSA-1-1", "Debian:12", "a", &all);
    dsa["upstream"] = json!(["CVE-2024-5", "CVE-2024-6"]);
    let mut cve = advisory("DEBIAN-CVE-2024-5", "Debian:12", "a", &all);
    cve["severity"] =
        json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" }]);
    let mut withdrawn = advisory("CVE-2024-7", "Debian:12", "a", &all);
    withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
    let db = of(vec![dsa, cve, withdrawn]);
    let image = debian(vec![package("a", "1", "a", "1")]);
    assert_eq!(
        found(&db, &image),
        [
            ("CVE-2024-5".to_owned(), "a".to_owned(), Severity::High),
            ("CVE-2024-6".to_owned(), "a".to_owned(), Severity::Undefined),
        ]
    );
}

#[test]
fn a_directory_is_read_in_every_form_and_broken_files_cost_only_themselves() {
    let all = json!([{ "introduced": "0" }]);
    let one = |id: &str| advisory(id, "Debian:12", "a", &all).to_string();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(dir.path().join(name), content).unwrap();
    fs::create_dir(dir.path().join("debian")).unwrap();
    write("debian/one.json", one("CVE-1").as_bytes());
    write(
        "lines.jsonl",
        format!("{}\n\n{{\n{}\n", one("CVE-2"), one("CVE-3")).as_bytes(),
    );
    write(
        "list.json",
        format!(" [{},{}]", one("CVE-4"), one("CVE-5")).as_bytes(),
    );
    write("broken.json", b"{");
    write("other.txt", b"not read");
    write("bad.zip", b"PK");
    let npm = advisory("GHSA-1", "npm", "a", &all).to_string();
    write("npm.json", npm.as_bytes());
    let mut archive = zip::ZipWriter::new(fs::File::create(dir.path().join("all.zip")).unwrap());
    for (name, content) in [("CVE-6.json", one("CVE-6")), ("x.json", "[]]".into())] {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let db = Database::load(dir.path()).unwrap();
    assert_eq!(db.advisories, 6);
    let image = debian(vec![package("a", "1", "a", "1")]);
    assert_eq!(
        names(&db, &image),
        ["CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5", "CVE-6"]
    );
    let problems: Vec<_> = db
        .problems
        .iter()
        .map(|p| p.path.strip_prefix(dir.path()).unwrap())
        .collect();
    assert_eq!(
        problems
            .iter()
            .map(|p| p.to_str().unwrap())
            .collect::<Vec<_>>(),
        ["all.zip/x.json", "bad.zip", "broken.json", "lines.jsonl"]
    );
    let before = Database::fingerprint(dir.path()).unwrap();
    assert_eq!(before, db.fingerprint);
    fs::remove_file(dir.path().join("broken.json")).unwrap();
    assert_ne!(Database::fingerprint(dir.path()).unwrap(), before);
    assert!(matches!(
        Database::load(&dir.path().join("x")),
        Err(Error::Database { .. })
    ));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[{]?(\"(id|affected|ranges)\":)?[ -~]{0,100}") {
        let (_dir, db) = database(&[("a.json", text.clone()), ("a.jsonl", text.clone()), ("a.zip", text)]);
        proptest::prop_assert!(db.advisories == 0);
    }
}
