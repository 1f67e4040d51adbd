//! How Go prints JSON values, because upstream's messages show them so.
use serde_json::Value;

/// `%v` of a value: `map[a:1 b:[x y]]`.
pub(crate) fn shown(value: &Value) -> String {
    let mut text = String::new();
    show(value, &mut text);
    text
}

/// `%v` of a list that is held by its items.
pub(crate) fn shown_list(items: &[Value]) -> String {
    let mut text = String::new();
    show_items(items, &mut text);
    text
}

fn show(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::String(string) => text.push_str(string),
        Value::Array(items) => show_items(items, text),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            text.push_str("map[");
            for (i, (name, field)) in fields.into_iter().enumerate() {
                if i > 0 {
                    text.push(' ');
                }
                text.push_str(name);
                text.push(':');
                show(field, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn show_items(items: &[Value], text: &mut String) {
    text.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.push(' ');
        }
        show(item, text);
    }
    text.push(']');
}

/// `%T` of a value.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `%#v` of a value.
pub(crate) fn source(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(string) => format!("{string:?}"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(source).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(name, field)| format!("{name:?}:{}", source(field)))
                .collect();
            fields.sort_unstable();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_as_in_go() {
        let value = json!({"b": [1, "x", null], "a": {"c": true}});
        assert_eq!(shown(&value), "map[a:map[c:true] b:[1 x <nil>]]");
        assert_eq!(
            source(&json!({"a": [1]})),
            "map[string]interface {}{\"a\":[]interface {}{1}}"
        );
    }
}
