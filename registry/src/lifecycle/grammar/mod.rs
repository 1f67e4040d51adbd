//! The text of a lifecycle policy, parsed and checked as a whole:
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>.
use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

mod schema;

use schema::{Members, array, object, one_of, positive, shown, string, strings, too_low};

/// The most `*` in a pattern of tags.
const MAX_WILDCARDS: usize = 4;

/// What is archived stays so long at least: no policy may expire it sooner.
const MIN_ARCHIVED_DAYS: i64 = 90;

/// Why a text is no lifecycle policy, in ECR's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: {0}'"
)]
pub struct InvalidPolicy(String);

impl InvalidPolicy {
    /// What is wrong, without the member that it is wrong with.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

type Parsed<T> = Result<T, InvalidPolicy>;

fn invalid<T>(reason: impl Into<String>) -> Parsed<T> {
    Err(InvalidPolicy(reason.into()))
}

/// A lifecycle policy that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique in its policy; the lowest is applied first.
    pub priority: u32,
    pub selection: Selection,
    pub count: Count,
    pub action: Action,
}

/// Which images a rule is about, by their tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Images with a tag for every one of these patterns.
    Patterns(BTreeSet<String>),
    /// Images with a tag for every one of these prefixes.
    Prefixes(BTreeSet<String>),
    Untagged,
    Any,
}

/// Which of them a rule takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// All but so many of the newest.
    ImagesMoreThan(u32),
    SincePushed(Days),
    SincePulled(Days),
    SinceTransitioned(Days),
}

impl Count {
    /// The one storage class that images are counted in.
    pub const fn storage_class(self) -> StorageClass {
        match self {
            Self::ImagesMoreThan(_) | Self::SincePushed(_) | Self::SincePulled(_) => {
                StorageClass::Standard
            }
            Self::SinceTransitioned(_) => StorageClass::Archive,
        }
    }
}

/// A number of days, 24 hours each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    pub fn duration(self) -> Duration {
        Duration::from_hours(24) * self.0
    }
}

/// Where an image is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageClass {
    Standard,
    Archive,
}

impl StorageClass {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Archive => "ARCHIVE",
        }
    }
}

/// What becomes of an image that a rule takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Action {
    /// It is deleted.
    Expire,
    /// It is archived.
    Transition,
}

impl Action {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expire => "EXPIRE",
            Self::Transition => "TRANSITION",
        }
    }
}

impl Policy {
    /// Reads the text of a policy. Its length is the caller's to check.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let Ok(Value::Object(policy)) = serde_json::from_str(text) else {
            return invalid("Could not map policyString into LifecyclePolicy.");
        };
        let policy = Members::of(&policy, &["rules"], &[])?;
        let rules = array(policy.get("rules"))?.iter().map(rule);
        let mut rules = rules.collect::<Parsed<Vec<_>>>()?;
        rules.sort_by_key(|rule| rule.priority);
        check_together(&rules)?;
        Ok(Self { rules })
    }

    /// The rules in the order in which they are applied.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many filters a tag is compared with.
    pub fn filters(&self) -> usize {
        let filters = |rule: &Rule| match &rule.selection {
            Selection::Patterns(all) | Selection::Prefixes(all) => all.len(),
            Selection::Untagged | Selection::Any => 0,
        };
        self.rules.iter().map(filters).sum()
    }
}

/// What must hold between rules, which are in the order of their priorities.
fn check_together(rules: &[Rule]) -> Parsed<()> {
    let mut seen = BTreeSet::new();
    if let Some(again) = rules.iter().find(|rule| !seen.insert(rule.priority)) {
        return invalid(format!(
            "Rule priorities must be unique, {} is there more than once",
            again.priority
        ));
    }
    for class in [StorageClass::Standard, StorageClass::Archive] {
        let of_class: Vec<&Selection> = rules
            .iter()
            .filter(|rule| rule.count.storage_class() == class)
            .map(|rule| &rule.selection)
            .collect();
        let untagged = of_class.iter().filter(|s| ***s == Selection::Untagged);
        if untagged.count() > 1 {
            return invalid("Only one rule can select Untagged images per storage class");
        }
        let last = of_class.len().saturating_sub(1);
        if of_class.iter().take(last).any(|s| **s == Selection::Any) {
            return invalid(
                "Rule for tagStatus=ANY must have the lowest priority per storage class",
            );
        }
        let mut prefixes = BTreeSet::new();
        for selection in of_class {
            if let Selection::Prefixes(list) = selection
                && !prefixes.insert(list)
            {
                return invalid("Rules must have unique sets of tag prefixes per storage class");
            }
        }
    }
    Ok(())
}

