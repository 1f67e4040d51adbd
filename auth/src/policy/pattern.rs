//! Texts of policies that stand for others: `*`, `?` and `${variables}`.

/// What a variable of a policy stands for, by its name in lower case.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with wildcards and variables.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// `${key}` or `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// Which characters of a pattern mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) wildcards: bool,
    /// Policies have variables since the version of 2012.
    pub(super) variables: bool,
}

impl Pattern {
    pub(super) fn new(text: &str, syntax: Syntax) -> Self {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some(c) = rest.chars().next() {
            if syntax.variables
                && let Some((token, after)) = variable(rest)
            {
                tokens.push(token);
                rest = after;
                continue;
            }
            tokens.push(match c {
                '*' if syntax.wildcards => Token::Many,
                '?' if syntax.wildcards => Token::One,
                c => Token::Char(c),
            });
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
        Self(tokens)
    }

    /// The parts of an ARN: the last one may have colons. `None` if there are not six.
    pub(super) fn arn_parts(self) -> Option<Vec<Self>> {
        let parts = self.0.splitn(6, |token| *token == Token::Char(':'));
        let parts: Vec<_> = parts.map(|tokens| Self(tokens.to_vec())).collect();
        (parts.len() == 6).then_some(parts)
    }

    /// Whether the text is one that this stands for. A variable without a value stands for nothing.
    ///
    /// Takes time in proportion to the lengths of pattern and text, of which the number of question
    /// marks is a factor.
    pub(super) fn matches(&self, text: &str, lookup: Lookup<'_>) -> bool {
        self.segments(lookup)
            .is_some_and(|segments| glob(&segments, text).is_some())
    }

    /// What is between the stars.
    fn segments(&self, lookup: Lookup<'_>) -> Option<Vec<Segment>> {
        let mut segments = vec![Segment::default()];
        let push = |segments: &mut Vec<Segment>, c| {
            if let Some(segment) = segments.last_mut() {
                segment.push(c);
            }
        };
        for token in &self.0 {
            match token {
                Token::Many => segments.push(Segment::default()),
                Token::One => push(&mut segments, None),
                Token::Char(c) => push(&mut segments, Some(*c)),
                Token::Variable { key, default } => {
                    let value = lookup(key).or_else(|| default.clone())?;
                    value.chars().for_each(|c| push(&mut segments, Some(c)));
                }
            }
        }
        Some(segments)
    }
}

/// Reads a variable at the beginning of a text; a dollar sign that begins none is a character.
fn variable(text: &str) -> Option<(Token, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    // Variables for the characters that mean something.
    if let "*" | "?" | "$" = inside {
        return Some((Token::Char(inside.chars().next()?), after));
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (key, Some(quoted.to_owned()))
        }
        None => (inside, None),
    };
    let key = key.trim().to_ascii_lowercase();
    Some((Token::Variable { key, default }, after))
}

/// Text without stars.
#[derive(Debug)]
enum Segment {
    Plain(String),
    /// `None` is any character.
    Mixed(Vec<Option<char>>),
}

impl Default for Segment {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

impl Segment {
    fn push(&mut self, c: Option<char>) {
        match (&mut *self, c) {
            (Self::Plain(text), Some(c)) => text.push(c),
            (Self::Plain(text), None) => {
                *self = Self::Mixed(text.chars().map(Some).chain([None]).collect());
            }
            (Self::Mixed(chars), c) => chars.push(c),
        }
    }

    /// What follows this at the beginning of a text.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Plain(plain) => text.strip_prefix(plain.as_str()),
            Self::Mixed(chars) => {
                let mut rest = text.chars();
                let same = chars.iter().all(|wanted| {
                    rest.next()
                        .is_some_and(|c| wanted.is_none_or(|wanted| wanted == c))
                });
                same.then_some(rest.as_str())
            }
        }
    }

    /// What follows the first place where a text has this.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Plain(plain) => text.split_once(plain.as_str()).map(|(_, after)| after),
            Self::Mixed(_) => text
                .char_indices()
                .find_map(|(at, _)| self.strip(text.get(at..)?)),
        }
    }

    /// Whether a text ends with this.
    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Plain(plain) => text.ends_with(plain.as_str()),
            Self::Mixed(chars) => {
                let skipped = text.chars().count().checked_sub(chars.len());
                let Some(skipped) = skipped else {
                    return false;
                };
                let mut end = text.chars();
                if let Some(last) = skipped.checked_sub(1) {
                    end.nth(last);
                }
                self.strip(end.as_str()).is_some()
            }
        }
    }
}

/// The first segment begins the text, the last one ends it, and each between them is taken as early
/// as possible: there is nothing to try twice.
fn glob(segments: &[Segment], text: &str) -> Option<()> {
    let (first, rest) = segments.split_first()?;
    let mut text = first.strip(text)?;
    let Some((last, middle)) = rest.split_last() else {
        return text.is_empty().then_some(());
    };
    for segment in middle {
        text = segment.find(text)?;
    }
    last.ends(text).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Syntax = Syntax {
        wildcards: true,
        variables: true,
    };

    fn matches(pattern: &str, text: &str) -> bool {
        let lookup = |key: &str| (key == "aws:username").then(|| "bo*b".to_owned());
        Pattern::new(pattern, ALL).matches(text, &lookup)
    }

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "anything", true),
            ("ecr:*", "ecr:PutImage", true),
            ("ecr:get*", "ecr:put", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("?", "", false),
            ("*?", "x", true),
            ("?*?", "x", false),
            ("*b?d*", "abbcd", true),
            ("*ab", "aab", true),
            ("ab*ab", "ab", false),
            ("a*b*c", "aXbXc", true),
            ("a*b*c", "aXbX", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_stand_for_their_value_and_nothing_more() {
        for (pattern, text, expected) in [
            ("home/${aws:username}/*", "home/bo*b/x", true),
            ("home/${AWS:UserName}/*", "home/bo*b/x", true),
            ("home/${aws:username}/*", "home/boXb/x", false),
            ("${aws:missing}", "", false),
            ("${aws:missing, 'x'}", "x", true),
            ("${*}${?}${$}", "*?$", true),
            ("${*}", "x", false),
            ("${unclosed", "${unclosed", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let old = Syntax {
            wildcards: true,
            variables: false,
        };
        assert!(Pattern::new("${aws:username}", old).matches("${aws:username}", &|_| None));
    }

    /// The definition, which may take forever.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => slow(rest, text),
            (Some(('*', rest)), Some((_, after))) => slow(rest, text) || slow(pattern, after),
            (Some(('?', rest)), Some((_, after))) => slow(rest, after),
            (Some((p, rest)), Some((t, after))) => p == t && slow(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn equals_the_definition(pattern in "[ab?*]{0,10}", text in "[ab]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), slow(&chars(&pattern), &chars(&text)));
        }
    }
}
