//! Tables and metadata of objects, as bytes.
//!
//! Every object is read once; long lists are read on all processors.
use std::io::Write as _;
use std::num::NonZero;
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::custom::{Printer, printers};
use super::{AGE_TEXT, Column, NAME_TEXT, cells};
use crate::about::MetaVersion;
use crate::cluster::{Resource, What, in_form};
use crate::kinds::CREATED_AT;
use crate::store::Object;
use crate::{SUBRESOURCE_KINDS, Status, fields};

/// How many objects are worth another thread.
const SHARE: usize = 256;

/// What of an object comes with its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Include {
    None,
    #[default]
    Metadata,
    Object,
}

impl Include {
    /// Reads the parameter `includeObject`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "None" => Ok(Self::None),
            "" | "Metadata" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', 'Object', 'None', or empty"
            ))),
        }
    }
}

/// The metadata of a list.
#[derive(Clone, Debug, Default)]
pub struct ListMeta {
    pub revision: u64,
    /// Where the next page begins; empty if there is none.
    pub continue_at: String,
    pub remaining: Option<u64>,
}

impl ListMeta {
    /// Of one object, or of an event about it.
    pub fn of(object: &Object) -> Self {
        Self {
            revision: object.revision,
            ..Self::default()
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let mut metadata = json!({ "resourceVersion": self.revision.to_string() });
        if !self.continue_at.is_empty() {
            metadata["continue"] = self.continue_at.as_str().into();
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
        metadata
    }
}

/// How a table is shown.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    pub version: MetaVersion,
    pub include: Include,
    /// Only the first event of a watch has the columns.
    pub headers: bool,
    /// The time that ages are relative to.
    pub now: Timestamp,
}

/// The table of objects of a resource, of one or of a list. Blocks for milliseconds where there are
/// thousands.
pub fn table(
    resource: &Resource,
    objects: &[Arc<Object>],
    metadata: &ListMeta,
    options: TableOptions,
) -> Vec<u8> {
    let columns = Columns::of(resource);
    let row = |object: &Arc<Object>, body: &mut Vec<u8>| {
        let value = in_form(resource, object);
        columns.row(&value, options, body);
    };
    let rows = rendered(objects, &row);
    whole(&columns, &rows, metadata, options)
}

/// The table of one object, which is read already.
pub fn table_of(
    resource: &Resource,
    object: &Value,
    metadata: &ListMeta,
    options: TableOptions,
) -> Vec<u8> {
    let columns = Columns::of(resource);
    let mut row = Vec::new();
    columns.row(object, options, &mut row);
    whole(&columns, &row, metadata, options)
}

/// The table of a scale.
pub(crate) fn table_of_scale(scale: &Value, options: TableOptions) -> Vec<u8> {
    let mut kinds = SUBRESOURCE_KINDS.iter();
    let row = kinds.find(|row| row.kind == "Scale");
    let columns = Columns::Builtin(row.map_or(PLAIN, |row| row.columns));
    let mut row = Vec::new();
    columns.row(scale, options, &mut row);
    let revision = fields::text(&scale["metadata"], "resourceVersion");
    let metadata = ListMeta {
        revision: revision.parse().unwrap_or(0),
        ..ListMeta::default()
    };
    whole(&columns, &row, &metadata, options)
}

fn whole(columns: &Columns, rows: &[u8], metadata: &ListMeta, options: TableOptions) -> Vec<u8> {
    let version = options.version.api_version();
    let mut body = Vec::with_capacity(rows.len() + 4096);
    let columns = if options.headers {
        columns.definitions()
    } else {
        Value::Null
    };
    body.extend_from_slice(b"{\"kind\":\"Table\",\"apiVersion\":\"");
    body.extend_from_slice(version.as_bytes());
    body.extend_from_slice(b"\",\"metadata\":");
    append(&mut body, &metadata.to_json());
    body.extend_from_slice(b",\"columnDefinitions\":");
    append(&mut body, &columns);
    body.extend_from_slice(b",\"rows\":[");
    body.extend_from_slice(rows);
    body.extend_from_slice(b"]}");
    body
}

/// `PartialObjectMetadataList` of a list.
pub fn metadata_list(
    resource: &Resource,
    objects: &[Arc<Object>],
    metadata: &ListMeta,
    version: MetaVersion,
) -> Vec<u8> {
    let item = |object: &Arc<Object>, body: &mut Vec<u8>| {
        append_partial(&in_form(resource, object), version, body);
    };
    let items = rendered(objects, &item);
    let mut body = Vec::with_capacity(items.len() + 256);
    body.extend_from_slice(b"{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"");
    body.extend_from_slice(version.api_version().as_bytes());
    body.extend_from_slice(b"\",\"metadata\":");
    append(&mut body, &metadata.to_json());
    body.extend_from_slice(b",\"items\":[");
    body.extend_from_slice(&items);
    body.extend_from_slice(b"]}");
    body
}

/// `PartialObjectMetadata` of one object.
pub fn metadata(object: &Value, version: MetaVersion) -> Vec<u8> {
    let mut body = Vec::new();
    append_partial(object, version, &mut body);
    body
}

fn append_partial(object: &Value, version: MetaVersion, body: &mut Vec<u8>) {
    body.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"");
    body.extend_from_slice(version.api_version().as_bytes());
    body.extend_from_slice(b"\",\"metadata\":");
    append(body, &object["metadata"]);
    body.push(b'}');
}

fn append(body: &mut Vec<u8>, value: &Value) {
    // Writing into memory does not fail.
    let written = write!(body, "{value}");
    debug_assert!(written.is_ok(), "memory can be written");
}

/// What `one` makes of every object, with commas between.
fn rendered(
    objects: &[Arc<Object>],
    one: &(impl Fn(&Arc<Object>, &mut Vec<u8>) + Sync),
) -> Vec<u8> {
    let part = |objects: &[Arc<Object>]| {
        let mut body = Vec::with_capacity(objects.len() * 1024);
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            one(object, &mut body);
        }
        body
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(objects.len() / SHARE).min(8);
    if threads < 2 {
        return part(objects);
    }
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let parts = objects.chunks(objects.len().div_ceil(threads));
        let running: Vec<_> = parts
            .map(|own| (own, scope.spawn(move || part(own))))
            .collect();
        for (own, thread) in running {
            // A thread that died left its work to be done again.
            let body = thread.join().unwrap_or_else(|_died| part(own));
            if !all.is_empty() && !body.is_empty() {
                all.push(b',');
            }
            all.extend_from_slice(&body);
        }
    });
    all
}

