//! Structures of AWS's model, which are the same in requests, in the store and in answers.

/// Defines structures of which every member may be absent, as in AWS's model.
macro_rules! shapes {
    ($($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $member:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$of])* #[serde(skip_serializing_if = "Option::is_none")] pub $member: Option<$type>,)*
        }
    )*};
}

/// Defines enums of AWS's model, with the texts that stand for their values.
macro_rules! enums {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// As AWS writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    )*};
}

pub(crate) use {enums, shapes};
