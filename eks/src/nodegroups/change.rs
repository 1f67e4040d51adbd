//! Changes of a node group: one at a time, each with an update that tells what became of it.
use serde::{Deserialize, Serialize};
use wharf_storage::Read;
use wharf_types::Registry;

use super::{
    Nodegroup, check,
    config::{
        GroupUpdateConfig, LaunchTemplate, Taint, UpdateNodegroup, UpdateNodegroupVersion, WarmPool,
    },
    find,
};
use crate::{
    Cx, Error, Event, Place, Token, act, checks,
    clusters::{self, json},
    settled,
    updates::{self, Problem, Subject, Update},
    versions,
};

/// A change that is being made, and its update.
pub type Pending = updates::Pending<Change>;

/// What changes of a node group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Version {
        version: String,
        release: String,
        template: Option<LaunchTemplate>,
        /// Whether pods go that a disruption budget keeps.
        #[serde(default)]
        force: bool,
    },
    Config(Box<UpdateNodegroup>),
}

impl Change {
    /// Makes the change in the document.
    pub(super) fn apply(&self, group: &mut Nodegroup) {
        match self {
            Self::Version {
                version,
                release,
                template,
                ..
            } => {
                group.version.clone_from(version);
                group.release.clone_from(release);
                if template.is_some() {
                    group.launch_template.clone_from(template);
                }
            }
            Self::Config(config) => configure(group, config),
        }
    }

    /// Makes the change in the world; the document has it already. The answer is why it could not be
    /// made: then the world is as it was.
    pub(super) async fn act(
        &self,
        cx: &Cx,
        at: &Place,
        before: &Nodegroup,
        group: &Nodegroup,
    ) -> Result<Option<Problem>, Error> {
        match self {
            Self::Version { force, .. } => {
                let failed = act::set_nodegroup_version(cx, at, group, *force).await?;
                if failed.is_some() {
                    act::reset_nodegroup_version(cx, at, before).await?;
                }
                Ok(failed)
            }
            Self::Config(config) => {
                if config.scaling_config.is_some() {
                    act::scale_nodegroup(cx, at, group).await?;
                }
                act::configure_nodegroup(cx, at, group).await?;
                Ok(None)
            }
        }
    }
}

fn configure(group: &mut Nodegroup, config: &UpdateNodegroup) {
    if let Some(labels) = &config.labels {
        for key in labels.remove_labels.iter().flatten() {
            group.labels.remove(key);
        }
        let added = labels.add_or_update_labels.iter().flatten();
        let added = added.map(|(key, value)| (key.clone(), value.clone()));
        group.labels.extend(added);
    }
    if let Some(taints) = &config.taints {
        let of = |taint: &Taint| (taint.key.clone(), taint.effect);
        let removed = taints.remove_taints.iter().flatten();
        let added: Vec<Taint> = taints
            .add_or_update_taints
            .iter()
            .flatten()
            .cloned()
            .collect();
        let gone: Vec<_> = removed.chain(&added).map(of).collect();
        group.taints.retain(|taint| !gone.contains(&of(taint)));
        group.taints.extend(added);
    }
    if let Some(scaling) = &config.scaling_config {
        group.scaling = check::merged(group.scaling, scaling);
    }
    if let Some(update) = &config.update_config {
        group.update_config = merged_update(&group.update_config, update);
    }
    if let Some(repair) = &config.node_repair_config {
        group.repair = Some(repair.clone());
    }
    if let Some(pool) = &config.warm_pool_config {
        group.warm_pool = merged_pool(group.warm_pool.as_ref(), pool);
    }
}

/// A number takes the place of a percentage, and the other way round.
fn merged_update(now: &GroupUpdateConfig, change: &GroupUpdateConfig) -> GroupUpdateConfig {
    let mut merged = change.clone();
    if merged.max_unavailable.is_none() && merged.max_unavailable_percentage.is_none() {
        merged.max_unavailable = now.max_unavailable;
        merged.max_unavailable_percentage = now.max_unavailable_percentage;
    }
    merged.update_strategy = merged.update_strategy.or(now.update_strategy);
    merged
}

/// What is not said stays; a pool that is disabled is gone.
fn merged_pool(now: Option<&WarmPool>, change: &WarmPool) -> Option<WarmPool> {
    if change.enabled == Some(false) {
        return None;
    }
    let now = now.cloned().unwrap_or_default();
    let prepared = change.max_group_prepared_capacity;
    Some(WarmPool {
        enabled: change.enabled.or(now.enabled),
        min_size: change.min_size.or(now.min_size),
        max_group_prepared_capacity: prepared.or(now.max_group_prepared_capacity),
        pool_state: change.pool_state.or(now.pool_state),
        reuse_on_scale_in: change.reuse_on_scale_in.or(now.reuse_on_scale_in),
    })
}

