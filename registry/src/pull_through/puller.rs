//! Who may bring an image here.
use wharf_types::RepoName;

use crate::{
    Caller, Cx, Error,
    policies::{self, Act, Origin, Wish},
};

/// Who pulls, and where the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Puller<'a> {
    pub caller: &'a Caller,
    pub origin: Option<Origin>,
}

impl Puller<'_> {
    /// Whether the caller may import images into a repository, and make it if it is missing; an error
    /// if not, in the words of policies.
    pub(super) async fn may_import(&self, cx: &Cx, name: &RepoName) -> Result<(), Error> {
        let acts = vec![
            Act::on(name, "ecr:BatchImportUpstreamImage"),
            Act::create_if_missing(name),
        ];
        let wish = Wish {
            acts,
            origin: self.origin,
            ..Wish::default()
        };
        policies::require(cx, self.caller, wish).await
    }
}
