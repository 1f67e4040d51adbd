//! The tokens of JSON (RFC 8259), and where in the document they are.
use std::{borrow::Cow, fmt};

use serde_json::Number;

use super::Refusal;

/// How deep lists and structures may be nested; inputs of AWS are at most six deep.
pub(super) const MAX_DEPTH: usize = 64;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    List,
    Structure,
}

impl fmt::Display for Kind {
    /// As AWS's own parser calls them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL_VALUE",
            Self::Boolean => "BOOLEAN_VALUE",
            Self::Number => "NUMBER_VALUE",
            Self::String => "STRING_VALUE",
            Self::List => "START_ARRAY",
            Self::Structure => "START_OBJECT",
        })
    }
}

/// One step to a place in a document.
#[derive(Clone, Debug)]
pub(super) enum Step<'de> {
    Member(Cow<'de, str>),
    Index(usize),
}

/// A document of which some has been read.
#[derive(Debug)]
pub(super) struct Scanner<'de> {
    text: &'de str,
    at: usize,
    /// To where the reader is; after an error, to what is wrong.
    pub(super) path: Vec<Step<'de>>,
}

impl<'de> Scanner<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            path: Vec::new(),
        }
    }

    /// The path as clients write it: `imageIds[3].imageTag`.
    pub(super) fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Step::Index(i) => place.extend(["[", &i.to_string(), "]"]),
                Step::Member(name) => {
                    if !place.is_empty() {
                        place.push('.');
                    }
                    place.extend(name.chars().take(64));
                }
            }
        }
        place
    }

    /// The next byte that is not white space, still to be read.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|b| b" \t\r\n".contains(b)).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn unexpected<T>(&mut self) -> Result<T, Refusal> {
        Err(match self.next() {
            None => Refusal::malformed("Unexpected end of input"),
            Some(b) => Refusal::malformed(format!(
                "Unexpected character ({:?}) at byte {}",
                char::from(b),
                self.at
            )),
        })
    }

    pub(super) fn kind(&mut self) -> Result<Kind, Refusal> {
        Ok(match self.next() {
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Structure,
            _ => return self.unexpected(),
        })
    }

    /// Reads `token` if it is next.
    pub(super) fn take(&mut self, token: u8) -> bool {
        let there = self.next() == Some(token);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, token: u8) -> Result<(), Refusal> {
        if self.take(token) {
            return Ok(());
        }
        self.unexpected()
    }

    fn word(&mut self, word: &str) -> bool {
        self.next();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let there = rest.starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    pub(super) fn null(&mut self) -> Result<(), Refusal> {
        if self.word("null") {
            return Ok(());
        }
        self.unexpected()
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Refusal> {
        if self.word("true") {
            Ok(true)
        } else if self.word("false") {
            Ok(false)
        } else {
            self.unexpected()
        }
    }

    pub(super) fn number(&mut self) -> Result<Number, Refusal> {
        self.next();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let part = |c: char| !(c.is_ascii_digit() || "+-.eE".contains(c));
        let token = rest.split(part).next().unwrap_or_default();
        let Ok(number) = serde_json::from_str(token) else {
            return Err(Refusal::malformed(format!(
                "Unexpected number at byte {}",
                self.at
            )));
        };
        self.at += token.len();
        Ok(number)
    }

    /// A string, without a copy if nothing in it is escaped.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, Refusal> {
        if self.next() != Some(b'"') {
            return self.unexpected();
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (mut escaped, mut length) = (false, None);
        let mut bytes = rest.bytes().enumerate().skip(1);
        while let Some((i, b)) = bytes.next() {
            match b {
                b'"' => {
                    length = Some(i + 1);
                    break;
                }
                b'\\' => {
                    escaped = true;
                    bytes.next();
                }
                0..=0x1f => {
                    return Err(Refusal::malformed(format!(
                        "Unexpected control character at byte {}",
                        self.at + i
                    )));
                }
                _ => {}
            }
        }
        let Some(token) = length.and_then(|length| rest.get(..length)) else {
            return Err(Refusal::malformed("Unexpected end of input in a string"));
        };
        let start = self.at;
        self.at += token.len();
        if !escaped {
            let inner = token.get(1..token.len() - 1).unwrap_or_default();
            return Ok(Cow::Borrowed(inner));
        }
        match serde_json::from_str(token) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_malformed) => Err(Refusal::malformed(format!(
                "Unexpected escape in the string at byte {start}"
            ))),
        }
    }

    /// Demands that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        match self.next() {
            None => Ok(()),
            Some(_) => self.unexpected(),
        }
    }
}