type Params = Vec<(&'static str, String)>;

/// What a request means.
type Wanted = updates::Wanted<Change>;

/// Begins what a request wants, which `plan` finds out from the node group as it is.
async fn request<F>(
    cx: &Cx,
    registry: &Registry,
    names: (Option<String>, Option<String>),
    token: Option<Token>,
    plan: F,
) -> Result<Update, Error>
where
    F: Fn(&Read<'_>, &Nodegroup) -> Result<Wanted, Error> + Send + 'static,
{
    let cluster = checks::required_text("clusterName", names.0)?;
    let name = checks::required_text("nodegroupName", names.1)?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let begun = cx.store.meta().write(move |tx| {
        let mut group = find(tx, &place, &name)?;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        let named = |e: Error| e.cluster(place.cluster()).nodegroup(&name);
        let life = group.life.on(Event::UpdateRequested, now);
        let busy = "Nodegroup cannot be updated as it is currently not in Active State";
        let life = life.map_err(|_rejected| named(Error::in_use(busy)))?;
        let wanted = plan(tx, &group).map_err(named)?;
        let subject = (Subject::Nodegroup(name.clone()), token.clone());
        let (update, pending) = wanted.begin(tx, &place, subject, now)?;
        group.life = life;
        group.pending = Some(pending);
        tx.put_document(&place.owner(), &place.name, &group, now)?;
        Ok::<_, Error>(update)
    });
    let update = begun.await?;
    settled::<Nodegroup>(cx, &at).await?;
    Ok(update)
}

/// `UpdateNodegroupConfig`.
pub async fn update_config(
    cx: &Cx,
    registry: &Registry,
    config: UpdateNodegroup,
) -> Result<Update, Error> {
    let token = Token::of(config.client_request_token.as_deref(), &config)?;
    let names = (config.cluster_name.clone(), config.nodegroup_name.clone());
    let plan = move |_: &Read<'_>, group: &Nodegroup| {
        let mut after = group.clone();
        configure(&mut after, &config);
        check_change(&config, &after)?;
        Ok(Wanted {
            kind: "ConfigUpdate",
            params: params(&config)?,
            change: Change::Config(Box::new(config.clone())),
        })
    };
    request(cx, registry, names, token, plan).await
}

fn check_change(config: &UpdateNodegroup, after: &Nodegroup) -> Result<(), Error> {
    let labels = config.labels.as_ref();
    if let Some(added) = labels.and_then(|labels| labels.add_or_update_labels.as_ref()) {
        check::labels(added)?;
        let mut keys = labels.iter().flat_map(|l| l.remove_labels.iter().flatten());
        if let Some(both) = keys.find(|key| added.contains_key(*key)) {
            let text = format!("The label {both} cannot be both updated and removed");
            return Err(Error::invalid_parameter(text));
        }
    }
    check::labels(&after.labels)?;
    if let Some(taints) = &config.taints {
        check::taints(taints.add_or_update_taints.as_deref().unwrap_or_default())?;
        check::taints(taints.remove_taints.as_deref().unwrap_or_default())?;
    }
    check::taints(&after.taints)?;
    check::scaling(after.scaling)?;
    let update = config.update_config.as_ref();
    update.map_or(Ok(()), check::update_config)?;
    let repair = config.node_repair_config.as_ref();
    repair.map_or(Ok(()), check::repair)?;
    let pool = config.warm_pool_config.as_ref();
    pool.map_or(Ok(()), |pool| check::warm_pool(pool, Some(after.ami_type)))
}

fn params(config: &UpdateNodegroup) -> Result<Params, Error> {
    let mut params = Params::new();
    let mut add = |kind, value: Option<String>| params.extend(value.map(|value| (kind, value)));
    let number = |value: Option<i64>| value.map(|n| n.to_string());
    if let Some(labels) = &config.labels {
        add(
            "LabelsToAdd",
            labels.add_or_update_labels.as_ref().map(json),
        );
        add("LabelsToRemove", labels.remove_labels.as_ref().map(json));
    }
    if let Some(taints) = &config.taints {
        add(
            "TaintsToAdd",
            taints.add_or_update_taints.as_ref().map(json),
        );
        add("TaintsToRemove", taints.remove_taints.as_ref().map(json));
    }
    if let Some(scaling) = &config.scaling_config {
        add("MinSize", number(scaling.min_size));
        add("MaxSize", number(scaling.max_size));
        add("DesiredSize", number(scaling.desired_size));
    }
    if let Some(update) = &config.update_config {
        add("MaxUnavailable", number(update.max_unavailable));
        let percentage = update.max_unavailable_percentage;
        add("MaxUnavailablePercentage", number(percentage));
        let strategy = update.update_strategy.map(|s| s.as_str().to_owned());
        add("UpdateStrategy", strategy);
    }
    if let Some(repair) = &config.node_repair_config {
        add("NodeRepairEnabled", repair.enabled.map(|on| on.to_string()));
        add("NodeRepairConfig", Some(json(repair)));
    }
    if let Some(pool) = &config.warm_pool_config {
        add("WarmPoolEnabled", pool.enabled.map(|on| on.to_string()));
        add("WarmPoolMinSize", number(pool.min_size));
        let prepared = pool.max_group_prepared_capacity;
        add("WarmPoolMaxGroupPreparedCapacity", number(prepared));
        add(
            "WarmPoolState",
            pool.pool_state.map(|s| s.as_str().to_owned()),
        );
        add(
            "WarmPoolReuseOnScaleIn",
            pool.reuse_on_scale_in.map(|on| on.to_string()),
        );
    }
    if params.is_empty() {
        let text = "There are no changes to make to the node group";
        return Err(Error::invalid_parameter(text));
    }
    Ok(params)
}

/// `UpdateNodegroupVersion`.
pub async fn update_version(
    cx: &Cx,
    registry: &Registry,
    new: UpdateNodegroupVersion,
) -> Result<Update, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let names = (new.cluster_name.clone(), new.nodegroup_name.clone());
    let registry_of = registry.clone();
    let plan = move |tx: &Read<'_>, group: &Nodegroup| {
        let cluster = clusters::find(tx, &registry_of, &group.cluster)?.body;
        let template = new.launch_template.as_ref();
        let template = template.map(|wanted| same_template(group, wanted));
        let template = template.transpose()?;
        // Who only changes the launch template keeps the version.
        let keeps = template.is_some() && new.version.is_none();
        let wanted = if keeps {
            Some(&group.version)
        } else {
            new.version.as_ref()
        };
        let version = check::version(&cluster, wanted.map(String::as_str))?;
        let now = versions::find(&group.version).map_or(0, |version| version.minor);
        if version.minor < now {
            let text = format!(
                "Nodegroup Kubernetes version cannot be downgraded from {} to {}",
                group.version, version.name
            );
            return Err(Error::invalid_parameter(text));
        }
        check::image(group.ami_type, version, new.release_version.as_deref())?;
        let latest = || versions::release(version, group.ami_type.is_bottlerocket());
        let release = new.release_version.clone().unwrap_or_else(latest);
        let mut params = vec![
            ("Version", version.name.to_owned()),
            ("ReleaseVersion", release.clone()),
        ];
        if let Some(template) = &template {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            params.push(("LaunchTemplateName", text(&template.name)));
            params.push(("LaunchTemplateVersion", text(&template.version)));
        }
        Ok(Wanted {
            kind: "VersionUpdate",
            params,
            change: Change::Version {
                version: version.name.to_owned(),
                release,
                template,
                force: new.force == Some(true),
            },
        })
    };
    request(cx, registry, names, token, plan).await
}

/// The launch template that a group has, in the version that is wanted.
fn same_template(group: &Nodegroup, wanted: &LaunchTemplate) -> Result<LaunchTemplate, Error> {
    let Some(now) = &group.launch_template else {
        return Err(Error::invalid_parameter(
            "A launch template can only be specified if the node group was created with one.",
        ));
    };
    let is = |wanted: &Option<String>, own: &Option<String>| wanted.is_some() && wanted == own;
    if wanted.id.is_some() == wanted.name.is_some() {
        return Err(Error::invalid_parameter(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
        ));
    }
    if !is(&wanted.id, &now.id) && !is(&wanted.name, &now.name) {
        return Err(Error::invalid_parameter(
            "You cannot change the launch template of a node group to another one.",
        ));
    }
    Ok(LaunchTemplate {
        version: wanted.version.clone().or_else(|| now.version.clone()),
        ..now.clone()
    })
}