fn rule(value: &Value) -> Parsed<Rule> {
    let rule = Members::of(
        object(value)?,
        &["rulePriority", "selection", "action"],
        &["description"],
    )?;
    rule.optional("description").map(string).transpose()?;
    let priority = positive(rule.get("rulePriority"))?;
    let selected = Members::of(
        object(rule.get("selection"))?,
        &["tagStatus", "countType", "countNumber"],
        &[
            "tagPatternList",
            "tagPrefixList",
            "storageClass",
            "countUnit",
        ],
    )?;
    let count = count(&selected)?;
    let action = action(rule.get("action"))?;
    match (count, action) {
        (Count::SincePulled(_), Action::Expire) => {
            invalid("countType sinceImagePulled can only be used with the action transition")
        }
        (Count::SinceTransitioned(_), Action::Transition) => {
            invalid("countType sinceImageTransitioned can only be used with the action expire")
        }
        _ => Ok(Rule {
            priority,
            selection: selection(&selected)?,
            count,
            action,
        }),
    }
}

fn selection(members: &Members<'_>) -> Parsed<Selection> {
    let status = one_of(members.get("tagStatus"), &["any", "tagged", "untagged"])?;
    let patterns = members
        .optional("tagPatternList")
        .map(strings)
        .transpose()?;
    let prefixes = members.optional("tagPrefixList").map(strings).transpose()?;
    match (status, patterns, prefixes) {
        ("tagged", Some(_), Some(_)) => {
            invalid("Must specify either tagPrefixList or tagPatternList, not both")
        }
        ("tagged", None, None) => {
            invalid("Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.")
        }
        ("tagged", Some(patterns), None) => {
            let many = |p: &&String| p.matches('*').count() > MAX_WILDCARDS;
            match patterns.iter().find(many) {
                Some(pattern) => invalid(format!(
                    "tagPatternList entry ({}) has more than {MAX_WILDCARDS} wildcards",
                    shown(pattern)
                )),
                None => Ok(Selection::Patterns(patterns)),
            }
        }
        ("tagged", None, Some(prefixes)) => Ok(Selection::Prefixes(prefixes)),
        (_, None, None) if status == "untagged" => Ok(Selection::Untagged),
        (_, None, None) => Ok(Selection::Any),
        _ => invalid(format!(
            "tagPrefixList and tagPatternList can only be specified when tagStatus=TAGGED, not {}",
            status.to_ascii_uppercase()
        )),
    }
}

fn count(members: &Members<'_>) -> Parsed<Count> {
    let kind = one_of(
        members.get("countType"),
        &[
            "imageCountMoreThan",
            "sinceImagePulled",
            "sinceImagePushed",
            "sinceImageTransitioned",
        ],
    )?;
    let number = positive(members.get("countNumber"))?;
    let unit = members.optional("countUnit");
    match unit.map(|unit| one_of(unit, &["days"])).transpose()? {
        Some(_) if kind == "imageCountMoreThan" => {
            return invalid("countUnit can not be specified when countType=imageCountMoreThan");
        }
        None if kind != "imageCountMoreThan" => {
            return invalid(format!("Must specify countUnit when countType={kind}"));
        }
        _ => {}
    }
    let count = match kind {
        "imageCountMoreThan" => Count::ImagesMoreThan(number),
        "sinceImagePulled" => Count::SincePulled(Days(number)),
        "sinceImagePushed" => Count::SincePushed(Days(number)),
        _ if i64::from(number) < MIN_ARCHIVED_DAYS => return too_low(number, MIN_ARCHIVED_DAYS),
        _ => Count::SinceTransitioned(Days(number)),
    };
    let class = members.optional("storageClass");
    let class = class
        .map(|class| one_of(class, &["archive", "standard"]))
        .transpose()?;
    match (count.storage_class(), class) {
        (StorageClass::Standard, None | Some("standard"))
        | (StorageClass::Archive, Some("archive")) => Ok(count),
        (StorageClass::Standard, _) => invalid(format!(
            "storageClass must be standard when countType={kind}"
        )),
        (StorageClass::Archive, _) => invalid(format!(
            "storageClass must be archive when countType={kind}"
        )),
    }
}

fn action(value: &Value) -> Parsed<Action> {
    let members = Members::of(object(value)?, &["type"], &["targetStorageClass"])?;
    let target = members.optional("targetStorageClass");
    match one_of(members.get("type"), &["expire", "transition"])? {
        "expire" if target.is_some() => {
            invalid("targetStorageClass can only be specified when the action is transition")
        }
        "expire" => Ok(Action::Expire),
        _ => match target {
            None => invalid("object has missing required properties ([\"targetStorageClass\"])"),
            Some(target) => one_of(target, &["archive"]).map(|_archive| Action::Transition),
        },
    }
}

#[cfg(test)]
mod tests;
