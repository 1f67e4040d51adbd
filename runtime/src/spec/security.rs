//! With which rights a container runs.

/// As whom a container runs. What is not here, an engine never grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// The image's if none.
    pub user: Option<u32>,
    pub group: Option<u32>,
    pub other_groups: Vec<u32>,
    /// Who owns the volumes.
    pub volume_group: Option<u32>,
    /// An image whose user is root is not started.
    pub must_not_be_root: bool,
    pub read_only_root: bool,
    pub no_new_privileges: bool,
    /// Those that are left of the usual ones.
    pub capabilities: Vec<Capability>,
}

macro_rules! capabilities {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A capability that containers of Docker have by default. There are no others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Capability {
            $($variant),*
        }

        impl Capability {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name without `CAP_`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }
    };
}

capabilities! {
    AuditWrite = "AUDIT_WRITE",
    Chown = "CHOWN",
    DacOverride = "DAC_OVERRIDE",
    Fowner = "FOWNER",
    Fsetid = "FSETID",
    Kill = "KILL",
    Mknod = "MKNOD",
    NetBindService = "NET_BIND_SERVICE",
    NetRaw = "NET_RAW",
    Setfcap = "SETFCAP",
    Setgid = "SETGID",
    Setpcap = "SETPCAP",
    Setuid = "SETUID",
    SysChroot = "SYS_CHROOT",
}

impl Capability {
    /// Finds it by its name, with or without `CAP_`. None: it is not one of these.
    pub fn find(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name);
        Self::ALL.iter().copied().find(|own| own.name() == name)
    }

    /// The usual ones after some were dropped and some added; `ALL` may only be dropped, and drops
    /// what is not added by name.
    pub fn left<'a>(drop: impl Iterator<Item = &'a str>, add: &[Self]) -> Vec<Self> {
        let mut left = Self::ALL.to_vec();
        for name in drop {
            if name.eq_ignore_ascii_case("ALL") {
                left.clear();
            }
            left.retain(|own| Some(*own) != Self::find(name));
        }
        left.extend(add);
        left.sort();
        left.dedup();
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_dropped_then_added() {
        let left = Capability::left(["ALL"].into_iter(), &[Capability::Chown]);
        assert_eq!(left, [Capability::Chown]);
        let left = Capability::left(["cap_net_raw"].into_iter(), &[]);
        assert_eq!(left.len(), Capability::ALL.len() - 1);
        assert_eq!(Capability::find("SYS_ADMIN"), None);
    }
}
