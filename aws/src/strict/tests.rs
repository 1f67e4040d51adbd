use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    name: Option<String>,
    count: Option<u32>,
    ratio: Option<f64>,
    #[serde(default)]
    on: bool,
    ids: Option<Vec<Id>>,
    map: Option<BTreeMap<String, String>>,
    blob: Option<Blob>,
    status: Option<Status>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id {
    tag: String,
    digest: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Tagged,
    NotTagged,
}

fn read(text: &str) -> Result<Input, Exception> {
    from_slice(text.as_bytes())
}

#[track_caller]
fn refused(text: &str, kind: &str, message: &str) {
    let e = read(text).unwrap_err();
    assert_eq!(e.kind, kind, "{text}: {e}");
    assert!(e.message.contains(message), "{text}: {e}");
}

#[test]
fn what_is_of_the_models_types_is_read() {
    let input = read(
        r#" {"name":"a\n\"\u00e4\ud83d\ude00","count":7,"ratio":1,"on":true,"blob":"aGk=","status":"NOT_TAGGED",
            "ids":[{"tag":"v1"},{"tag":"v2","digest":"d"}],"map":{"k":"v"}} "#,
    );
    let id = |tag: &str, digest: Option<&str>| Id {
        tag: tag.into(),
        digest: digest.map(str::to_owned),
    };
    assert_eq!(
        input.unwrap(),
        Input {
            name: Some("a\n\"ä😀".into()),
            count: Some(7),
            ratio: Some(1.0),
            on: true,
            ids: Some(vec![id("v1", None), id("v2", Some("d"))]),
            map: Some([("k".to_owned(), "v".to_owned())].into()),
            blob: Some(Blob(b"hi".as_slice().into())),
            status: Some(Status::NotTagged),
        }
    );
}

#[test]
fn null_is_absent_and_unknown_members_are_skipped() {
    let text = r#"{"name":null,"count":null,"on":null,"ids":null,"map":{"k":null},"blob":null,"status":null,
        "future":{"a":[1,null,{"b":"\\"}],"c":-1.5e3},"future":true}"#;
    let expected = Input {
        map: Some(BTreeMap::new()),
        ..Input::default()
    };
    assert_eq!(read(text).unwrap(), expected);
    refused(
        r#"{"ids":[{"tag":"v1"},{"tag":null}]}"#,
        "InvalidParameterException",
        "'ids[1].tag' failed to satisfy constraint: 'Member must not be null'",
    );
}

