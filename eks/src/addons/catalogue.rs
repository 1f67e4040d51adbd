//! The add-ons that EKS has, their releases, and what each may be configured with.
//!
//! What they need of the machine is not here: an add-on is recorded and shown, and where this server
//! does its work itself (the network, DNS, service addresses) there is nothing to install. The driver of
//! EBS brings its objects (`wharf_kubernetes::system`), because volumes are made only where it is.
use serde_json::{Map, Value, json};

use super::schema::Shape;
use crate::versions::VERSIONS;

/// An add-on of the catalogue.
#[derive(Debug)]
pub struct CatalogueAddon {
    pub name: &'static str,
    /// `type` in answers.
    pub kind: &'static str,
    pub publisher: &'static str,
    pub owner: &'static str,
    pub namespace: &'static str,
    /// Whether it may be installed in another namespace.
    pub moves: bool,
    pub compute_types: &'static [&'static str],
    pub requires_iam: bool,
    /// Its service account and the policies that AWS suggests for it.
    pub service_account: Option<(&'static str, &'static [&'static str])>,
    /// The newest first.
    pub releases: &'static [Release],
    pub fields: &'static [Field],
}

/// A version of an add-on.
#[derive(Debug)]
pub struct Release {
    pub version: &'static str,
    /// The first and last minor version of Kubernetes that it is for.
    pub minors: (u32, u32),
    /// The first and last minor version for which it is the default; nothing if it is for none.
    pub default_for: (u32, u32),
}

impl Release {
    /// Whether it is for a minor version of Kubernetes.
    pub const fn fits(&self, minor: u32) -> bool {
        self.minors.0 <= minor && minor <= self.minors.1
    }

    pub const fn is_default(&self, minor: u32) -> bool {
        self.default_for.0 <= minor && minor <= self.default_for.1
    }
}

/// A member of the configuration.
pub type Field = (&'static str, Shape);

const NEVER: (u32, u32) = (1, 0);
const EVERY: (u32, u32) = (0, u32::MAX);

const fn release(version: &'static str, minors: (u32, u32), default_for: (u32, u32)) -> Release {
    Release {
        version,
        minors,
        default_for,
    }
}

/// The placing of pods, which all have.
const PLACING: [Field; 3] = [
    ("affinity", Shape::Object),
    ("nodeSelector", Shape::Texts),
    ("tolerations", Shape::Array),
];

const EC2: &[&str] = &["ec2"];
const HYBRID: &[&str] = &["ec2", "hybrid"];
const ALL: &[&str] = &["ec2", "fargate", "hybrid"];

const fn aws(
    name: &'static str,
    kind: &'static str,
    releases: &'static [Release],
) -> CatalogueAddon {
    CatalogueAddon {
        name,
        kind,
        publisher: "eks",
        owner: "aws",
        namespace: "kube-system",
        moves: false,
        compute_types: EC2,
        requires_iam: false,
        service_account: None,
        releases,
        fields: &[("resources", Shape::Object)],
    }
}

const fn community(
    name: &'static str,
    kind: &'static str,
    publisher: &'static str,
    releases: &'static [Release],
) -> CatalogueAddon {
    CatalogueAddon {
        publisher,
        owner: "community",
        namespace: name,
        moves: true,
        compute_types: ALL,
        fields: &[("replicas", Shape::Integer), ("resources", Shape::Object)],
        ..aws(name, kind, releases)
    }
}

/// Every add-on, in the order of their names.
#[rustfmt::skip]
pub const ADDONS: &[CatalogueAddon] = &[
    CatalogueAddon {
        namespace: "amazon-cloudwatch",
        compute_types: HYBRID,
        requires_iam: true,
        service_account: Some(("cloudwatch-agent", &["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy", "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"])),
        fields: &[("agent", Shape::Object), ("containerLogs", Shape::Object), ("manager", Shape::Object), ("dcgmExporter", Shape::Object), ("neuronMonitor", Shape::Object)],
        ..aws("amazon-cloudwatch-observability", "observability", &[
            release("v4.5.0-eksbuild.1", EVERY, EVERY),
            release("v4.4.0-eksbuild.1", EVERY, NEVER),
        ])
    },
    CatalogueAddon {
        requires_iam: true,
        service_account: Some(("ebs-csi-controller-sa", &["arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"])),
        fields: &[("controller", Shape::Object), ("node", Shape::Object), ("sidecars", Shape::Object), ("defaultStorageClass", Shape::Object)],
        ..aws("aws-ebs-csi-driver", "storage", &[
            release("v1.52.1-eksbuild.1", EVERY, NEVER),
            release("v1.51.1-eksbuild.1", EVERY, EVERY),
            release("v1.48.0-eksbuild.2", EVERY, NEVER),
        ])
    },
    CatalogueAddon {
        requires_iam: true,
        service_account: Some(("efs-csi-controller-sa", &["arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy"])),
        fields: &[("controller", Shape::Object), ("node", Shape::Object), ("sidecars", Shape::Object), ("replicaCount", Shape::Integer)],
        ..aws("aws-efs-csi-driver", "storage", &[
            release("v2.1.13-eksbuild.1", EVERY, EVERY),
            release("v2.1.11-eksbuild.1", EVERY, NEVER),
        ])
    },
    CatalogueAddon {
        namespace: "amazon-guardduty",
        fields: &[("resources", Shape::Object), ("dnsPolicy", Shape::Text), ("priorityClass", Shape::Object)],
        ..aws("aws-guardduty-agent", "security", &[release("v1.11.0-eksbuild.4", EVERY, EVERY)])
    },
    CatalogueAddon {
        requires_iam: true,
        service_account: Some(("s3-csi-driver-sa", &["arn:aws:iam::aws:policy/AmazonS3FullAccess"])),
        fields: &[("node", Shape::Object), ("controller", Shape::Object)],
        ..aws("aws-mountpoint-s3-csi-driver", "storage", &[
            release("v2.1.0-eksbuild.1", EVERY, EVERY),
            release("v1.15.0-eksbuild.1", EVERY, NEVER),
        ])
    },
    community("cert-manager", "networking", "cert-manager", &[release("v1.18.2-eksbuild.2", EVERY, EVERY)]),
    CatalogueAddon {
        compute_types: ALL,
        fields: &[("replicaCount", Shape::Integer), ("corefile", Shape::Text), ("autoScaling", Shape::Object), ("computeType", Shape::Text), ("podAnnotations", Shape::Texts), ("podDisruptionBudget", Shape::Object), ("podLabels", Shape::Texts), ("resources", Shape::Object), ("topologySpreadConstraints", Shape::Array)],
        ..aws("coredns", "networking", &[
            release("v1.12.4-eksbuild.1", (31, 34), NEVER),
            release("v1.12.3-eksbuild.1", (31, 34), (34, 34)),
            release("v1.12.1-eksbuild.2", (30, 34), (33, 33)),
            release("v1.11.4-eksbuild.2", (30, 34), (32, 32)),
            release("v1.11.3-eksbuild.1", (30, 32), (31, 31)),
            release("v1.11.1-eksbuild.8", (30, 31), (30, 30)),
        ])
    },
    CatalogueAddon {
        compute_types: HYBRID,
        fields: &[("monitoringAgent", Shape::Object), ("dcgmAgent", Shape::Object)],
        ..aws("eks-node-monitoring-agent", "observability", &[
            release("v1.4.1-eksbuild.1", EVERY, EVERY),
            release("v1.3.0-eksbuild.2", EVERY, NEVER),
        ])
    },
    CatalogueAddon {
        compute_types: HYBRID,
        fields: &[("agent", Shape::Object), ("daemonsets", Shape::Object), ("priorityClassName", Shape::Text), ("resources", Shape::Object)],
        ..aws("eks-pod-identity-agent", "security", &[
            release("v1.3.9-eksbuild.3", EVERY, NEVER),
            release("v1.3.8-eksbuild.2", EVERY, EVERY),
        ])
    },
    CatalogueAddon {
        requires_iam: true,
        service_account: Some(("external-dns", &["arn:aws:iam::aws:policy/AmazonRoute53FullAccess"])),
        ..community("external-dns", "networking", "kubernetes-sigs", &[release("v0.18.0-eksbuild.2", EVERY, EVERY)])
    },
    CatalogueAddon {
        compute_types: HYBRID,
        fields: &[("ipvs", Shape::Object), ("mode", Shape::Text), ("podAnnotations", Shape::Texts), ("podLabels", Shape::Texts), ("resources", Shape::Object)],
        ..aws("kube-proxy", "networking", &[
            release("v1.34.1-eksbuild.2", (34, 37), NEVER),
            release("v1.34.0-eksbuild.2", (34, 37), (34, 34)),
            release("v1.33.5-eksbuild.2", (33, 36), NEVER),
            release("v1.33.3-eksbuild.4", (33, 36), (33, 33)),
            release("v1.32.9-eksbuild.2", (32, 35), NEVER),
            release("v1.32.6-eksbuild.12", (32, 35), (32, 32)),
            release("v1.31.13-eksbuild.2", (31, 34), NEVER),
            release("v1.31.10-eksbuild.12", (31, 34), (31, 31)),
            release("v1.30.14-eksbuild.8", (30, 33), (30, 30)),
        ])
    },
    community("kube-state-metrics", "observability", "kubernetes", &[release("v2.17.0-eksbuild.1", EVERY, EVERY)]),
    CatalogueAddon {
        namespace: "kube-system",
        fields: &[("replicas", Shape::Integer), ("resources", Shape::Object), ("podAnnotations", Shape::Texts), ("podLabels", Shape::Texts), ("podDisruptionBudget", Shape::Object), ("topologySpreadConstraints", Shape::Array), ("updateStrategy", Shape::Object), ("revisionHistoryLimit", Shape::Integer), ("addonResizer", Shape::Object), ("serviceMonitor", Shape::Object)],
        ..community("metrics-server", "observability", "kubernetes-sigs", &[
            release("v0.8.0-eksbuild.3", EVERY, NEVER),
            release("v0.8.0-eksbuild.2", EVERY, EVERY),
            release("v0.7.2-eksbuild.4", EVERY, NEVER),
        ])
    },
    community("prometheus-node-exporter", "observability", "prometheus", &[release("v1.10.2-eksbuild.1", EVERY, EVERY)]),
    CatalogueAddon {
        fields: &[("replicaCount", Shape::Integer), ("resources", Shape::Object), ("podAnnotations", Shape::Texts), ("podLabels", Shape::Texts)],
        ..aws("snapshot-controller", "storage", &[release("v8.3.0-eksbuild.1", EVERY, EVERY)])
    },
    CatalogueAddon {
        requires_iam: true,
        service_account: Some(("aws-node", &["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"])),
        fields: &[("env", Shape::Texts), ("init", Shape::Object), ("resources", Shape::Object), ("enableNetworkPolicy", Shape::Text), ("enableWindowsIpam", Shape::Text), ("enableWindowsPrefixDelegation", Shape::Text), ("eniConfig", Shape::Object), ("livenessProbeTimeoutSeconds", Shape::Integer), ("readinessProbeTimeoutSeconds", Shape::Integer), ("nodeAgent", Shape::Object), ("podAnnotations", Shape::Texts), ("podLabels", Shape::Texts)],
        ..aws("vpc-cni", "networking", &[
            release("v1.20.4-eksbuild.2", EVERY, NEVER),
            release("v1.20.3-eksbuild.1", EVERY, NEVER),
            release("v1.20.1-eksbuild.3", EVERY, (34, u32::MAX)),
            release("v1.19.5-eksbuild.1", EVERY, (0, 33)),
        ])
    },
];

/// An add-on by its name.
pub fn find(name: &str) -> Option<&'static CatalogueAddon> {
    ADDONS.iter().find(|addon| addon.name == name)
}

impl CatalogueAddon {
    /// The release that is taken where none is named.
    pub fn default_for(&self, minor: u32) -> Option<&'static Release> {
        let mut fitting = self.releases.iter().filter(|release| release.fits(minor));
        fitting.find(|release| release.is_default(minor))
    }

    pub fn release(&self, version: &str) -> Option<&'static Release> {
        self.releases
            .iter()
            .find(|release| release.version == version)
    }

    /// The minor versions of Kubernetes that there are and a release is for, the newest first.
    pub fn minors(release: &Release) -> impl Iterator<Item = u32> {
        let all = VERSIONS.iter().map(|version| version.minor);
        all.filter(|minor| release.fits(*minor))
    }

    fn all_fields(&self) -> impl Iterator<Item = Field> {
        self.fields.iter().copied().chain(PLACING)
    }

    /// Whether its configuration has a member.
    pub fn has(&self, name: &str) -> bool {
        self.all_fields().any(|(known, _)| known == name)
    }

    /// What `DescribeAddonConfiguration` says: a JSON schema.
    pub fn schema(&self) -> Value {
        let fields = self
            .all_fields()
            .map(|(name, shape)| (name.to_owned(), shape.schema()));
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": false,
            "properties": fields.collect::<Map<_, _>>(),
        })
    }

    /// What of a configuration breaks the schema.
    pub fn violation(&self, configuration: &Map<String, Value>) -> Option<String> {
        configuration.iter().find_map(|(name, value)| {
            match self.all_fields().find(|(known, _)| known == name) {
                None => Some(format!(
                    "$.{name}: is not defined in the schema and the schema does not allow additional properties"
                )),
                Some((_, shape)) => shape.violation(name, value),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_add_on_has_one_default_for_every_version() {
        assert!(ADDONS.is_sorted_by_key(|addon| addon.name));
        for addon in ADDONS {
            for version in VERSIONS {
                let fitting = addon.releases.iter().filter(|r| r.fits(version.minor));
                let defaults = fitting.filter(|r| r.is_default(version.minor)).count();
                assert_eq!(defaults, 1, "{} for {}", addon.name, version.name);
                assert!(addon.default_for(version.minor).is_some());
            }
        }
    }

    #[test]
    fn a_configuration_is_what_the_schema_says() {
        let cni = find("vpc-cni").unwrap();
        for (text, wrong) in [
            ("{}", None),
            (
                r#"{"env":{"WARM_IP_TARGET":"5"},"tolerations":[],"affinity":null}"#,
                None,
            ),
            (
                r#"{"env":{"WARM_IP_TARGET":5}}"#,
                Some("$.env.WARM_IP_TARGET: integer found, string expected"),
            ),
            (r#"{"env":[]}"#, Some("$.env: array found, object expected")),
            (
                r#"{"foo":1}"#,
                Some(
                    "$.foo: is not defined in the schema and the schema does not allow additional properties",
                ),
            ),
        ] {
            let value: Map<String, Value> = serde_json::from_str(text).unwrap();
            assert_eq!(cni.violation(&value).as_deref(), wrong, "{text}");
        }
        assert_eq!(
            cni.schema()["properties"]["env"]["additionalProperties"]["type"],
            "string"
        );
    }
}
