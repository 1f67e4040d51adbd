//! What pods get that act as roles of AWS: by EKS Pod Identity, else by IRSA.
//!
//! As [amazon-eks-pod-identity-webhook] does it, which runs in every control plane of EKS. An association
//! wins over the annotation of the service account.
//!
//! [amazon-eks-pod-identity-webhook]: https://github.com/aws/amazon-eks-pod-identity-webhook
use serde_json::{Value, json};

/// What every annotation begins with.
const DOMAIN: &str = "eks.amazonaws.com";

/// How long tokens are good for, in seconds.
const USUAL: i64 = 86_400;
const SHORTEST: i64 = 3_600;

/// Where a token is, and which variables tell SDKs of it.
struct Method {
    volume: &'static str,
    folder: &'static str,
    file: &'static str,
    audience: String,
    secs: i64,
    variables: [(&'static str, String); 2],
}

/// Changes a pod whose service account is `account`, and is `associated` with a role or not.
pub(crate) fn admit(pod: &mut Value, account: &Value, associated: bool, region: &str) {
    let method = if associated {
        associated_role(pod, account)
    } else {
        let Some(role) = annotation(account, "role-arn").filter(|role| !role.is_empty()) else {
            return;
        };
        annotated_role(pod, account, role)
    };
    let regional = match annotation(account, "sts-regional-endpoints") {
        Some("false" | "False" | "FALSE" | "f" | "F" | "0") => false,
        Some(_) | None => true,
    };
    let skipped = annotation(pod, "skip-containers").unwrap_or_default();
    let skipped: Vec<String> = skipped
        .split(',')
        .map(|name| name.trim_matches('"').to_owned())
        .collect();
    for list in ["initContainers", "containers"] {
        // Indexing would make a list that is not there null, which typed readers do not take.
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default();
            if !skipped.iter().any(|skipped| skipped == name) {
                method.mutate(container, regional, region);
            }
        }
    }
    method.add_volume(pod);
}

fn associated_role(pod: &Value, account: &Value) -> Method {
    let folder = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
    let file = "eks-pod-identity-token";
    Method {
        volume: "eks-pod-identity-token",
        folder,
        file,
        audience: "pods.eks.amazonaws.com".to_owned(),
        secs: secs(pod, account),
        variables: [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1/credentials".to_owned(),
            ),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                format!("{folder}/{file}"),
            ),
        ],
    }
}

