//! Objects in the form that a client asks for: whole, as a table, or only their metadata.
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::Value;

use super::ApiServer;
use super::list::{self, Page};
use super::query::Query;
use super::reply::Reply;
use super::route::Target;
use super::serve::Asked;
use super::watch::{Show, plain};
use crate::Status;
use crate::about::{Form, MetaVersion};
use crate::cluster::in_form;
use crate::store::Object;
use crate::table::{self, Include, ListMeta, TableOptions};

/// How many objects are worth a thread of their own.
const MANY: usize = 64;

impl ApiServer {
    fn table(&self, version: MetaVersion, query: &Query) -> Result<TableOptions, Status> {
        Ok(TableOptions {
            version,
            include: Include::parse(query.get("includeObject").unwrap_or_default())?,
            headers: true,
            now: self.cluster().now(),
        })
    }

    /// One object.
    pub(super) fn one(
        &self,
        form: Form,
        asked: &Asked,
        target: &Target,
        object: &Arc<Object>,
    ) -> Result<Reply, Status> {
        let resource = &target.resource;
        match form {
            Form::Whole => Ok(Reply::ok(list::body(resource, object))),
            Form::Table(version) => {
                let options = self.table(version, &asked.query)?;
                let one = std::slice::from_ref(object);
                let metadata = ListMeta::of(object);
                Ok(Reply::ok(table::table(resource, one, &metadata, options)))
            }
            Form::Metadata(version) => {
                let value = in_form(resource, object);
                Ok(Reply::ok(table::metadata(&value, version)))
            }
            Form::MetadataList(_) => Err(Status::not_acceptable(
                "you requested PartialObjectMetadataList, but the requested object is not a list",
            )),
        }
    }

    /// A list. Long ones are read on threads of their own.
    pub(super) async fn many(
        &self,
        form: Form,
        asked: &Asked,
        target: &Target,
        page: Page,
    ) -> Result<Response, Status> {
        let metadata = ListMeta {
            revision: page.revision,
            continue_at: page.next.clone().unwrap_or_default(),
            remaining: page.remaining.and_then(|count| u64::try_from(count).ok()),
        };
        let options = match form {
            Form::Whole => return Ok(Self::listed(target, page)),
            Form::Metadata(_) => {
                return Err(Status::not_acceptable(
                    "you requested PartialObjectMetadata, but the requested object is a list",
                ));
            }
            Form::Table(version) | Form::MetadataList(version) => {
                self.table(version, &asked.query)?
            }
        };
        let resource = Arc::clone(&target.resource);
        let (is_table, count) = (matches!(form, Form::Table(_)), page.objects.len());
        let render = move || {
            let objects = &page.objects;
            if is_table {
                table::table(&resource, objects, &metadata, options)
            } else {
                table::metadata_list(&resource, objects, &metadata, options.version)
            }
        };
        if count < MANY {
            return Ok(Reply::ok(render()).into_response());
        }
        let done = tokio::task::spawn_blocking(render).await;
        Ok(Reply::ok(done.map_err(Status::internal)?).into_response())
    }

    /// The events of a watch: only the first table has its columns.
    pub(super) fn show(&self, form: Form, query: &Query) -> Result<Show, Status> {
        match form {
            Form::Whole => Ok(plain()),
            Form::Table(version) => {
                let options = self.table(version, query)?;
                let cluster = self.cluster().clone();
                Ok(Arc::new(move |resource, object, first| {
                    let options = TableOptions {
                        headers: first,
                        now: cluster.now(),
                        ..options
                    };
                    let value = in_form(resource, object);
                    let metadata = ListMeta::of(object);
                    Bytes::from(table::table_of(resource, &value, &metadata, options))
                }))
            }
            Form::Metadata(version) | Form::MetadataList(version) => {
                Ok(Arc::new(move |resource, object, _first| {
                    Bytes::from(table::metadata(&in_form(resource, object), version))
                }))
            }
        }
    }

    /// A scale.
    pub(super) fn scale_as(
        &self,
        form: Form,
        asked: &Asked,
        scale: &Value,
    ) -> Result<Reply, Status> {
        let Form::Table(version) = form else {
            return Ok(Reply::value(scale));
        };
        let options = self.table(version, &asked.query)?;
        Ok(Reply::ok(table::table_of_scale(scale, options)))
    }

    /// The answer to a change, in the form that was asked for.
    pub(super) fn written_as(&self, form: Form, target: &Target, reply: Reply) -> Reply {
        if form == Form::Whole {
            return reply;
        }
        let resource = &target.resource;
        let value: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        // Not what says that something is gone.
        if value["kind"] != *resource.kind {
            return reply;
        }
        let body = match form {
            Form::Metadata(version) => table::metadata(&value, version),
            Form::Table(version) => {
                let revision = value["metadata"]["resourceVersion"].as_str();
                let metadata = ListMeta {
                    revision: revision.and_then(|text| text.parse().ok()).unwrap_or(0),
                    ..ListMeta::default()
                };
                let options = TableOptions {
                    version,
                    include: Include::Metadata,
                    headers: true,
                    now: self.cluster().now(),
                };
                table::table_of(resource, &value, &metadata, options)
            }
            Form::Whole | Form::MetadataList(_) => return reply,
        };
        Reply {
            body: body.into(),
            ..reply
        }
    }
}
