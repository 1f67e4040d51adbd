//! Launch templates and their versions.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_storage::{Document, Read};
use wharf_types::{Registry, Timestamp};

use crate::{
    Code, Cx, Error, Here, Tx, ids,
    tags::{self, Tags},
};

/// The most templates, and the most versions of one.
pub const MAX: usize = 5000;
const MAX_VERSIONS: u64 = 10_000;

/// A launch template. Named by its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LaunchTemplate {
    pub id: String,
    pub name: String,
    pub created_ms: i64,
    /// The ARN of who made it.
    pub created_by: String,
    pub default: u64,
    pub latest: u64,
    #[serde(default)]
    pub tags: Tags,
    #[serde(default)]
    pub client_token: Option<String>,
}

impl Document for LaunchTemplate {
    const KIND: &'static str = "compute-launch-template";
}

/// A version of a launch template. Never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    pub number: u64,
    pub created_ms: i64,
    pub created_by: String,
    #[serde(default)]
    pub description: Option<String>,
    /// The members of `LaunchTemplateData` by their names in EC2's query protocol.
    pub data: Value,
}

impl Document for Version {
    const KIND: &'static str = "compute-launch-template-version";
}

/// The id of the template with a name. Named by the name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Named {
    id: String,
}

impl Document for Named {
    const KIND: &'static str = "compute-launch-template-name";
}

/// How a template is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    Id(String),
    Name(String),
}

/// A version of a template, as groups and calls name one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub template: Key,
    /// A number, `$Latest` or `$Default`; the default without one.
    pub version: Option<String>,
}

/// A new template or version.
#[derive(Clone, Debug)]
pub struct New {
    pub by: String,
    pub description: Option<String>,
    pub data: Value,
    pub client_token: Option<String>,
}

fn version_key(id: &str, number: u64) -> String {
    format!("{id}/{number:010}")
}

/// Whether a text can be the name of a template.
fn is_name(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"().-/_".contains(&b);
    (3..=128).contains(&name.len()) && name.bytes().all(word)
}

/// Makes a template with its first version.
pub async fn create(
    cx: &Cx,
    place: &Registry,
    name: String,
    template_tags: Tags,
    new: New,
) -> Result<LaunchTemplate, Error> {
    if !is_name(&name) {
        let text = format!(
            "Launch template name '{name}' is invalid: it must be 3 to 128 letters, digits, or of ().-/_"
        );
        return Err(Error::invalid(text));
    }
    tags::check(&template_tags)?;
    let done = cx.change(place, move |tx| {
        create_in(tx, &name, template_tags.clone(), &new)
    });
    done.await
}

