use proptest::prelude::*;

use super::*;

/// Written by Kubernetes' own code, see `generate/vectors`.
const VECTORS: &str = include_str!("vectors.txt");

fn vectors() -> impl Iterator<Item = (&'static str, Vec<u8>, Value)> {
    use base64::Engine as _;
    VECTORS.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let kind = parts.next().unwrap();
        let body = parts.next().unwrap();
        let body = base64::engine::general_purpose::STANDARD.decode(body);
        let json = serde_json::from_str(parts.next().unwrap()).unwrap();
        (kind, body.unwrap(), json)
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn objects_are_those_that_go_writes() {
    let mut count = 0;
    for (kind, body, expected) in vectors() {
        let object = decode(Schema::builtin(), &body).unwrap();
        let (object, expected) = (without_nulls(object), without_nulls(expected));
        assert_same(kind, &object, &expected);
        count += 1;
    }
    assert!(count > 80, "{count}");
}

/// Names the first difference; the objects are too large to print.
fn assert_same(path: &str, found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let keys = found.keys().chain(expected.keys());
            for key in keys {
                let null = Value::Null;
                let left = found.get(key).unwrap_or(&null);
                let right = expected.get(key).unwrap_or(&null);
                assert_same(&format!("{path}.{key}"), left, right);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                assert_same(&format!("{path}[]"), left, right);
            }
        }
        _ => assert_eq!(found, expected, "{path}"),
    }
}

#[test]
fn kinds_may_be_left_to_the_caller() {
    let body = b"k8s\0\x12\x00";
    let default = GroupVersionKind {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
    };
    assert_eq!(
        decode_as(Schema::builtin(), body, &default).unwrap(),
        serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment"})
    );
    assert!(matches!(
        decode(Schema::builtin(), body),
        Err(DecodeError::NoKind { .. })
    ));
}

#[test]
fn pieces_are_joined_as_protobuf_says() {
    // metadata twice: {name: "a", labels: {x: "1"}}, then {name: ""}.
    let mut raw = vec![
        0x0a, 11, 0x0a, 1, b'a', 0x5a, 6, 0x0a, 1, b'x', 0x12, 1, b'1',
    ];
    raw.extend([0x0a, 2, 0x0a, 0]);
    // A field that nobody knows, and one of a group.
    raw.extend([0xf8, 0x06, 5, 0xf3, 0x06, 0x08, 1, 0xf4, 0x06]);
    let mut body = b"k8s\0\x0a\x0a\x0a\x02v1\x12\x04Node\x12".to_vec();
    body.push(u8::try_from(raw.len()).unwrap());
    body.extend(raw);
    assert_eq!(
        decode(Schema::builtin(), &body).unwrap(),
        serde_json::json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"x": "1"}},
        })
    );
}

#[test]
fn deep_messages_are_refused() {
    let mut inner = vec![];
    for _ in 0..200 {
        // JSONSchemaProps.not
        let mut length = vec![];
        let mut left = inner.len();
        while left >= 0x80 {
            length.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        length.push(u8::try_from(left).unwrap());
        inner = [vec![0xe2, 0x01], length, inner].concat();
    }
    let schema = Schema::builtin();
    let id = schema
        .find("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
        .unwrap();
    let result = Decoder { schema }.message(id, &inner, &mut Map::new(), 0);
    assert_eq!(result, Err(DecodeError::TooDeep));
}

#[test]
fn truncated_bodies_do_not_panic() {
    for (_, body, _) in vectors() {
        for end in (0..body.len()).step_by(1 + body.len() / 200) {
            drop(decode(Schema::builtin(), &body[..end]));
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_do_not_panic(raw in prop::collection::vec(any::<u8>(), 0..200), index in 0_usize..80) {
        let (_, body, _) = vectors().nth(index).unwrap();
        // The same kind with other contents.
        let meta = usize::from(body[5]) + 6;
        let mut forged = body[..meta].to_vec();
        forged.push(0x12);
        forged.extend([u8::try_from(raw.len()).unwrap() | 0x80, 1][..].iter());
        forged.extend(&raw);
        drop(decode(Schema::builtin(), &forged));
        drop(decode(Schema::builtin(), &raw));
    }

    #[test]
    fn changed_bytes_do_not_panic(index in 0_usize..80, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (_, mut body, _) = vectors().nth(index).unwrap();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        drop(decode(Schema::builtin(), &body));
    }
}

#[test]
fn objects_are_already_normal() {
    let schema = Schema::builtin();
    for (kind, body, expected) in vectors() {
        let mut object = decode(schema, &body).unwrap();
        let api_version = object["apiVersion"].as_str().unwrap().to_owned();
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let id = schema.kind(group, version, kind).unwrap();
        let decoded = object.clone();
        let result = crate::fields::normalize(schema, id, &mut object);
        assert_eq!(result, Ok(vec![]), "{kind}");
        assert_same(kind, &object, &decoded);
        // What Go writes as JSON is read back as the same.
        let mut json = expected;
        crate::fields::prune(schema, id, &mut json);
        assert_same(kind, &json, &decoded);
    }
}
