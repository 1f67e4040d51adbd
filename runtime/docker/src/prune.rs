//! What servers have left in Docker that no cluster of theirs owns any more.
use std::collections::BTreeSet;
use std::fmt;

use crate::Error;
use crate::answers::{Listed, ListedImage, Network, Volumes};
use crate::client::{Address, Client};
use crate::engine::{containers, volumes};
use crate::error::or_gone;
use crate::images::{IMAGES, remove_tags};
use crate::names::{Labels, Owner, label, short};
use crate::sandbox_image::SANDBOXES;
use crate::version::Version;

/// What is asked, and who knows the answer.
pub struct Pruning<'a> {
    /// As in `DOCKER_HOST`.
    pub host: &'a str,
    /// Whether a cluster still owns what it has here: by the server's directory and id, and by the id of the
    /// cluster, which is empty for what the server itself has. Only asked of servers of this machine.
    pub owned: &'a (dyn Fn(&str, &str, &str) -> bool + Send + Sync),
    /// Nothing is removed.
    pub dry_run: bool,
}

impl fmt::Debug for Pruning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pruning").field(&self.host).finish()
    }
}

/// Something that nobody owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub kind: &'static str,
    pub name: String,
}

impl Pruning<'_> {
    /// Servers of other machines may use the same Docker, and nobody here knows what they own.
    fn is_lost(&self, labels: &Labels, machine: &str) -> bool {
        let cluster = labels.get(label::CLUSTER).map_or("", String::as_str);
        Owner::of(labels).is_some_and(|owner| {
            owner.machine == machine && !(self.owned)(&owner.folder, &owner.instance, cluster)
        })
    }
}

/// Removes what bears our labels and no cluster owns; answers what that was.
pub async fn prune(asked: &Pruning<'_>) -> Result<Vec<Left>, Error> {
    let client = Client::new(Address::parse(asked.host)?);
    let version: Version = client.get("/version").json().await?;
    let api = version.agree().map_err(Error::Refused)?;
    let client = client.speaking(api);
    let machine = machine();
    let ours = [label::INSTANCE.to_owned()];
    let mut left = Vec::new();
    // The beginnings of the names of images whose servers have something here.
    let mut kept = BTreeSet::new();
    let mut lost = |labels: &Labels| {
        let lost = asked.is_lost(labels, &machine);
        if let Some(instance) = labels.get(label::INSTANCE).filter(|_| !lost) {
            kept.insert(short(instance, 8));
        }
        lost
    };

    let all = client.get("/containers/json").query("all", "1");
    let mut all: Vec<Listed> = all.labelled(&ours).json().await?;
    all.retain(|one| lost(&one.labels));
    left.extend(all.iter().map(|one| Left {
        kind: "container",
        name: container(one),
    }));
    let mut found: Volumes = client.get("/volumes").labelled(&ours).json().await?;
    let mut unowned = found.volumes.take().unwrap_or_default();
    unowned.retain(|one| one.labels.as_ref().is_some_and(&mut lost));
    left.extend(unowned.iter().map(|one| Left {
        kind: "volume",
        name: one.name.clone(),
    }));
    found.volumes = Some(unowned);
    let networks = client.get("/networks").labelled(&ours);
    let mut networks: Vec<Network> = networks.json().await?;
    networks.retain(|one| lost(&one.labels));
    left.extend(networks.iter().map(|one| Left {
        kind: "network",
        name: one.name.clone(),
    }));
    if !asked.dry_run {
        containers::remove_all(&client, all).await?;
        volumes::remove_all(&client, found).await?;
        for network in networks {
            let path = format!("/networks/{}", network.id);
            or_gone(client.delete(path).done().await)?;
        }
    }
    left.extend(images(&client, &kept, asked.dry_run).await?);
    Ok(left)
}

/// Images have no labels: a server with a cluster has its network, too, which says that the server is there.
async fn images(
    client: &Client,
    kept: &BTreeSet<String>,
    dry_run: bool,
) -> Result<Vec<Left>, Error> {
    let patterns = [format!("{IMAGES}*"), format!("{SANDBOXES}*")];
    let filters = serde_json::json!({ "reference": patterns });
    let listed = client.get("/images/json");
    let listed = listed.query("filters", &filters.to_string());
    let listed: Vec<ListedImage> = listed.json().await?;
    let tags: BTreeSet<String> = listed
        .into_iter()
        .filter_map(|image| image.repo_tags)
        .flatten()
        .filter(|tag| server_of(tag).is_some_and(|server| !kept.contains(server)))
        .collect();
    if !dry_run {
        let repositories = tags.iter().filter_map(|tag| tag.split_once(':'));
        let repositories: BTreeSet<&str> = repositories.map(|(name, _)| name).collect();
        for repository in repositories {
            remove_tags(client, repository, None).await?;
        }
    }
    let left = tags.into_iter().map(|name| Left {
        kind: "image",
        name,
    });
    Ok(left.collect())
}

/// What the name of one of our images says of its server.
fn server_of(tag: &str) -> Option<&str> {
    let (repository, _) = tag.split_once(':')?;
    let server = repository.strip_prefix(IMAGES);
    server.or_else(|| repository.strip_prefix(SANDBOXES))
}

fn container(one: &Listed) -> String {
    let text = |key: &str| one.labels.get(key).map_or("", String::as_str);
    let id = one.id.get(..12).unwrap_or(&one.id);
    match text(label::NAME) {
        "" => id.to_owned(),
        name => format!("{id} of the pod {}/{name}", text(label::NAMESPACE)),
    }
}

/// This machine, by an id that others do not have.
pub(crate) fn machine() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        id => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Kind, Names};

    fn asked(owned: &(dyn Fn(&str, &str, &str) -> bool + Send + Sync)) -> Pruning<'_> {
        Pruning {
            host: "unix:///nowhere",
            owned,
            dry_run: true,
        }
    }

    #[test]
    fn only_what_a_server_of_this_machine_does_not_own_is_lost() {
        let labels = Names::new(&Owner::for_test("i"), "c").labels(Kind::Network);
        let owned = |folder: &str, instance: &str, cluster: &str| {
            assert_eq!((folder, instance, cluster), ("/folder", "i", "c"));
            true
        };
        assert!(!asked(&owned).is_lost(&labels, "machine"));
        let unowned = |_: &str, _: &str, _: &str| false;
        assert!(asked(&unowned).is_lost(&labels, "machine"));
        assert!(!asked(&unowned).is_lost(&labels, "another"));
        for missing in [label::INSTANCE, label::FOLDER, label::MACHINE] {
            let mut labels = labels.clone();
            labels.remove(missing);
            assert!(!asked(&unowned).is_lost(&labels, "machine"), "{missing}");
        }
    }

    #[test]
    fn images_name_their_server() {
        for (tag, server) in [
            ("wharf-images-0123abcd:9f", Some("0123abcd")),
            ("wharf-sandbox-0123abcd:9f", Some("0123abcd")),
            ("wharf-images:1", None),
            ("shop:1", None),
        ] {
            assert_eq!(server_of(tag), server, "{tag}");
        }
        assert!(!machine().is_empty());
    }
}
