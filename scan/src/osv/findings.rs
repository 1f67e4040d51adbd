//! Puts what is installed and what is known together.
use std::collections::{BTreeMap, HashSet};

use wharf_types::Timestamp;

use super::{Affected, Cvss, Database, Severity};
use crate::{Error, Inventory, Manager, Package, Scheme};

/// The most findings of an image.
const MAX_FINDINGS: usize = 20_000;

/// How often a package is compared with an advisory: more than the whole archive of a distribution
/// takes. An image made for the purpose would keep a thread busy for hours.
const MAX_COMPARED: usize = 10_000_000;

/// How many packages of a finding are named.
const MAX_VULNERABLE: usize = 50;

/// One vulnerability of one source package.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The CVE number, or the advisory's own id if it has none.
    pub name: String,
    /// The advisory that says so.
    pub advisory: String,
    /// Other names of the same.
    pub related: Vec<String>,
    pub description: String,
    pub severity: Severity,
    pub cvss: Option<Cvss>,
    pub references: Vec<String>,
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    /// The source package and its version.
    pub package: String,
    pub version: String,
    /// The installed packages that were built from it.
    pub vulnerable: Vec<Vulnerable>,
}

/// An installed package that is vulnerable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vulnerable {
    pub name: String,
    pub version: String,
    pub arch: String,
    /// The version without the vulnerability, if there is one.
    pub fixed: Option<String>,
}

/// A version is affected.
#[derive(Clone, Copy, Debug)]
struct Hit<'a> {
    /// The version that is not.
    fixed: Option<&'a str>,
}

type Findings = BTreeMap<(String, String), Finding>;

impl Database {
    /// All that is known to be wrong with the packages of an image: the worst first. If nothing is
    /// known of its distribution at all, that is an error and not an empty list.
    pub fn findings(&self, inventory: &Inventory) -> Result<Vec<Finding>, Error> {
        self.findings_within(MAX_COMPARED, inventory)
    }

    pub(super) fn findings_within(
        &self,
        limit: usize,
        inventory: &Inventory,
    ) -> Result<Vec<Finding>, Error> {
        let distribution = &inventory.distribution;
        let known = self.ecosystems.get(&distribution.ecosystem);
        let known = known.ok_or_else(|| Error::NoAdvisories(distribution.ecosystem.clone()))?;
        let scheme = distribution.manager.scheme();
        let mut findings = Findings::new();
        let mut compared = 0;
        for package in &inventory.packages {
            for (name, version) in names(package, distribution.manager) {
                for affected in known.get(name).into_iter().flatten() {
                    compared += 1;
                    if compared > limit {
                        return Err(Error::Limit {
                            what: "more advisories on its packages",
                            limit: limit as u64,
                        });
                    }
                    let Some(hit) = affected.by(scheme, version, package.modular) else {
                        continue;
                    };
                    affected.report(package, hit, &mut findings);
                    if findings.len() > MAX_FINDINGS {
                        return Err(Error::Limit {
                            what: "more findings",
                            limit: MAX_FINDINGS as u64,
                        });
                    }
                }
            }
        }
        let mut all: Vec<Finding> = findings.into_values().collect();
        all.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then_with(|| a.name.cmp(&b.name))
        });
        Ok(all)
    }
}

/// What advisories call a package, and its version then: Debian's and Alpine's are about sources,
/// those of RPM's distributions about either.
fn names(package: &Package, manager: Manager) -> Vec<(&str, &str)> {
    let source = (package.source.as_str(), package.source_version.as_str());
    match manager {
        Manager::Dpkg | Manager::Apk => vec![source],
        Manager::Rpm if package.source == package.name => vec![source],
        Manager::Rpm => vec![(&package.name, &package.version), source],
    }
}

impl Affected {
    /// What it says of a version: nothing, or that it is affected.
    fn by(&self, scheme: Scheme, version: &str, modular: bool) -> Option<Hit<'_>> {
        for range in &self.ranges {
            if !range.has(scheme, version) {
                continue;
            }
            let fixed = range.fixed_after(scheme, version);
            // A stream of a module has other versions than the distribution itself.
            if scheme == Scheme::Rpm && fixed.is_some_and(|v| v.contains(".module") != modular) {
                continue;
            }
            return Some(Hit { fixed });
        }
        let is = |listed: &&str| scheme.compare(listed, version).is_eq();
        self.versions.iter().map(|v| &**v).find(is)?;
        let mut ranges = self.ranges.iter();
        let fixed = ranges.find_map(|range| range.fixed_after(scheme, version));
        Some(Hit { fixed })
    }

    /// Adds a package to the findings of the vulnerabilities that this is about.
    fn report(&self, package: &Package, hit: Hit<'_>, findings: &mut Findings) {
        let vulnerable = Vulnerable {
            name: package.name.clone(),
            version: package.version.clone(),
            arch: package.arch.clone(),
            fixed: hit.fixed.map(str::to_owned),
        };
        for name in &self.advisory.names {
            let key = (name.clone(), package.source.clone());
            let finding = findings
                .entry(key)
                .or_insert_with(|| self.finding(name, package));
            finding.improve(self);
            let there = &mut finding.vulnerable;
            let same = |v: &&mut Vulnerable| {
                (&v.name, &v.version, &v.arch) == (&package.name, &package.version, &package.arch)
            };
            if let Some(same) = there.iter_mut().find(same) {
                same.fixed = same.fixed.take().or_else(|| vulnerable.fixed.clone());
            } else if there.len() < MAX_VULNERABLE {
                there.push(vulnerable.clone());
            }
        }
    }

    fn finding(&self, name: &str, package: &Package) -> Finding {
        let advisory = &self.advisory;
        Finding {
            name: name.to_owned(),
            advisory: advisory.id.clone(),
            related: Vec::new(),
            description: advisory.description.clone(),
            severity: self.severity,
            cvss: self.cvss.clone().or_else(|| advisory.cvss.clone()),
            references: advisory.references.clone(),
            published: advisory.published,
            modified: advisory.modified,
            package: package.source.clone(),
            version: package.source_version.clone(),
            vulnerable: Vec::new(),
        }
    }
}

impl Finding {
    /// Takes over what another advisory on the same knows better.
    fn improve(&mut self, affected: &Affected) {
        let advisory = &affected.advisory;
        let cvss = affected.cvss.as_ref().or(advisory.cvss.as_ref());
        if self.cvss.is_none() && cvss.is_some() {
            self.cvss = cvss.cloned();
            self.severity = affected.severity;
        }
        if self.severity == Severity::Undefined {
            self.severity = affected.severity;
        }
        if self.description.is_empty() {
            self.description.clone_from(&advisory.description);
        }
        let seen: HashSet<&String> = self.related.iter().chain([&self.name]).collect();
        let new = !seen.contains(&advisory.id) && self.related.len() < MAX_VULNERABLE;
        if new {
            self.related.push(advisory.id.clone());
        }
    }
}
