//! A client of other registries, which trusts nothing that they say.

pub mod push;