fn create_in(
    tx: &Tx<'_>,
    name: &str,
    template_tags: Tags,
    new: &New,
) -> Result<LaunchTemplate, Error> {
    let owner = &tx.here.owner;
    if let Some(named) = tx.tx.document::<Named>(owner, name)? {
        let there = find(tx.tx, tx.here, &Key::Id(named.body.id))?;
        if new.client_token.is_some() && there.client_token == new.client_token {
            return Ok(there);
        }
        return Err(Error::refused(
            Code::TemplateExists,
            "Launch template name already in use.",
        ));
    }
    if tx.tx.count_documents::<LaunchTemplate>(owner)? >= MAX {
        let text = format!("There are {MAX} launch templates already.");
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    let template = LaunchTemplate {
        id: ids::random("lt"),
        name: name.to_owned(),
        created_ms: tx.now.as_ms(),
        created_by: new.by.clone(),
        default: 1,
        latest: 1,
        tags: template_tags,
        client_token: new.client_token.clone(),
    };
    let named = Named {
        id: template.id.clone(),
    };
    tx.tx.put_document(owner, name, &named, tx.now)?;
    tx.tx.put_document(owner, &template.id, &template, tx.now)?;
    put_version(tx, &template.id, 1, new)?;
    Ok(template)
}

fn put_version(tx: &Tx<'_>, id: &str, number: u64, new: &New) -> Result<Version, Error> {
    let version = Version {
        number,
        created_ms: tx.now.as_ms(),
        created_by: new.by.clone(),
        description: new.description.clone(),
        data: new.data.clone(),
    };
    let key = version_key(id, number);
    tx.tx.put_document(&tx.here.owner, &key, &version, tx.now)?;
    Ok(version)
}

/// Adds a version: what it does not say is as in the version `source`, if that is given.
pub async fn add_version(
    cx: &Cx,
    place: &Registry,
    template: Key,
    source: Option<String>,
    new: New,
) -> Result<(LaunchTemplate, Version), Error> {
    let done = cx.change(place, move |tx| {
        let mut found = find(tx.tx, tx.here, &template)?;
        let mut new = new.clone();
        if let Some(source) = &source {
            let from = version(tx.tx, tx.here, &found, Some(source))?;
            new.data = over(from.data, new.data);
        }
        if found.latest >= MAX_VERSIONS {
            let text = format!("The template has {MAX_VERSIONS} versions already.");
            return Err(Error::refused(Code::LimitExceeded, text));
        }
        found.latest += 1;
        let id = found.id.clone();
        tx.tx.put_document(&tx.here.owner, &id, &found, tx.now)?;
        let version = put_version(tx, &id, found.latest, &new)?;
        Ok((found, version))
    });
    done.await
}

/// Data with other data's members instead of its own.
fn over(from: Value, with: Value) -> Value {
    match (from, with) {
        (Value::Object(mut from), Value::Object(with)) => {
            from.extend(with);
            Value::Object(from)
        }
        (_, with) => with,
    }
}

/// Removes a template with its versions.
pub async fn delete(cx: &Cx, place: &Registry, template: Key) -> Result<LaunchTemplate, Error> {
    let done = cx.change(place, move |tx| {
        let found = find(tx.tx, tx.here, &template)?;
        let owner = &tx.here.owner;
        tx.tx.delete_document::<LaunchTemplate>(owner, &found.id)?;
        tx.tx.delete_document::<Named>(owner, &found.name)?;
        for number in 1..=found.latest {
            tx.tx
                .delete_document::<Version>(owner, &version_key(&found.id, number))?;
        }
        Ok(found)
    });
    done.await
}

/// All templates, by id.
pub async fn list(cx: &Cx, place: &Registry) -> Result<Vec<LaunchTemplate>, Error> {
    let found = cx.ask(place, |tx, here| {
        Ok(tx.documents::<LaunchTemplate>(&here.owner, "", MAX)?)
    });
    Ok(found.await?.into_iter().map(|stored| stored.body).collect())
}

/// A template and all its versions.
pub async fn versions(
    cx: &Cx,
    place: &Registry,
    template: Key,
) -> Result<(LaunchTemplate, Vec<Version>), Error> {
    let found = cx.ask(place, move |tx, here| {
        let found = find(tx, here, &template)?;
        let first = version_key(&found.id, 0);
        let limit = usize::try_from(MAX_VERSIONS).unwrap_or(usize::MAX);
        let stored = tx.documents::<Version>(&here.owner, &first, limit)?;
        let end = version_key(&found.id, found.latest);
        let own = stored.into_iter().take_while(|stored| stored.name <= end);
        Ok((found, own.map(|stored| stored.body).collect()))
    });
    found.await
}

/// A version of a template that a group or a call names.
pub async fn resolved(
    cx: &Cx,
    place: &Registry,
    spec: Spec,
) -> Result<(LaunchTemplate, Version), Error> {
    cx.ask(place, move |tx, here| resolve(tx, here, &spec))
        .await
}

pub(crate) fn resolve(
    tx: &Read<'_>,
    here: &Here,
    spec: &Spec,
) -> Result<(LaunchTemplate, Version), Error> {
    let template = find(tx, here, &spec.template)?;
    let version = version(tx, here, &template, spec.version.as_deref())?;
    Ok((template, version))
}

pub(crate) fn find(tx: &Read<'_>, here: &Here, key: &Key) -> Result<LaunchTemplate, Error> {
    let id = match key {
        Key::Id(id) => id.clone(),
        Key::Name(name) => match tx.document::<Named>(&here.owner, name)? {
            Some(named) => named.body.id,
            None => {
                return Err(Error::refused(
                    Code::TemplateNameNotFound,
                    "The specified launch template, with template name '".to_owned()
                        + name
                        + "', does not exist.",
                ));
            }
        },
    };
    let found = tx.document::<LaunchTemplate>(&here.owner, &id)?;
    found.map(|stored| stored.body).ok_or_else(|| {
        let text = format!("The specified launch template, with template ID {id}, does not exist.");
        Error::refused(Code::TemplateNotFound, text)
    })
}

fn version(
    tx: &Read<'_>,
    here: &Here,
    template: &LaunchTemplate,
    wanted: Option<&str>,
) -> Result<Version, Error> {
    let number = match wanted {
        None | Some("$Default" | "") => Some(template.default),
        Some("$Latest") => Some(template.latest),
        Some(number) => number.parse().ok(),
    };
    let found = match number {
        None => None,
        Some(number) => tx.document::<Version>(&here.owner, &version_key(&template.id, number))?,
    };
    found.map(|stored| stored.body).ok_or_else(|| {
        let text = format!(
            "Could not find the specified version {} for the launch template with ID {}.",
            wanted.unwrap_or_default(),
            template.id
        );
        Error::refused(Code::VersionNotFound, text)
    })
}

impl LaunchTemplate {
    pub const fn created(&self) -> Timestamp {
        Timestamp::from_ms(self.created_ms)
    }
}
