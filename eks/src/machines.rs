//! The machines of a node group: an Auto Scaling group with a launch template of its own.
use serde_json::{Value, json};
use wharf_compute::{
    Code, groups,
    groups::{Group, HookChanges, Mixed, Outcome, Source},
    images::{self, Kind},
    instance_types::{self, Architecture},
    templates,
};

use crate::{
    Cx, Error, Place,
    nodegroups::{
        Nodegroup,
        config::{AmiType, CapacityType, LaunchTemplate},
    },
};

impl From<wharf_compute::Error> for Error {
    fn from(e: wharf_compute::Error) -> Self {
        match e {
            wharf_compute::Error::Store(e) => Self::Store(e),
            refused @ wharf_compute::Error::Refused { .. } => Self::running(refused),
        }
    }
}

fn is(code: Code) -> impl Fn(&wharf_compute::Error) -> bool {
    move |error| error.code() == Some(code)
}

/// Makes the group, or finds that it is there.
pub(crate) async fn create(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let template = template(cx, at, of).await?;
    let group = group(at, of, template);
    let drain = HookChanges {
        name: groups::Hook::DRAIN.to_owned(),
        launching: Some(false),
        timeout_secs: Some(groups::DRAIN),
        default: Some(Outcome::Continue),
        ..HookChanges::default()
    };
    match groups::create(&cx.compute, &at.registry, group, vec![drain]).await {
        Err(e) if is(Code::Exists)(&e) => Ok(()),
        done => Ok(done?),
    }
}

/// Makes it as large as the node group says.
pub(crate) async fn scale(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let changes = groups::Changes {
        limits: limits(of),
        ..groups::Changes::default()
    };
    let name = of.auto_scaling_group();
    Ok(groups::update(&cx.compute, &at.registry, &name, changes).await?)
}

/// Makes it of another size for a while; above its maximum while an update needs more room.
pub(crate) async fn resize(cx: &Cx, at: &Place, of: &Nodegroup, desired: u32) -> Result<(), Error> {
    let usual = limits(of);
    let changes = groups::Changes {
        limits: groups::Limits {
            min: usual.min,
            max: usual.max.map(|max| max.max(desired)),
            desired: Some(desired),
        },
        ..groups::Changes::default()
    };
    let name = of.auto_scaling_group();
    Ok(groups::update(&cx.compute, &at.registry, &name, changes).await?)
}

/// From now on, launches machines of the node group's version.
pub(crate) async fn set_version(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let changes = groups::Changes {
        source: Some(source(of, template(cx, at, of).await?)),
        ..groups::Changes::default()
    };
    let name = of.auto_scaling_group();
    Ok(groups::update(&cx.compute, &at.registry, &name, changes).await?)
}

/// Removes the template; the group is gone.
pub(crate) async fn forget(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let key = templates::Key::Name(template_name(of));
    match templates::delete(&cx.compute, &at.registry, key).await {
        Err(e) if is(Code::TemplateNameNotFound)(&e) || is(Code::TemplateNotFound)(&e) => Ok(()),
        done => Ok(done.map(drop)?),
    }
}

fn size(n: i64) -> u32 {
    u32::try_from(n).unwrap_or_default()
}

fn limits(of: &Nodegroup) -> groups::Limits {
    groups::Limits {
        min: Some(size(of.scaling.min)),
        max: Some(size(of.scaling.max)),
        desired: Some(size(of.scaling.desired)),
    }
}

fn template_name(of: &Nodegroup) -> String {
    format!("eks-{}", of.uid)
}

