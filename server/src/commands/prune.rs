//! `wharf prune`: removing what is left of pods that no cluster owns.
use super::{FAILED, OK, complain, say};
use crate::config::{Config, Prune};
use crate::{admin, engines, server};

pub(super) async fn run(config: &Config, options: &Prune) -> anyhow::Result<u8> {
    let folder = config.data_dir.join("pods");
    // First what there is, then who owns it: a cluster that is made meanwhile is known before it has anything.
    let found = engines::clusters(&folder);
    let owned = owned(config).await?;
    let used_docker = !found.1.is_empty();
    let pruned = engines::prune(&folder, found, &owned, &config.docker, options.dry_run);
    let (left, problem) = pruned.await?;
    for one in &left {
        say(format_args!("{:9} {}", one.kind, one.name))?;
    }
    match (left.len(), options.dry_run) {
        (0, _) => say("Nothing is left of pods that no cluster owns.")?,
        (count, true) => say(format_args!("Would remove {count}."))?,
        (count, false) => say(format_args!("Removed {count}."))?,
    }
    if let Some(problem) = problem {
        complain(&format!("Docker was not asked: {problem}"));
        return Ok(if used_docker { FAILED } else { OK });
    }
    Ok(OK)
}

/// The clusters of the server of this data directory, whether it runs or not; none if there is no such directory.
async fn owned(config: &Config) -> anyhow::Result<Vec<String>> {
    if !config.data_dir.join("wharf.db").is_file() {
        return Ok(Vec::new());
    }
    // Nothing is asked that would need words.
    if let Some(owned) = admin::ask(&config.admin_socket(), "/clusters", &()).await? {
        return Ok(owned);
    }
    let store = server::open_store(config).await?;
    let owned = wharf_eks::running::ids(&store).await;
    store.close().await;
    Ok(owned?)
}
