//! What capabilities are configured with, as AWS's model has it.
use std::collections::BTreeMap;

use super::{CapabilityType, Propagation};
use crate::{
    Error, checks, parts,
    shape::{enums, shapes},
};

/// The most services of ACK that can be turned off.
const MAX_SERVICES: usize = 200;

enums! {
    ArgoCdRole { Admin = "ADMIN", Editor = "EDITOR", Viewer = "VIEWER" }
    IdentityType { User = "SSO_USER", Group = "SSO_GROUP" }
}

shapes! {
    Configuration { argo_cd: ArgoCdConfig, ack: AckConfig }
    ArgoCdConfig {
        namespace: String,
        aws_idc: IdcConfig,
        rbac_role_mappings: Vec<RoleMapping>,
        network_access: NetworkAccess,
        endpoint_prefix: String,
    }
    /// An instance of IAM Identity Center.
    IdcConfig { idc_instance_arn: String, idc_region: String }
    RoleMapping { role: ArgoCdRole, identities: Vec<Identity> }
    Identity {
        id: String,
        #[serde(rename = "type")]
        kind: IdentityType,
    }
    NetworkAccess { vpce_ids: Vec<String> }
    AckConfig { enable_cross_namespace: bool, disabled_services: Vec<String> }
    ConfigurationChange { argo_cd: ArgoCdChange, ack: AckConfig }
    ArgoCdChange { rbac_role_mappings: MappingsChange, network_access: NetworkAccess }
    MappingsChange {
        add_or_update_role_mappings: Vec<RoleMapping>,
        remove_role_mappings: Vec<RoleMapping>,
    }

    /// The request of `CreateCapability`.
    NewCapability {
        capability_name: String,
        cluster_name: String,
        client_request_token: String,
        #[serde(rename = "type")]
        kind: CapabilityType,
        role_arn: String,
        configuration: Configuration,
        tags: BTreeMap<String, String>,
        delete_propagation_policy: Propagation,
    }
    /// The request of `UpdateCapability`.
    UpdateCapability {
        cluster_name: String,
        capability_name: String,
        role_arn: String,
        configuration: ConfigurationChange,
        client_request_token: String,
        delete_propagation_policy: Propagation,
    }
}

fn only_for(kind: &str) -> Error {
    Error::invalid_parameter(format!(
        "This configuration can only be specified for capabilities of type {kind}."
    ))
}

/// The configuration of a new capability, with all that was not said.
pub(super) fn of_new(
    kind: CapabilityType,
    given: Option<Configuration>,
) -> Result<Configuration, Error> {
    let given = given.unwrap_or_default();
    if given.argo_cd.is_some() && kind != CapabilityType::ArgoCd {
        return Err(only_for("ARGOCD"));
    }
    if given.ack.is_some() && kind != CapabilityType::Ack {
        return Err(only_for("ACK"));
    }
    match kind {
        CapabilityType::Kro => Ok(Configuration::default()),
        CapabilityType::Ack => {
            let ack = given.ack.unwrap_or_default();
            check_services(&ack)?;
            Ok(Configuration {
                argo_cd: None,
                ack: Some(AckConfig {
                    enable_cross_namespace: Some(ack.enable_cross_namespace.unwrap_or(false)),
                    disabled_services: Some(ack.disabled_services.unwrap_or_default()),
                }),
            })
        }
        CapabilityType::ArgoCd => {
            let argo = checks::required("configuration.argoCd", given.argo_cd)?;
            Ok(Configuration {
                argo_cd: Some(argo_cd(argo)?),
                ack: None,
            })
        }
    }
}

