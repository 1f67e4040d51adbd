//! What the user guide says of access entries.
use super::*;

const USER: &str = "arn:aws:iam::000000000000:user/ann";
const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

fn new(principal: &str, kind: &str) -> NewEntry {
    NewEntry {
        cluster: "dev".into(),
        principal: principal.into(),
        kind: Some(kind.into()),
        ..NewEntry::default()
    }
}

#[test]
fn nodes_have_the_names_and_groups_that_eks_gives() {
    let of = |kind| new(ROLE, kind).entry(None).unwrap();
    let linux = of("EC2_LINUX");
    assert_eq!(linux.username, "system:node:{{EC2PrivateDNSName}}");
    assert_eq!(linux.groups, ["system:nodes"]);
    assert_eq!(of("FARGATE_LINUX").username, "system:node:{{SessionName}}");
    for kind in EntryType::ALL {
        assert_eq!(of(kind.as_str()).kind, kind);
    }
    let standard = of("STANDARD");
    assert!(standard.groups.is_empty());
    assert_eq!(
        standard.username,
        "arn:aws:sts::000000000000:assumed-role/nodes/{{SessionName}}"
    );
    // Only roles are nodes, and nobody chooses their names.
    new(USER, "EC2_LINUX").entry(None).unwrap_err();
    new(USER, "PERSON").entry(None).unwrap_err();
    let named = NewEntry {
        username: Some("me".into()),
        ..new(ROLE, "EC2")
    };
    named.entry(None).unwrap_err();
    let grouped = NewEntry {
        groups: Some(vec!["a".into()]),
        ..new(ROLE, "EC2_LINUX")
    };
    grouped.entry(None).unwrap_err();
}

#[test]
fn reserved_names_are_nobodys() {
    for (username, fine) in [
        ("ann", true),
        ("team:{{SessionName}}", true),
        ("{{AccountID}}:{{SessionNameRaw}}", true),
        ("{{SessionName}}", false),
        ("team-{{SessionName}}", false),
        ("team:{{Anything}}", false),
        ("team:{{SessionName", false),
        ("system:admin", false),
        ("eks:x", false),
        ("aws:x", false),
        ("amazon:x", false),
        ("iam:x", false),
        ("", false),
    ] {
        assert_eq!(check_username(username).is_ok(), fine, "{username}");
    }
    let refused = check_groups(&["system:masters".into()]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The kubernetes group name system:masters is invalid, it cannot start with system:"
    );
    check_groups(&["viewers".into(), "eks-console".into()]).unwrap();
}

#[test]
fn a_scope_is_the_cluster_or_namespaces() {
    let some = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(Scope::new("cluster", Vec::new()).unwrap(), Scope::Cluster);
    let scope = Scope::new("namespace", some(&["web", "dev-*"])).unwrap();
    for (namespace, within) in [
        ("web", true),
        ("web2", false),
        ("dev-a", true),
        ("dev", false),
    ] {
        assert_eq!(scope.holds_in(namespace), within, "{namespace}");
    }
    assert!(Scope::new("namespace", some(&["*"])).unwrap().holds_in("x"));
    for (kind, names) in [
        ("cluster", some(&["web"])),
        ("namespace", some(&[])),
        ("namespace", some(&[""])),
        ("namespace", some(&["Web"])),
        ("namespace", some(&["a*b"])),
        ("namespace", some(&["a-"])),
        ("world", some(&[])),
    ] {
        Scope::new(kind, names.clone()).unwrap_err();
    }
}

#[test]
fn an_arn_of_an_entry_names_cluster_kind_account_and_name() {
    let registry = Registry {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    };
    let mut entry = new(ROLE, "STANDARD").entry(None).unwrap();
    entry.id = "1".into();
    assert_eq!(
        entry.arn(&registry, "dev"),
        "arn:aws:eks:us-east-1:000000000000:access-entry/dev/role/000000000000/nodes/1"
    );
}
