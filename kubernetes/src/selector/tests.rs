use std::sync::Arc;

use serde_json::json;

use super::{FieldSelector, LabelSelector, Selectable};
use crate::kinds::selectable_field;
use crate::store::{Object, Op, ShelfSpec, Store};

fn labels(selector: &str, labels: &[(&str, &str)]) -> bool {
    let labels: Vec<(String, String)> = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    LabelSelector::parse(selector).unwrap().matches(&labels)
}

#[test]
fn labels_match_as_in_the_documentation_of_selectors() {
    let web = [("app", "web"), ("tier", "front"), ("n", "5")];
    for selector in [
        "",
        "app",
        "app=web",
        "app==web,tier!=back",
        "app = web , tier in (front, back)",
        "app in (web),!old",
        "missing notin (a)",
        "missing!=a",
        "n>4,n<6",
        "app in (,web,)",
        "tier notin (a,,b)",
    ] {
        assert!(labels(selector, &web), "{selector}");
    }
    for selector in [
        "app=",
        "app in ()",
        "!app",
        "tier notin (front)",
        "n>5",
        "app>1",
        "in",
    ] {
        assert!(!labels(selector, &web), "{selector}");
    }
    assert!(labels("in in (in,notin)", &[("in", "notin")]));
    assert!(labels("a=", &[("a", "")]));
}

#[test]
fn what_is_no_label_selector_is_told_in_the_words_of_kubernetes() {
    for (selector, message) in [
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        (
            "=b",
            "found '=', expected: !, identifier, or 'end of string'",
        ),
        ("a,", "found '', expected: identifier after ','"),
        (
            "a in b",
            "unable to parse requirement: found 'b' expected: '('",
        ),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'",
        ),
        (
            "a in (b,",
            "unable to parse requirement: found '', expected: ',', or identifier",
        ),
        (
            "!",
            "unable to parse requirement: found '', expected: identifier",
        ),
        ("a=b!", "found '!', expected: ',' or 'end of string'"),
        (
            "a>b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ] {
        let error = LabelSelector::parse(selector).unwrap_err();
        assert_eq!(error.message, message, "{selector}");
        assert_eq!(error.code, 400);
    }
    let error = LabelSelector::parse("a=-b").unwrap_err().message;
    let wanted =
        "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must";
    assert!(error.starts_with(wanted), "{error}");
    let error = LabelSelector::parse("-a=b").unwrap_err().message;
    let wanted =
        "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of";
    assert!(error.starts_with(wanted), "{error}");
}

async fn pod(store: &Store, paths: &[&str]) -> (Arc<crate::store::Shelf>, Arc<Object>) {
    let shelf = store.shelf(&ShelfSpec {
        name: "pods".to_owned(),
        durable: false,
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
        fields: selectable_field,
    });
    let value = json!({
        "metadata": { "namespace": "n", "name": "a" },
        "spec": { "nodeName": "x" }, "status": { "phase": "Running" },
    });
    let object = store.commit(&shelf, "n", "a", Op::Create(value)).await;
    (shelf, object.unwrap())
}

#[tokio::test]
async fn fields_match_whether_the_shelf_notes_them_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let objects = wharf_storage::Objects::open(&folder.path().join("objects"), false).unwrap();
    let store = Store::open(objects, &[]).unwrap();
    let (shelf, pod) = pod(&store, &["spec.nodeName"]).await;
    let fields = ["spec.nodeName".to_owned(), "status.phase".to_owned()];
    let of = Selectable {
        group: "",
        kind: "Pod",
        namespaced: true,
        custom: false,
        fields: &fields,
        shelf: &shelf,
    };
    for (selector, wanted) in [
        ("", true),
        ("metadata.name=a,metadata.namespace==n", true),
        ("spec.nodeName=x,status.phase!=Failed", true),
        ("spec.host=x", true),
        ("spec.nodeName=x\\,y", false),
        ("status.phase!=Running", false),
    ] {
        let parsed = FieldSelector::parse(selector, &of).unwrap();
        assert_eq!(parsed.matches(&pod), wanted, "{selector}");
    }
    let parsed = FieldSelector::parse("metadata.namespace!=b,metadata.name=a", &of).unwrap();
    assert_eq!((parsed.name(), parsed.namespace()), (Some("a"), None));
    for (selector, message) in [
        ("spec.x=1", "field label not supported: spec.x"),
        ("abc", "invalid selector: 'abc'; can't understand 'abc'"),
        (
            "metadata.name=a=b",
            "invalid field selector: unescaped character in value: 61",
        ),
        (
            "metadata.name=a\\b",
            "invalid field selector: invalid escape sequence: \\b",
        ),
    ] {
        let error = FieldSelector::parse(selector, &of).unwrap_err();
        assert_eq!(error.message, message, "{selector}");
    }
    let plain = Selectable {
        kind: "ConfigMap",
        fields: &[],
        ..of
    };
    let error = FieldSelector::parse("data.x=1", &plain).unwrap_err();
    assert_eq!(
        error.message,
        "\"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
}
