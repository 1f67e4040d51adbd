//! New instances.
use wharf_types::Registry;

use super::{Instance, OfTemplate, State, life};
use crate::{
    Code, Cx, Error, Tx, addresses, ids, images, instance_types,
    launch::Parameters,
    network::Subnet,
    tags::{self, Tags},
    templates, user_data,
};

/// A call to run instances.
#[derive(Clone, Debug)]
pub struct Run {
    /// What is said in the call: it comes before what a template says.
    pub parameters: Parameters,
    pub template: Option<templates::Spec>,
    pub min: usize,
    pub max: usize,
    /// A call with the token of another one is that call.
    pub client_token: Option<String>,
}

/// The most instances of one call.
const MOST: usize = 1000;

/// Runs instances, as many as asked for or none.
pub async fn run(cx: &Cx, place: &Registry, run: Run) -> Result<Vec<Instance>, Error> {
    if run.min == 0 || run.max == 0 || run.min > run.max {
        let text = format!(
            "Value ({}) for parameter minCount is invalid. It must be at least 1 and at most maxCount ({}).",
            run.min, run.max
        );
        return Err(Error::invalid(text));
    }
    if run.max > MOST {
        let text = format!("No more than {MOST} instances can be run at once.");
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    cx.change(place, move |tx| run_in(tx, &run)).await
}

fn run_in(tx: &Tx<'_>, run: &Run) -> Result<Vec<Instance>, Error> {
    if let Some(token) = &run.client_token {
        let mut before = life::all(tx.tx, tx.here)?;
        before.retain(|instance| instance.client_token.as_ref() == Some(token));
        if !before.is_empty() {
            before.sort_by_key(|instance| instance.index);
            return Ok(before);
        }
    }
    let (mut parameters, mut of) = (Parameters::default(), None);
    if let Some(spec) = &run.template {
        let (template, version) = templates::resolve(tx.tx, tx.here, spec)?;
        parameters = Parameters::from_data(&version.data);
        of = Some(OfTemplate {
            id: template.id,
            name: template.name,
            version: version.number,
        });
    }
    let parameters = parameters.with(run.parameters.clone());
    let new = New {
        reservation: ids::random("r"),
        client_token: run.client_token.clone(),
        group: None,
        template: of,
        subnet: subnet(tx, &parameters)?,
        parameters,
    };
    (0..run.max).map(|index| launch(tx, &new, index)).collect()
}

/// Where an instance goes: to its subnet, or the first one of its zone.
fn subnet(tx: &Tx<'_>, parameters: &Parameters) -> Result<Subnet, Error> {
    let network = tx.here.network();
    if let Some(id) = &parameters.subnet {
        return network.subnet(id).ok_or_else(|| {
            let text = format!("The subnet ID '{id}' does not exist");
            Error::refused(Code::SubnetNotFound, text)
        });
    }
    let found = match &parameters.zone {
        Some(zone) => network.subnet_in(zone),
        None => network.subnets().into_iter().next(),
    };
    found.ok_or_else(|| {
        let zone = parameters.zone.as_deref().unwrap_or_default();
        Error::invalid(format!("Invalid availability zone: [{zone}]"))
    })
}

/// What is launched, by a user or a group.
#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) parameters: Parameters,
    pub(crate) subnet: Subnet,
    pub(crate) template: Option<OfTemplate>,
    pub(crate) group: Option<String>,
    pub(crate) reservation: String,
    pub(crate) client_token: Option<String>,
}

/// Launches one instance.
pub(crate) fn launch(tx: &Tx<'_>, new: &New, index: usize) -> Result<Instance, Error> {
    let parameters = &new.parameters;
    check(parameters)?;
    if tx.tx.count_documents::<Instance>(&tx.here.owner)? >= life::MAX {
        let text = format!("There are {} instances already.", life::MAX);
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    let id = ids::random("i");
    let owner = format!("instance/{id}");
    let address = match parameters.address {
        Some(address) => addresses::take_this(tx, &owner, &new.subnet, address)?,
        None => addresses::take(tx, &owner, &new.subnet)?,
    };
    let mut security_groups = parameters.security_groups.clone();
    if security_groups.is_empty() {
        security_groups.push(tx.here.network().security_group_id());
    }
    let instance = Instance {
        id: id.clone(),
        state: State::Pending,
        since_ms: tx.now.as_ms(),
        launched_ms: tx.now.as_ms(),
        image: parameters.image.clone().unwrap_or_default(),
        instance_type: parameters.type_name().to_owned(),
        subnet: new.subnet.id.clone(),
        zone: new.subnet.zone.name.clone(),
        address,
        reservation: new.reservation.clone(),
        index,
        key_name: parameters.key_name.clone(),
        security_groups,
        user_data: parameters.user_data.clone(),
        profile: parameters.profile.clone(),
        spot: parameters.spot,
        protected: parameters.protected,
        tags: all_tags(new),
        group: new.group.clone(),
        template: new.template.clone(),
        client_token: new.client_token.clone(),
        reason: None,
    };
    tx.tx.put_document(&tx.here.owner, &id, &instance, tx.now)?;
    Ok(instance)
}

fn check(parameters: &Parameters) -> Result<(), Error> {
    let Some(image) = &parameters.image else {
        let text = "The request must contain the parameter ImageId";
        return Err(Error::refused(Code::Invalid, text));
    };
    if !images::is_id(image) {
        let text = format!("Invalid id: \"{image}\" (expecting \"ami-...\")");
        return Err(Error::refused(Code::ImageNotFound, text));
    }
    let name = parameters.type_name();
    if instance_types::find(name).is_none() {
        let text = format!("Invalid value '{name}' for InstanceType.");
        return Err(Error::refused(Code::InstanceTypeUnknown, text));
    }
    // Base64 is four characters for three bytes.
    let length = parameters.user_data.as_ref().map_or(0, String::len);
    if length > user_data::MAX.div_ceil(3) * 4 {
        let text = format!("User data is limited to {} bytes", user_data::MAX);
        return Err(Error::invalid(text));
    }
    tags::check(&parameters.tags)
}

/// The tags of the parameters, and those of EC2's own.
fn all_tags(new: &New) -> Tags {
    let mut tags = new.parameters.tags.clone();
    if let Some(group) = &new.group {
        tags.insert(super::GROUP_TAG.into(), group.clone());
    }
    if let Some(template) = &new.template {
        tags.insert("aws:ec2launchtemplate:id".into(), template.id.clone());
        let version = template.version.to_string();
        tags.insert("aws:ec2launchtemplate:version".into(), version);
    }
    tags
}
