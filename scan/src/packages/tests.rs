use proptest::prelude::*;

use super::*;
use crate::{Limits, layers::tests::tar};

pub(crate) fn inventory(contents: &[(&str, &str)]) -> Result<Inventory, Error> {
    let mut files = Files::new(Limits::default());
    files.add_layer(tar(contents).as_slice()).unwrap();
    Inventory::read(&files)
}

fn names(inventory: &Inventory) -> Vec<[&str; 5]> {
    let packages = inventory.packages.iter();
    packages
        .map(|p| {
            [
                &*p.name,
                &*p.version,
                &*p.arch,
                &*p.source,
                &*p.source_version,
            ]
        })
        .collect()
}

const DEBIAN: (&str, &str) = ("etc/os-release", "ID=debian\nVERSION_ID=12\n");

const STATUS: &str = "\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9
Description: GNU C Library
 Status: a line that goes on
 .
Conffiles:

Package: libgone
Status: deinstall ok config-files
Version: 1.0

Package: libhalf
Status: install ok half-installed
Version: 1.0


package: base-files
status: hold ok installed
version: 12.4+deb12u5
source: base (12.4)
architecture: all
";

#[test]
fn dpkg_lists_what_is_installed_with_its_source() {
    let found = inventory(&[DEBIAN, ("var/lib/dpkg/status", STATUS)]).unwrap();
    assert_eq!(found.distribution.ecosystem, "Debian:12");
    assert_eq!(
        names(&found),
        [
            ["libc6", "2.36-9", "amd64", "glibc", "2.36-9"],
            ["base-files", "12.4+deb12u5", "all", "base", "12.4"],
        ]
    );
}

#[test]
fn distroless_images_have_a_file_for_each_package() {
    let package = "Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n";
    let found = inventory(&[
        DEBIAN,
        ("var/lib/dpkg/status.d/tzdata", package),
        (
            "var/lib/dpkg/status.d/tzdata.md5sums",
            "Package: no\nVersion: 1\n",
        ),
    ]);
    let found = found.unwrap();
    assert_eq!(
        names(&found),
        [["tzdata", "2024a-0", "all", "tzdata", "2024a-0"]]
    );
}

#[test]
fn apk_lists_packages_with_their_origin() {
    let installed = "C:Q1x\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\nP:ssl_client\nV:1.36.1-r15\nA:x86_64\no:busybox\nF:usr\n";
    let release = ("usr/lib/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let found = inventory(&[release, (path, installed)]).unwrap();
        assert_eq!(found.distribution.ecosystem, "Alpine:v3.19");
        assert_eq!(
            names(&found),
            [
                ["musl", "1.2.4-r2", "x86_64", "musl", "1.2.4-r2"],
                [
                    "ssl_client",
                    "1.36.1-r15",
                    "x86_64",
                    "busybox",
                    "1.36.1-r15"
                ],
            ]
        );
    }
}

#[test]
fn an_image_without_packages_is_not_supported_and_not_empty() {
    let fedora = (
        "etc/os-release",
        "ID=fedora\nVERSION_ID=40\nPRETTY_NAME=\"Fedora 40\"",
    );
    for contents in [
        &[][..],
        &[DEBIAN],
        &[("var/lib/dpkg/status", STATUS)],
        &[fedora],
    ] {
        let error = inventory(contents).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    }
}

#[test]
fn a_version_without_end_is_refused() {
    let package =
        |version: &str| format!("Package: a\nStatus: x y installed\nVersion: {version}\n");
    let read = |text: &str| inventory(&[DEBIAN, ("var/lib/dpkg/status", text)]);
    read(&package(&"1".repeat(1024))).unwrap();
    let refused = read(&package(&"0".repeat(1025))).unwrap_err();
    assert!(matches!(refused, Error::Limit { .. }), "{refused:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "(Package|Status|Version|Source|P|V|o|ID)?:?=?[ -~\n()]{0,200}",
        release in "(ID=(debian|alpine|rhel)\n)?(VERSION_ID=[0-9.]{0,4})?[ -~\n]{0,20}",
    ) {
        drop(inventory(&[
            ("etc/os-release", &release),
            ("var/lib/dpkg/status", &text),
            ("lib/apk/db/installed", &text),
        ]));
    }
}
