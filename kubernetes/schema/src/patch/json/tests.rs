use serde_json::json as j;

use super::*;

fn patched(mut target: Value, operations: &Value) -> Result<Value, PatchError> {
    json(&mut target, operations).map(|()| target)
}

/// Appendix A of RFC 6902.
#[test]
fn the_examples_of_the_rfc() {
    let cases = [
        (
            j!({"foo":"bar"}),
            j!([{"op":"add","path":"/baz","value":"qux"}]),
            j!({"baz":"qux","foo":"bar"}),
        ),
        (
            j!({"foo":["bar","baz"]}),
            j!([{"op":"add","path":"/foo/1","value":"qux"}]),
            j!({"foo":["bar","qux","baz"]}),
        ),
        (
            j!({"baz":"qux","foo":"bar"}),
            j!([{"op":"remove","path":"/baz"}]),
            j!({"foo":"bar"}),
        ),
        (
            j!({"foo":["bar","qux","baz"]}),
            j!([{"op":"remove","path":"/foo/1"}]),
            j!({"foo":["bar","baz"]}),
        ),
        (
            j!({"baz":"qux"}),
            j!([{"op":"replace","path":"/baz","value":"boo"}]),
            j!({"baz":"boo"}),
        ),
        (
            j!({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}),
            j!([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]),
            j!({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}),
        ),
        (
            j!({"foo":["all","grass","cows","eat"]}),
            j!([{"op":"move","from":"/foo/1","path":"/foo/3"}]),
            j!({"foo":["all","cows","eat","grass"]}),
        ),
        (
            j!({"baz":"qux","foo":["a",2,"c"]}),
            j!([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]),
            j!({"baz":"qux","foo":["a",2,"c"]}),
        ),
        (
            j!({"foo":"bar"}),
            j!([{"op":"add","path":"/child","value":{"grandchild":{}}}]),
            j!({"foo":"bar","child":{"grandchild":{}}}),
        ),
        (
            j!({"/":9,"~1":10}),
            j!([{"op":"test","path":"/~01","value":10}]),
            j!({"/":9,"~1":10}),
        ),
        (
            j!({"foo":["bar"]}),
            j!([{"op":"add","path":"/foo/-","value":["abc","def"]}]),
            j!({"foo":["bar",["abc","def"]]}),
        ),
        (
            j!({"a":1}),
            j!([{"op":"copy","from":"/a","path":"/b"}]),
            j!({"a":1,"b":1}),
        ),
        (
            j!({"a":[1,2]}),
            j!([{"op":"replace","path":"/a/-1","value":3}]),
            j!({"a":[1,3]}),
        ),
    ];
    for (target, patch, expected) in cases {
        assert_eq!(patched(target, &patch).unwrap(), expected, "{patch}");
    }
}

#[test]
fn failures_are_422_with_the_general_text_and_change_nothing() {
    let cases = [
        (
            j!([{"op":"test","path":"/a","value":2}]),
            "testing value /a failed: test failed",
        ),
        (
            j!([{"op":"add","path":"/x/y","value":2}]),
            "add operation does not apply: doc is missing path: \"/x/y\": missing value",
        ),
        (
            j!([{"op":"remove","path":"/x"}]),
            "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
        ),
        (
            j!([{"op":"add","path":"/b/7","value":2}]),
            "error in add for path: '/b/7': Unable to access invalid index: 7: invalid index referenced",
        ),
        (
            j!([{"op":"add","path":"/b/x","value":2}]),
            "error in add for path: '/b/x': value was not a proper array index: 'x'",
        ),
        (j!([{"op":"jump","path":"/b"}]), "Unexpected kind: jump"),
        (
            j!([{"op":"add"}]),
            "add operation failed to decode path: operation missing path field: missing value",
        ),
    ];
    for (patch, cause) in cases {
        let mut target = j!({"a":1,"b":[]});
        let mut all = patch.as_array().unwrap().clone();
        all.insert(0, j!({"op":"add","path":"/new","value":1}));
        let error = json(&mut target, &Value::Array(all)).unwrap_err();
        assert_eq!(error.code(), 422);
        assert_eq!(error.cause(), cause);
        assert_eq!(
            error.to_string(),
            "the server rejected our request due to an error in our request"
        );
        assert_eq!(target, j!({"a":1,"b":[]}));
    }
}

#[test]
fn patches_are_bounded() {
    let test = j!({"op":"test","path":"/a","value":1});
    let many = Value::Array(vec![test; 10_001]);
    let error = patched(j!({"a":1}), &many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
    assert_eq!(error.code(), 413);

    let doubling = (0..60).map(|i| j!({"op":"copy","from":"/a","path":format!("/a/{i}")}));
    let error = patched(j!({"a":{"b":"0123456789"}}), &doubling.collect()).unwrap_err();
    assert!(
        error.cause().contains("exceeding the limit 3145728"),
        "{}",
        error.cause()
    );

    let deeper = j!([{"op":"add","path":"/b","value":{}},{"op":"move","from":"/a","path":"/b/a"},{"op":"move","from":"/b","path":"/a"}]);
    let deeper: Vec<Value> = (0..200)
        .flat_map(|_| deeper.as_array().unwrap().clone())
        .collect();
    let error = patched(j!({"a":1}), &Value::Array(deeper)).unwrap_err();
    assert!(
        error.cause().ends_with("exceeded max depth"),
        "{}",
        error.cause()
    );

    assert_eq!(patched(j!({}), &j!({})).unwrap_err().code(), 400);
    assert_eq!(patched(j!({}), &j!(["x"])).unwrap_err().code(), 400);
}
