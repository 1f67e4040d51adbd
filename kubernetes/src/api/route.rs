//! What a path means.
use std::sync::Arc;

use crate::Status;
use crate::cluster::{Resource, Resources};

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) enum Route {
    Resource(Target),
    /// Anything that is no resource: discovery, health, version.
    Path(Vec<String>),
}

/// A resource, and which objects of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) resource: Arc<Resource>,
    /// Empty for all, and for what belongs to the cluster.
    pub(super) namespace: String,
    /// Empty for all.
    pub(super) name: String,
    /// Empty for the object itself.
    pub(super) subresource: String,
}

pub(super) fn parse(path: &str, resources: &Resources) -> Result<Route, Status> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect::<Option<_>>()
        .ok_or_else(|| Status::bad_request("the path is not well-formed"))?;
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Ok(Route::Path(segments)),
    };
    if rest.is_empty() {
        return Ok(Route::Path(segments));
    }
    let found = |plural: &str| {
        let found = resources.find(group, version, plural).cloned();
        found.ok_or_else(Status::no_such_path)
    };
    let target = match rest {
        // The namespace itself, with its own subresources.
        ["namespaces", name, sub @ ("status" | "finalize")] => {
            Target::new(found("namespaces")?, "", name, sub)
        }
        ["namespaces", name] => Target::new(found("namespaces")?, "", name, ""),
        ["namespaces", namespace, plural, more @ ..] => {
            let resource = found(plural)?;
            if !resource.is_namespaced() {
                return Err(Status::no_such_path());
            }
            let target = Target::new(resource, namespace, "", "");
            target.under(more)
        }
        [plural, more @ ..] => {
            let resource = found(plural)?;
            // Objects of a namespace are addressed in it.
            if resource.is_namespaced() && !more.is_empty() {
                return Err(Status::no_such_path());
            }
            Target::new(resource, "", "", "").under(more)
        }
        [] => return Err(Status::no_such_path()),
    };
    Ok(Route::Resource(target))
}

impl Target {
    fn new(resource: Arc<Resource>, namespace: &str, name: &str, subresource: &str) -> Self {
        Self {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
        }
    }

    fn under(self, more: &[&str]) -> Self {
        let at = |index: usize| {
            more.get(index)
                .map_or_else(String::new, |&text| text.to_owned())
        };
        Self {
            name: at(0),
            subresource: at(1),
            ..self
        }
    }
}

fn decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
