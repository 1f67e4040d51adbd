//! What a request would do.

/// The attributes of a request that authorizers look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `get list watch create update patch delete deletecollection`, `impersonate` and the like; for
    /// paths the method in lower case.
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    /// The plural name. Empty for a path.
    pub resource: String,
    pub subresource: String,
    pub name: String,
    /// Empty at the cluster scope. For the resource `namespaces` it is the object's own name.
    pub namespace: String,
    /// The path of what is no resource, such as `/healthz`.
    pub path: String,
    /// What a list or watch was narrowed to, as `(path, value)` of `=` requirements.
    pub fields: Vec<(String, String)>,
    /// Whether this is about a resource and not about a path.
    pub is_resource: bool,
}

impl Attributes {
    /// About a resource in a namespace (or none).
    pub fn resource(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            version: "*".to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            is_resource: true,
            ..Self::default()
        }
    }

    /// The same about a subresource.
    #[must_use]
    pub fn with_subresource(self, subresource: &str) -> Self {
        Self {
            subresource: subresource.to_owned(),
            ..self
        }
    }

    /// About a path that is no resource.
    pub fn path(verb: &str, path: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            path: path.to_owned(),
            ..Self::default()
        }
    }

    /// `pods` or `pods/log`.
    pub fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}
