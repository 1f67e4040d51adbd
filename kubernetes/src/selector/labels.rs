//! Label selectors: `a=b,c!=d,e in (x,y),!f`.
use serde_json::{Value, json};

use super::lexer::{Item, Token, words};
use crate::validation::{label_value, qualified_name};
use crate::{Errors, Path, Status};

/// Which labels an object must have. All requirements count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Reads a `labelSelector`; the empty one takes everything.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut parser = Parser {
            items: words(text),
            at: 0,
        };
        let mut requirements = parser.parse().map_err(Status::bad_request)?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self(requirements))
    }

    /// Whether it takes everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, labels: &[(String, String)]) -> bool {
        self.0.iter().all(|requirement| {
            let found = labels.iter().find(|(key, _)| *key == requirement.key);
            requirement
                .wanted
                .takes(found.map(|(_, value)| value.as_str()))
        })
    }
}

impl Wanted {
    fn takes(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        let among =
            |list: &[String]| value.is_some_and(|value| list.iter().any(|one| one == value));
        match self {
            Self::In(list) => among(list),
            Self::NotIn(list) => !among(list),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Greater(bound) => number().is_some_and(|number| number > *bound),
            Self::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

struct Parser<'a> {
    items: Vec<Item<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// `in` and `notin` are operators only where one must stand.
    fn peek(&self) -> Item<'a> {
        match self.items.get(self.at).copied() {
            Some((Token::In | Token::NotIn, literal)) => (Token::Word, literal),
            Some(item) => item,
            None => (Token::End, ""),
        }
    }

    fn next(&mut self) -> Item<'a> {
        let item = self.peek();
        self.at += 1;
        item
    }

    fn parse(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                (Token::Word | Token::Not, _) => {}
                (Token::End, _) => return Ok(requirements),
                (_, literal) => {
                    return Err(format!(
                        "found '{literal}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            let requirement = self.requirement();
            let wrap = |why| format!("unable to parse requirement: {why}");
            requirements.push(requirement.map_err(wrap)?);
            match self.next() {
                (Token::End, _) => return Ok(requirements),
                (Token::Comma, _) => {
                    let (token, literal) = self.peek();
                    if !matches!(token, Token::Word | Token::Not) {
                        return Err(format!("found '{literal}', expected: identifier after ','"));
                    }
                }
                (_, literal) => {
                    return Err(format!(
                        "found '{literal}', expected: ',' or 'end of string'"
                    ));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.next();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.next();
        }
        if token != Token::Word {
            return Err(format!("found '{key}', expected: identifier"));
        }
        let faults = qualified_name(key);
        if !faults.is_empty() {
            let mut errors = Errors::default();
            errors.invalid(&Path::new("<nil>"), &key.into(), &faults.join("; "));
            return Err(errors.to_string());
        }
        let alone = matches!(self.peek().0, Token::End | Token::Comma);
        let wanted = match (negated, alone) {
            (true, _) => Wanted::DoesNotExist,
            (false, true) => Wanted::Exists,
            (false, false) => self.comparison(key)?,
        };
        let key = key.to_owned();
        Ok(Requirement { key, wanted })
    }

    fn comparison(&mut self, key: &str) -> Result<Wanted, String> {
        // The one place where `in` and `notin` are what they say.
        let (token, literal) = self.items.get(self.at).copied().unwrap_or((Token::End, ""));
        self.at += 1;
        let values = match token {
            Token::In | Token::NotIn => self.set()?,
            Token::Equals
            | Token::DoubleEquals
            | Token::NotEquals
            | Token::Greater
            | Token::Less => vec![self.exact()?],
            _ => {
                let operators = "in, notin, =, ==, !=, gt, lt";
                return Err(format!("found '{literal}', expected: {operators}"));
            }
        };
        let mut errors = Errors::default();
        let path = |index| Path::new("values").index(index);
        let first = values.first().and_then(|value| value.parse().ok());
        let compares = matches!(token, Token::Greater | Token::Less);
        if compares && first.is_none() {
            let why = "for 'Gt', 'Lt' operators, the value must be an integer";
            errors.invalid(&path(0), &json!(values.first()), why);
        }
        for (index, value) in values.iter().enumerate() {
            let faults = label_value(value);
            if !faults.is_empty() {
                let value = Value::from(value.as_str());
                errors.invalid(&path(index).key(key), &value, &faults.join("; "));
            }
        }
        if !errors.is_empty() {
            return Err(errors.to_string());
        }
        let bound = first.unwrap_or_default();
        Ok(match token {
            Token::NotIn | Token::NotEquals => Wanted::NotIn(values),
            Token::Greater => Wanted::Greater(bound),
            Token::Less => Wanted::Less(bound),
            _ => Wanted::In(values),
        })
    }

    /// The values of `in` and `notin`, sorted, each once.
    fn set(&mut self) -> Result<Vec<String>, String> {
        let (token, literal) = self.next();
        if token != Token::Open {
            return Err(format!("found '{literal}' expected: '('"));
        }
        let mut values = match self.peek() {
            (Token::Word | Token::Comma, _) => self.identifiers()?,
            (Token::Close, _) => vec![String::new()],
            (_, literal) => {
                return Err(format!(
                    "found '{literal}', expected: ',', ')' or identifier"
                ));
            }
        };
        // What ends the list was seen.
        self.at += 1;
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Up to the closing bracket; where nothing stands between commas is the empty text.
    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.next() {
                (Token::Word, literal) => {
                    values.push(literal.to_owned());
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => return Ok(values),
                        (_, literal) => {
                            return Err(format!("found '{literal}', expected: ',' or ')'"));
                        }
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek().0 {
                        Token::Close => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Token::Comma => {
                            self.at += 1;
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                (_, literal) => {
                    return Err(format!("found '{literal}', expected: ',', or identifier"));
                }
            }
        }
    }

    fn exact(&mut self) -> Result<String, String> {
        match self.peek() {
            (Token::End | Token::Comma, _) => Ok(String::new()),
            (Token::Word, literal) => {
                self.at += 1;
                Ok(literal.to_owned())
            }
            (_, literal) => Err(format!("found '{literal}', expected: identifier")),
        }
    }
}
