//! The operations on a resource.
use serde_json::{Map, Value, json};

use super::{Resource, Subresource, place, reference};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const MEDIA: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];
const LIST: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const WRITE: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("fieldManager", "string"),
    ("fieldValidation", "string"),
];
const PATCH: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("fieldManager", "string"),
    ("fieldValidation", "string"),
    ("force", "boolean"),
];
const DELETE: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];

/// What an operation is about.
struct About<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    /// The name of the type.
    object: &'a str,
    /// `CoreV1NamespacedPod` of `readCoreV1NamespacedPod`.
    name: String,
    tag: String,
    custom: bool,
}

pub(super) fn add(paths: &mut Map<String, Value>, group: &str, version: &str, one: &Resource) {
    let place = place(group, version);
    let scope = if one.namespaced { "Namespaced" } else { "" };
    let family = family(group, version);
    let object = one.source.name();
    let about = About {
        group,
        version,
        kind: &one.kind,
        object,
        name: format!("{family}{scope}{}", one.kind),
        tag: tag(group, version),
        custom: matches!(one.source, super::Source::Custom { .. }),
    };
    let plural = &one.plural;
    let base = if one.namespaced {
        format!("/{place}/namespaces/{{namespace}}/{plural}")
    } else {
        format!("/{place}/{plural}")
    };
    let has = |verb: &str| one.verbs.iter().any(|own| own == verb);
    let mut item = Map::new();
    if has("list") {
        item.insert("get".to_owned(), about.list());
    }
    if has("create") {
        item.insert("post".to_owned(), about.write("post", "create"));
    }
    if has("deletecollection") {
        item.insert("delete".to_owned(), about.delete("deletecollection"));
    }
    keep(paths, base.clone(), item, one.namespaced, false);
    if one.namespaced && has("list") {
        let everywhere = About {
            name: format!("{family}{}ForAllNamespaces", one.kind),
            tag: about.tag.clone(),
            ..about
        };
        let item = Map::from_iter([("get".to_owned(), everywhere.list())]);
        keep(paths, format!("/{place}/{plural}"), item, false, false);
    }
    let item = about.item(&has);
    keep(
        paths,
        format!("{base}/{{name}}"),
        item,
        one.namespaced,
        true,
    );
    for sub in &one.subresources {
        let item = subresource(&about, sub);
        let path = format!("{base}/{{name}}/{}", sub.name);
        keep(paths, path, item, one.namespaced, true);
    }
}

fn subresource(of: &About<'_>, sub: &Subresource) -> Map<String, Value> {
    let about = About {
        group: &sub.group,
        version: &sub.version,
        kind: &sub.kind,
        object: sub.type_name.as_deref().unwrap_or(of.object),
        name: format!("{}{}", of.name, capital(&sub.name)),
        tag: of.tag.clone(),
        custom: of.custom,
    };
    let has = |verb: &str| sub.verbs.iter().any(|own| own == verb);
    let mut item = about.item(&has);
    if has("create") {
        item.insert("post".to_owned(), about.write("post", "create"));
    }
    item
}

fn keep(
    paths: &mut Map<String, Value>,
    path: String,
    mut item: Map<String, Value>,
    namespaced: bool,
    named: bool,
) {
    if item.is_empty() {
        return;
    }
    let of_path = |name: &str| {
        json!({
            "name": name, "in": "path", "required": true,
            "schema": {"type": "string", "uniqueItems": true},
        })
    };
    let mut parameters = Vec::new();
    if named {
        parameters.push(of_path("name"));
    }
    if namespaced {
        parameters.push(of_path("namespace"));
    }
    parameters.extend(query(&[("pretty", "string")]));
    item.insert("parameters".to_owned(), parameters.into());
    paths.insert(path, item.into());
}

impl About<'_> {
    fn item(&self, has: &dyn Fn(&str) -> bool) -> Map<String, Value> {
        let mut item = Map::new();
        if has("get") {
            item.insert(
                "get".to_owned(),
                self.operation("get", "read", &[], self.object),
            );
        }
        if has("update") {
            item.insert("put".to_owned(), self.write("put", "replace"));
        }
        if has("patch") {
            item.insert("patch".to_owned(), self.patch());
        }
        if has("delete") {
            item.insert("delete".to_owned(), self.delete("delete"));
        }
        item
    }

    fn operation(&self, action: &str, verb: &str, known: &[(&str, &str)], answer: &str) -> Value {
        let content = |name: &str| -> Map<String, Value> {
            let media = MEDIA
                .iter()
                .filter(|one| !self.custom || !one.ends_with("protobuf"));
            media
                .map(|&media| (media.to_owned(), json!({"schema": reference(name)})))
                .collect()
        };
        json!({
            "operationId": format!("{verb}{}", self.name),
            "tags": [self.tag],
            "parameters": query(known),
            "responses": {
                "200": {"description": "OK", "content": content(answer)},
                "401": {"description": "Unauthorized"},
            },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {
                "group": self.group, "version": self.version, "kind": self.kind,
            },
        })
    }

    fn list(&self) -> Value {
        self.operation("list", "list", LIST, &format!("{}List", self.object))
    }

    fn write(&self, action: &str, verb: &str) -> Value {
        let mut new = self.operation(action, verb, WRITE, self.object);
        new["requestBody"] = json!({
            "required": true, "content": {"*/*": {"schema": reference(self.object)}},
        });
        new
    }

    fn patch(&self) -> Value {
        let mut new = self.operation("patch", "patch", PATCH, self.object);
        let body = json!({"schema": reference(&format!("{META}.Patch"))});
        let strategic = |one: &&&str| !self.custom || !one.contains("strategic");
        let content: Map<String, Value> = PATCHES
            .iter()
            .filter(strategic)
            .map(|&media| (media.to_owned(), body.clone()))
            .collect();
        new["requestBody"] = json!({"required": true, "content": content});
        new
    }

    fn delete(&self, action: &str) -> Value {
        let (verb, known) = if action == "delete" {
            ("delete", DELETE.to_vec())
        } else {
            let list = LIST
                .iter()
                .filter(|one| !one.0.to_lowercase().contains("watch"));
            (
                "deleteCollection",
                DELETE.iter().chain(list).copied().collect(),
            )
        };
        let mut new = self.operation(action, verb, &known, &format!("{META}.Status"));
        let body = reference(&format!("{META}.DeleteOptions"));
        new["requestBody"] = json!({"content": {"*/*": {"schema": body}}});
        if self.custom && action != "delete" {
            new["operationId"] = format!("deleteCollection{}", self.name).into();
        }
        new
    }
}

fn query(known: &[(&str, &str)]) -> Vec<Value> {
    known
        .iter()
        .map(|(name, kind)| {
            json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
        })
        .collect()
}

/// `CoreV1`, `AppsV1`, `RbacAuthorizationV1`.
fn family(group: &str, version: &str) -> String {
    let name = match group {
        "" => "core",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    let name: String = name.split('.').map(capital).collect();
    format!("{name}{}", capital(version))
}

fn tag(group: &str, version: &str) -> String {
    let name = match group {
        "" => "core",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    let mut parts = name.split('.');
    let mut tag = parts.next().unwrap_or_default().to_owned();
    tag.extend(parts.map(capital));
    format!("{tag}_{version}")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
