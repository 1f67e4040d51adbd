//! The text of a path.
use serde_json::Value;

use super::{Comparison, JsonPath, Node, Operator, Slice};

/// The longest path.
const MAX_BYTES: usize = 4096;

/// Filters and unions within each other.
const MAX_DEPTH: usize = 8;

/// Reads a path, with or without its leading `$`.
pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
    if text.len() > MAX_BYTES {
        return Err("the path is too long".to_owned());
    }
    nodes(text, 0).map(JsonPath)
}

fn nodes(text: &str, depth: usize) -> Result<Vec<Node>, String> {
    if depth > MAX_DEPTH {
        return Err("the path is too deep".to_owned());
    }
    let mut nodes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (node, after) = match first {
            ' ' | '@' | '$' => (None, rest.split_at(1).1),
            '[' => {
                let (found, after) = bracket(rest, depth)?;
                nodes.extend(found);
                (None, after)
            }
            '.' => dot(rest, &nodes)?,
            '"' | '\'' => quoted(rest, first)?,
            '+' | '-' | '0'..='9' => number(rest)?,
            c if c.is_alphanumeric() || c == '_' => word(rest)?,
            c => return Err(format!("unrecognized character in action: {c:?}")),
        };
        nodes.extend(node);
        rest = after;
    }
    Ok(nodes)
}

type Step<'a> = (Option<Node>, &'a str);

fn dot<'a>(text: &'a str, before: &[Node]) -> Result<Step<'a>, String> {
    if let Some(after) = text.strip_prefix("..") {
        if before.last() == Some(&Node::Recursive) {
            return Err("invalid multiple recursive descent".to_owned());
        }
        let named = after
            .chars()
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !named {
            return Ok((Some(Node::Recursive), after));
        }
        // Two steps at once: everything, and the field of it.
        let (field, after) = field(after);
        let both = vec![vec![Node::Recursive, field]];
        return Ok((Some(Node::Union(both)), after));
    }
    let (node, after) = field(text.split_at(1).1);
    Ok((Some(node), after))
}

/// A field up to what ends it; a backslash takes the next character as it is.
fn field(text: &str) -> (Node, &str) {
    let mut name = String::new();
    let mut escaped = false;
    let mut end = text.len();
    for (index, c) in text.char_indices() {
        if escaped {
            name.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if ends_word(c) {
            end = index;
            break;
        } else {
            name.push(c);
        }
    }
    let after = text.split_at(end).1;
    let node = if name == "*" {
        Node::Wildcard
    } else {
        Node::Field(name)
    };
    (node, after)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || ".,[]$@{}".contains(c)
}

fn word(text: &str) -> Result<Step<'_>, String> {
    let end = text.find(ends_word).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    match name {
        "true" | "false" => Ok((Some(Node::Literal((name == "true").into())), after)),
        name => Err(format!("unrecognized identifier {name}")),
    }
}

fn number(text: &str) -> Result<Step<'_>, String> {
    let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = signed.find(|c: char| c != '.' && !c.is_ascii_digit());
    let end = text.len() - signed.len() + digits.unwrap_or(signed.len());
    let (number, after) = text.split_at(end);
    let plain = number.strip_prefix('+').unwrap_or(number);
    let whole = plain.parse::<i64>().ok().map(Value::from);
    let value = whole.or_else(|| plain.parse::<f64>().ok().map(Value::from));
    let value = value.ok_or_else(|| format!("cannot parse number {number}"))?;
    Ok((Some(Node::Literal(value)), after))
}

fn quoted(text: &str, quote: char) -> Result<Step<'_>, String> {
    let mut plain = String::new();
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        if escaped {
            plain.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            let after = text.split_at(index + 1).1;
            return Ok((Some(Node::Literal(plain.into())), after));
        } else {
            plain.push(c);
        }
    }
    Err("unterminated quoted string".to_owned())
}

/// What stands in square brackets.
fn bracket(text: &str, depth: usize) -> Result<(Vec<Node>, &str), String> {
    if let Some(inner) = text.strip_prefix("[?(") {
        let end = filter_end(inner).ok_or("unterminated filter")?;
        let (condition, after) = inner.split_at(end);
        let after = after.strip_prefix(")]").ok_or("unclosed array expect ]")?;
        return Ok((vec![filter(condition, depth)?], after));
    }
    let (inner, after) = text
        .split_at(1)
        .1
        .split_once(']')
        .ok_or("unterminated array")?;
    let parts: Vec<&str> = inner.split(',').collect();
    if parts.len() > 1 {
        let paths = parts.into_iter();
        let paths = paths.map(|part| nodes(&format!("[{}]", part.trim_matches(' ')), depth + 1));
        return Ok((vec![Node::Union(paths.collect::<Result<_, _>>()?)], after));
    }
    let key = inner
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Some(key) = key.filter(|key| !key.contains('\'')) {
        return Ok((nodes(&format!(".{key}"), depth + 1)?, after));
    }
    Ok((vec![Node::Slice(slice(inner)?)], after))
}

/// Where the bracket of a filter closes; one within quotes does not.
fn filter_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (')', None) => return Some(index),
            _ => {}
        }
    }
    None
}

fn filter(text: &str, depth: usize) -> Result<Node, String> {
    const SIGNS: [char; 4] = ['!', '<', '>', '='];
    let operator = text.find(SIGNS).filter(|at| *at > 0);
    let Some(at) = operator else {
        return Ok(Node::Filter(nodes(text, depth + 1)?, Comparison::Exists));
    };
    let (left, rest) = text.split_at(at);
    let right = rest.trim_start_matches(SIGNS);
    let operator = match rest.strip_suffix(right).unwrap_or_default() {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        other => return Err(format!("unrecognized filter operator {other}")),
    };
    let (left, right) = (nodes(left, depth + 1)?, nodes(right, depth + 1)?);
    Ok(Node::Filter(left, Comparison::Compare(operator, right)))
}

fn slice(text: &str) -> Result<Slice, String> {
    if text == "*" {
        return slice(":");
    }
    let wrong = || format!("invalid array index {text}");
    let mut parts = text.split(':').map(|part| match part {
        "" => Ok(None),
        part => part.parse::<i64>().map(Some).map_err(|_no_number| wrong()),
    });
    let mut next = || parts.next().transpose();
    let (start, end, step, more) = (next()?, next()?, next()?, next()?);
    match (start, end, more) {
        (Some(Some(index)), None, None) => Ok(Slice {
            start: index,
            end: index.checked_add(1),
            one: true,
            step: 1,
        }),
        (Some(start), Some(end), None) => Ok(Slice {
            start: start.unwrap_or(0),
            end,
            one: false,
            step: step.flatten().unwrap_or(1),
        }),
        _ => Err(wrong()),
    }
}