fn argo_cd(given: ArgoCdConfig) -> Result<ArgoCdConfig, Error> {
    let idc = checks::required("configuration.argoCd.awsIdc", given.aws_idc)?;
    let instance = checks::required_text("awsIdc.idcInstanceArn", idc.idc_instance_arn.clone())?;
    let is_instance = instance.starts_with("arn:aws") && instance.contains(":sso:::instance/");
    if !is_instance {
        let text = format!("The idcInstanceArn {instance:?} is not valid");
        return Err(Error::invalid_parameter(text));
    }
    let namespace = given.namespace.unwrap_or_else(|| "argocd".to_owned());
    if !parts::is_label(&namespace) {
        let text = format!("The namespace {namespace:?} is not valid");
        return Err(Error::invalid_parameter(text));
    }
    if let Some(prefix) = &given.endpoint_prefix
        && (prefix.len() > 50 || !parts::is_label(prefix))
    {
        return Err(Error::invalid_parameter(
            "endpointPrefix must satisfy regular expression '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' and have up to 50 characters",
        ));
    }
    check_mappings(given.rbac_role_mappings.as_deref())?;
    check_access(given.network_access.as_ref())?;
    Ok(ArgoCdConfig {
        namespace: Some(namespace),
        aws_idc: Some(idc),
        ..given
    })
}

fn check_services(ack: &AckConfig) -> Result<(), Error> {
    let services = ack.disabled_services.as_deref().unwrap_or_default();
    let named = |service: &String| {
        let first = service
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_lowercase());
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        first && service.len() <= 63 && service.bytes().all(word)
    };
    if services.len() <= MAX_SERVICES && services.iter().all(named) {
        return Ok(());
    }
    Err(Error::invalid_parameter(format!(
        "disabledServices must have up to {MAX_SERVICES} names that satisfy regular expression '^[a-z][a-z0-9]*$'"
    )))
}

fn check_mappings(mappings: Option<&[RoleMapping]>) -> Result<(), Error> {
    for mapping in mappings.unwrap_or_default() {
        checks::required("rbacRoleMappings.role", mapping.role)?;
        let identities =
            checks::required("rbacRoleMappings.identities", mapping.identities.as_ref())?;
        for identity in identities {
            checks::required_text("identities.id", identity.id.clone())?;
            checks::required("identities.type", identity.kind)?;
        }
    }
    Ok(())
}

fn check_access(access: Option<&NetworkAccess>) -> Result<(), Error> {
    let ids = access
        .and_then(|access| access.vpce_ids.as_deref())
        .unwrap_or_default();
    match ids.iter().find(|id| !id.starts_with("vpce-")) {
        None => Ok(()),
        Some(id) => Err(Error::invalid_parameter(format!(
            "The VPC endpoint ID {id:?} is not valid"
        ))),
    }
}

/// Applies a change to a configuration. Returns the parameters of its update.
pub(super) fn change(
    kind: CapabilityType,
    configuration: &mut Configuration,
    asked: &UpdateCapability,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut params = Vec::new();
    if let Some(role) = &asked.role_arn {
        params.push(("RoleArn", role.clone()));
    }
    let Some(asked) = &asked.configuration else {
        return Ok(params);
    };
    if let Some(change) = &asked.ack {
        let own = configuration
            .ack
            .as_mut()
            .filter(|_| kind == CapabilityType::Ack);
        ack_change(own.ok_or_else(|| only_for("ACK"))?, change, &mut params)?;
    }
    if let Some(change) = &asked.argo_cd {
        let own = configuration.argo_cd.as_mut();
        argo_change(own.ok_or_else(|| only_for("ARGOCD"))?, change, &mut params)?;
    }
    Ok(params)
}

type Params = Vec<(&'static str, String)>;

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string(value).map_err(wharf_storage::Error::from)?)
}

fn ack_change(own: &mut AckConfig, change: &AckConfig, params: &mut Params) -> Result<(), Error> {
    check_services(change)?;
    if let Some(enable) = change.enable_cross_namespace {
        params.push(("EnableCrossNamespace", enable.to_string()));
        own.enable_cross_namespace = Some(enable);
    }
    if let Some(services) = &change.disabled_services {
        params.push(("DisabledServices", json(services)?));
        own.disabled_services = Some(services.clone());
    }
    Ok(())
}

