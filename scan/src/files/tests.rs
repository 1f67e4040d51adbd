use super::*;
use crate::layers::tests::{entry, tar};

const STATUS: &str = "var/lib/dpkg/status";

fn files(layers: &[Vec<u8>]) -> Files {
    let mut files = Files::new(Limits::default());
    for layer in layers {
        files.add_layer(layer.as_slice()).unwrap();
    }
    files
}

fn content(layers: &[Vec<u8>], path: &str) -> Option<String> {
    let files = files(layers);
    let found = files.content(path).unwrap();
    found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn the_uppermost_layer_counts() {
    let layers = [
        tar(&[(STATUS, "old"), ("etc/os-release", "o")]),
        tar(&[(STATUS, "new")]),
    ];
    assert_eq!(content(&layers, STATUS).unwrap(), "new");
    assert_eq!(content(&layers, "etc/os-release").unwrap(), "o");
}

// OCI image specification, layer.md: whiteouts apply to lower layers only, in any order.
#[test]
fn whiteouts_hide_what_is_below_and_nothing_of_their_own_layer() {
    let lower = tar(&[(STATUS, "lower"), ("var/lib/dpkg/status.d/a", "a")]);
    for whiteout in [
        "var/lib/dpkg/.wh.status",
        "var/lib/.wh.dpkg",
        "./.wh.var",
        "var/lib/dpkg/.wh..wh..opq",
        "/.wh..wh..opq",
    ] {
        let layers = [lower.clone(), tar(&[(whiteout, "")])];
        assert_eq!(content(&layers, STATUS), None, "{whiteout}");
        for files in [
            [(STATUS, "own"), (whiteout, "")],
            [(whiteout, ""), (STATUS, "own")],
        ] {
            let layers = [lower.clone(), tar(&files)];
            assert_eq!(content(&layers, STATUS).unwrap(), "own", "{whiteout}");
        }
    }
    let other = [
        lower.clone(),
        tar(&[("var/lib/dpkg/.wh.stat", ""), ("var/lib/.wh..wh.x", "")]),
    ];
    assert_eq!(content(&other, STATUS).unwrap(), "lower");
    let one = files(&[lower, tar(&[("var/lib/dpkg/status.d/.wh.a", "")])]);
    assert_eq!(one.below("var/lib/dpkg/status.d/").count(), 0);
}

#[test]
fn a_file_in_the_place_of_a_directory_and_the_other_way_round() {
    let lower = tar(&[(STATUS, "lower")]);
    assert_eq!(
        content(&[lower.clone(), entry("var/lib", b'2', "/x", b"")], STATUS),
        None
    );
    assert_eq!(
        content(&[lower.clone(), entry(STATUS, b'5', "", b"")], STATUS),
        None
    );
    assert!(content(&[lower, entry("var/lib/", b'5', "", b"")], STATUS).is_some());
}

#[test]
fn links_are_followed_where_something_is_kept() {
    let system = tar(&[("usr/lib/os-release", "ID=x")]);
    for target in [
        "../usr/lib/os-release",
        "/usr/lib/os-release",
        "../../../usr/./lib/os-release",
    ] {
        let layers = [system.clone(), entry("etc/os-release", b'2', target, b"")];
        assert_eq!(
            content(&layers, "etc/os-release").unwrap(),
            "ID=x",
            "{target}"
        );
    }
    let hard = entry("etc/os-release", b'1', "usr/lib/os-release", b"");
    assert_eq!(
        content(&[system.clone(), hard.clone()], "etc/os-release").unwrap(),
        "ID=x"
    );
    for odd in [
        hard,
        entry("etc/os-release", b'2', "os-release", b""),
        entry("etc/os-release", b'2', "/opt/release", b""),
        entry("etc/os-release", b'6', "", b""),
    ] {
        assert!(files(&[odd]).content("etc/os-release").is_err());
    }
}

#[test]
fn paths_never_leave_the_root() {
    for (path, expected) in [
        ("/etc//./x", "etc/x"),
        ("../../etc/x", "etc/x"),
        ("a/../../b", "b"),
        ("..", ""),
    ] {
        assert_eq!(normal("", path), expected);
    }
    assert_eq!(normal("usr/lib", "../../etc/x"), "etc/x");
}