fn annotated_role(pod: &Value, account: &Value, role: &str) -> Method {
    let folder = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
    let audience = annotation(account, "audience");
    Method {
        volume: "aws-iam-token",
        folder,
        file: "token",
        audience: audience.unwrap_or("sts.amazonaws.com").to_owned(),
        secs: secs(pod, account),
        variables: [
            ("AWS_ROLE_ARN", role.to_owned()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", format!("{folder}/token")),
        ],
    }
}

/// The pod says it, else its service account. What is no number is not said.
fn secs(pod: &Value, account: &Value) -> i64 {
    let said = |object| annotation(object, "token-expiration")?.parse::<i64>().ok();
    let secs = said(pod).or_else(|| said(account)).unwrap_or(USUAL);
    secs.clamp(SHORTEST, USUAL)
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let annotations = object["metadata"].get("annotations")?;
    annotations.get(format!("{DOMAIN}/{name}"))?.as_str()
}

fn pushed(list: &Value, new: Value) -> Value {
    let mut list = list.as_array().cloned().unwrap_or_default();
    list.push(new);
    list.into()
}

impl Method {
    fn mutate(&self, container: &mut Value, regional: bool, region: &str) {
        let has = |container: &Value, names: &[&str]| {
            let env = container["env"].as_array().into_iter().flatten();
            let mut env = env.filter_map(|variable| variable["name"].as_str());
            env.any(|name| names.contains(&name))
        };
        let mut wanted = Vec::new();
        if regional && !has(container, &["AWS_STS_REGIONAL_ENDPOINTS"]) {
            wanted.push(("AWS_STS_REGIONAL_ENDPOINTS", "regional"));
        }
        let regions = ["AWS_DEFAULT_REGION", "AWS_REGION"];
        if !has(container, &regions) {
            wanted.extend(regions.map(|name| (name, region)));
        }
        let own = self.variables.each_ref();
        if !has(container, &own.map(|(name, _)| *name)) {
            wanted.extend(own.map(|(name, value)| (*name, value.as_str())));
        }
        for (name, value) in wanted {
            let variable = json!({ "name": name, "value": value });
            container["env"] = pushed(&container["env"], variable);
        }
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        if !mounts.clone().any(|mount| mount["name"] == self.volume) {
            let mount = json!({ "name": self.volume, "readOnly": true, "mountPath": self.folder });
            container["volumeMounts"] = pushed(&container["volumeMounts"], mount);
        }
    }

    fn add_volume(&self, pod: &mut Value) {
        let volumes = pod["spec"]["volumes"].as_array();
        let mut volumes = volumes.cloned().unwrap_or_default();
        if volumes.iter().any(|volume| volume["name"] == self.volume) {
            return;
        }
        let source = json!({ "serviceAccountToken": {
            "audience": self.audience,
            "expirationSeconds": self.secs,
            "path": self.file,
        } });
        volumes.insert(
            0,
            json!({ "name": self.volume, "projected": { "sources": [source] } }),
        );
        pod["spec"]["volumes"] = volumes.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/shop";

    fn account(annotations: &Value) -> Value {
        json!({ "metadata": { "name": "shop", "annotations": annotations } })
    }

    fn pod() -> Value {
        json!({
            "metadata": { "name": "p", "annotations": {} },
            "spec": {
                "initContainers": [{ "name": "first" }],
                "containers": [{
                    "name": "c",
                    "env": [{ "name": "A", "value": "b" }],
                    "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
                }],
                "volumes": [{ "name": "v", "emptyDir": {} }],
            },
        })
    }

    fn env(container: &Value) -> Vec<(&str, &str)> {
        let env = container["env"].as_array().unwrap().iter();
        env.map(|one| {
            let text = |name: &str| one[name].as_str().unwrap();
            (text("name"), text("value"))
        })
        .collect()
    }

    #[test]
    fn a_service_account_with_a_role_gives_its_pods_a_token_for_sts() {
        let mut pod = pod();
        let account = account(&json!({ "eks.amazonaws.com/role-arn": ROLE }));
        admit(&mut pod, &account, false, "eu-west-1");
        let file = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
        let added = [
            ("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ROLE_ARN", ROLE),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
        ];
        let spec = &pod["spec"];
        assert_eq!(env(&spec["initContainers"][0]), added);
        assert_eq!(env(&spec["containers"][0])[0], ("A", "b"));
        assert_eq!(env(&spec["containers"][0])[1..], added);
        let mount = json!({
            "name": "aws-iam-token",
            "readOnly": true,
            "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
        });
        assert_eq!(spec["containers"][0]["volumeMounts"][1], mount);
        let volume = json!({ "name": "aws-iam-token", "projected": { "sources": [{
            "serviceAccountToken": {
                "audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token",
            },
        }] } });
        assert_eq!(spec["volumes"][0], volume);
        assert_eq!(spec["volumes"][1]["name"], "v");
        // Made again of what it became, it stays the same.
        let before = pod.clone();
        admit(&mut pod, &account, false, "eu-west-1");
        assert_eq!(pod, before);
    }

    #[test]
    fn an_association_wins_and_gives_a_token_for_the_agent() {
        let mut pod = pod();
        let account = account(&json!({ "eks.amazonaws.com/role-arn": ROLE }));
        admit(&mut pod, &account, true, "eu-west-1");
        let spec = &pod["spec"];
        let file = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token";
        assert_eq!(
            env(&spec["initContainers"][0])[3..],
            [
                (
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    "http://169.254.170.23/v1/credentials"
                ),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file),
            ]
        );
        let source = &spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
        assert_eq!(source["audience"], "pods.eks.amazonaws.com");
        assert_eq!(source["path"], "eks-pod-identity-token");
        assert!(!pod.to_string().contains("AWS_ROLE_ARN"), "{pod}");
    }

    #[test]
    fn without_a_role_nothing_changes() {
        for annotations in [
            json!({}),
            Value::Null,
            json!({ "eks.amazonaws.com/role-arn": "" }),
        ] {
            let mut changed = pod();
            admit(&mut changed, &account(&annotations), false, "eu-west-1");
            assert_eq!(changed, pod());
        }
    }

    #[test]
    fn annotations_say_the_audience_the_life_the_endpoints_and_whom_to_skip() {
        let mut pod = pod();
        pod["metadata"]["annotations"] = json!({
            "eks.amazonaws.com/skip-containers": "first,other",
            "eks.amazonaws.com/token-expiration": "60",
        });
        pod["spec"]["containers"][0]["env"] = json!([{ "name": "AWS_REGION", "value": "mine" }]);
        let account = account(&json!({
            "eks.amazonaws.com/role-arn": ROLE,
            "eks.amazonaws.com/audience": "me",
            "eks.amazonaws.com/token-expiration": "7200",
            "eks.amazonaws.com/sts-regional-endpoints": "false",
        }));
        let mut other = pod.clone();
        admit(&mut pod, &account, false, "eu-west-1");
        let spec = &pod["spec"];
        assert_eq!(spec["initContainers"][0], json!({ "name": "first" }));
        let names: Vec<_> = env(&spec["containers"][0])
            .iter()
            .map(|one| one.0)
            .collect();
        let kept = ["AWS_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
        assert_eq!(names, kept);
        let token = |pod: &Value| {
            pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"].clone()
        };
        assert_eq!(token(&pod)["audience"], "me");
        assert_eq!(token(&pod)["expirationSeconds"], 3600);
        // What is no number is not said.
        other["metadata"]["annotations"]["eks.amazonaws.com/token-expiration"] = "soon".into();
        admit(&mut other, &account, false, "eu-west-1");
        assert_eq!(token(&other)["expirationSeconds"], 7200);
    }
}
