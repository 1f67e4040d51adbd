//! `successPolicy`: when enough has succeeded.
use serde_json::Value;

use crate::validation::not_negative;
use crate::{Errors, Path, fields};

const RULES: usize = 20;
const INDEXES_BYTES: usize = 64 * 1024;

pub(super) fn validate_success_policy(spec: &Value, path: &Path, errors: &mut Errors) {
    let policy = &spec["successPolicy"];
    let path = path.field("successPolicy");
    if fields::text(spec, "completionMode") != "Indexed" {
        errors.invalid(&path, policy, "requires indexed completion mode");
        return;
    }
    let completions = fields::integer(spec, "completions");
    let rules = fields::list(policy, "rules");
    let path = path.field("rules");
    if rules.is_empty() {
        let why = "at least one rules must be specified when the successPolicy is specified";
        errors.required(&path, why);
    }
    if rules.len() > RULES {
        errors.too_many(&path, rules.len(), RULES);
    }
    for (i, rule) in rules.iter().enumerate() {
        validate_rule(rule, completions, &path.index(i), errors);
    }
}

fn validate_rule(rule: &Value, completions: i64, path: &Path, errors: &mut Errors) {
    let (count, indexes) = (
        fields::number(&rule["succeededCount"]),
        rule["succeededIndexes"].as_str(),
    );
    if count.is_none() && indexes.is_none() {
        let why = "at least one of succeededCount or succeededIndexes must be specified";
        errors.required(path, why);
    }
    let mut total = 0;
    if let Some(text) = indexes {
        let here = path.field("succeededIndexes");
        if text.len() > INDEXES_BYTES {
            errors.too_long(&here, INDEXES_BYTES);
        }
        match count_indexes(text, completions) {
            Ok(number) => total = number,
            Err(why) => {
                let why = format!("error parsing succeededIndexes: {why}");
                errors.invalid(&here, &text.into(), &why);
            }
        }
    }
    if let Some(count) = count {
        let here = path.field("succeededCount");
        not_negative(rule, "succeededCount", path, errors);
        if count > completions {
            let why = format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            );
            errors.invalid(&here, &count.into(), &why);
        }
        if indexes.is_some() && count > total {
            let why = format!(
                "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            );
            errors.invalid(&here, &count.into(), &why);
        }
    }
}

/// How many indexes a text such as `0,2-5` has; they rise.
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let parse = |text: &str| {
        let index: i64 = text
            .parse::<i32>()
            .map(i64::from)
            .map_err(|_err| format!("cannot convert string to integer for index: {text:?}"))?;
        if index >= completions {
            return Err(format!("too large index: {text:?}"));
        }
        Ok(index)
    };
    let (mut total, mut last) = (0, -1);
    for interval in text.split(',') {
        let (first, end) = interval.split_once('-').unwrap_or((interval, interval));
        if end.contains('-') {
            return Err(format!(
                "the fragment {interval:?} violates the requirement that an index interval can have at most two parts separated by '-'"
            ));
        }
        let (first, end) = (parse(first)?, parse(end)?);
        if first > end || (interval.contains('-') && first == end) {
            return Err(format!(
                "non-increasing order, previous: {first}, current: {end}"
            ));
        }
        if first <= last {
            return Err(format!(
                "non-increasing order, previous: {last}, current: {first}"
            ));
        }
        total += end - first + 1;
        last = end;
    }
    Ok(total)
}
