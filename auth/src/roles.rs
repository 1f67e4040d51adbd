//! The roles that `--auth=strict` knows.
use std::collections::HashMap;

use wharf_types::AccountId;

use crate::{Policy, policy::Identity};

/// What is known of a role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// What its sessions may do.
    pub(crate) identity: Identity,
    /// Who may act as it.
    pub(crate) trust: Policy,
}

/// All roles, by account and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles(HashMap<(AccountId, String), Role>);

impl Roles {
    /// Adds a role, unless there is one of its name.
    pub(crate) fn add(&mut self, account: AccountId, name: String, role: Role) -> bool {
        self.0.insert((account, name), role).is_none()
    }

    pub(crate) fn get(&self, account: &AccountId, name: &str) -> Option<&Role> {
        self.0.get(&(account.clone(), name.to_owned()))
    }
}
