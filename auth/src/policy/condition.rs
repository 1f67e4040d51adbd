//! The element `Condition`: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
use std::{cmp::Ordering, net::IpAddr};

use super::{
    Context,
    pattern::{Lookup, Pattern, Syntax},
};

/// One key of one operator, with the values that it is compared with.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// In lower case: IAM compares names of keys so.
    key: String,
    quantifier: Quantifier,
    if_exists: bool,
    check: Check,
}

#[derive(Clone, Debug)]
enum Check {
    /// Whether the key has to be absent.
    Null(bool),
    /// Whether one of these holds, or none where it is negated.
    Tests { negated: bool, tests: Vec<Test> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    None,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Folded,
    Like,
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    Address,
}

type Order = fn(Ordering) -> bool;

/// What a value of a request has to be.
#[derive(Clone, Debug)]
enum Test {
    Text(Pattern),
    /// Without regard to case.
    Folded(Pattern),
    Arn(Vec<Pattern>),
    Number(Order, f64),
    /// In milliseconds.
    Date(Order, i64),
    Bool(bool),
    Network(IpAddr, u8),
}

impl Condition {
    /// Reads one; `None` if the operator is unknown or a value not of its type.
    pub(super) fn new(
        operator: &str,
        key: &str,
        values: &[String],
        variables: bool,
    ) -> Option<Self> {
        let (quantifier, name) = match operator.split_once(':') {
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(_) => return None,
            None => (Quantifier::None, operator),
        };
        if key.is_empty() || values.is_empty() {
            return None;
        }
        let (check, if_exists) = if name == "Null" {
            let [value] = values else { return None };
            (Check::Null(boolean(value)?), false)
        } else {
            let base = name.strip_suffix("IfExists");
            let (kind, negated) = kind(base.unwrap_or(name))?;
            let tests = values.iter().map(|value| Test::new(kind, value, variables));
            let tests = tests.collect::<Option<_>>()?;
            (Check::Tests { negated, tests }, base.is_some())
        };
        Some(Self {
            key: key.to_ascii_lowercase(),
            quantifier,
            if_exists,
            check,
        })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let values = context.values(&self.key);
        let (negated, tests) = match &self.check {
            Check::Null(absent) => return values.is_empty() == *absent,
            Check::Tests { negated, tests } => (*negated, tests),
        };
        if values.is_empty() {
            return match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.if_exists,
                Quantifier::None => self.if_exists || negated,
            };
        }
        let lookup = |key: &str| context.single(key);
        let meets = |value: &String| negated != tests.iter().any(|test| test.holds(value, &lookup));
        match self.quantifier {
            Quantifier::Any => values.iter().any(meets),
            Quantifier::None if !negated => values.iter().any(meets),
            Quantifier::None | Quantifier::All => values.iter().all(meets),
        }
    }
}

/// An operator without its additions, and whether it is negated.
fn kind(name: &str) -> Option<(Kind, bool)> {
    let (less, more): (Order, Order) = (Ordering::is_lt, Ordering::is_gt);
    Some(match name {
        "StringEquals" | "BinaryEquals" => (Kind::Text, false),
        "StringNotEquals" => (Kind::Text, true),
        "StringEqualsIgnoreCase" => (Kind::Folded, false),
        "StringNotEqualsIgnoreCase" => (Kind::Folded, true),
        "StringLike" => (Kind::Like, false),
        "StringNotLike" => (Kind::Like, true),
        "ArnEquals" | "ArnLike" => (Kind::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Kind::Arn, true),
        "NumericEquals" => (Kind::Number(Ordering::is_eq), false),
        "NumericNotEquals" => (Kind::Number(Ordering::is_eq), true),
        "NumericLessThan" => (Kind::Number(less), false),
        "NumericLessThanEquals" => (Kind::Number(Ordering::is_le), false),
        "NumericGreaterThan" => (Kind::Number(more), false),
        "NumericGreaterThanEquals" => (Kind::Number(Ordering::is_ge), false),
        "DateEquals" => (Kind::Date(Ordering::is_eq), false),
        "DateNotEquals" => (Kind::Date(Ordering::is_eq), true),
        "DateLessThan" => (Kind::Date(less), false),
        "DateLessThanEquals" => (Kind::Date(Ordering::is_le), false),
        "DateGreaterThan" => (Kind::Date(more), false),
        "DateGreaterThanEquals" => (Kind::Date(Ordering::is_ge), false),
        "Bool" => (Kind::Bool, false),
        "IpAddress" => (Kind::Address, false),
        "NotIpAddress" => (Kind::Address, true),
        _ => return None,
    })
}

impl Test {
    fn new(kind: Kind, value: &str, variables: bool) -> Option<Self> {
        let pattern = |value: &str, wildcards| {
            Pattern::new(
                value,
                Syntax {
                    wildcards,
                    variables,
                },
            )
        };
        Some(match kind {
            Kind::Text => Self::Text(pattern(value, false)),
            Kind::Folded => Self::Folded(pattern(&value.to_lowercase(), false)),
            Kind::Like => Self::Text(pattern(value, true)),
            Kind::Arn => Self::Arn(pattern(value, true).arn_parts()?),
            Kind::Number(order) => Self::Number(order, number(value)?),
            Kind::Date(order) => Self::Date(order, date(value)?),
            Kind::Bool => Self::Bool(boolean(value)?),
            Kind::Address => {
                let (address, bits) = network(value)?;
                Self::Network(address, bits)
            }
        })
    }

    fn holds(&self, value: &str, lookup: Lookup<'_>) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(value, lookup),
            Self::Folded(pattern) => {
                let folded = |key: &str| lookup(key).map(|value| value.to_lowercase());
                pattern.matches(&value.to_lowercase(), &folded)
            }
            Self::Arn(parts) => {
                let values: Vec<&str> = value.splitn(6, ':').collect();
                let mut pairs = parts.iter().zip(&values);
                values.len() == 6 && pairs.all(|(part, value)| part.matches(value, lookup))
            }
            Self::Number(order, wanted) => number(value)
                .and_then(|value| value.partial_cmp(wanted))
                .is_some_and(order),
            Self::Date(order, wanted) => date(value).is_some_and(|value| order(value.cmp(wanted))),
            Self::Bool(wanted) => boolean(value) == Some(*wanted),
            Self::Network(network, bits) => value
                .parse()
                .is_ok_and(|address| within(address, *network, *bits)),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Seconds, a time, or a day.
fn date(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(begin.timestamp().as_millisecond())
}

/// An address, or a network in CIDR notation.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        None => most,
    };
    Some((address, bits))
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, most) = match (address.to_canonical(), network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (a.to_bits().into(), n.to_bits().into(), 32_u8),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let differing: u128 = address ^ network;
    // All bits of a network of no bits are free.
    let free = u32::from(most.saturating_sub(bits));
    differing.checked_shr(free).unwrap_or_default() == 0
}
