//! Who may do what: passwords, signatures, accounts, browsers. The numbers are rows of the project's
//! matrix of bad inputs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

mod accounts;
mod across;
mod browsers;
mod forged;
mod keys;
mod malformed;
mod passwords;
mod permissions;
mod policies;
mod public;
mod requests;
mod rows;
mod secrets;
mod signatures;
