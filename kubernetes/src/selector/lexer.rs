//! The words of a label selector.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Word,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

/// A word and how it was written.
pub(super) type Item<'a> = (Token, &'a str);

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
const SPECIAL: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];

/// All words of a text; the last is the end.
pub(super) fn words(text: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut rest = text.trim_start_matches(SPACE);
    while let Some(first) = rest.chars().next() {
        let (token, length) = if SPECIAL.contains(&first) {
            special(rest)
        } else {
            word(rest)
        };
        let (literal, tail) = rest.split_at(length);
        items.push((token, literal));
        rest = tail.trim_start_matches(SPACE);
    }
    items.push((Token::End, ""));
    items
}

fn special(text: &str) -> (Token, usize) {
    for (literal, token) in [
        ("==", Token::DoubleEquals),
        ("!=", Token::NotEquals),
        ("=", Token::Equals),
        ("!", Token::Not),
        ("(", Token::Open),
        (")", Token::Close),
        (",", Token::Comma),
        (">", Token::Greater),
    ] {
        if text.starts_with(literal) {
            return (token, literal.len());
        }
    }
    (Token::Less, 1)
}

fn word(text: &str) -> (Token, usize) {
    let ends = |c: char| SPECIAL.contains(&c) || SPACE.contains(&c);
    let length = text.find(ends).unwrap_or(text.len());
    let token = match text.split_at(length).0 {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Word,
    };
    (token, length)
}