/// A version of the launch template for what the node group says now.
async fn template(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<templates::Spec, Error> {
    let data = data(cx, at, of).await?;
    let name = template_name(of);
    let new = templates::New {
        by: of.node_role.clone(),
        description: None,
        data,
        client_token: None,
    };
    let registry = &at.registry;
    let tags = tags(at, of).into_iter().collect();
    let made = templates::create(&cx.compute, registry, name.clone(), tags, new.clone()).await;
    let version = match made {
        Ok(made) => made.latest,
        Err(e) if is(Code::TemplateExists)(&e) => {
            let key = templates::Key::Name(name.clone());
            let (_, versions) = templates::versions(&cx.compute, registry, key.clone()).await?;
            let same = versions.iter().find(|version| version.data == new.data);
            if let Some(version) = same {
                version.number
            } else {
                let added = templates::add_version(&cx.compute, registry, key, None, new);
                added.await?.1.number
            }
        }
        Err(e) => return Err(e.into()),
    };
    Ok(templates::Spec {
        template: templates::Key::Name(name),
        version: Some(version.to_string()),
    })
}

/// What machines are launched with: what the user's template says, and over it what EKS does.
async fn data(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<Value, Error> {
    let mut data = json!({});
    if let Some(spec) = of.launch_template.as_ref().and_then(spec) {
        // A template that nobody made here stands for one that says nothing, as ids of subnets do.
        match templates::resolved(&cx.compute, &at.registry, spec).await {
            Ok((_, version)) => data = version.data,
            Err(error) if error.code().is_some() => {
                tracing::info!(name = at.name, %error, "the launch template is not known");
            }
            Err(error) => return Err(error.into()),
        }
    }
    if of.ami_type != AmiType::Custom || data["ImageId"].is_null() {
        data["ImageId"] = image(at, of).into();
    }
    if let Some(name) = of.instance_types.first() {
        data["InstanceType"] = name.as_str().into();
    }
    let role = of.node_role.rsplit('/').next().unwrap_or_default();
    if data["IamInstanceProfile"].is_null() {
        data["IamInstanceProfile"] = json!({ "Name": role });
    }
    if of.capacity == CapacityType::Spot {
        data["InstanceMarketOptions"] = json!({ "MarketType": "spot" });
    }
    let specifications = data["TagSpecification"].as_array().cloned();
    let mut specifications = specifications.unwrap_or_default();
    let own = tags(at, of).into_iter();
    let own = own.map(|(key, value)| json!({ "Key": key, "Value": value }));
    specifications.push(json!({ "ResourceType": "instance", "Tag": own.collect::<Vec<_>>() }));
    data["TagSpecification"] = specifications.into();
    Ok(data)
}

fn spec(template: &LaunchTemplate) -> Option<templates::Spec> {
    let id = template.id.clone().map(templates::Key::Id);
    let key = id.or_else(|| template.name.clone().map(templates::Key::Name))?;
    Some(templates::Spec {
        template: key,
        version: template.version.clone(),
    })
}

fn image(at: &Place, of: &Nodegroup) -> String {
    let of_type = of.instance_types.first();
    let of_type = of_type.and_then(|name| instance_types::find(name));
    let of_type = of_type.map_or(Architecture::X86_64, |row| row.architecture);
    let architecture = match of.ami_type.is_arm() {
        Some(true) => Architecture::Arm64,
        Some(false) => Architecture::X86_64,
        None => of_type,
    };
    let kind = if of.ami_type.is_bottlerocket() {
        Kind::Bottlerocket
    } else if of.ami_type.is_al2() {
        Kind::Al2
    } else {
        Kind::Al2023
    };
    images::image(&at.registry.region, kind, &of.version, architecture).id
}

/// What tells whose a machine is: for EKS, for the cluster autoscaler, for its owner.
fn tags(at: &Place, of: &Nodegroup) -> Vec<(String, String)> {
    let cluster = at.cluster();
    let owned = || "owned".to_owned();
    vec![
        ("eks:cluster-name".to_owned(), cluster.to_owned()),
        ("eks:nodegroup-name".to_owned(), of.name.clone()),
        (
            "k8s.io/cluster-autoscaler/enabled".to_owned(),
            "true".to_owned(),
        ),
        (format!("k8s.io/cluster-autoscaler/{cluster}"), owned()),
        (format!("kubernetes.io/cluster/{cluster}"), owned()),
    ]
}

fn source(of: &Nodegroup, template: templates::Spec) -> Source {
    let spot = of.capacity == CapacityType::Spot;
    if of.instance_types.len() < 2 && !spot {
        return Source::Template(template);
    }
    Source::Mixed(Mixed {
        types: of.instance_types.clone(),
        base: 0,
        above_base: if spot { 0 } else { 100 },
        policy: json!({}),
        template,
    })
}

fn group(at: &Place, of: &Nodegroup, template: templates::Spec) -> Group {
    let limits = limits(of);
    let tag = |(key, value): (String, String)| groups::Tag {
        key,
        value,
        propagate: true,
    };
    Group {
        name: of.auto_scaling_group(),
        uuid: String::new(),
        created_ms: 0,
        min: limits.min.unwrap_or_default(),
        max: limits.max.unwrap_or_default(),
        desired: limits.desired.unwrap_or_default(),
        cooldown_secs: 300,
        zones: Vec::new(),
        subnets: of.subnets.clone(),
        source: source(of, template),
        health_check: "EC2".to_owned(),
        grace_secs: 15,
        termination_policies: [
            "AllocationStrategy",
            "OldestLaunchTemplate",
            "OldestInstance",
        ]
        .map(str::to_owned)
        .into(),
        protect_new: false,
        tags: tags(at, of).into_iter().map(tag).collect(),
        more: serde_json::Map::new(),
        suspended: Vec::new(),
        hooks: Vec::new(),
        members: Vec::new(),
        deleting: false,
        cause: None,
        last: None,
        retry_ms: 0,
    }
}

/// The group, if it is there.
pub(crate) async fn find(cx: &Cx, at: &Place, name: &str) -> Result<Option<Group>, Error> {
    match groups::get(&cx.compute, &at.registry, name).await {
        Ok(group) => Ok(Some(group)),
        Err(e) if is(Code::GroupNotFound)(&e) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
