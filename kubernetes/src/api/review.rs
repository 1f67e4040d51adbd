//! Questions that are answered and not stored.
use serde_json::Value;

use super::ApiServer;
use super::reply::Reply;
use super::route::Target;
use crate::Status;
use crate::authn::{User, reviews as identity};
use crate::authz::reviews as access;

impl ApiServer {
    pub(super) fn review(
        &self,
        target: &Target,
        user: &User,
        mut question: Value,
    ) -> Result<Reply, Status> {
        super::write::check_kind(&target.resource, &question)?;
        let namespace = &target.namespace;
        let status = match target.resource.plural.as_str() {
            "tokenreviews" => {
                let audiences = self.audiences();
                let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
                identity::token_review(&question, &audiences, |token, wanted| {
                    self.token(token, wanted)
                })?
            }
            "selfsubjectreviews" => identity::self_subject_review(user),
            "selfsubjectaccessreviews" => self.with_authorizer(|authorizer| {
                access::self_subject_access_review(&question, user, authorizer)
            })?,
            "subjectaccessreviews" => self.with_authorizer(|authorizer| {
                access::subject_access_review(&question, authorizer)
            })?,
            "localsubjectaccessreviews" => self.with_authorizer(|authorizer| {
                access::local_subject_access_review(&question, namespace, authorizer)
            })?,
            "selfsubjectrulesreviews" => self.with_authorizer(|authorizer| {
                access::self_subject_rules_review(&question, user, authorizer)
            })?,
            _ => return Err(Status::method_not_allowed()),
        };
        question["apiVersion"] = target.resource.api_version().into();
        question["kind"] = target.resource.kind.as_str().into();
        question["status"] = status;
        Ok(Reply::value(&question).created())
    }
}
