//! Whether rules hold all that other rules would grant.
use std::collections::{BTreeSet, HashMap};

use super::{
    Rule,
    rules::{covers_path, has_or_all},
};

/// The parts of `wanted`, each with one verb on one thing, that no rule of `owned` holds.
///
/// A rule with more than 100,000 parts that no single rule holds is missing as a whole: a short
/// text can name billions of them.
pub fn covers<'r>(
    owned: impl IntoIterator<Item = &'r Rule>,
    wanted: impl IntoIterator<Item = &'r Rule>,
) -> Vec<Rule> {
    let owned: Vec<&Rule> = owned.into_iter().collect();
    let mut missing = Vec::new();
    for rule in wanted {
        if owned.iter().any(|own| covers_whole(own, rule)) {
            continue;
        }
        if count(rule) > MAX_PARTS {
            missing.push(rule.clone());
            continue;
        }
        for part in parts(rule) {
            if missing.len() >= MAX_MISSING {
                return missing;
            }
            if !owned.iter().any(|own| part.is_covered_by(own)) {
                missing.push(part.to_rule());
            }
        }
    }
    missing
}

/// More missing parts than these tell nobody anything.
const MAX_MISSING: usize = 10_000;

/// More parts than any rule that a person wrote.
const MAX_PARTS: usize = 100_000;

fn count(rule: &Rule) -> usize {
    let lists = [&rule.api_groups, &rule.resources, &rule.verbs];
    let resources = lists
        .iter()
        .fold(rule.resource_names.len().max(1), |n, list| {
            n.saturating_mul(list.len())
        });
    let paths = rule
        .non_resource_urls
        .len()
        .saturating_mul(rule.verbs.len());
    resources.saturating_add(paths)
}

/// A rule with one verb on one thing.
enum Part<'r> {
    Resource {
        verb: &'r str,
        group: &'r str,
        resource: &'r str,
        name: Option<&'r str>,
    },
    Path {
        verb: &'r str,
        path: &'r str,
    },
}

fn parts(rule: &Rule) -> impl Iterator<Item = Part<'_>> {
    let resources = rule.api_groups.iter().flat_map(move |group| {
        rule.resources.iter().flat_map(move |resource| {
            rule.verbs.iter().flat_map(move |verb| {
                let unnamed = rule.resource_names.is_empty().then_some(None);
                let names = rule.resource_names.iter().map(|name| Some(name.as_str()));
                unnamed
                    .into_iter()
                    .chain(names)
                    .map(move |name| Part::Resource {
                        verb,
                        group,
                        resource,
                        name,
                    })
            })
        })
    });
    let paths = rule.non_resource_urls.iter().flat_map(move |path| {
        let verbs = rule.verbs.iter();
        verbs.map(move |verb| Part::Path { verb, path })
    });
    resources.chain(paths)
}

impl Part<'_> {
    fn is_covered_by(&self, own: &Rule) -> bool {
        match *self {
            Self::Resource {
                verb,
                group,
                resource,
                name,
            } => {
                has_or_all(&own.verbs, verb)
                    && has_or_all(&own.api_groups, group)
                    && covers_resource(&own.resources, resource)
                    && covers_name(&own.resource_names, name)
            }
            Self::Path { verb, path } => {
                has_or_all(&own.verbs, verb)
                    && own
                        .non_resource_urls
                        .iter()
                        .any(|url| covers_path(url, path))
                    && own.resource_names.is_empty()
            }
        }
    }

    fn to_rule(&self) -> Rule {
        let list = |text: &str| vec![text.to_owned()];
        match *self {
            Self::Resource {
                verb,
                group,
                resource,
                name,
            } => Rule {
                verbs: list(verb),
                api_groups: list(group),
                resources: list(resource),
                resource_names: name.map(list).unwrap_or_default(),
                ..Rule::default()
            },
            Self::Path { verb, path } => Rule {
                verbs: list(verb),
                non_resource_urls: list(path),
                ..Rule::default()
            },
        }
    }
}

/// Whether one rule holds all parts of another: quick, and true for most of what administrators do.
fn covers_whole(own: &Rule, rule: &Rule) -> bool {
    let all = |own: &[String], wanted: &[String]| wanted.iter().all(|item| has_or_all(own, item));
    let mut resources = rule.resources.iter();
    let mut urls = rule.non_resource_urls.iter();
    let names = || {
        own.resource_names.is_empty()
            || !rule.resource_names.is_empty()
                && rule.non_resource_urls.is_empty()
                && rule
                    .resource_names
                    .iter()
                    .all(|n| own.resource_names.contains(n))
    };
    all(&own.verbs, &rule.verbs)
        && all(&own.api_groups, &rule.api_groups)
        && resources.all(|resource| covers_resource(&own.resources, resource))
        && urls.all(|path| {
            own.non_resource_urls
                .iter()
                .any(|url| covers_path(url, path))
        })
        && names()
}

/// `*/scale` holds `pods/scale`, and `*` everything.
fn covers_resource(own: &[String], wanted: &str) -> bool {
    let sub = wanted.split_once('/').map(|(_, sub)| sub);
    own.iter().any(|resource| {
        resource == "*" || resource == wanted || sub.is_some() && resource.strip_prefix("*/") == sub
    })
}

/// A rule for all names holds each one; a rule for some does not hold all.
fn covers_name(own: &[String], wanted: Option<&str>) -> bool {
    own.is_empty() || wanted.is_some_and(|name| own.iter().any(|own| own == name))
}

/// Puts together parts that differ by the verb alone.
pub fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut out: Vec<Rule> = Vec::new();
    let mut at: HashMap<(String, String, Option<String>), usize> = HashMap::new();
    for rule in rules {
        let key = match (
            rule.api_groups.as_slice(),
            rule.resources.as_slice(),
            rule.resource_names.as_slice(),
        ) {
            ([group], [resource], []) => Some((group.clone(), resource.clone(), None)),
            ([group], [resource], [name]) => {
                Some((group.clone(), resource.clone(), Some(name.clone())))
            }
            _ => None,
        };
        let Some(key) = key.filter(|_| rule.non_resource_urls.is_empty()) else {
            out.push(rule);
            continue;
        };
        if let Some(same) = at.get(&key).and_then(|at| out.get_mut(*at)) {
            same.verbs.extend(rule.verbs);
        } else {
            at.insert(key, out.len());
            out.push(rule);
        }
    }
    out
}

/// Rules as kube-apiserver prints them: sorted, each once, one a line.
pub fn describe(rules: &[Rule]) -> String {
    let lines: BTreeSet<String> = rules.iter().map(line).collect();
    lines.into_iter().collect::<Vec<String>>().join("\n")
}

fn line(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name}:{}", quoted(list)))
        .collect();
    format!("{{{}}}", parts.join(", "))
}

/// A list as Go's `%q` prints it: `["a" "b"]`.
pub(super) fn quoted(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", items.join(" "))
}
