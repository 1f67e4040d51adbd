//! The Security Token Service.
use crate::operation::{Entry, Protocol, Service};

mod get_caller_identity;

use get_caller_identity::GetCallerIdentity;

pub(crate) const SERVICE: Service = Service {
    name: "sts",
    protocol: Protocol::Query {
        namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    },
    operations: &[Entry::of::<GetCallerIdentity>()],
    known: &[
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "DecodeAuthorizationMessage",
        "GetAccessKeyInfo",
        "GetCallerIdentity",
        "GetDelegatedAccessToken",
        "GetFederationToken",
        "GetSessionToken",
        "GetWebIdentityToken",
    ],
};