#[test]
fn another_type_is_a_serialization_exception_that_names_the_member() {
    for (text, message) in [
        (
            r#"{"name":1}"#,
            "NUMBER_VALUE can not be converted to a String (at 'name')",
        ),
        (
            r#"{"name":{}}"#,
            "Start of structure or map found where not expected. (at 'name')",
        ),
        (
            r#"{"name":["x"]}"#,
            "Start of list found where not expected. (at 'name')",
        ),
        (
            r#"{"count":"1"}"#,
            "STRING_VALUE can not be converted to an Integer (at 'count')",
        ),
        (
            r#"{"count":1.5}"#,
            "(1.5) can not be converted to an Integer",
        ),
        (r#"{"count":1.0}"#, "can not be converted to an Integer"),
        (r#"{"count":-1}"#, "(at 'count')"),
        (r#"{"count":4294967296}"#, "(at 'count')"),
        (r#"{"count":123456789012345678901234567890}"#, "an Integer"),
        (
            r#"{"count":true}"#,
            "BOOLEAN_VALUE can not be converted to an Integer",
        ),
        (r#"{"ratio":"1"}"#, "a Double"),
        (
            r#"{"on":"true"}"#,
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (r#"{"on":1}"#, "a Boolean"),
        (r#"{"ids":{}}"#, "(at 'ids')"),
        (
            r#"{"ids":[["v1","d"]]}"#,
            "Start of list found where not expected. (at 'ids[0]')",
        ),
        (
            r#"{"ids":[{"tag":"v1"},null]}"#,
            "NULL_VALUE can not be converted to a structure (at 'ids[1]')",
        ),
        (
            r#"{"ids":[{"tag":"v1","digest":[]}]}"#,
            "(at 'ids[0].digest')",
        ),
        (r#"{"map":[]}"#, "(at 'map')"),
        (r#"{"map":{"k":1}}"#, "(at 'map.k')"),
        (r#"{"blob":"no base64!"}"#, "Invalid base64 (at 'blob')"),
        (r#"{"blob":[1]}"#, "(at 'blob')"),
        (r#"{"status":1}"#, "(at 'status')"),
        (r#"{"status":{"TAGGED":null}}"#, "(at 'status')"),
        (r#"["x",1]"#, "Start of list"),
        ("null", "NULL_VALUE"),
        (r#"{"name":"a","name":"b"}"#, "duplicate field"),
    ] {
        refused(text, "SerializationException", message);
    }
    refused(
        r#"{"status":"OTHER"}"#,
        "InvalidParameterException",
        "'status' failed to satisfy constraint: 'Member must satisfy enum value set: [TAGGED, NOT_TAGGED]'",
    );
}

#[test]
fn what_is_not_json_is_a_serialization_exception() {
    for text in [
        "",
        "{",
        "{\"",
        "{\"name",
        "{\"name\"",
        "{\"name\":",
        "{\"name\":\"",
        "{\"name\":\"a",
        "{\"name\":\"a\\",
        "{\"name\":\"a\"",
        "{\"name\":\"a\",}",
        "{,}",
        "{\"name\" \"a\"}",
        "{'name':'a'}",
        "{name:1}",
        "{}x",
        "{\"x\":01}",
        "{\"x\":-}",
        "{\"x\":1e}",
        "{\"x\":+1}",
        "{\"x\":nul}",
        "{\"x\":True}",
        "{\"x\":NaN}",
        "{\"x\":[1,]}",
        "{\"x\":[1 2]}",
        "{\"x\":[}",
        "{\"x\":\"a\nb\"}",
        "{\"x\":\"\\x\"}",
        "{\"x\":\"\\ud800\"}",
        "{\"\\ud800\":1}",
        "\u{feff}{}",
        "// c\n{}",
    ] {
        refused(text, "SerializationException", "");
    }
    assert_eq!(
        from_slice::<Input>(b"{\"x\":\"\xe4\"}").unwrap_err().kind,
        "SerializationException"
    );
}

#[test]
fn bombs_are_refused_or_dropped() {
    for open in ["[", "{\"a\":"] {
        refused(
            &format!("{{\"x\":{}", open.repeat(10_000)),
            "SerializationException",
            "too deeply",
        );
        refused(&open.repeat(1_000_000), "SerializationException", "");
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(60), "]".repeat(60));
    assert_eq!(read(&deep).unwrap(), Input::default());
    let long = format!("{{\"x\":[{}0]}}", "[],".repeat(300_000));
    assert_eq!(read(&long).unwrap(), Input::default());
}

/// Any JSON.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|m| json!(m)),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_reads_as_serde_json_reads_it(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(from_slice::<Value>(text.as_bytes()).unwrap(), theirs);
    }

    #[test]
    fn whatever_is_accepted_serde_json_accepts(text in r#"[\[\]{}:,"\\ntru0-9.eE\-+ a]{0,40}"#) {
        let ours = from_slice::<Value>(text.as_bytes()).ok();
        prop_assert_eq!(ours, serde_json::from_str(&text).ok());
    }
}

#[test]
fn a_blob_is_read_from_plain_and_from_escaped_text() {
    for text in [r#""/+8=""#, r#""\/+8=""#, r#""\u002f+8=""#] {
        let blob = read(&format!(r#"{{"blob":{text}}}"#))
            .unwrap()
            .blob
            .unwrap();
        assert_eq!(blob.0.as_ref(), [0xff, 0xef]);
    }
    for text in [r#""/+8""#, r#""a b=""#] {
        let text = format!(r#"{{"blob":{text}}}"#);
        refused(
            &text,
            "SerializationException",
            "Invalid base64 (at 'blob')",
        );
    }
}
