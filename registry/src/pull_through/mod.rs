//! The pull-through cache: repositories that fill themselves from other registries.
//!
//! A rule says which names stand for which upstream. A pull of such a name asks the upstream when
//! the image is not here, or its tag has not been compared for a day.
//!
//! # Guarantees
//! * Nothing connects to anything, and no client is made, unless a rule says where to.
//! * Whatever comes is compared with its digest before it is stored or wholly sent: a client never
//!   gets the last byte of a layer that is not what it should be.
//! * One download of a layer at a time. Clients that hang up do not end it.
//! * What was pushed here is never overwritten by what an upstream has.
//! * A manifest is fetched only for who may import it (`ecr:BatchImportUpstreamImage`); its layers
//!   belong to it, and come for everyone who may pull them.
//! * What an upstream does not answer is served from here as long as it is here.
//!
//! Stopped halfway, an upload is left that nobody goes on with; the collector removes it.

mod failed;
mod flights;
mod layers;
mod manifests;
mod puller;
mod referrers;
mod registries;
mod rules;
mod secrets;
mod upstreams;

pub use layers::{Layer, fetch_layer, layer};
pub use manifests::fetch_image;
pub use puller::Puller;
pub use referrers::fetch_referrers;
pub use registries::UpstreamRegistry;
pub use rules::{MAX_RULES, NewRule, Rule, create, delete, get, stands_for, update, validate};
pub use secrets::{SecretError, Secrets};
pub use upstreams::{Options, Upstreams};
pub use wharf_upstream::{Credentials, Error as UpstreamError, Origin};
