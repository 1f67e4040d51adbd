//! The access policies that AWS has: what an entry may do without RBAC.
use wharf_types::Arn;

use crate::Error;

/// Every policy, in the order of their names, as `ListAccessPolicies` shows them.
const NAMES: &[&str] = &[
    "AmazonAIOpsAssistantPolicy",
    "AmazonARCRegionSwitchScalingPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStorageClusterPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSComputeClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSLoadBalancingClusterPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEMRJobPolicy",
    "AmazonSagemakerHyperpodClusterPolicy",
    "AmazonSagemakerHyperpodControllerPolicy",
    "AmazonSagemakerHyperpodSpacePolicy",
    "AmazonSagemakerHyperpodSpaceTemplatePolicy",
    "AmazonSagemakerHyperpodSystemNamespacePolicy",
];

const PREFIX: &str = "cluster-access-policy/";

/// The policy of whoever made a cluster.
pub const CLUSTER_ADMIN: &str = "AmazonEKSClusterAdminPolicy";

/// The ARN of a policy.
pub fn arn(name: &str) -> String {
    format!("arn:aws:eks::aws:{PREFIX}{name}")
}

/// The policies after a name.
pub fn after(name: &str) -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied().filter(move |policy| *policy > name)
}

/// The name of the policy with an ARN.
pub fn name_of(arn: &str) -> Option<&'static str> {
    let arn: Arn = arn.parse().ok()?;
    let ours = arn.partition.starts_with("aws") && arn.service == "eks";
    let of_aws = arn.region.is_empty() && arn.account == "aws";
    let name = arn.resource.strip_prefix(PREFIX)?;
    let found = NAMES.iter().copied().find(|policy| *policy == name);
    found.filter(|_| ours && of_aws)
}

/// Demands that an ARN is one of a policy.
pub fn check(arn: &str) -> Result<(), Error> {
    match name_of(arn) {
        Some(_) => Ok(()),
        None => Err(Error::invalid_parameter(
            "The policyArn parameter format is not valid",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_found_by_their_arns_and_nothing_else_is() {
        assert!(NAMES.is_sorted());
        let admin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
        assert_eq!(arn(CLUSTER_ADMIN), admin);
        assert_eq!(name_of(admin), Some(CLUSTER_ADMIN));
        for wrong in [
            "",
            "AmazonEKSViewPolicy",
            "arn:aws:eks::aws:cluster-access-policy/Nothing",
            "arn:aws:eks::000000000000:cluster-access-policy/AmazonEKSViewPolicy",
            "arn:aws:eks:us-east-1:aws:cluster-access-policy/AmazonEKSViewPolicy",
            "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
        ] {
            assert_eq!(name_of(wrong), None, "{wrong}");
        }
        assert_eq!(
            after("AmazonEKSSecretReaderPolicy").next(),
            Some("AmazonEKSViewPolicy")
        );
        assert_eq!(after("").count(), NAMES.len());
    }
}
