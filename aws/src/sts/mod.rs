//! The Security Token Service.
use wharf_auth::{Principal, SigError};
use wharf_types::{AccountId, Arn};

use crate::{
    Exception,
    operation::{Entry, Operation as _, Protocol, Service},
};

mod assume_role_with_web_identity;
mod get_caller_identity;

use assume_role_with_web_identity::AssumeRoleWithWebIdentity;
use get_caller_identity::GetCallerIdentity;

pub(crate) const SERVICE: Service = Service {
    name: "sts",
    protocol: Protocol::Query {
        namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    },
    operations: &[
        Entry::of::<AssumeRoleWithWebIdentity>(),
        Entry::of::<GetCallerIdentity>(),
    ],
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

/// Who asks for something without a signature: nobody, which is enough for what carries a token.
pub(crate) fn anyone(action: &str, account: &AccountId) -> Result<Principal, Exception> {
    if action != AssumeRoleWithWebIdentity::NAME {
        return Err(SigError::Missing.into());
    }
    Ok(Principal {
        account: account.clone(),
        arn: Arn::user(account, "anonymous"),
        access_key: String::new(),
        session: None,
    })
}
