//! The principals of access entries: users, roles and roots of IAM.
use wharf_types::{AccountId, Arn};

use crate::Error;

/// What kind of principal an ARN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    Root,
    User,
    Role,
}

impl PrincipalKind {
    /// The word for it in ARNs of entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Role => "role",
        }
    }
}

/// The ARN of a principal that entries are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPrincipal {
    pub kind: PrincipalKind,
    pub account: AccountId,
    partition: String,
    /// The name without its path; empty for a root.
    pub name: String,
}

impl EntryPrincipal {
    /// Reads an ARN. Sessions of STS are none that an entry could be for: they end.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::invalid_parameter("The specified principalArn is invalid: invalid principal.")
        })
    }

    fn read(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok().filter(|_| text.len() <= 2048)?;
        let account = arn.account.parse().ok()?;
        let ours = arn.partition.starts_with("aws") && arn.service == "iam";
        let (kind, path) = match arn.resource.split_once('/') {
            None if arn.resource == "root" => (PrincipalKind::Root, ""),
            Some(("user", path)) => (PrincipalKind::User, path),
            Some(("role", path)) => (PrincipalKind::Role, path),
            _ => return None,
        };
        let word = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        let named = |part: &str| !part.is_empty() && part.bytes().all(word);
        let formed = kind == PrincipalKind::Root || path.split('/').all(named);
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        (ours && arn.region.is_empty() && formed).then_some(Self {
            kind,
            account,
            partition: arn.partition,
            name,
        })
    }

    /// The user name that EKS gives.
    pub fn default_username(&self, arn: &str) -> String {
        let Self {
            account,
            partition,
            name,
            ..
        } = self;
        match self.kind {
            PrincipalKind::Root | PrincipalKind::User => arn.to_owned(),
            PrincipalKind::Role => {
                format!("arn:{partition}:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}")
            }
        }
    }

    /// What comes between cluster and id in the ARN of an entry.
    pub fn path(&self) -> String {
        let kind = self.kind.as_str();
        format!("{kind}/{}/{}", self.account, self.name)
            .trim_end_matches('/')
            .to_owned()
    }
}

/// A session of an assumed role: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub partition: String,
    pub account: AccountId,
    pub role: String,
    pub name: String,
}

impl Session {
    /// Reads the ARN of a caller, if it is one of a session.
    pub fn read(caller: &str) -> Option<Self> {
        let arn: Arn = caller.parse().ok()?;
        let rest = arn.resource.strip_prefix("assumed-role/")?;
        // A path may be there in what other tools write; sessions' names have no slash.
        let (role, name) = rest.rsplit_once('/')?;
        let role = role.rsplit('/').next()?.to_owned();
        let is_sts = arn.service == "sts" && !role.is_empty() && !name.is_empty();
        Some(Self {
            partition: arn.partition,
            account: arn.account.parse().ok().filter(|_| is_sts)?,
            role,
            name: name.to_owned(),
        })
    }

    /// The ARN of the role, which is without its path: sessions do not tell it.
    pub fn role_arn(&self) -> String {
        format!(
            "arn:{}:iam::{}:role/{}",
            self.partition, self.account, self.role
        )
    }
}

/// The principal that an entry of a caller is for: of a session, its role.
pub fn canonical(caller: &str) -> String {
    Session::read(caller).map_or_else(|| caller.to_owned(), |session| session.role_arn())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_for_users_roles_and_roots() {
        for (arn, kind, path, username) in [
            (
                "arn:aws:iam::000000000000:user/team/ann",
                PrincipalKind::User,
                "user/000000000000/ann",
                "arn:aws:iam::000000000000:user/team/ann",
            ),
            (
                "arn:aws:iam::000000000000:role/service/ci",
                PrincipalKind::Role,
                "role/000000000000/ci",
                "arn:aws:sts::000000000000:assumed-role/ci/{{SessionName}}",
            ),
            (
                "arn:aws-cn:iam::000000000000:root",
                PrincipalKind::Root,
                "root/000000000000",
                "arn:aws-cn:iam::000000000000:root",
            ),
        ] {
            let found = EntryPrincipal::parse(arn).unwrap();
            assert_eq!(found.kind, kind, "{arn}");
            assert_eq!(found.path(), path);
            assert_eq!(found.default_username(arn), username);
        }
        for wrong in [
            "",
            "ann",
            "arn:aws:sts::000000000000:assumed-role/ci/session",
            "arn:aws:iam::000000000000:group/a",
            "arn:aws:iam::0:user/a",
            "arn:aws:iam::000000000000:user/",
            "arn:aws:iam::000000000000:user/a//b",
            "arn:aws:iam:us-east-1:000000000000:user/a",
            "arn:aws:eks::000000000000:user/a",
        ] {
            EntryPrincipal::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_session_is_of_its_role() {
        let caller = "arn:aws:sts::000000000000:assumed-role/ci/job-1";
        assert_eq!(canonical(caller), "arn:aws:iam::000000000000:role/ci");
        assert_eq!(Session::read(caller).unwrap().name, "job-1");
        let user = "arn:aws:iam::000000000000:user/ann";
        assert_eq!(canonical(user), user);
        for wrong in [
            "arn:aws:sts::000000000000:assumed-role/ci",
            "arn:aws:sts::0:assumed-role/a/b",
        ] {
            assert_eq!(Session::read(wrong), None);
        }
    }
}
