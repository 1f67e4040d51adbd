//! ECR's JSON API: shapes, limits and errors, and that it shows what `/v2/` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

mod archiving;
mod deleting;
mod describing;
mod immutability;
mod layers;
mod lifecycle;
mod limits;
mod linear;
mod paging;
mod protocol;
mod pull_through;
mod putting;
mod racing;
mod replicating;
mod replicating_afar;
mod repositories;
mod resolver;
mod scanning;
mod store_gone;
mod tagging;
mod templates;
