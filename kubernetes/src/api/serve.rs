//! One request from its head to its answer.
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, Request, header};

use super::ApiServer;
use super::body;
use super::delete;
use super::patch::Patch;
use super::permit::attributes;
use super::query::Query;
use super::route::{self, Route, Target};
use super::unread::Unread;
use super::write::Writer;
use crate::Status;
use crate::about::form;
use crate::authn::User;
use crate::cluster::Part;
use crate::kinds::Verbs;

/// What the handlers need of a request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) query: Query,
    pub(super) user: User,
}

impl Asked {
    pub(super) fn writer(&self) -> Result<Writer, Status> {
        let agent = self.parts.headers.get(header::USER_AGENT);
        let agent = agent
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Writer::of(&self.user, agent, &self.query)
    }
}

impl ApiServer {
    /// Answers a request.
    pub async fn serve(&self, request: Request<Body>) -> Response {
        let unread = Unread::default();
        let request = request.map(|body| unread.lend(body));
        let response = match self.answer(request).await {
            Ok(response) => response,
            Err(status) => status.into_response(),
        };
        unread.discard().await;
        response
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response, Status> {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        // Strangers learn nothing, not even which paths there are.
        let user = self.identify(&parts)?;
        let resources = self.cluster().resources();
        let route = route::parse(parts.uri.path(), &resources)?;
        let wanted = attributes(&parts.method, parts.uri.path(), &route, &query);
        if wanted.verb.is_empty() {
            return Err(Status::method_not_allowed());
        }
        self.permit(&user, &wanted)?;
        let asked = Asked { parts, query, user };
        match route {
            Route::Path(segments) => self.path(&asked, &segments).await,
            Route::Resource(target) if target.subresource.is_empty() => {
                self.resource(&asked, &target, body).await
            }
            Route::Resource(target) => self.subresource(&asked, &target, body).await,
        }
    }

    async fn resource(
        &self,
        asked: &Asked,
        target: &Target,
        body: Body,
    ) -> Result<Response, Status> {
        let headers = &asked.parts.headers;
        let method = &asked.parts.method;
        check_verb(target, method)?;
        let form = form(headers)?;
        let one = !target.name.is_empty();
        let reply = match *method {
            Method::GET | Method::HEAD if asked.query.flag("watch") => {
                let show = self.show(form, &asked.query)?;
                return self.watch(target, &asked.query, show);
            }
            Method::GET | Method::HEAD if one => {
                let object = self.read(target)?;
                return Ok(self.one(form, asked, target, &object)?.into_response());
            }
            Method::GET | Method::HEAD => {
                let page = self.page(target, &asked.query)?;
                return self.many(form, asked, target, page).await;
            }
            Method::POST if !one => {
                let read = body::read(headers, &body::take(body).await?)?;
                if target.resource.verbs == Verbs::Review {
                    self.review(target, &asked.user, read.value)?
                } else {
                    self.post(target, asked.writer()?, read).await?
                }
            }
            Method::PUT if one => {
                let read = body::read(headers, &body::take(body).await?)?;
                self.put(target, Part::Main, asked.writer()?, read).await?
            }
            Method::PATCH if one => {
                let bytes = body::take(body).await?;
                let patch = Patch::read(headers, &asked.query, &target.resource, &bytes)?;
                self.patch(target, Part::Main, asked.writer()?, patch)
                    .await?
            }
            Method::DELETE => {
                let bytes = body::take(body).await?;
                let value = if bytes.is_empty() {
                    serde_json::Value::Null
                } else {
                    body::read(headers, &bytes)?.value
                };
                let how = delete::options(&value, &asked.query)?;
                let mut writer = asked.writer()?;
                writer.options.dry_run |= value["dryRun"][0] == "All";
                if !one {
                    let query = &asked.query;
                    return self.delete_collection(target, query, &writer, &how).await;
                }
                self.delete(target, &writer, &how).await?
            }
            _ => return Err(Status::method_not_allowed()),
        };
        Ok(self.written_as(form, target, reply).into_response())
    }
}

/// Some kinds can only be read, or only be asked.
fn check_verb(target: &Target, method: &Method) -> Result<(), Status> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let fine = match target.resource.verbs {
        Verbs::All => true,
        Verbs::Read => reads,
        Verbs::Review => *method == Method::POST,
    };
    if fine {
        Ok(())
    } else {
        Err(Status::method_not_allowed())
    }
}
