//! The server as its users meet it: over HTTP, and with real clients.

mod auth;
mod clients;
mod crash;
mod ecr;
mod pushing;
mod registry;
mod s3;
