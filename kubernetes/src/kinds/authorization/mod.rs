//! Group `authorization.k8s.io`: questions of who may do what. Nothing of it is stored, and the
//! answers are those of the server.
use super::Kind;

mod reviews;

const GROUP: &str = "authorization.k8s.io";

pub(super) const ROWS: &[Kind] = &[
    reviews::LOCAL,
    reviews::OWN,
    reviews::RULES,
    reviews::SUBJECT,
];
