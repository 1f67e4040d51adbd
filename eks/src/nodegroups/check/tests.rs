use super::*;

#[test]
fn arm_is_told_from_the_family() {
    for arm in [
        "t4g.small",
        "m6gd.large",
        "c7gn.xlarge",
        "a1.medium",
        "im4gn.large",
    ] {
        assert!(is_arm(arm), "{arm}");
    }
    for other in [
        "t3.medium",
        "g4dn.xlarge",
        "g5.large",
        "m5.large",
        "p4d.24xlarge",
    ] {
        assert!(!is_arm(other), "{other}");
    }
}

#[test]
fn sizes_are_in_their_order() {
    let text = |min, max, desired| {
        let e = scaling(Scaling { min, max, desired }).unwrap_err();
        e.to_string()
    };
    scaling(Scaling {
        min: 0,
        max: 1,
        desired: 0,
    })
    .unwrap();
    assert_eq!(
        text(3, 4, 2),
        "Minimum capacity 3 can't be greater than desired size 2"
    );
    assert_eq!(
        text(3, 2, 3),
        "Minimum capacity 3 can't be greater than max size 2"
    );
    assert_eq!(
        text(1, 2, 3),
        "desired capacity 3 can't be greater than max size 2"
    );
    text(0, 0, 0);
    text(-1, 1, 1);
}

#[test]
fn labels_are_those_of_kubernetes_and_not_reserved() {
    let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    for (key, value) in [("a", "b"), ("example.com/a", "1.2_3-x"), ("node-type", "x")] {
        labels(&one(key, value)).unwrap();
    }
    for (key, value) in [
        ("eks.amazonaws.com/x", "y"),
        ("k8s.io/x", "y"),
        ("kubernetes.io/x", "y"),
        ("a/b/c", "x"),
        ("-a", "x"),
        ("a", "x y"),
        ("a", ""),
        ("", "a"),
    ] {
        labels(&one(key, value)).unwrap_err();
    }
}

#[test]
fn a_release_is_one_of_its_version() {
    let version = versions::find("1.33").unwrap();
    image(AmiType::Al2023X86, version, Some("1.33.5-20251112")).unwrap();
    image(AmiType::BottlerocketX86, version, Some("1.50.0-d5c0f1a2")).unwrap();
    for bad in ["1.32.9-20251112", "1.33.5", "x", "1.33-20251112"] {
        image(AmiType::Al2023X86, version, Some(bad)).unwrap_err();
    }
    image(AmiType::Al2X86, version, None).unwrap_err();
}
