//! What an add-on is in its cluster.
use wharf_kubernetes::system::{self, AddOn};

use super::Addon;
use crate::{Cx, Error, Place, Step};

/// Makes, changes or takes away the objects of an add-on. A cluster that does not run goes, with all
/// that is in it.
pub(super) async fn follow(cx: &Cx, at: &Place, addon: &Addon, step: Step) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let settings = &addon.settings;
    let add_on = AddOn {
        name: &addon.name,
        version: &settings.version,
        role_arn: settings.role_arn.as_deref().unwrap_or_default(),
        configuration: settings.configuration.as_deref().unwrap_or_default(),
    };
    let done = match step {
        Step::Create | Step::Update => system::install(running.cluster(), &add_on).await,
        Step::Delete if addon.preserve => Ok(()),
        Step::Delete => system::uninstall(running.cluster(), &add_on).await,
    };
    done.map_err(Error::running)
}
