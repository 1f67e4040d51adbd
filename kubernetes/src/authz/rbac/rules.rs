//! Whether a rule allows something.
use super::Rule;
use crate::authz::Attributes;

const ALL: &str = "*";

impl Rule {
    /// Whether the rule allows what the attributes say.
    pub fn allows(&self, attributes: &Attributes) -> bool {
        self.allows_combined(attributes, &attributes.combined())
    }

    /// The same, with [`Attributes::combined`] of the caller, who asks many rules.
    pub(in crate::authz) fn allows_combined(
        &self,
        attributes: &Attributes,
        combined: &str,
    ) -> bool {
        if !has_or_all(&self.verbs, &attributes.verb) {
            return false;
        }
        if !attributes.is_resource {
            let path = &attributes.path;
            return self
                .non_resource_urls
                .iter()
                .any(|url| covers_path(url, path));
        }
        has_or_all(&self.api_groups, &attributes.group)
            && self.has_resource(combined, &attributes.subresource)
            && (self.resource_names.is_empty() || has(&self.resource_names, &attributes.name))
    }

    /// `*` is every resource and subresource, `*/scale` that subresource of every resource.
    fn has_resource(&self, combined: &str, subresource: &str) -> bool {
        self.resources.iter().any(|resource| {
            resource == ALL
                || resource == combined
                || !subresource.is_empty() && resource.strip_prefix("*/") == Some(subresource)
        })
    }
}

pub(super) fn has(list: &[String], item: &str) -> bool {
    list.iter().any(|own| own == item)
}

pub(super) fn has_or_all(list: &[String], item: &str) -> bool {
    list.iter().any(|own| own == ALL || own == item)
}

/// Whether a path of a rule, which may end in `*`, stands for another one.
pub(super) fn covers_path(own: &str, path: &str) -> bool {
    own == path || own.ends_with('*') && path.starts_with(own.trim_end_matches('*'))
}
