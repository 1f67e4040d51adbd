//! ECR's JSON API: shapes, limits and errors, and that it shows what `/v2/` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

mod deleting;
mod describing;
mod immutability;
mod limits;
mod paging;
mod protocol;
mod pull_through;
mod putting;
mod racing;
mod repositories;
mod tagging;
mod templates;