/// The columns of a resource.
enum Columns {
    Builtin(&'static [Column]),
    Custom(Vec<Printer>),
}

/// For kinds that have no columns of their own.
const PLAIN: &[Column] = &[cells::NAME, CREATED_AT];

impl Columns {
    fn of(resource: &Resource) -> Self {
        match &resource.what {
            What::Builtin(row) if row.columns.is_empty() => Self::Builtin(PLAIN),
            What::Builtin(row) => Self::Builtin(row.columns),
            What::Custom(custom) => Self::Custom(printers(&custom.columns)),
        }
    }

    fn definitions(&self) -> Value {
        match self {
            Self::Builtin(columns) => columns.iter().map(define).collect(),
            Self::Custom(printers) => {
                let name = define(&cells::NAME);
                let others = printers.iter().map(|printer| printer.definition.clone());
                std::iter::once(name).chain(others).collect()
            }
        }
    }

    fn row(&self, object: &Value, options: TableOptions, body: &mut Vec<u8>) {
        let now = options.now;
        body.extend_from_slice(b"{\"cells\":[");
        match self {
            Self::Builtin(columns) => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        body.push(b',');
                    }
                    append(body, &(column.cell)(object, now));
                }
            }
            Self::Custom(printers) => {
                append(body, &(cells::NAME.cell)(object, now));
                for printer in printers {
                    body.push(b',');
                    append(body, &printer.cell(object, now));
                }
            }
        }
        body.push(b']');
        if let Some(condition) = completed(object) {
            body.extend_from_slice(b",\"conditions\":[");
            append(body, &condition);
            body.push(b']');
        }
        body.extend_from_slice(b",\"object\":");
        match options.include {
            Include::None => body.extend_from_slice(b"null"),
            Include::Metadata => append_partial(object, options.version, body),
            Include::Object => append(body, object),
        }
        body.push(b'}');
    }
}

fn define(column: &Column) -> Value {
    let description = match (column.name, column.format) {
        (_, "name") => NAME_TEXT,
        ("Age" | "Created At", _) => AGE_TEXT,
        _ => "",
    };
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": description,
        "priority": column.priority,
    })
}

/// The rows of pods say that these are over.
fn completed(object: &Value) -> Option<Value> {
    if object["kind"] != "Pod" || object["apiVersion"] != "v1" {
        return None;
    }
    let phase = fields::text(&object["status"], "phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    Some(json!({ "type": "Completed", "status": "True", "reason": phase, "message": message }))
}