fn argo_change(
    own: &mut ArgoCdConfig,
    change: &ArgoCdChange,
    params: &mut Params,
) -> Result<(), Error> {
    check_access(change.network_access.as_ref())?;
    if let Some(access) = &change.network_access {
        params.push(("NetworkAccess", json(access)?));
        own.network_access = Some(access.clone());
    }
    let Some(mappings) = &change.rbac_role_mappings else {
        return Ok(());
    };
    let all = own.rbac_role_mappings.get_or_insert_default();
    if let Some(set) = &mappings.add_or_update_role_mappings {
        check_mappings(Some(set))?;
        params.push(("RoleMappingsToAddOrUpdate", json(set)?));
        for mapping in set {
            all.retain(|known| known.role != mapping.role);
            all.push(mapping.clone());
        }
    }
    if let Some(gone) = &mappings.remove_role_mappings {
        check_mappings(Some(gone))?;
        params.push(("RoleMappingsToRemove", json(gone)?));
        for mapping in gone {
            let gone = mapping.identities.as_deref().unwrap_or_default();
            for known in all.iter_mut().filter(|known| known.role == mapping.role) {
                if let Some(identities) = &mut known.identities {
                    identities.retain(|identity| !gone.contains(identity));
                }
            }
        }
        all.retain(|known| known.identities.as_ref().is_some_and(|all| !all.is_empty()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: &str) -> Identity {
        Identity {
            id: Some(id.to_owned()),
            kind: Some(IdentityType::User),
        }
    }

    fn mapping(role: ArgoCdRole, ids: &[&str]) -> RoleMapping {
        RoleMapping {
            role: Some(role),
            identities: Some(ids.iter().map(|id| identity(id)).collect()),
        }
    }

    #[test]
    fn a_configuration_is_of_its_type() {
        let ack = Configuration {
            ack: Some(AckConfig::default()),
            argo_cd: None,
        };
        of_new(CapabilityType::Kro, Some(ack.clone())).unwrap_err();
        of_new(CapabilityType::ArgoCd, None).unwrap_err();
        let made = of_new(CapabilityType::Ack, Some(ack)).unwrap().ack.unwrap();
        assert_eq!(made.enable_cross_namespace, Some(false));
        assert_eq!(
            of_new(CapabilityType::Kro, None).unwrap(),
            Configuration::default()
        );
        let services = Some(vec!["S3".to_owned()]);
        let ack = AckConfig {
            disabled_services: services,
            ..AckConfig::default()
        };
        let wrong = Configuration {
            ack: Some(ack),
            argo_cd: None,
        };
        of_new(CapabilityType::Ack, Some(wrong)).unwrap_err();
    }

    #[test]
    fn mappings_of_a_role_are_replaced_and_identities_are_removed() {
        let mut own = ArgoCdConfig {
            rbac_role_mappings: Some(vec![mapping(ArgoCdRole::Admin, &["a", "b"])]),
            ..ArgoCdConfig::default()
        };
        let change = ArgoCdChange {
            rbac_role_mappings: Some(MappingsChange {
                add_or_update_role_mappings: Some(vec![mapping(ArgoCdRole::Viewer, &["c"])]),
                remove_role_mappings: Some(vec![mapping(ArgoCdRole::Admin, &["b"])]),
            }),
            network_access: None,
        };
        let mut params = Vec::new();
        argo_change(&mut own, &change, &mut params).unwrap();
        let expected = vec![
            mapping(ArgoCdRole::Admin, &["a"]),
            mapping(ArgoCdRole::Viewer, &["c"]),
        ];
        assert_eq!(own.rbac_role_mappings.unwrap(), expected);
        assert_eq!(params[0].0, "RoleMappingsToAddOrUpdate");
        assert_eq!(params[1].0, "RoleMappingsToRemove");
    }
}
